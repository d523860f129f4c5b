//! Every folder of `rules-examples` has a scenario.

use hapta_tests::demo::{ALICE, BOB, COMMENT_OF_BOB, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{Form, Setup, Stage, rules};
use serde_json::{Value, json};

#[test]
fn every_example_has_a_scenario() {
    let scenarios = include_str!("examples.rs");
    for example in rules::crates("rules-examples") {
        assert!(
            scenarios.contains(&format!("\"{example}\"")),
            "no scenario for rules-examples/{example}"
        );
    }
}

#[tokio::test]
async fn ownership_lets_owners_write_and_everybody_read() {
    let stage = Stage::with(ownership).await;
    let alice = stage.log_in("alice").await;
    let title = json!({ "title": "Renamed" });
    alice
        .patch(&record("posts", POST_OF_ALICE))
        .json(&title)
        .await
        .expect(200);
    stage.guest().get(&records("posts")).await.expect(200);
    alice
        .delete(&record("posts", POST_OF_ALICE))
        .await
        .expect(204);
}

#[tokio::test]
async fn ownership_refuses_what_is_somebody_else_s_where_pocketbase_would_not() {
    let stage = Stage::with(ownership).await;
    let alice = stage.log_in("alice").await;
    let targets = [
        record("posts", POST_OF_BOB),
        record("comments", COMMENT_OF_BOB),
        record("users", BOB),
    ];
    stage.proxy.take();
    for target in &targets {
        for refused in [
            alice.patch(target).json(&json!({})).await,
            alice.delete(target).await,
        ] {
            assert_eq!(
                refused.refused(403)["data"]["@rule"]["code"],
                "ownership_required"
            );
        }
    }
    let writes = stage
        .proxy
        .take()
        .into_iter()
        .filter(|seen| ["PATCH", "DELETE"].contains(&seen.method.as_str()));
    assert_eq!(writes.count(), 0);
    let direct = stage.direct().with_token(alice.token());
    for target in &targets {
        direct.patch(target).json(&json!({})).await.expect(200);
    }
}

#[tokio::test]
async fn ownership_refuses_guests_every_write() {
    let stage = Stage::with(ownership).await;
    let target = record("posts", POST_OF_BOB);
    let replies = [
        stage
            .guest()
            .patch(&target)
            .json(&json!({ "title": "x" }))
            .await,
        stage.guest().delete(&target).await,
    ];
    for reply in replies {
        assert!([401, 403].contains(&reply.status), "{reply:?}");
    }
}

#[tokio::test]
async fn ownership_protects_fields_of_one_s_own_account() {
    let stage = Stage::with(ownership).await;
    let alice = stage.log_in("alice").await;
    let own = record("users", ALICE);
    let protected: [(&str, Value); 5] = [
        ("validVerified", json!(false)),
        ("postr_plus", json!(true)),
        ("followers", json!([BOB])),
        ("followers+", json!(BOB)),
        ("postr_subscriber_since", json!("2024-01-01 00:00:00.000Z")),
    ];
    for (field, value) in protected {
        let body = Value::Object([(field.to_owned(), value)].into_iter().collect());
        let refused = alice.patch(&own).json(&body).await.refused(403);
        let bare = field.trim_end_matches('+');
        assert_eq!(
            refused["data"][bare]["code"], "ownership_required",
            "{refused}"
        );
    }
    let updated = alice
        .patch(&own)
        .json(&json!({ "bio": "New.", "following": [BOB] }))
        .await
        .expect(200);
    assert_eq!(updated["bio"], "New.");
}

#[tokio::test]
async fn ownership_lets_the_listed_fields_of_another_s_account_pass() {
    let settings = json!({ "others_may_update": true, "others_fields": ["followers"] });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("ownership", &settings)
            .judged("users", &["ownership"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let bob = record("users", BOB);
    let followed = alice
        .patch(&bob)
        .json(&json!({ "followers+": ALICE }))
        .await
        .expect(200);
    assert_eq!(followed["followers"], json!([ALICE]));
    let refused = alice
        .patch(&bob)
        .json(&json!({ "followers-": ALICE, "bio": "x" }))
        .await
        .refused(403);
    assert_eq!(refused["data"]["bio"]["code"], "ownership_required");
    assert!(refused["data"].get("followers").is_none(), "{refused}");
    stage
        .guest()
        .patch(&bob)
        .json(&json!({ "followers": [] }))
        .await
        .refused(403);
}

fn ownership(gateway: Setup) -> Setup {
    let gateway = gateway.rule("ownership");
    ["users", "posts", "comments"]
        .into_iter()
        .fold(gateway, |gateway, name| {
            gateway.judged(name, &["ownership"])
        })
}

#[tokio::test]
async fn a_quota_is_used_up_by_what_was_created_and_is_each_one_s_own() {
    let entry = json!({ "grants": ["hapta:rule/counters"], "settings": { "records": 2 } });
    let entry = toml::Table::try_from(entry).expect("an entry that TOML can say");
    let stage = Stage::with(|gateway| {
        gateway
            .rule_entry("quota", "quota", entry)
            .judged("posts", &["quota"])
            .open("users")
    })
    .await;
    let (alice, bob) = (stage.log_in("alice").await, stage.log_in("bob").await);
    let post = json!({ "title": "One more" });
    alice
        .post(&records("posts"))
        .json(&json!({}))
        .await
        .refused(400);
    alice.post(&records("posts")).json(&post).await.expect(200);
    alice.post(&records("posts")).json(&post).await.expect(200);
    let refused = alice.post(&records("posts")).json(&post).await.refused(429);
    assert_eq!(refused["data"]["@rule"]["code"], "quota_used_up");
    assert_eq!(refused["message"], "No more than 2 in a day.");
    bob.post(&records("posts")).json(&post).await.expect(200);
    let guest = stage.guest().post(&records("posts")).json(&post).await;
    assert_eq!(guest.refused(401)["data"]["@rule"]["code"], "log_in_first");
}

#[tokio::test]
async fn an_upload_quota_is_used_up_by_bytes_and_is_each_one_s_own() {
    let entry = json!({ "grants": ["hapta:rule/counters"], "settings": { "bytes": 1024 } });
    let entry = toml::Table::try_from(entry).expect("an entry that TOML can say");
    let stage = Stage::with(|gateway| {
        gateway
            .rule_entry("upload-quota", "upload_quota", entry)
            .judged("posts", &["upload-quota"])
            .open("users")
    })
    .await;
    let (alice, bob) = (stage.log_in("alice").await, stage.log_in("bob").await);
    let cover = |size: usize| {
        let form = Form::new().text("title", "With a cover");
        form.file("cover", "a.bin", vec![7; size])
    };
    // What PocketBase refuses does not count.
    let untitled = Form::new().file("cover", "a.bin", vec![7; 1_000]);
    let post = alice.post(&records("posts")).form(untitled);
    post.await.refused(400);
    let post = alice.post(&records("posts")).form(cover(1_000));
    post.await.expect(200);
    let own = record("posts", POST_OF_ALICE);
    let refused = alice.patch(&own).form(cover(25)).await.refused(429);
    assert_eq!(refused["data"]["@rule"]["code"], "upload_quota_used_up");
    assert_eq!(refused["data"]["cover"]["code"], "upload_quota_used_up");
    assert_eq!(refused["message"], "No more than 1 KiB of files in a day.");
    alice.patch(&own).form(cover(24)).await.expect(200);
    alice
        .patch(&own)
        .json(&json!({ "title": "No file" }))
        .await
        .expect(200);
    let post = bob.post(&records("posts")).form(cover(1_024));
    post.await.expect(200);
    let guest = stage.guest().post(&records("posts")).form(cover(1)).await;
    assert_eq!(guest.refused(401)["data"]["@rule"]["code"], "log_in_first");
}
