//! Rules that loop, trap, hoard: each has a test, and costs only its own request.
//!
//! The misbehaving rules wait for the header `x-misbehave`, so that one gateway
//! shows the harm and its bounds.

use std::time::Duration;

use futures_util::future::join_all;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{Client, PocketBase, Reply, Setup, Stage, root, rules};
use serde_json::json;
use tokio::time::Instant;
use toml::Table;

/// More than any bound on a call, less than anybody's patience.
const SOON: Duration = Duration::from_secs(2);

#[test]
fn every_rule_in_tests_rules_has_a_test() {
    let suite = std::fs::read_dir(root().join("tests/suite")).expect("the suite's folder");
    let texts: String = suite
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|file| std::fs::read_to_string(file).expect("text"))
        .collect();
    for rule in rules::crates("tests/rules") {
        assert!(
            texts.contains(&format!("\"{rule}\"")),
            "no scenario uses the rule {rule}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_ends_at_its_deadline() {
    misbehaves_alone("endless_loop", "rule_cpu").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_has_a_bound() {
    misbehaves_alone("allocate_for_ever", "rule_memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stack_has_a_bound() {
    misbehaves_alone("deep_recursion", "rule_stack").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_refuses() {
    misbehaves_alone("trap", "rule_trap").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_loops_as_there_are_threads_leave_room_for_others() {
    let stage = Stage::with(|gateway| misbehaving(gateway, "endless_loop", "before")).await;
    let target = record("posts", POST_OF_ALICE);
    let loops = (0..8).map(|_| {
        tokio::spawn(
            stage
                .guest()
                .get(&target)
                .header("x-misbehave", "1")
                .into_future(),
        )
    });
    let loops: Vec<_> = loops.collect();
    for _ in 0..50 {
        well(&stage.guest()).await;
    }
    for reply in join_all(loops).await {
        // Under so many it may have had to wait too long for an instance instead.
        faulted(
            &reply.expect("no panic"),
            &["rule_cpu", "rule_deadline", "rule_busy"],
        );
    }
    well(&stage.guest()).await;
}

#[tokio::test]
async fn an_edit_has_a_bound() {
    // The rule turns the refused edit into a denial, or outruns its own memory: either way it is refused.
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("giant_edit", &json!({ "megabytes": 4, "times": 100 }))
            .judged("posts", &["giant_edit"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    stage.proxy.take();
    let reply = alice
        .post(&records("posts"))
        .json(&json!({ "title": "small" }))
        .await;
    assert_eq!(reply.status, 403, "{reply:?}");
    assert!(
        stage
            .proxy
            .take()
            .iter()
            .all(|seen| seen.method != http::Method::POST || seen.target.contains("auth-refresh"))
    );
}

#[tokio::test]
async fn a_rule_that_misbehaves_while_configured_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    for rule in [
        "endless_loop",
        "allocate_for_ever",
        "deep_recursion",
        "trap",
    ] {
        let setup = Setup::before(pocketbase.address())
            .rule_with(rule, &json!({ "in": "configure" }))
            .judged("posts", &[rule]);
        let error = setup.try_start().await.expect_err("it does not start");
        assert!(error.contains(rule), "{error}");
    }
}

#[tokio::test]
async fn a_component_that_wants_the_network_is_not_loaded() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .rule("imports_sockets")
        .judged("posts", &["imports_sockets"]);
    let error = setup.try_start().await.expect_err("it does not start");
    assert!(error.contains("wasi:sockets/instance-network"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_component_is_not_loaded() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).judged("posts", &["nonsense"]);
    let file = setup.folder().join("nonsense.wasm");
    std::fs::write(file, "not WebAssembly").expect("writes the file");
    let setup = setup.also("[[rule]]\nname = \"nonsense\"\nfile = \"nonsense.wasm\"");
    let error = setup.try_start().await.expect_err("it does not start");
    assert!(error.contains("nonsense"), "{error}");
}

#[tokio::test]
async fn a_settings_error_is_shown_at_the_start() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .rule_with("hide_field", &json!({ "fields": 3 }))
        .judged("posts", &["hide_field"]);
    let error = setup.try_start().await.expect_err("it does not start");
    assert!(
        error.contains("hide_field") && error.contains("fields"),
        "{error}"
    );
}

#[tokio::test]
async fn a_denial_is_answered_in_the_rule_s_words() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("deny_all", &json!({ "status": 418, "field": "title" }))
            .judged("posts", &["deny_all"])
    })
    .await;
    stage.proxy.take();
    let error = stage.guest().get(&records("posts")).await.refused(418);
    assert_eq!(error["message"], "Everything is denied.");
    assert_eq!(
        error["data"]["title"],
        json!({ "code": "deny_all_field", "message": "This field too." })
    );
    assert_eq!(error["data"]["@rule"]["code"], "deny_all");
    assert!(
        stage.proxy.take().is_empty(),
        "PocketBase never hears of it"
    );
}

#[tokio::test]
async fn a_denial_can_only_be_a_refusal() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("deny_all", &json!({ "status": 200 }))
            .judged("posts", &["deny_all"])
    })
    .await;
    stage.guest().get(&records("posts")).await.refused(403);
}

#[tokio::test]
async fn a_list_is_narrowed_by_what_the_rule_binds() {
    let stage =
        Stage::with(|gateway| gateway.rule("narrower").judged("posts", &["narrower"])).await;
    let alice = stage.log_in("alice").await;
    let list = alice.get(&records("posts")).await.expect(200);
    assert_eq!(list["totalItems"], 2);
    // A client's filter can't talk its way out.
    for filter in ["id!='')||(id!=''", "id!=''||id!=''"] {
        let filter = filter.replace('|', "%7C");
        let reply = alice
            .get(&format!("{}?filter={filter}", records("posts")))
            .await;
        assert!(
            reply.status == 400 || reply.json()["totalItems"] == 2,
            "{filter}: {reply:?}"
        );
    }
    assert_eq!(
        stage.guest().get(&records("posts")).await.expect(200)["totalItems"],
        0
    );
}

