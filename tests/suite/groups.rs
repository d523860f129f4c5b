//! Rules that are heard as one, entries that are limited, and rules that are not heard at all.

use crate::commands::HAPTA;
use hapta_tests::demo::{POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{PocketBase, Program, Setup, Stage, eventually};
use serde_json::{Value, json};
use toml::Table;

const ANY: &str = "[[group]]\nname = \"either\"\nany = [\"one\", \"other\"]";
const ALL: &str = "[[group]]\nname = \"both\"\nall = [\"one\", \"other\"]";

#[tokio::test]
async fn of_any_one_that_lets_pass_is_enough() {
    for (one, other, status) in [
        ("allow_all", "deny_all", 200),
        ("deny_all", "allow_all", 200),
        ("allow_all", "allow_all", 200),
        ("deny_all", "deny_all", 403),
    ] {
        let stage = grouped(one, other, ANY, "either").await;
        let reply = stage.guest().get(&records("posts")).await;
        assert_eq!(reply.status, status, "{one}, {other}: {reply:?}");
    }
}

#[tokio::test]
async fn of_all_every_one_must_let_pass() {
    for (one, other, status) in [
        ("allow_all", "deny_all", 403),
        ("deny_all", "allow_all", 403),
        ("allow_all", "allow_all", 200),
    ] {
        let stage = grouped(one, other, ALL, "both").await;
        let reply = stage.guest().get(&records("posts")).await;
        assert_eq!(reply.status, status, "{one}, {other}: {reply:?}");
    }
}

#[tokio::test]
async fn a_fault_in_a_group_refuses_whatever_the_others_say() {
    // The one that lets pass is asked afterwards, and would be enough.
    let stage = grouped("trap", "allow_all", ANY, "either").await;
    let refused = stage.guest().get(&records("posts")).await.refused(500);
    assert_eq!(refused["data"]["@gateway"]["code"], "rule_trap");
}

#[tokio::test]
async fn in_a_group_nobody_edits_and_nobody_narrows() {
    for rule in ["editor", "narrower"] {
        let stage = grouped(rule, "deny_all", ANY, "either").await;
        let alice = stage.log_in("alice").await;
        stage.proxy.take();
        // The edit is refused to the rule, which denies for it; so does the other.
        let reply = match rule {
            "editor" => {
                let body = json!({ "title": "Mine" });
                alice.post(&records("posts")).json(&body).await
            }
            _ => alice.get(&records("posts")).await,
        };
        reply.refused(403);
        let sent = stage.proxy.take();
        assert!(
            sent.iter().all(|seen| seen.target.contains("auth-refresh")),
            "{sent:?}"
        );
    }
    let stage = grouped("editor", "allow_all", ANY, "either").await;
    let alice = stage.log_in("alice").await;
    let body = json!({ "title": "Mine" });
    let made = alice.post(&records("posts")).json(&body).await.expect(200);
    assert_eq!(made["title"], "Mine");
}

#[tokio::test]
async fn a_rule_that_takes_fields_out_is_no_member_and_a_group_has_names_that_are_there() {
    let pocketbase = PocketBase::start().await;
    let start = async |group: &str| {
        let hides = json!({ "settings": { "fields": ["secret_note"] } });
        let shadow = json!({ "shadow": true });
        Setup::before(pocketbase.address())
            .rule("allow_all")
            .rule_entry("hide_field", "hide_field", table(&hides))
            .rule_entry("quiet", "allow_all", table(&shadow))
            .also(group)
            .judged("posts", &["group"])
            .try_start()
            .await
            .expect_err("it does not start")
    };
    for (group, said) in [
        (
            "name = \"group\"\nany = [\"allow_all\", \"hide_field\"]",
            "takes fields out",
        ),
        (
            "name = \"group\"\nany = [\"allow_all\", \"nobody\"]",
            "nobody",
        ),
        (
            "name = \"group\"\nany = [\"allow_all\", \"quiet\"]",
            "is in shadow",
        ),
        ("name = \"group\"\nany = [\"allow_all\"]", "at least two"),
        ("name = \"group\"", "one of the two"),
        (
            "name = \"allow_all\"\nany = [\"allow_all\", \"hide_field\"]",
            "two rules are named",
        ),
        (
            "name = \"pocketbase\"\nany = [\"allow_all\", \"hide_field\"]",
            "take another name",
        ),
    ] {
        let error = start(&format!("[[group]]\n{group}")).await;
        assert!(error.contains(said), "{group}: {error}");
    }
}

#[tokio::test]
async fn a_record_is_shown_when_one_of_any_shows_it() {
    let dropping = |title: &str| json!({ "settings": { "field": "title", "value": title } });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_entry("one", "drop_records", table(&dropping("Hello from alice")))
            .rule_entry("other", "drop_records", table(&dropping("Hello from bob")))
            .rule_entry(
                "again",
                "drop_records",
                table(&dropping("Hello from alice")),
            )
            .also("[[group]]\nname = \"either\"\nany = [\"one\", \"other\"]")
            .also("[[group]]\nname = \"same\"\nany = [\"one\", \"again\"]")
            .judged("posts", &["either"])
            .judged("comments", &["same"])
            .open("users")
    })
    .await;
    // Each of the two is dropped by one, so both are shown.
    let guest = stage.guest();
    guest.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    guest.get(&record("posts", POST_OF_BOB)).await.expect(200);
    let list = guest.get(&records("posts")).await.expect(200);
    assert_eq!(list["totalItems"], -1, "a member may drop: {list}");

    let stage = Stage::with(|gateway| {
        gateway
            .rule_entry("one", "drop_records", table(&dropping("Hello from alice")))
            .rule_entry(
                "again",
                "drop_records",
                table(&dropping("Hello from alice")),
            )
            .also("[[group]]\nname = \"same\"\nany = [\"one\", \"again\"]")
            .judged("posts", &["same"])
    })
    .await;
    let guest = stage.guest();
    guest
        .get(&record("posts", POST_OF_ALICE))
        .await
        .refused(404);
    guest.get(&record("posts", POST_OF_BOB)).await.expect(200);
}

