//! The decision log and the security events: one line for each exchange, and no secret in any.

mod streams;

use std::fs;

use hapta_tests::demo::{ALICE, PASSWORD, POST_OF_ALICE, record, records};
use hapta_tests::{PocketBase, Program, Reply, Setup, Signal, Stage, TestGateway, eventually};
use serde_json::{Value, json};

use crate::commands::HAPTA;

const FILES: &str = "[log]\ndecisions = \"decisions.log\"\nsecurity = \"security.log\"";

const LOGIN: &str = "/api/collections/users/auth-with-password";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn every_exchange_has_one_line_that_says_what_came_of_it() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule("noter")
            .rule("deny_all")
            .rule("after_denier")
            .rule_with("trap", &json!({ "when_header": "x-misbehave" }));
        gateway
            .judged("posts", &["noter", "trap"])
            .judged("comments", &["deny_all"])
            .judged("users", &["after_denier"])
            .also(FILES)
    })
    .await;
    let (guest, alice) = (stage.guest(), stage.log_in("alice").await);
    let (posts, bio) = (records("posts"), json!({ "bio": "x" }));
    let wrong = json!({ "identity": "alice@example.com", "password": "a-wrong-password" });
    let cases = [
        (guest.get(&posts).await, "allowed", 200, None, None),
        (
            guest.get(&records("comments")).await,
            "denied",
            403,
            Some("deny_all"),
            Some("deny_all"),
        ),
        (
            guest.get(&posts).header("x-misbehave", "1").await,
            "faulted",
            500,
            Some("trap"),
            Some("rule_trap"),
        ),
        (
            alice.patch(&record("users", ALICE)).json(&bio).await,
            "withheld",
            200,
            Some("after_denier"),
            Some("withheld"),
        ),
        (
            guest.get("/no/such/route").await,
            "refused",
            404,
            None,
            Some("unknown_route"),
        ),
        (
            guest.get(&posts).token("no.good.token").await,
            "refused",
            401,
            None,
            Some("token_invalid"),
        ),
        // PocketBase's own no is not the gateway's.
        (
            guest.post(LOGIN).json(&wrong).await,
            "allowed",
            400,
            None,
            None,
        ),
    ];
    for (reply, verdict, status, rule, code) in &cases {
        let line = decision(&stage.gateway, reply).await;
        assert_eq!(
            (&line["verdict"], &line["status"]),
            (&json!(verdict), &json!(status)),
            "{line}"
        );
        assert_eq!(reply.status, *status, "{line}");
        assert_eq!(
            (&line["rule"], &line["code"]),
            (&json!(rule), &json!(code)),
            "{line}"
        );
    }
    assert_eq!(lines(&stage.gateway, "decisions.log").len(), cases.len());
    let written = decision(&stage.gateway, &cases[3].0).await;
    assert_eq!(
        (&written["operation"], &written["operation.collection"]),
        (&json!("update"), &json!("users"))
    );
    assert_eq!(
        (&written["operation.record"], &written["principal"]),
        (&json!(ALICE), &json!(format!("users/{ALICE}")))
    );
    assert_eq!(written["client.address"], "127.0.0.1");
    let read = decision(&stage.gateway, &cases[0].0).await;
    assert_eq!(
        read["notes"][0],
        json!({ "key": "before", "value": "noted" })
    );
    assert_eq!(
        decision(&stage.gateway, &cases[4].0).await["http.path"],
        "/no/such/route"
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn what_may_be_an_attack_is_told_apart_and_joins_by_the_id() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("trap", &json!({ "when_header": "x-misbehave" }))
            .judged("posts", &["trap"])
            .open("users")
            .also(FILES)
    })
    .await;
    let guest = stage.guest();
    let posts = records("posts");
    let wrong = json!({ "identity": "Alice@example.com", "password": "a-wrong-password" });
    let cases = [
        (guest.post(LOGIN).json(&wrong).await, "login_failed", None),
        (
            guest.get(&posts).token("no.good.token").await,
            "token_refused",
            Some("token_invalid"),
        ),
        (
            guest.get("/api/settings").await,
            "superuser_route",
            Some("superuser_route"),
        ),
        (
            guest.get(&posts).header("x-misbehave", "1").await,
            "rule_fault",
            Some("rule_trap"),
        ),
    ];
    for (reply, kind, code) in &cases {
        let line = event(&stage.gateway, reply).await;
        assert_eq!(
            (&line["event"], &line["code"]),
            (&json!(kind), &json!(code)),
            "{line}"
        );
        assert_eq!(
            (&line["status"], &line["client.address"]),
            (&json!(reply.status), &json!("127.0.0.1"))
        );
        decision(&stage.gateway, reply).await;
        let metric = format!("hapta_security_events_total{{kind=\"{kind}\"}}");
        assert_eq!(stage.gateway.metric(&metric).await, Some(1.0), "{metric}");
    }
    let failed = event(&stage.gateway, &cases[0].0).await;
    assert!(failed["identity"].is_string(), "{failed}");
    assert_eq!(event(&stage.gateway, &cases[3].0).await["rule"], "trap");
    // What is no attack is none.
    guest.get(&posts).await.expect(200);
    guest.get("/no/such/route").await.refused(404);
    guest
        .authenticate("users", "alice@example.com")
        .await
        .expect(200);
    let operator = stage.gateway.operator();
    operator
        .get("/status")
        .token("Bearer wrong")
        .await
        .refused(401);
    let admin = async || {
        let mut lines = lines(&stage.gateway, "security.log").into_iter();
        lines.find(|line| line["event"] == "admin_key")
    };
    let admin = eventually("the wrong key is told", admin).await;
    assert_eq!(
        (&admin["code"], &admin["client.address"]),
        (&json!("wrong"), &json!("127.0.0.1"))
    );
    let text = text(&stage.gateway, "security.log");
    assert_eq!(text.lines().count(), cases.len() + 1, "{text}");
    for secret in ["xample.com", "a-wrong-password", "no.good.token", "Bearer"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_bad_token_that_is_taken_for_none_is_an_event_too() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("posts").open("users").also(FILES);
        gateway.also("[sessions]\nbad_token = \"guest\"")
    })
    .await;
    let guest = stage.guest();
    let refresh = "/api/collections/users/auth-refresh";
    let read = guest.get(&records("posts")).token("no.good.token").await;
    let refreshed = guest.post(refresh).token("no.good.token").await;
    // To come without one is nothing special.
    guest.post(refresh).await.refused(401);
    for (reply, status, verdict) in [(&read, 200, "allowed"), (&refreshed, 401, "refused")] {
        assert_eq!(reply.status, status);
        let line = event(&stage.gateway, reply).await;
        assert_eq!(
            (&line["event"], &line["code"]),
            (&json!("token_refused"), &json!("bad_token"))
        );
        assert_eq!(decision(&stage.gateway, reply).await["verdict"], verdict);
    }
    assert_eq!(lines(&stage.gateway, "security.log").len(), 2);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "two gateways, asked the same")]
