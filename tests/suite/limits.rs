//! The limits of rules: each at its edge, and an entry's own before those of all.

use std::time::Duration;

use futures_util::future::join_all;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{PocketBase, Reply, Setup, Stage};
use serde_json::{Value, json};
use tokio::time::Instant;
use toml::Table;

#[tokio::test]
async fn a_call_beyond_running_waits_for_another_to_end() {
    let stage = Stage::with(|gateway| one_reader_at_once(gateway, "1h")).await;
    let alice = stage.log_in("alice").await;
    let target = record("posts", POST_OF_ALICE);
    let held = stage.proxy.hold(POST_OF_ALICE);
    let first = tokio::spawn(alice.get(&target).into_future());
    stage.proxy.arrived(POST_OF_ALICE).await;
    let second = tokio::spawn(alice.get(&record("posts", POST_OF_BOB)).into_future());
    let list = records("posts");
    for _ in 0..10 {
        // Other rules are not in its way.
        alice.get(&records("comments")).await.expect(200);
    }
    assert!(
        stage
            .proxy
            .seen()
            .iter()
            .all(|seen| !seen.target.contains(POST_OF_BOB))
    );
    assert!(!first.is_finished() && !second.is_finished());
    drop(held);
    first.await.expect("no panic").expect(200);
    second.await.expect("no panic").refused(403);
    alice.get(&list).await.expect(200);
}

#[tokio::test]
async fn a_call_that_waits_too_long_for_its_rule_is_told_that_it_is_busy() {
    let stage = Stage::with(|gateway| one_reader_at_once(gateway, "500ms")).await;
    let alice = stage.log_in("alice").await;
    let target = record("posts", POST_OF_ALICE);
    let _held = stage.proxy.hold(POST_OF_ALICE);
    let first = tokio::spawn(alice.get(&target).into_future());
    stage.proxy.arrived(POST_OF_ALICE).await;
    // The second takes the first one's place when its time is up; the third has waited in vain by then.
    let others =
        [alice.get(&target), alice.get(&target)].map(|call| tokio::spawn(call.into_future()));
    let mut codes = vec![code(&first.await.expect("no panic"))];
    for other in others {
        codes.push(code(&other.await.expect("no panic")));
    }
    assert_eq!(codes[0], "rule_deadline");
    codes.sort();
    assert_eq!(codes, ["rule_busy", "rule_deadline", "rule_deadline"]);
    let refusals = "hapta_rule_refusals_total{rule=\"stored_reader\",code=\"busy\"}";
    assert_eq!(stage.gateway.metric(refusals).await, Some(1.0));
}

#[tokio::test]
async fn more_calls_than_instances_wait_and_pass() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("allow_all").judged("posts", &["allow_all"]);
        gateway.also("[rules]\ninstances = 1\ndeadline = \"1m\"")
    })
    .await;
    all_pass(&stage).await;
}

#[tokio::test]
async fn replies_that_need_two_instances_each_do_not_take_them_from_each_other() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("allow_all").rule("noter");
        gateway
            .judged("posts", &["allow_all", "noter"])
            .also("[rules]\ninstances = 2\ndeadline = \"1m\"")
    })
    .await;
    all_pass(&stage).await;
}

