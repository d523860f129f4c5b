//! By two ways, one after the other.

use hapta_tests::demo::{BOB, CAROL};
use hapta_tests::{Reply, WaysIn};
use serde_json::{Value, json};

use super::{
    Entrance, PASSWORD, everywhere, everywhere_with, is_in, is_refused, second_is_wanted, users,
    with,
};

/// `POST /age/COLLECTION` makes its records as old as can be.
pub(super) const AGEING: (&str, &str) = (
    "pb_hooks/ageing.pb.js",
    r#"routerAdd("POST", "/age/{collection}", (e) => {
        const name = e.request.pathValue("collection")
        e.app.db().newQuery(`UPDATE {{${name}}} SET [[created]] = "2020-01-01 00:00:00.000Z"`).execute()
        return e.noContent(204)
    })"#,
);

const OVER: &str = "Invalid or expired MFA session.";

fn everybody(ways: WaysIn) -> WaysIn {
    ways.one_time_passwords().second_factor("")
}

/// Logs in by the demo's password, with more keys in the body and a query.
async fn by_password(at: &Entrance, email: &str, query: &str, more: &Value) -> Reply {
    let login = json!({ "identity": email, "password": PASSWORD });
    let call = at
        .guest()
        .post(&users(&format!("auth-with-password{query}")));
    call.json(&with(&login, more)).await
}

/// The same by a one-time password, which is mailed for it.
async fn by_mail(at: &Entrance, email: &str, query: &str, more: &Value) -> Reply {
    let mailed = at.one_time_password(email).await;
    let call = at.guest().post(&users(&format!("auth-with-otp{query}")));
    call.json(&with(&mailed, more)).await
}

fn nothing() -> Value {
    json!({})
}

#[tokio::test]
async fn a_password_and_then_a_mail() {
    everywhere(async |at| {
        at.offer(everybody).await;
        let bob = "bob@example.com";
        let first = second_is_wanted(&by_password(at, bob, "", &nothing()).await);
        let second = by_mail(at, bob, "", &json!({ "mfaId": first })).await;
        is_in(at, second, BOB).await;

        let first = second_is_wanted(&by_password(at, bob, "", &nothing()).await);
        let second = by_mail(at, bob, &format!("?mfaId={first}"), &nothing()).await;
        is_in(at, second, BOB).await;
    })
    .await;
}

#[tokio::test]
async fn a_mail_and_then_a_password() {
    everywhere(async |at| {
        at.offer(everybody).await;
        let bob = "bob@example.com";
        let first = second_is_wanted(&by_mail(at, bob, "", &nothing()).await);
        let second = by_password(at, bob, "", &json!({ "mfaId": first })).await;
        is_in(at, second, BOB).await;

        let first = second_is_wanted(&by_mail(at, bob, "", &nothing()).await);
        let second = by_password(at, bob, &format!("?mfaId={first}"), &nothing()).await;
        is_in(at, second, BOB).await;
    })
    .await;
}

#[tokio::test]
async fn a_provider_and_then_a_password() {
    everywhere(async |at| {
        let provider = at.provider().await;
        at.offer(|ways| ways.provider(provider)).await;
        let bob = at.log_in("bob").await;
        let linked = at.authorized("bob").await;
        let link = bob.post(&users("auth-with-oauth2")).json(&linked);
        link.await.expect(200);
        at.offer(|ways| ways.provider(provider).second_factor(""))
            .await;

        let again = at.authorized("bob").await;
        let call = at.guest().post(&users("auth-with-oauth2"));
        let first = second_is_wanted(&call.json(&again).await);
        let second = by_password(at, "bob@example.com", "", &json!({ "mfaId": first })).await;
        is_in(at, second, BOB).await;
    })
    .await;
}

#[tokio::test]
async fn a_rule_says_for_whom_one_way_is_enough() {
    everywhere(async |at| {
        let moderators = "role = 'moderator'";
        at.offer(|ways| ways.one_time_passwords().second_factor(moderators))
            .await;
        is_in(
            at,
            by_password(at, "bob@example.com", "", &nothing()).await,
            BOB,
        )
        .await;
        let carol = "carol@example.com";
        let first = second_is_wanted(&by_password(at, carol, "", &nothing()).await);
        is_in(
            at,
            by_mail(at, carol, "", &json!({ "mfaId": first })).await,
            CAROL,
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_first_way_counts_once() {
    everywhere(async |at| {
        at.offer(everybody).await;
        let bob = "bob@example.com";
        let first =
            json!({ "mfaId": second_is_wanted(&by_password(at, bob, "", &nothing()).await) });
        let twice = by_password(at, bob, "", &first).await;
        is_refused(
            &twice,
            400,
            "A different authentication method is required.",
        );
        is_in(at, by_mail(at, bob, "", &first).await, BOB).await;
        is_refused(&by_mail(at, bob, "", &first).await, 400, OVER);
        is_refused(&by_password(at, bob, "", &first).await, 400, OVER);
    })
    .await;
}

#[tokio::test]
async fn the_first_way_of_another_counts_for_nobody() {
    everywhere(async |at| {
        at.offer(everybody).await;
        let (bob, carol) = ("bob@example.com", "carol@example.com");
        let bobs =
            json!({ "mfaId": second_is_wanted(&by_password(at, bob, "", &nothing()).await) });
        is_refused(
            &by_mail(at, carol, "", &bobs).await,
            400,
            "Invalid MFA session.",
        );
        let made_up = json!({ "mfaId": "000000000000000" });
        is_refused(&by_mail(at, carol, "", &made_up).await, 400, OVER);
        // It is still bob's.
        is_in(at, by_mail(at, bob, "", &bobs).await, BOB).await;
    })
    .await;
}

#[tokio::test]
async fn the_first_way_grows_old() {
    everywhere_with(&[AGEING], async |at| {
        at.offer(everybody).await;
        let bob = "bob@example.com";
        let first = second_is_wanted(&by_password(at, bob, "", &nothing()).await);
        at.pocketbase.client().post("/age/_mfas").await.expect(204);
        let second = by_mail(at, bob, "", &json!({ "mfaId": first })).await;
        is_refused(&second, 400, OVER);
    })
    .await;
}