async fn nothing_that_a_rule_notes_or_a_client_repeats_tells_a_secret() {
    let new = "an own \"password\"/100%";
    let noting = json!({
        "headers": ["authorization", "x-note"],
        "body": ["/password", "/oldPassword", "/bio"],
    });
    let set_up = |gateway: Setup| {
        let gateway = gateway.rule_with("noter", &noting).open("posts");
        gateway.judged("users", &["noter"])
    };
    let use_it = async |guest: hapta_tests::Client| {
        let alice = guest.log_in("alice").await;
        let told = format!("now {new}, before {PASSWORD}, as {}", alice.token());
        let passwords = json!({
            "oldPassword": PASSWORD, "password": new, "passwordConfirm": new, "bio": told,
        });
        let note = "was Bearer abcdefgh or an%20own%20%22password%22%2F100%25";
        let changed = alice.patch(&record("users", ALICE)).json(&passwords);
        let changed = changed.header("x-note", note).await;
        changed.expect(200);
        let asked = guest
            .get(&format!("{}?{}=1", records("posts"), alice.token()))
            .await;
        asked.refused(400);
        (alice.token().to_owned(), changed, asked)
    };
    let harmless = |text: &str, token: &str| {
        let parts = token.split('.').skip(1);
        let known = [new, "an own", "an%20own", PASSWORD, "abcdefgh"];
        for secret in known.into_iter().chain(parts) {
            let told = text.lines().find(|line| line.contains(secret));
            assert_eq!(told, None, "{secret} is in the log");
        }
        assert!(
            text.contains("now [masked], before [masked], as [masked]"),
            "{text}"
        );
    };

    let stage = Stage::with(|gateway| set_up(gateway).also(FILES)).await;
    let (token, changed, asked) = use_it(stage.guest()).await;
    let line = decision(&stage.gateway, &changed).await;
    assert_eq!(
        line["notes"][1],
        json!({ "key": "authorization", "value": "" })
    );
    assert_eq!(line["notes"][2]["value"], "was Bearer [masked] or [masked]");
    assert_eq!(
        line["notes"][3],
        json!({ "key": "/password", "value": "[masked]" })
    );
    let refused = decision(&stage.gateway, &asked).await;
    assert!(
        refused["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("\"[masked]\"")),
        "{refused}"
    );
    harmless(&text(&stage.gateway, "decisions.log"), &token);

    let pocketbase = PocketBase::start().await;
    let setup = set_up(Setup::before(pocketbase.address()));
    let process = Program::new(HAPTA, setup).serve().await;
    let (token, ..) = use_it(process.client()).await;
    process.signal(Signal::TERM);
    let output = process.ended().await.output;
    assert!(output.contains("\"verdict\":\"allowed\""), "{output}");
    harmless(&output, &token);
}