#[tokio::test]
async fn fewer_instances_than_a_reply_needs_serve_it_or_stop_the_start() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .rule("allow_all")
        .rule("noter");
    let setup = setup
        .judged("posts", &["allow_all", "noter"])
        .also("[rules]\ninstances = 1");
    match setup.try_start().await {
        Err(error) => assert!(error.contains("instances"), "{error}"),
        Ok(gateway) => {
            gateway.client().get(&records("posts")).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_rule_may_make_as_many_host_calls_as_it_is_allowed() {
    // It makes one in each of its calls, and every record is a call.
    for (calls, status) in [(1, 200), (0, 500)] {
        let stage = Stage::with(|gateway| {
            let gateway = gateway.rule("noter").judged("posts", &["noter"]);
            gateway.also(&format!("[rules]\nhost_calls = {calls}"))
        })
        .await;
        let reply = stage.guest().get(&records("posts")).await;
        assert_eq!(reply.status, status, "{reply:?}");
        if status == 500 {
            assert_eq!(code(&reply), "rule_host_calls");
            let refusals = "hapta_rule_refusals_total{rule=\"noter\",code=\"rule_host_calls\"}";
            assert_eq!(stage.gateway.metric(refusals).await, Some(1.0));
        }
    }
}

#[tokio::test]
async fn a_rule_may_edit_as_many_bytes_as_it_is_allowed() {
    // The pointer counts as well: `/title` and `edited`.
    for (bytes, status) in [(12, 200), (11, 403)] {
        let stage = Stage::with(|gateway| {
            let gateway = gateway
                .rule("editor")
                .judged("posts", &["editor"])
                .open("users");
            gateway.also(&format!("[rules]\nedits = \"{bytes}B\""))
        })
        .await;
        let alice = stage.log_in("alice").await;
        stage.proxy.take();
        let reply = alice
            .post(&records("posts"))
            .json(&json!({ "title": "mine" }))
            .await;
        assert_eq!(reply.status, status, "{bytes} bytes: {reply:?}");
        let written = stage
            .proxy
            .take()
            .iter()
            .any(|seen| seen.target == records("posts"));
        assert_eq!(written, status == 200);
    }
}

#[tokio::test]
async fn a_rule_may_have_as_much_memory_as_it_is_allowed() {
    let pocketbase = PocketBase::start().await;
    // What the rules of this repository begin with.
    for (memory, starts) in [("384KiB", true), ("383KiB", false)] {
        let setup = Setup::before(pocketbase.address()).rule_entry(
            "allow_all",
            "allow_all",
            entry(json!({ "memory": memory })),
        );
        let started = setup.judged("posts", &["allow_all"]).try_start().await;
        match started {
            Ok(gateway) => {
                assert!(starts, "{memory}");
                gateway.client().get(&records("posts")).await.expect(200);
            }
            Err(error) => assert!(
                !starts && error.contains("allow_all") && error.contains("memory"),
                "{memory}: {error}"
            ),
        }
    }
}

#[tokio::test]
async fn a_limit_of_an_entry_goes_before_that_of_all() {
    let tight = "[rules]\nhost_calls = 0\nedits = \"1B\"\nmemory = \"1B\"";
    let own = json!({ "host_calls": 100, "edits": "1KiB", "memory": "1MiB" });
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule_entry("editor", "editor", entry(own.clone()))
            .rule_entry("noter", "noter", entry(own));
        gateway
            .judged("posts", &["noter", "editor"])
            .open("users")
            .also(tight)
    })
    .await;
    let alice = stage.log_in("alice").await;
    let created = alice
        .post(&records("posts"))
        .json(&json!({ "title": "mine" }))
        .await;
    assert_eq!(created.expect(200)["title"], "edited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cpu_and_deadline_of_an_entry_go_before_those_of_all() {
    let (much, little) = (
        json!({ "cpu": "1h", "deadline": "200ms" }),
        json!({ "cpu": "5ms", "deadline": "1h" }),
    );
    let cases = [
        (Value::Null, &little, "rule_cpu"),
        (Value::Null, &much, "rule_deadline"),
        (much.clone(), &little, "rule_deadline"),
        (little.clone(), &much, "rule_cpu"),
    ];
    for (own, all, expected) in cases {
        let own = if own.is_null() { json!({}) } else { own };
        let stage = Stage::with(|gateway| {
            let gateway = gateway.rule_entry("endless_loop", "endless_loop", entry(own.clone()));
            let all = Table::from_iter([("rules".to_owned(), entry(all.clone()).into())]);
            gateway
                .judged("posts", &["endless_loop"])
                .also(&all.to_string())
        })
        .await;
        let started = Instant::now();
        let reply = stage.guest().get(&records("posts")).await;
        assert_eq!(code(&reply), expected, "{own} over {all}");
        let took = started.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "{own} over {all} took {took:?}"
        );
        assert!(
            expected == "rule_cpu" || took >= Duration::from_millis(200),
            "{took:?}"
        );
    }
}

#[tokio::test]
async fn a_deadline_ends_a_call_that_waits_for_pocketbase() {
    let stage = Stage::with(|gateway| one_reader_at_once(gateway, "300ms")).await;
    let alice = stage.log_in("alice").await;
    let target = record("posts", POST_OF_ALICE);
    let held = stage.proxy.hold(POST_OF_ALICE);
    assert_eq!(code(&alice.get(&target).await), "rule_deadline");
    drop(held);
    alice.get(&target).await.expect(200);
}

#[tokio::test]
async fn a_denial_is_no_longer_than_2000_bytes_and_100_fields() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("probe")
            .judged("posts", &["probe"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    // Two bytes a letter: the cut must not go through one.
    for title in ["ü".repeat(2_000), format!("x{}", "ü".repeat(2_000))] {
        let refused = alice
            .patch(&record("posts", POST_OF_ALICE))
            .json(&json!({ "title": title }))
            .await
            .refused(418);
        let message = refused["message"].as_str().expect("a message");
        assert!(
            (1_999..=2_000).contains(&message.len()),
            "{}",
            message.len()
        );
        assert!(
            message.contains("üüü") || message.contains(ALICE),
            "{message}"
        );
    }
}

/// A rule that waits for PocketBase, of which one call may run at once.
fn one_reader_at_once(gateway: Setup, deadline: &str) -> Setup {
    let own = entry(json!({ "running": 1, "deadline": deadline }));
    let gateway = gateway.rule_entry("stored_reader", "stored_reader", own);
    gateway
        .judged("posts", &["stored_reader"])
        .open("comments")
        .open("users")
        .also("[rules]\nrunning = 64")
}

async fn all_pass(stage: &Stage) {
    let calls = (0..20).map(|_| tokio::spawn(stage.guest().get(&records("posts")).into_future()));
    let calls: Vec<_> = calls.collect();
    for reply in join_all(calls).await {
        reply.expect("no panic").expect(200);
    }
}

fn entry(keys: Value) -> Table {
    Table::try_from(keys).expect("an entry that TOML can say")
}

/// The gateway's own code of a refusal, whatever its status.
#[track_caller]
fn code(reply: &Reply) -> String {
    reply.code(reply.status)
}
