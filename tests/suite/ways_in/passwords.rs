//! By password; and what a login is good for afterwards.

use hapta_tests::demo::{ALICE, BOB, CAROL, record};
use hapta_tests::since;
use serde_json::json;

use super::{Entrance, PASSWORD, everywhere, is_in, is_refused, users};

#[tokio::test]
async fn a_password_lets_in() {
    everywhere(async |at| {
        let login = json!({ "identity": "bob@example.com", "password": PASSWORD });
        let password = users("auth-with-password");
        let reply = at.guest().post(&password).json(&login).await;
        let answer = is_in(at, reply, BOB).await;
        // One's own address is told to oneself.
        assert_eq!(answer["record"]["email"], "bob@example.com");
        // SDKs send what they have left along.
        let stale = at.guest().post(&password).json(&login).token("stale");
        is_in(at, stale.await, BOB).await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_and_nobody_are_one_answer() {
    everywhere(async |at| {
        let attempts = [
            json!({ "identity": "bob@example.com", "password": "wrong567890" }),
            json!({ "identity": "nobody@example.com", "password": PASSWORD }),
        ];
        for attempt in attempts {
            let call = at.guest().post(&users("auth-with-password"));
            let reply = call.json(&attempt).await;
            is_refused(&reply, 400, "Failed to authenticate.");
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_is_refreshed_by_whom_it_is() {
    everywhere(async |at| {
        let bob = at.log_in("bob").await;
        is_in(at, bob.post(&users("auth-refresh")).await, BOB).await;
        let nobody = at.guest().post(&users("auth-refresh")).await;
        nobody.refused(401);
        let stale = at.guest().post(&users("auth-refresh")).token("stale");
        stale.await.refused(401);
        // Somebody, but of no account in this collection.
        let superuser = at.superuser().await.post(&users("auth-refresh"));
        superuser.await.refused(403);
    })
    .await;
}

/// Whether a token that superusers made for somebody is good here: the gateway asks PocketBase by a refresh
/// whose a token is, which older versions refuse for these.
fn is_good(at: &Entrance) -> bool {
    at.gateway.is_none() || since((0, 36), true, false)
}

#[tokio::test]
async fn superusers_alone_log_in_as_somebody_else() {
    everywhere(async |at| {
        let impersonate = users(&format!("impersonate/{BOB}"));
        let asked = json!({ "duration": 100 });
        let superuser = at.superuser().await;
        let answer = superuser.post(&impersonate).json(&asked).await.expect(200);
        assert_eq!(answer["record"]["id"], BOB);
        let bob = at
            .guest()
            .with_token(answer["token"].as_str().expect("a token"));
        let own = bob.get(&record("users", BOB)).await;
        if is_good(at) {
            assert_eq!(own.expect(200)["email"], "bob@example.com");
            let others = bob.get(&record("users", CAROL)).await.expect(200);
            assert!(others["email"].is_null(), "{others}");
        } else {
            own.refused(401);
        }

        let alice = at.log_in("alice").await;
        alice.post(&impersonate).json(&asked).await.refused(403);
        at.guest()
            .post(&impersonate)
            .json(&asked)
            .await
            .refused(401);
        // What it stands for may not make more of itself.
        let more = bob.post(&users(&format!("impersonate/{ALICE}")));
        let more = more.json(&asked).await;
        more.refused(if is_good(at) { 403 } else { 401 });
    })
    .await;
}

#[tokio::test]
async fn a_login_as_somebody_else_does_not_last_longer_by_a_refresh() {
    everywhere(async |at| {
        let call = at
            .superuser()
            .await
            .post(&users(&format!("impersonate/{BOB}")));
        let answer = call.json(&json!({ "duration": 100 })).await.expect(200);
        let token = answer["token"].as_str().expect("a token");
        let refresh = at.guest().post(&users("auth-refresh")).token(token).await;
        let refused = if is_good(at) { 403 } else { 401 };
        assert_eq!(refresh.status, since((0, 36), 200, refused), "{refresh:?}");
        if refresh.status == 200 {
            assert_eq!(refresh.json()["token"], token);
        }
    })
    .await;
}