#[tokio::test]
async fn a_line_that_can_not_be_masked_is_dropped_and_that_is_told() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("noter").judged("users", &["noter"]);
        gateway.open("posts").also(FILES)
    })
    .await;
    let alice = stage.log_in("alice").await;
    // No text has it; the line as a whole would.
    let secret = "before\",\"value\":\"noted";
    let passwords =
        json!({ "oldPassword": PASSWORD, "password": secret, "passwordConfirm": secret });
    let changed = alice.patch(&record("users", ALICE)).json(&passwords).await;
    changed.expect(200);
    let told = event(&stage.gateway, &changed).await;
    assert_eq!(
        (&told["event"], &told["principal"]),
        (&json!("masking"), &json!(format!("users/{ALICE}")))
    );
    let next = stage.guest().get(&records("posts")).await;
    decision(&stage.gateway, &next).await;
    assert_eq!(lines(&stage.gateway, "decisions.log").len(), 1);
    assert!(!text(&stage.gateway, "security.log").contains("noted"));
    let metric = "hapta_log_lines_dropped_total{stream=\"decisions\",reason=\"masking\"}";
    assert_eq!(stage.gateway.metric(metric).await, Some(1.0));
}

#[tokio::test]
async fn people_and_addresses_are_hashed_or_left_out() {
    for telling in ["hash", "omit"] {
        let stage = Stage::with(|gateway| {
            let gateway = gateway.open("users").open("posts").also(FILES);
            gateway.also(&format!(
                "[log]\naddress = \"{telling}\"\nprincipal = \"{telling}\""
            ))
        })
        .await;
        let (alice, bob) = (stage.log_in("alice").await, stage.log_in("bob").await);
        let own = alice.get(&record("users", ALICE)).await;
        let post = alice.get(&record("posts", POST_OF_ALICE)).await;
        let other = bob.get(&record("posts", POST_OF_ALICE)).await;
        let wrong = json!({ "identity": "alice@example.com", "password": "a-wrong-password" });
        let failed = stage.guest().post(LOGIN).json(&wrong).await;
        let own = decision(&stage.gateway, &own).await;
        let post = decision(&stage.gateway, &post).await;
        let other = decision(&stage.gateway, &other).await;
        let failed = event(&stage.gateway, &failed).await;
        // A post is nobody.
        assert_eq!(post["operation.record"], POST_OF_ALICE);
        if telling == "hash" {
            let id = own["operation.record"].as_str().expect("a hash");
            assert_eq!(own["principal"], format!("users/{id}"));
            assert_eq!(own["principal"], post["principal"]);
            assert_ne!(own["principal"], other["principal"]);
            assert_eq!(own["client.address"], other["client.address"]);
            assert_eq!(own["client.address"], failed["client.address"]);
            assert!(failed["identity"].is_string());
        } else {
            for key in ["principal", "operation.record", "client.address"] {
                assert_eq!(own[key], Value::Null, "{key}");
            }
            assert_eq!(
                (&failed["identity"], &failed["client.address"]),
                (&Value::Null, &Value::Null)
            );
        }
        for file in ["decisions.log", "security.log"] {
            let text = text(&stage.gateway, file);
            assert!(
                !text.contains(ALICE) && !text.contains("127.0.0.1"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_has_its_line() {
    let stage = Stage::with(|gateway| gateway.open("posts").also(FILES)).await;
    let post = record("posts", POST_OF_ALICE);
    let held = stage.proxy.hold(&post);
    let gone = tokio::spawn(stage.guest().get(&post).into_future());
    stage.proxy.arrived(&post).await;
    gone.abort();
    let line = async || lines(&stage.gateway, "decisions.log").into_iter().next();
    let line = eventually("the line is written", line).await;
    assert_eq!(
        (&line["verdict"], &line["status"]),
        (&json!("gone"), &json!(499))
    );
    assert_eq!(line["operation.record"], POST_OF_ALICE);
    drop(held);
}

/// The one line of an exchange in the decision log.
async fn decision(gateway: &TestGateway, reply: &Reply) -> Value {
    line_of(gateway, reply, "decisions.log").await
}

/// Its one security event.
async fn event(gateway: &TestGateway, reply: &Reply) -> Value {
    line_of(gateway, reply, "security.log").await
}

async fn line_of(gateway: &TestGateway, reply: &Reply, file: &str) -> Value {
    let id = reply.header("x-request-id").expect("an id").to_owned();
    let find = async || {
        let mut lines = lines(gateway, file);
        lines.retain(|line| line["request.id"] == id);
        assert!(lines.len() <= 1, "{lines:#?}");
        lines.pop()
    };
    eventually(&format!("{id} is in {file}"), find).await
}

fn lines(gateway: &TestGateway, file: &str) -> Vec<Value> {
    let text = text(gateway, file);
    // What is being written has no end yet.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect()
}

fn text(gateway: &TestGateway, file: &str) -> String {
    fs::read_to_string(gateway.folder().join(file)).unwrap_or_default()
}
