//! What rules may reach beyond the request: other records, counters, the log; and only what was granted.

use crate::commands::HAPTA;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, POSTS, record, records};
use hapta_tests::{PocketBase, Program, Setup, Stage};
use serde_json::{Value, json};
use toml::Table;

#[tokio::test]
async fn what_was_not_granted_keeps_a_rule_from_loading_and_is_named() {
    let pocketbase = PocketBase::start().await;
    for (rule, interface) in [
        ("reader", "hapta:rule/records"),
        ("counter", "hapta:rule/counters"),
        ("logger", "hapta:rule/log"),
    ] {
        let start = async |grants: &[&str]| {
            let setup = Setup::before(pocketbase.address());
            let entry = entry(rule, &json!({ "grants": grants }));
            let setup = setup.rule_entry(rule, rule, entry);
            setup.judged("posts", &[rule]).try_start().await
        };
        let error = start(&[]).await.expect_err("it does not start");
        let named = format!("{interface}@0.1.0");
        let mend = format!("grants = [\"{interface}\"]");
        assert!(error.contains(&named) && error.contains(&mend), "{error}");
        // Another power is not this one.
        let other = ["hapta:rule/log", "hapta:rule/counters"]
            .into_iter()
            .find(|other| *other != interface)
            .expect("another");
        start(&[other]).await.expect_err("it does not start");
        start(&[interface]).await.expect("it starts");
    }
}

