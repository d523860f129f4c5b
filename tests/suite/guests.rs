//! Rules whose runtime is an interpreter or wants WASI: loaded as they come out of their tools.

use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{PocketBase, Program, Reply, Setup, Stage, eventually};
use serde_json::{Value, json};
use toml::Table;

use crate::commands::HAPTA;

#[tokio::test]
async fn the_same_rule_says_the_same_in_javascript_and_in_python() {
    for (guest, ahead) in [("quickjs", 0), ("quickjs", 2), ("python", 2)] {
        let entry = json!({
            "settings": { "hide": ["secret_note"], "locked": ["views"] },
            "ahead": ahead,
            "memory": "64MiB",
            "cpu": "2s",
            "deadline": "10s",
        });
        let stage = judged_by(guest, &entry).await;
        if ahead > 0 {
            let metric = format!("hapta_rule_instances_waiting{{rule=\"{guest}\"}}");
            let waiting = async || {
                let count = stage.gateway.metric(&metric).await;
                count.filter(|count| *count >= 2.0)
            };
            eventually("two instances wait", waiting).await;
        }
        let alice = stage.log_in("alice").await;
        let (own, other) = (record("posts", POST_OF_ALICE), record("posts", POST_OF_BOB));
        let title = json!({ "title": "Renamed" });
        alice.patch(&own).json(&title).await.expect(200);
        let refused = alice.patch(&other).json(&title).await.refused(403);
        assert_eq!(
            refused["data"]["@rule"]["code"], "ownership_required",
            "{guest}"
        );
        let locked = json!({ "views+": 1 });
        let refused = alice.patch(&own).json(&locked).await.refused(403);
        assert_eq!(
            refused["data"]["views"]["code"], "ownership_required",
            "{guest}"
        );
        stage.guest().patch(&own).json(&title).await.refused(403);
        assert!(alice.get(&own).await.expect(200)["secret_note"].is_string());
        let seen = stage.guest().get(&own).await.expect(200);
        assert!(seen.get("secret_note").is_none(), "{guest}: {seen}");
        assert_eq!(alice.get(&own).await.expect(200)["author"], ALICE);
    }
}

#[tokio::test]
async fn a_settings_error_of_a_guest_that_can_not_be_frozen_is_shown_at_the_start() {
    let pocketbase = PocketBase::start().await;
    let entry = json!({ "settings": { "colour": "red" } });
    let setup = Setup::before(pocketbase.address());
    let setup = setup.rule_entry("quickjs", "quickjs", table(&entry));
    let error = setup.judged("posts", &["quickjs"]).try_start().await;
    let error = error.expect_err("it does not start");
    assert!(error.contains("there is no setting colour"), "{error}");
}

#[tokio::test]
async fn a_guest_that_wants_wasi_is_granted_it_or_not_loaded() {
    let pocketbase = PocketBase::start().await;
    for guest in ["quickjs_wasi", "wasip2"] {
        let start = async |grants: Value| {
            let setup = Setup::before(pocketbase.address());
            let setup = setup.rule_entry(guest, guest, table(&json!({ "grants": grants })));
            setup.judged("posts", &[guest]).try_start().await
        };
        let error = start(json!([])).await.expect_err("it does not start");
        assert!(
            error.contains("imports wasi:") && error.contains("grants = [\"wasi:"),
            "{error}"
        );
        // One power less than it imports.
        let all_but_clocks = json!(["wasi:cli", "wasi:filesystem", "wasi:io", "wasi:random"]);
        let error = start(all_but_clocks).await.expect_err("it does not start");
        assert!(error.contains("imports wasi:clocks/"), "{error}");
        start(json!(["wasi"])).await.expect("it starts");
    }
}