#[tokio::test]
async fn a_value_that_is_bound_is_no_filter() {
    let settings = json!({ "me": "x' || id != '" });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("narrower", &settings)
            .judged("posts", &["narrower"])
    })
    .await;
    assert_eq!(
        stage.guest().get(&records("posts")).await.expect(200)["totalItems"],
        0
    );
}

#[tokio::test]
async fn a_rule_may_know_what_is_stored() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("stored_reader")
            .judged("posts", &["stored_reader"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let title = json!({ "title": "Renamed" });
    alice
        .patch(&record("posts", POST_OF_ALICE))
        .json(&title)
        .await
        .expect(200);
    let refused = alice
        .patch(&record("posts", POST_OF_BOB))
        .json(&title)
        .await
        .refused(403);
    assert_eq!(refused["message"], "It is somebody else's.");
    alice
        .patch(&record("posts", "missing00000000"))
        .json(&title)
        .await
        .refused(404);
}

#[tokio::test]
async fn a_rule_sees_the_request_as_the_gateway_found_it() {
    let settings = json!({ "headers": ["authorization", "cookie", "x-app"], "query": ["expand"], "stored": true });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("probe", &settings)
            .judged("posts", &["probe"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let call = alice.patch(&format!("{}?expand=author", record("posts", POST_OF_ALICE)));
    let call = call
        .header("Cookie", "a=b")
        .header("X-App", "demo")
        .json(&json!({ "views+": 1, "title": "x" }));
    let seen = call.await.probed();
    assert_eq!(seen["operation"], "update");
    assert_eq!(
        (&seen["collection"], &seen["record_id"]),
        (&json!("posts"), &json!(POST_OF_ALICE))
    );
    assert_eq!(
        (&seen["principal"]["id"], &seen["is_superuser"]),
        (&json!(ALICE), &json!(false))
    );
    assert_eq!(seen["client_ip"], "127.0.0.1");
    assert_eq!(
        seen["headers"],
        json!({ "authorization": null, "cookie": null, "x-app": "demo" })
    );
    assert_eq!(seen["query"], json!({ "expand": "author" }));
    assert_eq!(seen["body"], json!({ "views+": 1, "title": "x" }));
    let mut changes: Vec<String> = serde_json::from_value(seen["changes"].clone()).expect("names");
    changes.sort();
    assert_eq!(changes, ["title", "views"]);
    assert_eq!(
        (&seen["stored"]["title"], &seen["stored"]["moderation"]),
        (&json!("Hello from alice"), &json!("seen"))
    );
}

#[tokio::test]
async fn a_rule_sees_a_login_without_its_password() {
    let stage = Stage::with(|gateway| gateway.rule("probe").judged("users", &["probe"])).await;
    let seen = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await
        .probed();
    assert_eq!(seen["operation"], "auth-with-password");
    assert_eq!(
        seen["body"],
        json!({ "identity": "alice@example.com", "password": "[masked]" })
    );
}

#[tokio::test]
async fn the_first_denial_ends_it_and_edits_add_up() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule("editor")
            .rule("noter")
            .rule("probe")
            .rule("deny_all");
        gateway.judged("posts", &["noter", "editor", "probe", "deny_all"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let seen = alice
        .post(&records("posts"))
        .json(&json!({ "title": "mine" }))
        .await
        .probed();
    assert_eq!(seen["body"]["title"], "edited");
}

/// One request of many makes the rule misbehave, in each of its calls: it alone is refused, and soon.
async fn misbehaves_alone(rule: &str, code: &str) {
    for moment in ["before", "reveal", "after"] {
        let stage = Stage::with(|gateway| misbehaving(gateway, rule, moment)).await;
        well(&stage.guest()).await;
        let bad = tokio::spawn({
            let call = stage
                .guest()
                .get(&record("posts", POST_OF_ALICE))
                .header("x-misbehave", "1");
            async {
                let start = Instant::now();
                (call.await, start.elapsed())
            }
        });
        for _ in 0..20 {
            well(&stage.guest()).await;
        }
        let (reply, took) = bad.await.expect("no panic");
        faulted(&reply, &[code]);
        assert!(took < SOON, "{rule} in {moment} took {took:?}");
        well(&stage.guest()).await;
    }
}

fn misbehaving(gateway: Setup, rule: &str, moment: &str) -> Setup {
    // So little memory that it is used up before the CPU time is.
    let entry = json!({
        "settings": { "in": moment, "when_header": "x-misbehave" },
        "memory": "2MiB",
    });
    let entry = Table::try_from(entry).expect("an entry that TOML can say");
    gateway
        .rule_entry(rule, rule, entry)
        .judged("posts", &[rule])
}

/// A client that asks for nothing bad is served.
async fn well(client: &Client) {
    client
        .get(&record("posts", POST_OF_ALICE))
        .await
        .expect(200);
}

/// A fault refuses, and tells the client a code and no more.
#[track_caller]
fn faulted(reply: &Reply, codes: &[&str]) {
    assert!(reply.status >= 500, "{reply:?}");
    let error = reply.refused(reply.status);
    assert!(
        codes
            .iter()
            .any(|code| error["data"]["@gateway"]["code"] == *code),
        "{error}"
    );
    for cause in ["wasm", "unreachable", "this rule"] {
        assert!(!error.to_string().contains(cause), "{error}");
    }
}