#[tokio::test]
async fn an_entry_judges_the_collections_and_operations_that_it_names() {
    let limits = json!({ "collections": ["posts"], "operations": ["view"] });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_entry("limited", "deny_all", table(&limits))
            .also("[collections.\"*\"]\nrules = [\"limited\"]")
    })
    .await;
    let guest = stage.guest();
    guest
        .get(&record("posts", POST_OF_ALICE))
        .await
        .refused(403);
    guest.get(&records("posts")).await.expect(200);
    guest.get(&records("comments")).await.expect(200);

    let pocketbase = PocketBase::start().await;
    let start = async |entry: &Value| {
        let setup = Setup::before(pocketbase.address());
        let setup = setup.rule_entry("limited", "deny_all", table(entry));
        let started = setup.judged("comments", &["limited"]).try_start().await;
        started.expect_err("it does not start")
    };
    for (entry, said) in [
        (limits, "not for this collection"),
        (json!({ "operations": ["health"] }), "no collection"),
        (json!({ "operations": ["read"] }), "unknown variant"),
        (json!({ "collections": [] }), "names no collection"),
    ] {
        let error = start(&entry).await;
        assert!(error.contains(said), "{entry}: {error}");
    }
}

#[tokio::test]
async fn a_rule_in_shadow_is_counted_and_never_heard() {
    for rule in ["deny_all", "trap", "endless_loop", "editor"] {
        let quiet = json!({ "shadow": true, "settings": {} });
        let stage = Stage::with(|gateway| {
            gateway
                .rule_entry("quiet", rule, table(&quiet))
                .judged("posts", &["pocketbase", "quiet"])
                .open("users")
        })
        .await;
        let alice = stage.log_in("alice").await;
        let body = json!({ "title": "Mine" });
        let made = alice.post(&records("posts")).json(&body).await.expect(200);
        assert_eq!(made["title"], "Mine", "{rule}");
        let ended = match rule {
            "deny_all" => "verdict=\"denied\"",
            "editor" => "verdict=\"allowed\"",
            _ => "verdict=\"faulted\"",
        };
        let labels = format!("rule=\"quiet\",generation=\"1\",shadow=\"true\",{ended}");
        let metric = format!("hapta_rule_calls_total{{{labels}}}");
        let counted = async || {
            let counted = stage.gateway.metric(&metric).await;
            counted.filter(|count| *count >= 1.0)
        };
        eventually(&format!("{rule} is counted"), counted).await;
        let refusals = "hapta_rule_refusals_total{rule=\"quiet\",code=\"denied\"}";
        assert_eq!(stage.gateway.metric(refusals).await, None);
    }
}

