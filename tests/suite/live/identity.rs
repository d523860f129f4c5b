//! Whose a stream is, and for how long.

use std::time::Duration;

use hapta_tests::demo::{ALICE, record};
use hapta_tests::live::{BRIEFS, Listener, QUIET, SOON, Watching, subscribe};
use hapta_tests::{Client, eventually, since};
use serde_json::{Value, json};

use super::{ALL, keep, publish, retitle};

scenes! { everywhere:
    a_guest_s_stream_becomes_a_user_s,
    a_user_s_stream_is_nobody_else_s,
    another_token_of_the_same_account_is_as_good,
    a_role_that_changes_counts_from_the_next_event,
    others_are_not_disturbed_by_what_becomes_of_an_account,
    who_is_unknown_is_told_so,
}

scenes! { gateways:
    a_stream_is_of_the_address_that_opened_it,
    a_token_that_is_none_is_no_guest_s,
    a_new_password_ends_the_stream,
    another_address_of_mail_ends_the_stream,
    tokens_that_are_reset_end_the_stream,
    an_account_that_is_gone_ends_its_streams,
    a_token_s_end_is_the_stream_s,
    the_newest_token_counts,
}

/// What PocketBase says to whom a stream doesn't belong.
const NOT_YOURS: &str = "The current and the previous request authorization don't match.";

async fn a_guest_s_stream_becomes_a_user_s(at: &Watching) {
    let mut listener = Listener::to(&at.guest(), &[ALL]).await;
    keep(at, ALICE, "not yet").await;
    listener.nothing_within(QUIET).await;
    let alice = at.log_in("alice").await;
    listener.ask(&alice, &[ALL]).await.expect(204);
    let id = keep(at, ALICE, "now").await;
    assert_eq!(listener.event().await.id(), id);
    listener.ask(&alice, &[ALL, "plain/*"]).await.expect(204);
    retitle(at, &id, "again").await;
    assert_eq!(listener.event().await.field("title"), "again");
    listener.nothing_within(QUIET).await;
}

async fn a_user_s_stream_is_nobody_else_s(at: &Watching) {
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let bob = at.log_in("bob").await;
    for (other, topics) in [
        (&bob, &[ALL][..]),
        (&at.guest(), &[ALL]),
        (&bob, &[]),
        (&at.guest(), &["plain/*"]),
    ] {
        let error = alice.ask(other, topics).await.refused(403);
        assert_eq!(error["message"], NOT_YOURS, "{error}");
    }
    let id = keep(at, ALICE, "mine").await;
    assert_eq!(alice.event().await.id(), id);
}

async fn another_token_of_the_same_account_is_as_good(at: &Watching) {
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let again = at.guest().with_token(short_token(at, 60).await);
    alice.ask(&again, &["plain/*", ALL]).await.expect(204);
    let id = keep(at, ALICE, "mine").await;
    assert_eq!(alice.event().await.id(), id);
}

async fn a_role_that_changes_counts_from_the_next_event(at: &Watching) {
    let mut alice = Listener::to(&at.log_in("alice").await, &["briefs/*"]).await;
    at.create(BRIEFS, &json!({ "title": "not for her" })).await;
    alice.nothing_within(QUIET).await;
    change(at, &json!({ "role": "moderator" })).await;
    let id = at.create(BRIEFS, &json!({ "title": "for her" })).await;
    assert_eq!(alice.event().await.id(), id);
    change(at, &json!({ "role": "user" })).await;
    at.create(BRIEFS, &json!({ "title": "no longer" })).await;
    alice.nothing_within(QUIET).await;
}

async fn others_are_not_disturbed_by_what_becomes_of_an_account(at: &Watching) {
    let mut bob = Listener::to(&at.log_in("bob").await, &[ALL]).await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let _alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    change(
        at,
        &json!({ "password": "another-1234", "passwordConfirm": "another-1234" }),
    )
    .await;
    for round in 0..3 {
        let id = publish(at, &round.to_string()).await;
        assert_eq!(bob.event().await.id(), id);
        assert_eq!(guest.event().await.id(), id);
    }
}

async fn who_is_unknown_is_told_so(at: &Watching) {
    let guest = at.guest();
    subscribe(&guest, "nobody", &[ALL]).await.refused(404);
    let gone = Listener::to(&guest, &[ALL]).await;
    let id = gone.id().to_owned();
    drop(gone);
    let refused = async || {
        let reply = subscribe(&guest, &id, &[ALL]).await;
        (reply.status == 404).then_some(())
    };
    eventually("the stream is forgotten", refused).await;
}

async fn a_stream_is_of_the_address_that_opened_it(at: &Watching) {
    let mut here = Listener::to(&at.guest(), &[ALL]).await;
    let there = at.guest().from([127, 0, 0, 2]);
    let reply = here.ask(&there, &["plain/*"]).await;
    assert_eq!(reply.code(404), "unknown_client");
    let alice = at.log_in("alice").await.from([127, 0, 0, 2]);
    let reply = here.ask(&alice, &[ALL]).await;
    assert_eq!(reply.code(404), "unknown_client");
    keep(at, ALICE, "mine").await;
    let id = publish(at, "ours").await;
    assert_eq!(here.event().await.id(), id);
}