#[tokio::test]
async fn a_grant_that_is_none_is_refused_by_the_configuration() {
    let pocketbase = PocketBase::start().await;
    for (more, said) in [
        (json!({ "grants": ["wasi:sockets"] }), "wasi:sockets"),
        (json!({ "grants": ["records"] }), "hapta:rule/records"),
        (
            json!({ "grants": ["hapta:rule/records"], "reads": ["_superusers"] }),
            "_superusers",
        ),
        (json!({ "reads": ["posts"] }), "hapta:rule/records"),
    ] {
        let setup = Setup::before(pocketbase.address());
        let setup = setup.rule_entry("reader", "reader", entry("reader", &more));
        let error = setup.judged("posts", &["reader"]).try_start().await;
        let error = error.expect_err("it does not start");
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn as_the_caller_a_rule_reads_what_the_caller_may() {
    let by_id = json!({ "collection": "posts", "id": POST_OF_BOB });
    let stage = reading(&by_id, &[]).await;
    let (guest, alice) = (stage.guest(), stage.log_in("alice").await);
    let seen = guest.get(&records("comments")).await.probed();
    assert_eq!(seen["id"], POST_OF_BOB);
    // PocketBase hides this field from all but superusers, and so from this rule.
    assert!(seen.get("moderation").is_none(), "{seen}");
    assert_eq!(
        alice.get(&records("comments")).await.probed()["id"],
        POST_OF_BOB
    );

    let superusers = json!({ "collection": "_superusers", "filter": "id != ''" });
    let stage = reading(&superusers, &[]).await;
    let seen = stage.guest().get(&records("comments")).await.probed();
    assert_eq!(seen, json!({ "first": null, "count": 0 }));
}

#[tokio::test]
async fn a_filter_finds_by_what_is_bound_and_in_order() {
    let mine = json!({ "collection": "posts", "filter": "author = {:me}", "sort": "-id" });
    let stage = reading(&mine, &[]).await;
    let alice = stage.log_in("alice").await;
    let direct = stage
        .direct()
        .get(&format!(
            "{}?filter=author='{ALICE}'&sort=-id",
            records("posts")
        ))
        .await;
    let direct = direct.expect(200);
    let seen = alice.get(&records("comments")).await.probed();
    assert_eq!(seen["count"], direct["totalItems"]);
    assert_eq!(seen["first"]["id"], direct["items"][0]["id"]);
    let seen = stage.guest().get(&records("comments")).await.probed();
    assert_eq!(seen, json!({ "first": null, "count": 0 }));
}

#[tokio::test]
async fn as_the_gateway_a_rule_reads_the_collections_that_were_granted() {
    let hidden = json!({ "collection": "posts", "id": POST_OF_BOB, "as_gateway": true });
    let stage = reading(&hidden, &["posts"]).await;
    let seen = stage.guest().get(&records("comments")).await.probed();
    assert!(
        seen["moderation"].is_string(),
        "hidden fields are told: {seen}"
    );
    let stage = reading(&hidden, &["users"]).await;
    let seen = stage.guest().get(&records("comments")).await.probed();
    let fault = seen["fault"].as_str().expect("a fault");
    assert!(
        fault.contains("not granted") && fault.contains("reads"),
        "{fault}"
    );
}

#[tokio::test]
async fn as_the_gateway_no_secret_of_a_record_is_told() {
    let alice = json!({ "collection": "users", "id": ALICE, "as_gateway": true });
    let stage = reading(&alice, &["users"]).await;
    let seen = stage.guest().get(&records("comments")).await.probed();
    assert_eq!(seen["id"], ALICE);
    for secret in ["password", "tokenKey"] {
        assert!(
            [None, Some(&json!("[masked]"))].contains(&seen.get(secret)),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn as_the_gateway_no_path_leads_beyond_the_collection() {
    for filter in [
        "author.email != ''",
        "@collection.users.email != ''",
        "comments_via_post.text != ''",
        "@request.auth.id != ''",
    ] {
        let asked = json!({ "collection": "posts", "filter": filter, "as_gateway": true });
        let stage = reading(&asked, &["posts"]).await;
        stage.proxy.take();
        let seen = stage.guest().get(&records("comments")).await.probed();
        let fault = seen["first"]["fault"].as_str().expect("a fault");
        assert!(fault.contains("leads beyond"), "{fault}");
        assert!(
            stage.proxy.take().is_empty(),
            "PocketBase never hears of it"
        );
    }
    let all = json!({ "collection": "posts", "filter": "created <= @now", "as_gateway": true });
    let stage = reading(&all, &["posts"]).await;
    let seen = stage.guest().get(&records("comments")).await.probed();
    assert_eq!(seen["count"], POSTS);
}

#[tokio::test]
async fn a_question_is_asked_once_in_a_request_and_so_many_are_answered() {
    let many = json!({ "collection": "posts", "filter": "id != ''", "times": 20 });
    let stage = Stage::with(|gateway| {
        let entry = entry(
            "reader",
            &json!({ "settings": many, "grants": ["hapta:rule/records"] }),
        );
        gateway
            .rule_entry("reader", "reader", entry)
            .judged("comments", &["reader"])
            .also("[rules]\nreads = 5")
    })
    .await;
    stage.proxy.take();
    let seen = stage.guest().get(&records("comments")).await.probed();
    let answers = seen.as_array().expect("answers");
    let exhausted = |answer: &&Value| answer["fault"] == "the rule's bound is used up";
    assert_eq!(answers.iter().filter(exhausted).count(), 18);
    assert_eq!(stage.proxy.take().len(), 5);

    // Two rules that ask the same cost one question for each of its two parts.
    let once = json!({ "collection": "posts", "filter": "id != ''" });
    let stage = Stage::with(|gateway| {
        let entry = |_| {
            entry(
                "reader",
                &json!({ "settings": once, "grants": ["hapta:rule/records"] }),
            )
        };
        gateway
            .rule_entry("one", "reader", entry(1))
            .rule_entry("two", "reader", entry(2))
            .also("[[group]]\nname = \"either\"\nany = [\"one\", \"two\"]")
            .judged("comments", &["either"])
    })
    .await;
    stage.proxy.take();
    stage.guest().get(&records("comments")).await.probed();
    assert_eq!(stage.proxy.take().len(), 2);
}

#[tokio::test]
async fn a_pocketbase_that_does_not_answer_a_rule_is_a_fault_that_the_rule_is_told() {
    let asked = json!({ "collection": "posts", "id": POST_OF_BOB });
    let stage = reading(&asked, &[]).await;
    let held = stage.proxy.hold(POST_OF_BOB);
    let reply = stage.guest().get(&records("comments")).await;
    assert_eq!(
        reply.refused(503)["data"]["@gateway"]["code"],
        "rule_deadline"
    );
    drop(held);
}

#[tokio::test]
async fn a_quota_counts_what_was_done_and_nothing_else() {
    let stage = Stage::with(|gateway| {
        let settings =
            json!({ "settings": { "most": 2, "seconds": 600 }, "grants": ["hapta:rule/counters"] });
        gateway
            .rule_entry("counter", "counter", entry("counter", &settings))
            .rule_with("deny_all", &json!({ "operations": ["delete"] }))
            .judged("posts", &["counter", "deny_all"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let post = async |body: Value| alice.post(&records("posts")).json(&body).await;
    // PocketBase refuses this one, and the other rule that one: neither counts.
    for _ in 0..3 {
        post(json!({ "title": "" })).await.refused(400);
        alice
            .delete(&record("posts", POST_OF_ALICE))
            .await
            .refused(403);
    }
    post(json!({ "title": "One" })).await.expect(200);
    post(json!({ "title": "Two" })).await.expect(200);
    let refused = post(json!({ "title": "Three" })).await.refused(429);
    assert_eq!(refused["message"], "This is number 3.");
    // The one that was refused did not count either, and everybody has a counter.
    let refused = post(json!({ "title": "Three" })).await.refused(429);
    assert_eq!(refused["message"], "This is number 3.");
    let bob = stage.log_in("bob").await;
    bob.get(&records("posts")).await.expect(200);
    assert_eq!(stage.gateway.metric("hapta_counters").await, Some(2.0));
}

#[tokio::test]
async fn two_hundred_at_once_are_counted_one_by_one() {
    let stage = Stage::with(|gateway| {
        let settings = json!({ "settings": { "most": 120, "seconds": 600 }, "grants": ["hapta:rule/counters"] });
        gateway
            .rule_entry("counter", "counter", entry("counter", &settings))
            .judged("posts", &["counter"])
    })
    .await;
    let target = record("posts", POST_OF_ALICE);
    let all = (0..200).map(|_| stage.guest().get(&target).into_future());
    let replies = futures_util::future::join_all(all).await;
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    // Those refused give back what they took, so that a later one may pass in their place, never one too many.
    assert!(passed >= 120, "{passed}");
    let mut left = 0;
    while stage.guest().get(&target).await.status == 200 {
        left += 1;
    }
    assert_eq!(passed + left, 120);
}

#[tokio::test]
async fn a_rule_s_lines_are_in_the_log_with_its_name_and_have_a_bound() {
    let pocketbase = PocketBase::start().await;
    let settings = json!({
        "settings": { "message": "a word of the rule", "times": 40 },
        "grants": ["hapta:rule/log"],
    });
    let setup = Setup::before(pocketbase.address())
        .rule_entry("talker", "logger", entry("logger", &settings))
        .judged("posts", &["talker"]);
    let process = Program::new(HAPTA, setup).serve().await;
    let reply = process.client().get(&records("posts")).await;
    let id = reply.header("x-request-id").expect("an id").to_owned();
    process.said("a word of the rule 16").await;
    let output = process.output();
    let lines = output
        .lines()
        .filter(|line| line.contains("a word of the rule"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 16, "{output}");
    for line in lines {
        assert!(line.contains("talker") && line.contains(&id), "{line}");
    }
}

/// A gateway whose comments are judged by the rule `reader`.
async fn reading(settings: &Value, reads: &[&str]) -> Stage {
    let more = json!({
        "settings": settings,
        "grants": ["hapta:rule/records"],
        "reads": reads,
    });
    Stage::with(|gateway| {
        gateway
            .rule_entry("reader", "reader", entry("reader", &more))
            .judged("comments", &["reader"])
            .open("users")
    })
    .await
}

/// An entry with settings that the rule takes, and with these keys over them.
fn entry(rule: &str, more: &Value) -> Table {
    let settings = match rule {
        "reader" => json!({ "collection": "posts", "id": POST_OF_ALICE }),
        "counter" => json!({ "most": 1, "seconds": 60 }),
        _ => json!({ "message": "seen", "times": 1 }),
    };
    let mut entry = json!({ "settings": settings });
    for (key, value) in more.as_object().expect("an object") {
        entry[key] = value.clone();
    }
    Table::try_from(entry).expect("an entry that TOML can say")
}
