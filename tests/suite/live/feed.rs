//! One line to PocketBase for each collection, and a proof for each delivery.

use hapta_tests::demo::{ALICE, record};
use hapta_tests::live::{Listener, NOTES, Place, QUIET, Watching, topic};
use serde_json::{Value, json};

use super::{ALL, keep, move_to, publish, retitle, text};

#[tokio::test]
async fn who_may_no_longer_see_a_record_is_told_that_it_left() {
    let at = Watching::at(Place::Feed).await;
    let note = json!({ "title": "x", "status": "public", "owner": ALICE });
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let id = at.create(NOTES, &note).await;
    assert_eq!(guest.event().await.action(), "create");
    assert_eq!(alice.event().await.action(), "create");
    move_to(&at, &id, "private").await;
    at.deleted(&guest.event().await, NOTES, &id);
    let told = alice.event().await;
    assert_eq!(
        (told.action(), told.field("status")),
        ("update", &text("private"))
    );
    // What it is now is nobody else's business, its end neither.
    retitle(&at, &id, "y").await;
    assert_eq!(alice.event().await.field("title"), "y");
    guest.nothing_within(QUIET).await;
    move_to(&at, &id, "public").await;
    let told = guest.event().await;
    assert_eq!((told.id(), told.field("title")), (id.as_str(), &text("y")));
    assert_ne!(told.action(), "delete");
    assert_eq!(alice.event().await.field("status"), "public");
    move_to(&at, &id, "private").await;
    at.deleted(&guest.event().await, NOTES, &id);
    assert_eq!(alice.event().await.field("status"), "private");
    at.delete(NOTES, &id).await;
    at.deleted(&alice.event().await, NOTES, &id);
    guest.nothing_within(QUIET).await;
}

#[tokio::test]
async fn who_never_had_a_record_is_not_told_of_its_end() {
    let at = Watching::at(Place::Feed).await;
    let id = keep(&at, ALICE, "mine").await;
    let one = format!("notes/{id}");
    let mut guest = Listener::to(&at.guest(), &[ALL, &one]).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL, &one]).await;
    retitle(&at, &id, "y").await;
    for _ in 0..2 {
        assert_eq!(alice.event().await.field("title"), "y");
    }
    at.delete(NOTES, &id).await;
    for _ in 0..2 {
        at.deleted(&alice.event().await, NOTES, &id);
    }
    guest.nothing_within(QUIET).await;
}

#[tokio::test]
async fn however_many_watch_pocketbase_tells_one() {
    let at = Watching::at(Place::Feed).await;
    let alice = at.log_in("alice").await;
    let mut listeners = vec![Listener::to(&alice, &[ALL]).await];
    let lines = at.proxy.streams();
    at.proxy.take();
    let (bob, carol) = (at.log_in("bob").await, at.log_in("carol").await);
    let filtered = topic(ALL, &json!({ "filter": "title = 'x'" }));
    for client in [&bob, &carol, &at.guest(), &alice, &bob] {
        listeners.push(Listener::to(client, &[ALL]).await);
        listeners.push(Listener::to(client, &[&filtered]).await);
    }
    assert_eq!(at.proxy.streams(), lines);
    assert!(lines <= 2, "one for the notes, one for accounts: {lines}");
    let id = publish(&at, "x").await;
    for listener in &mut listeners {
        assert_eq!(listener.event().await.id(), id);
    }
}

#[tokio::test]
async fn each_delivery_is_proven_as_whoever_is_told() {
    let at = Watching::at(Place::Feed).await;
    let alice = at.log_in("alice").await;
    let mut tabs = vec![
        Listener::to(&alice, &[ALL]).await,
        Listener::to(&alice, &[ALL]).await,
        Listener::to(&at.guest(), &[ALL]).await,
        Listener::to(&at.guest(), &[ALL]).await,
    ];
    at.proxy.take();
    let id = publish(&at, "x").await;
    for tab in &mut tabs {
        assert_eq!(tab.event().await.id(), id);
    }
    let asked = at.proxy.take();
    let proofs: Vec<_> = asked
        .iter()
        .filter(|seen| seen.target.contains("/records"))
        .collect();
    assert_eq!(proofs.len(), 2, "one for alice, one for guests: {proofs:?}");
    let mut tokens: Vec<_> = proofs
        .iter()
        .map(|seen| seen.header("authorization"))
        .collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [None, Some(alice.token())]);
    // No user's token opens a line.
    let lines = asked.iter().filter(|seen| seen.target == "/api/realtime");
    for line in lines {
        assert_ne!(line.header("authorization"), Some(alice.token()));
    }
}

#[tokio::test]
async fn what_is_sent_is_what_the_subscriber_may_see() {
    let at = Watching::at(Place::Feed).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let superuser = at.pocketbase.superuser().await;
    let id = publish(&at, "x").await;
    assert_eq!(alice.event().await.id(), id);
    let call = superuser.patch(&record(NOTES, &id));
    call.json(&json!({ "hidden": "never told", "title": "y" }))
        .await
        .expect(200);
    let told = alice.event().await;
    let view = at.guest().get(&record(NOTES, &id)).await.expect(200);
    assert_eq!(told.data["record"], view);
    assert_eq!(view.get("hidden"), None::<&Value>);
}
