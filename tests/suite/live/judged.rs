//! What rules say of what is watched.

use std::time::Duration;

use hapta_tests::Client;
use hapta_tests::demo::{ALICE, BOB, POST_OF_ALICE, record};
use hapta_tests::live::{Listener, NOTES, Place, QUIET, Watching, topic};
use serde_json::{Value, json};

use super::{ALL, judged, publish, retitle, text};

scenes! { of_a_place:
    a_rule_refuses_who_may_not_watch,
    a_rule_narrows_what_is_watched,
    each_is_told_what_is_its_own,
    a_denied_record_is_no_event,
    a_role_is_seen_by_rules_within_a_second,
    a_rule_sees_an_event_and_nothing_of_a_request,
    an_expanded_record_is_judged_by_the_rules_of_its_own_collection,
    an_expanded_record_may_be_dropped,
    what_rules_may_take_out_is_no_filter_s,
    what_is_not_exposed_is_not_watched,
    a_rule_that_fails_tells_nothing_but_that_something_was_missed,
    a_delete_is_judged_as_what_it_was,
}

/// A note that anybody may list, of an owner.
async fn publish_of(at: &Watching, owner: &str, more: &Value) -> String {
    let mut note = json!({ "title": "x", "status": "public", "owner": owner });
    let keys = note.as_object_mut().expect("an object");
    keys.extend(more.as_object().expect("an object").clone());
    at.create(NOTES, &note).await
}

/// The word of the rule that refuses this topic.
pub(super) async fn denied(client: &Client, topic: &str) -> Value {
    let stream = Listener::open(client).await;
    let reply = stream.ask(client, &[topic]).await;
    assert!((400..500).contains(&reply.status), "{reply:?}");
    reply.refused(reply.status)
}

async fn a_rule_refuses_who_may_not_watch(place: Place) {
    let at = judged(place, &json!({ "members": true })).await;
    let error = denied(&at.guest(), ALL).await;
    assert!(error.to_string().contains("members_only"), "{error}");
    denied(&at.guest(), "NOTES/*").await;
    denied(&at.guest(), &format!("notes/{ALICE}")).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let id = publish(&at, "x").await;
    assert_eq!(alice.event().await.id(), id);
    // What a guest had is kept.
    let mut guest = Listener::to(&at.guest(), &["plain/*"]).await;
    guest.ask(&at.guest(), &["plain/*", ALL]).await.refused(403);
    at.create("plain", &json!({ "title": "x" })).await;
    assert_eq!(guest.event().await.topic, "plain/*");
}

async fn a_rule_narrows_what_is_watched(place: Place) {
    let at = judged(place, &json!({ "narrow": "owner = {:me}" })).await;
    let one = publish_of(&at, BOB, &json!({})).await;
    let topics = [
        ALL.to_owned(),
        topic(ALL, &json!({ "filter": "title = 'y' || title = 'x'" })),
        format!("notes/{one}"),
    ];
    let topics = topics.each_ref().map(String::as_str);
    let mut alice = Listener::to(&at.log_in("alice").await, &topics).await;
    let mut bob = Listener::to(&at.log_in("bob").await, &topics).await;
    let mut guest = Listener::to(&at.guest(), &topics).await;
    retitle(&at, &one, "y").await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let heard = bob.event().await;
        assert_eq!(heard.id(), one);
        told.push(heard.topic);
    }
    told.sort();
    let mut expected = topics;
    expected.sort_unstable();
    assert_eq!(told, expected);
    alice.nothing_within(QUIET).await;
    guest.nothing_within(QUIET).await;
    let id = publish_of(&at, ALICE, &json!({})).await;
    for _ in 0..2 {
        assert_eq!(alice.event().await.id(), id);
    }
    bob.nothing_within(QUIET).await;
}

async fn each_is_told_what_is_its_own(place: Place) {
    let at = judged(place, &json!({ "own": "secret" })).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let mut bob = Listener::to(&at.log_in("bob").await, &[ALL]).await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    for (owner, name) in [(ALICE, "alice"), (BOB, "bob"), (ALICE, "alice")] {
        publish_of(&at, owner, &json!({ "secret": "s" })).await;
        for (who, listener) in [("alice", &mut alice), ("bob", &mut bob), ("", &mut guest)] {
            let told = listener.event().await;
            let told = told.data["record"].get("secret");
            assert_eq!(
                told,
                (who == name).then(|| text("s")).as_ref(),
                "{who} of {name}"
            );
        }
    }
}

async fn a_denied_record_is_no_event(place: Place) {
    let at = judged(place, &json!({})).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let mut carol = Listener::to(&at.log_in("carol").await, &[ALL]).await;
    let id = publish(&at, "for moderators").await;
    assert_eq!(carol.event().await.id(), id);
    alice.nothing_within(QUIET).await;
    retitle(&at, &id, "for all").await;
    assert_eq!(alice.event().await.id(), id);
    assert_eq!(carol.event().await.id(), id);
}

async fn a_role_is_seen_by_rules_within_a_second(place: Place) {
    let at = judged(place, &json!({})).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    publish(&at, "for moderators").await;
    alice.nothing_within(QUIET).await;
    for (role, sees) in [("moderator", true), ("user", false)] {
        let superuser = at.pocketbase.superuser().await;
        let call = superuser.patch(&record("users", ALICE));
        call.json(&json!({ "role": role })).await.expect(200);
        // The gateway is told of it by another connection than of notes.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let id = publish(&at, "for moderators").await;
        if sees {
            assert_eq!(alice.event().await.id(), id);
        }
        alice.nothing_within(QUIET).await;
    }
}