#[tokio::test]
async fn wasi_has_a_clock_and_randomness_and_nothing_else() {
    for guest in ["quickjs_wasi", "wasip2"] {
        let entry = json!({ "grants": ["wasi"], "settings": { "tell": true } });
        let stage = judged_by(guest, &entry).await;
        let seen = wasi_seen(&stage.guest().get(&records("posts")).await);
        let again = wasi_seen(&stage.guest().get(&records("posts")).await);
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let told = seen["now"].as_f64().expect("a time") / 1_000.0;
        assert!((now.as_secs_f64() - told).abs() < 60.0, "{guest}: {seen}");
        // QuickJS draws from a seed that its tool froze, and asks nobody.
        if guest == "wasip2" {
            assert_ne!(seen["random"], again["random"]);
            assert_ne!(seen["random"][0], seen["random"][1]);
            let rest = (&seen["arguments"], &seen["environment"], &seen["files"]);
            assert_eq!(rest, (&json!(0), &json!(0), &json!(false)));
        }
    }
}

#[tokio::test]
async fn looking_at_the_clock_is_not_waiting() {
    // Who waits for PocketBase is not charged for the time; who asks the gateway again and again is.
    let entry = json!({ "grants": ["wasi"], "settings": { "spin": true } });
    let stage = judged_by("wasip2", &entry).await;
    let refused = stage.guest().get(&records("posts")).await.refused(503);
    assert_eq!(refused["data"]["@gateway"]["code"], "rule_cpu");
}

#[tokio::test]
async fn configure_has_neither_clock_nor_randomness() {
    let pocketbase = PocketBase::start().await;
    for guest in ["quickjs_wasi", "wasip2"] {
        for (setting, interface) in [("clock", "wasi:clocks/"), ("random", "wasi:random/")] {
            let entry = json!({ "grants": ["wasi"], "settings": { setting: true } });
            let setup = Setup::before(pocketbase.address());
            let setup = setup.rule_entry(guest, guest, table(&entry));
            let error = setup.judged("posts", &[guest]).try_start().await;
            let Err(error) = error else {
                // QuickJS draws its numbers from a seed of its own, and asks nobody.
                assert_eq!((guest, setting), ("quickjs_wasi", "random"));
                continue;
            };
            assert!(
                error.contains(interface) && error.contains("while it is configured"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_guest_prints_is_in_the_log_within_bounds() {
    let pocketbase = PocketBase::start().await;
    let entry = json!({ "grants": ["wasi"], "settings": { "tell": true, "lines": 100 } });
    let setup = Setup::before(pocketbase.address())
        .rule_entry("printer", "wasip2", table(&entry))
        .judged("posts", &["printer"]);
    let process = Program::new(HAPTA, setup).serve().await;
    process.client().get(&records("posts")).await.refused(418);
    process.said("printed by a guest of WASI").await;
    let output = process.output();
    let lines: Vec<_> = output
        .lines()
        .filter(|line| line.contains("printed"))
        .collect();
    assert!(lines.len() <= 16, "{output}");
    assert!(
        lines.iter().all(|line| line.contains("printer")),
        "{output}"
    );
}

#[tokio::test]
async fn what_a_failing_rule_says_is_one_line_of_the_log() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .rule("trap")
        .judged("posts", &["trap"]);
    let process = Program::new(HAPTA, setup).serve().await;
    let reply = process.client().get(&records("posts")).await;
    assert!(reply.status >= 500, "{reply:?}");
    process.said("a rule failed").await;
    let output = process.output();
    let line = output.lines().find(|line| line.contains("a rule failed"));
    assert!(
        line.is_some_and(|line| line.contains("\"failure\"") && line.contains("this rule traps")),
        "{output}"
    );
}

async fn judged_by(guest: &str, entry: &Value) -> Stage {
    Stage::with(|gateway| {
        gateway
            .rule_entry(guest, guest, table(entry))
            .judged("posts", &[guest])
            .open("users")
    })
    .await
}

#[track_caller]
fn wasi_seen(reply: &Reply) -> Value {
    let refused = reply.refused(418);
    assert_eq!(refused["data"]["@rule"]["code"], "wasi_seen");
    let message = refused["message"].as_str().expect("a message");
    serde_json::from_str(message).expect("JSON")
}

fn table(entry: &Value) -> Table {
    Table::try_from(entry).expect("an entry that TOML can say")
}