#[tokio::test]
async fn in_shadow_records_are_whole_and_may_be_asked_about() {
    let hides = json!({ "shadow": true, "settings": { "fields": ["secret_note"] } });
    let drops = json!({ "shadow": true, "settings": { "field": "status", "value": "published" } });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_entry("hides", "hide_field", table(&hides))
            .rule_entry("drops", "drop_records", table(&drops))
            .judged("posts", &["hides", "drops", "pocketbase"])
    })
    .await;
    let list = format!("{}?filter=secret_note!='nothing'", records("posts"));
    let through = stage.guest().get(&list).await.expect(200);
    let direct = stage.direct().get(&list).await.expect(200);
    assert_eq!(through, direct);
    let labels = "rule=\"drops\",generation=\"1\",shadow=\"true\",verdict=\"denied\"";
    let metric = format!("hapta_rule_calls_total{{{labels}}}");
    let counted = async || {
        let counted = stage.gateway.metric(&metric).await;
        counted.filter(|count| *count >= 1.0)
    };
    eventually("what would have been dropped is counted", counted).await;
}

#[tokio::test]
async fn a_collection_is_not_left_to_rules_that_nobody_hears() {
    let pocketbase = PocketBase::start().await;
    let quiet = json!({ "shadow": true });
    let setup = Setup::before(pocketbase.address());
    let setup = setup.rule_entry("quiet", "deny_all", table(&quiet));
    let error = setup.judged("posts", &["quiet"]).try_start().await;
    let error = error.expect_err("it does not start");
    assert!(
        error.contains("shadow alone") && error.contains("\"pocketbase\""),
        "{error}"
    );
}

#[tokio::test]
async fn what_would_not_have_passed_is_in_the_log() {
    let pocketbase = PocketBase::start().await;
    let quiet = json!({ "shadow": true });
    let setup = Setup::before(pocketbase.address())
        .rule_entry("quiet", "deny_all", table(&quiet))
        .judged("posts", &["pocketbase", "quiet"]);
    let process = Program::new(HAPTA, setup).serve().await;
    let reply = process.client().get(&records("posts")).await;
    reply.expect(200);
    let id = reply.header("x-request-id").expect("an id");
    process.said("in shadow, not heard").await;
    let output = process.output();
    let line = output
        .lines()
        .find(|line| line.contains("in shadow"))
        .expect("a line");
    assert!(
        line.contains("quiet") && line.contains("denied") && line.contains(id),
        "{line}"
    );
}

#[tokio::test]
async fn in_shadow_nothing_is_counted_for_a_quota() {
    let quiet = json!({
        "shadow": true,
        "settings": { "most": 1, "seconds": 600 },
        "grants": ["hapta:rule/counters"],
    });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_entry("quota", "counter", table(&quiet))
            .judged("posts", &["pocketbase", "quota"])
    })
    .await;
    for _ in 0..3 {
        stage.guest().get(&records("posts")).await.expect(200);
    }
    let labels = "rule=\"quota\",generation=\"1\",shadow=\"true\",verdict=\"allowed\"";
    let metric = format!("hapta_rule_calls_total{{{labels}}}");
    let allowed = async || {
        let counted = stage.gateway.metric(&metric).await;
        counted.filter(|count| *count >= 3.0)
    };
    eventually("each is the first", allowed).await;
    assert_eq!(stage.gateway.metric("hapta_counters").await, Some(0.0));
}

/// Two rules under the names `one` and `other`, which judge posts as this group.
async fn grouped(one: &str, other: &str, group: &str, name: &str) -> Stage {
    Stage::with(|gateway| {
        gateway
            .rule_entry("one", one, Table::new())
            .rule_entry("other", other, Table::new())
            .also(group)
            .judged("posts", &[name])
            .open("users")
    })
    .await
}

fn table(entry: &Value) -> Table {
    Table::try_from(entry).expect("an entry that TOML can say")
}
