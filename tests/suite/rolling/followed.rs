//! What else says who asks: file tokens and event streams end with their session.

use hapta_tests::demo::ALICE;
use hapta_tests::live::{Listener, NOTES, Place, SOON, Watching, open};
use hapta_tests::{Client, eventually};
use serde_json::json;

use super::{LOGOUT, REFRESH, ROLLING, SESSIONS, claims, refreshed, stage};

const TOKEN: &str = "/api/files/token";

async fn file_token(client: &Client) -> String {
    super::token(&client.post(TOKEN).await)
}

#[tokio::test]
async fn a_file_token_is_the_gateways_own_and_ends_with_its_session() {
    let stage = stage().await;
    let superuser = stage.pocketbase.superuser().await;
    let alice = stage.guest().log_in("alice").await;
    let vault = json!({
        "name": "vault", "type": "base", "viewRule": "@request.auth.id != ''", "createRule": "",
        "fields": [{ "type": "file", "name": "doc", "maxSelect": 1, "protected": true }],
    });
    superuser
        .post("/api/collections")
        .json(&vault)
        .await
        .expect(200);
    let form = hapta_tests::Form::new().file("doc", "doc.txt", "what is in it");
    let kept = superuser
        .post("/api/collections/vault/records")
        .form(form)
        .await
        .expect(200);
    let (id, doc) = (
        kept["id"].as_str().expect("an id"),
        kept["doc"].as_str().expect("a name"),
    );
    let path = format!("/api/files/vault/{id}/{doc}");
    stage.gateway.reconfigure(
        "[collections.posts]",
        "[collections.vault]\nrules = \"pocketbase\"\n\n[collections.posts]",
    );
    let guest = stage.guest();
    eventually("the vault is served", async || {
        (guest.get(&path).await.status == 404
            && guest.get("/api/collections/vault/records").await.status != 404)
            .then_some(())
    })
    .await;
    stage.proxy.take();
    let own = file_token(&alice).await;
    assert_eq!(claims(&own)["type"], "file");
    assert_ne!(own, file_token(&alice).await);
    let by = |token: &str| guest.get(&format!("{path}?token={token}"));
    assert_eq!(by(&own).await.text(), "what is in it");
    // PocketBase got its own, which is no good here.
    let seen = stage.proxy.seen();
    let inner = seen.iter().find_map(|seen| {
        seen.target
            .split_once("?token=")
            .map(|(_, token)| token.to_owned())
    });
    let inner = inner.expect("a token");
    assert_ne!(inner, own);
    by(&inner).await.refused(401);
    // It is no login, a login no file token, and neither are those of others.
    guest.get(SESSIONS).token(&own).await.refused(401);
    guest.post(REFRESH).token(&own).await.refused(401);
    by(alice.token()).await.refused(401);
    let newer = refreshed(&alice).await;
    assert_eq!(by(&own).await.text(), "what is in it");
    newer.post(LOGOUT).await.expect(204);
    assert_eq!(by(&own).await.code(401), "session_ended");
}

#[tokio::test]
async fn a_stream_goes_on_when_the_token_rolls_and_ends_with_the_session() {
    for place in [Place::Classes, Place::Feed] {
        let at = Watching::with(place, |gateway| open(gateway).also(ROLLING)).await;
        let alice = at.guest().log_in("alice").await;
        let second = at.guest().log_in("alice").await;
        let mut stream = Listener::to(&alice, &["notes/*"]).await;
        let mut other = Listener::to(&second, &["notes/*"]).await;
        let newer = refreshed(&alice).await;
        newer.get(SESSIONS).await.expect(200);
        at.create(NOTES, &json!({ "title": "one", "owner": ALICE }))
            .await;
        assert_eq!(stream.event().await.action(), "create");
        assert_eq!(other.event().await.action(), "create");
        newer.post(LOGOUT).await.expect(204);
        assert_eq!(stream.closing(SOON).await, "token_refused");
        // Another login of the same person goes on to be told.
        at.create(NOTES, &json!({ "title": "two", "owner": ALICE }))
            .await;
        assert_eq!(other.event().await.action(), "create");
    }
}

#[tokio::test]
async fn nobody_subscribes_with_a_session_that_has_ended() {
    let at = Watching::with(Place::Classes, |gateway| open(gateway).also(ROLLING)).await;
    let alice = at.guest().log_in("alice").await;
    let stream = Listener::open(&alice).await;
    alice.post(LOGOUT).await.expect(204);
    let reply = stream.ask(&alice, &["notes/*"]).await;
    assert_eq!(reply.code(401), "session_ended");
}
