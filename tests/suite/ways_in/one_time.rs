//! By a one-time password.

use hapta_tests::demo::{BOB, CAROL, records};
use hapta_tests::{Reply, WaysIn, eventually, since};
use serde_json::{Value, json};

use super::second_factor::AGEING;
use super::{Entrance, PASSWORD, everywhere, everywhere_with, is_in, is_refused, users, with};

const REFUSED: &str = "Invalid or expired OTP.";

async fn enter(at: &Entrance, password: &Value) -> Reply {
    let call = at.guest().post(&users("auth-with-otp"));
    call.json(password).await
}

/// PocketBase writes its record of a password anew once the mail is sent, with the address that it was sent to:
/// somebody may read the mail before.
async fn is_known_to_be_sent(at: &Entrance) {
    let superuser = at.pocketbase.superuser().await;
    eventually("the password is known to be sent", async || {
        let list = superuser.get(&records("_otps")).await.expect(200);
        list["items"][0]["sentTo"]
            .as_str()
            .filter(|to| !to.is_empty())
            .map(str::to_owned)
    })
    .await;
}

#[tokio::test]
async fn a_mailed_password_lets_in_once() {
    everywhere(async |at| {
        at.offer(WaysIn::one_time_passwords).await;
        let mailed = at.one_time_password("bob@example.com").await;
        is_in(at, enter(at, &mailed).await, BOB).await;
        is_refused(&enter(at, &mailed).await, 400, REFUSED);
    })
    .await;
}

#[tokio::test]
async fn what_was_mailed_to_another_lets_nobody_in() {
    everywhere(async |at| {
        at.offer(WaysIn::one_time_passwords).await;
        let bobs = at.one_time_password("bob@example.com").await;
        let carols = at.one_time_password("carol@example.com").await;
        let attempts = [
            with(&bobs, &json!({ "password": carols["password"] })),
            with(&carols, &json!({ "password": bobs["password"] })),
            with(&bobs, &json!({ "password": "no eight digits" })),
            with(&bobs, &json!({ "otpId": "000000000000000" })),
            // The account's password is no one-time password.
            with(&bobs, &json!({ "password": PASSWORD })),
        ];
        for attempt in &attempts {
            is_refused(&enter(at, attempt).await, 400, REFUSED);
        }
        // Nothing of that used them up.
        is_in(at, enter(at, &bobs).await, BOB).await;
        is_in(at, enter(at, &carols).await, CAROL).await;
    })
    .await;
}

#[tokio::test]
async fn nobody_tries_one_time_passwords_for_long() {
    everywhere(async |at| {
        at.offer(WaysIn::one_time_passwords).await;
        let mailed = at.one_time_password("bob@example.com").await;
        let wrong = with(&mailed, &json!({ "password": "no eight digits" }));
        for _ in 0..5 {
            is_refused(&enter(at, &wrong).await, 400, REFUSED);
        }
        // Even the right one comes too late.
        enter(at, &mailed).await.refused(429);
    })
    .await;
}

#[tokio::test]
async fn a_one_time_password_grows_old() {
    everywhere_with(&[AGEING], async |at| {
        at.offer(WaysIn::one_time_passwords).await;
        let mailed = at.one_time_password("bob@example.com").await;
        is_known_to_be_sent(at).await;
        let age = at.pocketbase.client().post("/age/_otps");
        age.await.expect(204);
        is_refused(&enter(at, &mailed).await, 400, REFUSED);
    })
    .await;
}

#[tokio::test]
async fn who_reads_the_mail_owns_the_address() {
    everywhere(async |at| {
        at.offer(WaysIn::one_time_passwords).await;
        let eve = at.sign_up("eve@example.com").await;
        let mailed = at.one_time_password("eve@example.com").await;
        is_known_to_be_sent(at).await;
        let answer = is_in(at, enter(at, &mailed).await, &eve).await;
        assert_eq!(answer["record"]["verified"], true);
        // Whoever signed up with that address may have been another: newer versions end their password.
        let login = at.guest().authenticate("users", "eve@example.com").await;
        assert_eq!(login.status, since((0, 39), 400, 200), "{login:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_off_is_refused() {
    everywhere(async |at| {
        let call = at.guest().post(&users("request-otp"));
        let asked = call.json(&json!({ "email": "bob@example.com" })).await;
        asked.refused(403);
        let made_up = json!({ "otpId": "000000000000000", "password": "12345678" });
        enter(at, &made_up).await.refused(403);
    })
    .await;
}