async fn a_token_that_is_none_is_no_guest_s(at: &Watching) {
    let mut listener = Listener::to(&at.guest(), &["plain/*"]).await;
    let bad = at.guest().with_token("a.b.c");
    assert_eq!(listener.ask(&bad, &[ALL]).await.code(401), "token_invalid");
    // The popup of a login works for who has a stale token all the same.
    let login = Listener::open(&at.guest()).await;
    login.ask(&bad, &["@oauth2"]).await.expect(204);
    publish(at, "x").await;
    listener.nothing_within(QUIET).await;
}

async fn a_new_password_ends_the_stream(at: &Watching) {
    let (mut alice, id) = alice_listens(at).await;
    change(
        at,
        &json!({ "password": "another-1234", "passwordConfirm": "another-1234" }),
    )
    .await;
    ends(at, &mut alice, &id).await;
}

async fn another_address_of_mail_ends_the_stream(at: &Watching) {
    let (mut alice, id) = alice_listens(at).await;
    change(at, &json!({ "email": "alice@elsewhere.example" })).await;
    if since((0, 28), true, false) {
        ends(at, &mut alice, &id).await;
    } else {
        // Tokens are as good as before.
        retitle(at, &id, "still mine").await;
        assert_eq!(alice.event().await.field("title"), "still mine");
        alice.nothing_within(SOON).await;
    }
}

async fn tokens_that_are_reset_end_the_stream(at: &Watching) {
    let (mut alice, id) = alice_listens(at).await;
    change(at, &json!({ "tokenKey": "k".repeat(50) })).await;
    ends(at, &mut alice, &id).await;
}

async fn an_account_that_is_gone_ends_its_streams(at: &Watching) {
    let (mut alice, id) = alice_listens(at).await;
    let superuser = at.pocketbase.superuser().await;
    superuser.delete(&record("users", ALICE)).await.expect(204);
    ends(at, &mut alice, &id).await;
}

async fn a_token_s_end_is_the_stream_s(at: &Watching) {
    let client = at.guest().with_token(short_token(at, SHORTEST).await);
    let mut alice = Listener::to(&client, &[ALL]).await;
    let id = keep(at, ALICE, "mine").await;
    assert_eq!(alice.event().await.id(), id);
    let code = alice.closing(lasts(SHORTEST) + SOON).await;
    assert_eq!(code, "token_expired");
}

async fn the_newest_token_counts(at: &Watching) {
    let client = at.guest().with_token(short_token(at, SHORTEST).await);
    let mut alice = Listener::to(&client, &[ALL]).await;
    alice
        .ask(&at.log_in("alice").await, &[ALL])
        .await
        .expect(204);
    // Past the first one's end.
    alice.nothing_within(lasts(SHORTEST) + SOON / 2).await;
    let id = keep(at, ALICE, "mine").await;
    assert_eq!(alice.event().await.id(), id);
}

/// alice on a stream that works, and a note of hers.
async fn alice_listens(at: &Watching) -> (Listener, String) {
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let id = keep(at, ALICE, "mine").await;
    assert_eq!(alice.event().await.id(), id);
    (alice, id)
}

/// Her stream ends by itself, as one whose token is refused, and she can't ask with it again.
async fn ends(at: &Watching, alice: &mut Listener, id: &str) {
    let code = alice.closing(SOON).await;
    assert_eq!(code, "token_refused");
    let reply = alice.ask(&at.guest(), &[ALL]).await;
    assert_eq!(reply.code(404), "unknown_client");
    let still = at.pocketbase.client().patch(&record("notes", id));
    assert!([200, 404].contains(&still.json(&json!({ "title": "x" })).await.status));
}

/// Changes alice's account as a superuser, past any gateway.
async fn change(at: &Watching, body: &Value) {
    let superuser = at.pocketbase.superuser().await;
    superuser
        .patch(&record("users", ALICE))
        .json(body)
        .await
        .expect(200);
}

/// The seconds of a token that ends soon.
const SHORTEST: u64 = 2;

/// How long a token lasts that was to last so many seconds.
fn lasts(seconds: u64) -> Duration {
    Duration::from_secs(since((0, 36), seconds, seconds.max(10)))
}

/// A token of alice's that [`lasts`] so many seconds.
async fn short_token(at: &Watching, seconds: u64) -> String {
    let superuser: Client = at.pocketbase.superuser().await;
    if since((0, 36), true, false) {
        let call = superuser.post(&format!("/api/collections/users/impersonate/{ALICE}"));
        let made = call.json(&json!({ "duration": seconds })).await.expect(200);
        return made["token"].as_str().expect("a token").to_owned();
    }
    // Made for another, a token can't be asked about there. For a moment all are short.
    let users = superuser.get("/api/collections/users").await.expect(200);
    let set = async |duration: &Value| {
        let change = json!({ "authToken": { "duration": duration } });
        let call = superuser.patch("/api/collections/users").json(&change);
        call.await.expect(200);
    };
    set(&json!(lasts(seconds).as_secs())).await;
    let alice = at.pocketbase.client().log_in("alice").await;
    set(&users["authToken"]["duration"]).await;
    alice.token().to_owned()
}
