//! What mails lead to: verification, a new password, another address.

use hapta_tests::demo::{BOB, CAROL};
use hapta_tests::{Mail, Reply, WaysIn};
use serde_json::{Value, json};

use super::{Entrance, PASSWORD, everywhere, is_in, is_refused, users, with};

const NEW_PASSWORD: &str = "a new password";

async fn post(at: &Entrance, action: &str, body: &Value) -> Reply {
    at.guest().post(&users(action)).json(body).await
}

fn without_more(ways: WaysIn) -> WaysIn {
    ways
}

/// Asserts that PocketBase finds this token at fault, whatever else it does.
#[track_caller]
fn token_is_bad(reply: &Reply) {
    let error = reply.refused(400);
    assert!(error["data"]["token"]["code"].is_string(), "{error}");
}

/// Asserts that its link leads to where people log in, and that there is a page for it.
async fn leads_back(at: &Entrance, mail: &Mail, page: &str) {
    let pages = format!("http://{}/_/#/auth/{page}/", at.guest().address());
    assert!(mail.link().starts_with(&pages), "{}", mail.link());
    let shown = at.guest().get("/_/").await;
    let kind = shown.header("Content-Type").unwrap_or_default();
    assert!(kind.starts_with("text/html"), "{shown:?}");
    assert_eq!(shown.status, 200, "{shown:?}");
}