async fn a_rule_sees_an_event_and_nothing_of_a_request(place: Place) {
    let at = judged(place, &json!({ "tell": "body" })).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let id = publish(&at, "x").await;
    for (listener, principal) in [(&mut alice, json!(ALICE)), (&mut guest, Value::Null)] {
        let told = listener.event().await;
        let seen = told.field("body").as_str().expect("a text");
        let seen: Value = serde_json::from_str(seen).expect("JSON");
        let expected = json!({
            "operation": "event", "collection": "notes", "record_id": id, "principal": principal,
            "client_ip": "0.0.0.0", "agent": null, "body": false,
        });
        assert_eq!(seen, expected);
    }
}

async fn an_expanded_record_is_judged_by_the_rules_of_its_own_collection(place: Place) {
    let hide = json!({ "fields": ["name"], "collection": "users" });
    let at = Watching::with(place, |gateway| {
        let gateway = gateway.rule_with("hide_field", &hide).open(NOTES);
        gateway.judged("users", &["hide_field"])
    })
    .await;
    let expanded = topic(ALL, &json!({ "expand": "owner" }));
    let mut guest = Listener::to(&at.guest(), &[&expanded]).await;
    publish_of(&at, BOB, &json!({})).await;
    let told = guest.event().await;
    let owner = &told.data["record"]["expand"]["owner"];
    assert_eq!((&owner["id"], owner.get("name")), (&text(BOB), None));
}

async fn an_expanded_record_may_be_dropped(place: Place) {
    let drop = json!({ "field": "name", "value": "bob" });
    let at = Watching::with(place, |gateway| {
        let gateway = gateway.rule_with("drop_records", &drop).open(NOTES);
        gateway.judged("users", &["drop_records"])
    })
    .await;
    let expanded = topic(ALL, &json!({ "expand": "owner" }));
    let mut guest = Listener::to(&at.guest(), &[&expanded]).await;
    for (owner, is_told) in [(BOB, false), (ALICE, true)] {
        let id = publish_of(&at, owner, &json!({})).await;
        let told = guest.event().await;
        let expand = &told.data["record"]["expand"];
        assert_eq!(told.id(), id);
        assert_eq!(expand["owner"].is_object(), is_told, "{told:?}");
    }
}

async fn what_rules_may_take_out_is_no_filter_s(place: Place) {
    let at = judged(place, &json!({ "own": "secret" })).await;
    for filter in [
        "secret = 'x'",
        "owner.notes_via_owner.secret ?= 'x'",
        "hidden = 'x'",
    ] {
        let error = denied(&at.guest(), &topic(ALL, &json!({ "filter": filter }))).await;
        assert!(error["data"].to_string().contains("code"), "{error}");
    }
    let fine = topic(
        ALL,
        &json!({ "filter": "title = 'x'", "fields": "id,secret" }),
    );
    let mut guest = Listener::to(&at.guest(), &[&fine]).await;
    let id = publish_of(&at, BOB, &json!({ "secret": "s" })).await;
    assert_eq!(guest.event().await.data["record"], json!({ "id": id }));
}

async fn what_is_not_exposed_is_not_watched(place: Place) {
    let at = Watching::with(place, |gateway| gateway.open(NOTES)).await;
    let superuser = at.pocketbase.superuser().await;
    let id = superuser.get("/api/collections/posts").await.expect(200)["id"].clone();
    let id = id.as_str().expect("an id");
    at.proxy.take();
    let alice = at.log_in("alice").await;
    for client in [&at.guest(), &alice] {
        for topic in [
            "posts/*".to_owned(),
            "POSTS/*".to_owned(),
            format!("{id}/*"),
            format!("posts/{POST_OF_ALICE}"),
            format!("{id}/{POST_OF_ALICE}"),
            "users/*".to_owned(),
            "_superusers/*".to_owned(),
            "_externalAuths/*".to_owned(),
            "nowhere/*".to_owned(),
            topic(ALL, &json!({ "expand": "owner" })),
            topic(ALL, &json!({ "filter": "owner.name = 'bob'" })),
        ] {
            denied(client, &topic).await;
        }
    }
    let posted = at.proxy.take().into_iter();
    let told: Vec<_> = posted
        .filter(|seen| seen.target == "/api/realtime")
        .collect();
    assert!(
        told.iter()
            .all(|seen| !String::from_utf8_lossy(&seen.body).contains("posts"))
    );
}

async fn a_rule_that_fails_tells_nothing_but_that_something_was_missed(place: Place) {
    let at = judged(place, &json!({})).await;
    let mut guest = Listener::to(&at.guest(), &[ALL, "plain/*"]).await;
    publish(&at, "trap").await;
    assert_eq!(guest.resync().await, [ALL]);
    let id = publish(&at, "fine").await;
    assert_eq!(guest.event().await.id(), id);
    guest.nothing_within(QUIET).await;
}

async fn a_delete_is_judged_as_what_it_was(place: Place) {
    let at = judged(place, &json!({ "own": "secret" })).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let mut carol = Listener::to(&at.log_in("carol").await, &[ALL]).await;
    let id = publish(&at, "for moderators").await;
    assert_eq!(carol.event().await.id(), id);
    at.delete(NOTES, &id).await;
    at.deleted(&carol.event().await, NOTES, &id);
    alice.nothing_within(QUIET).await;
}