#[tokio::test]
async fn an_address_is_verified_by_what_was_mailed_there() {
    everywhere(async |at| {
        at.offer(without_more).await;
        let eve = at.sign_up("eve@example.com").await;
        let asked = json!({ "email": "eve@example.com" });
        post(at, "request-verification", &asked).await.expect(204);
        let mail = at.mailbox().await.mail_to("eve@example.com").await;
        leads_back(at, &mail, "confirm-verification").await;
        let before = at.log_in("eve").await;

        let token = json!({ "token": mail.token() });
        post(at, "confirm-verification", &token).await.expect(204);
        let login = at.guest().authenticate("users", "eve@example.com").await;
        assert_eq!(is_in(at, login, &eve).await["record"]["verified"], true);
        // That was no change of who may come in.
        before.post(&users("auth-refresh")).await.expect(200);
        // PocketBase finds nothing wrong in what is so already.
        post(at, "confirm-verification", &token).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_for_what_it_was_mailed_for() {
    everywhere(async |at| {
        at.offer(without_more).await;
        at.sign_up("eve@example.com").await;
        let verification = at.mailed_token("request-verification", "eve@example.com").await;
        let reset = at.mailed_token("request-password-reset", "eve@example.com").await;
        let login = at.log_in("eve").await;

        for token in [verification.as_str(), login.token(), "made up"] {
            let new = json!({ "token": token, "password": NEW_PASSWORD, "passwordConfirm": NEW_PASSWORD });
            token_is_bad(&post(at, "confirm-password-reset", &new).await);
        }
        for token in [reset.as_str(), login.token(), "made up"] {
            let token = json!({ "token": token });
            token_is_bad(&post(at, "confirm-verification", &token).await);
            let token = with(&token, &json!({ "password": PASSWORD }));
            token_is_bad(&post(at, "confirm-email-change", &token).await);
        }
        // A token out of a mail is no login.
        for token in [&verification, &reset] {
            at.guest().post(&users("auth-refresh")).token(token).await.refused(401);
        }
        at.log_in("eve").await;
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_and_every_login() {
    everywhere(async |at| {
        at.offer(without_more).await;
        let before = at.log_in("bob").await;
        let asked = json!({ "email": "bob@example.com" });
        post(at, "request-password-reset", &asked).await.expect(204);
        let mail = at.mailbox().await.mail_to("bob@example.com").await;
        leads_back(at, &mail, "confirm-password-reset").await;

        let mismatch = json!({ "token": mail.token(), "password": NEW_PASSWORD, "passwordConfirm": PASSWORD });
        let error = post(at, "confirm-password-reset", &mismatch).await.refused(400);
        assert!(error["data"]["passwordConfirm"].is_object(), "{error}");
        before.post(&users("auth-refresh")).await.expect(200);

        let new = json!({ "token": mail.token(), "password": NEW_PASSWORD, "passwordConfirm": NEW_PASSWORD });
        post(at, "confirm-password-reset", &new).await.expect(204);
        before.post(&users("auth-refresh")).await.refused(401);
        let old = at.guest().authenticate("users", "bob@example.com").await;
        is_refused(&old, 400, "Failed to authenticate.");
        let login = json!({ "identity": "bob@example.com", "password": NEW_PASSWORD });
        is_in(at, post(at, "auth-with-password", &login).await, BOB).await;
        // Once is enough.
        token_is_bad(&post(at, "confirm-password-reset", &new).await);
    })
    .await;
}

#[tokio::test]
async fn another_address_takes_its_mail_and_the_password() {
    everywhere(async |at| {
        at.offer(without_more).await;
        let before = at.log_in("carol").await;
        let asked = json!({ "newEmail": "caroline@example.com" });
        post(at, "request-email-change", &asked).await.refused(401);
        let call = before.post(&users("request-email-change")).json(&asked);
        call.await.expect(204);
        let mail = at.mailbox().await.mail_to("caroline@example.com").await;
        leads_back(at, &mail, "confirm-email-change").await;

        let confirm = |password: &str| json!({ "token": mail.token(), "password": password });
        let wrong = post(at, "confirm-email-change", &confirm("wrong567890")).await;
        let error = wrong.refused(400);
        assert!(error["data"]["password"].is_object(), "{error}");
        let right = post(at, "confirm-email-change", &confirm(PASSWORD)).await;
        right.expect(204);

        before.post(&users("auth-refresh")).await.refused(401);
        let old = at.guest().authenticate("users", "carol@example.com").await;
        is_refused(&old, 400, "Failed to authenticate.");
        let new = at
            .guest()
            .authenticate("users", "caroline@example.com")
            .await;
        is_in(at, new, CAROL).await;
        token_is_bad(&post(at, "confirm-email-change", &confirm(PASSWORD)).await);
    })
    .await;
}

#[tokio::test]
async fn an_address_of_another_is_not_taken() {
    everywhere(async |at| {
        at.offer(without_more).await;
        let carol = at.log_in("carol").await;
        let asked = json!({ "newEmail": "alice@example.com" });
        let reply = carol
            .post(&users("request-email-change"))
            .json(&asked)
            .await;
        let error = reply.refused(400);
        assert!(error["data"]["newEmail"].is_object(), "{error}");
    })
    .await;
}

#[tokio::test]
async fn unknown_addresses_are_answered_as_known_ones() {
    everywhere(async |at| {
        at.offer(WaysIn::one_time_passwords).await;
        at.sign_up("eve@example.com").await;
        let (known, unknown) = ("eve@example.com", "nobody@example.com");
        for action in [
            "request-verification",
            "request-password-reset",
            "request-otp",
        ] {
            let of_unknown = post(at, action, &json!({ "email": unknown })).await;
            let of_known = post(at, action, &json!({ "email": known })).await;
            assert!(of_known.status < 300, "{action}: {of_known:?}");
            assert_eq!(shape(&of_known), shape(&of_unknown), "{action}");
            let mail = at.mailbox().await.mail_to(known).await;
            assert_eq!(mail.to, known);
        }
        assert!(!at.mailbox().await.has_mail_to(unknown));
    })
    .await;
}

/// What a reply tells apart from the values in it: status, headers that name its kind, keys and lengths.
fn shape(reply: &Reply) -> (u16, Vec<String>, Vec<(String, usize)>) {
    let mut headers: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    let body = reply.expect(reply.status);
    let keys = body.as_object().into_iter().flatten();
    let keys = keys.map(|(key, value)| (key.clone(), value.to_string().len()));
    (reply.status, headers, keys.collect())
}
