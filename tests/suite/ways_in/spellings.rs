//! What PocketBase takes for a login's key, and the gateway for nothing.

use hapta_tests::{Reply, WaysIn, since};
use serde_json::json;

use super::{Entrance, PASSWORD, users};

const FORM: &str = "application/x-www-form-urlencoded";
const XML: &str = "<data><Email>alice@example.com</Email></data>";

/// Asks PocketBase itself and the gateway the same.
async fn both(at: &Entrance, target: &str, content_type: &str, body: &str) -> [Reply; 2] {
    let clients = [at.pocketbase.client(), at.guest()];
    let mut replies = Vec::new();
    for client in clients {
        let call = client.post(target).body(content_type, body.to_owned());
        replies.push(call.await);
    }
    replies.try_into().expect("two replies")
}

#[tokio::test]
async fn a_login_has_each_key_in_one_spelling_and_one_place() {
    let at = Entrance::of_a_gateway(&[]).await;
    at.offer(WaysIn::one_time_passwords).await;
    let login = users("auth-with-password");
    let credentials = format!("identity=alice%40example.com&password={PASSWORD}");
    let payload =
        "%7B%22identity%22%3A%22alice%40example.com%22%2C%22password%22%3A%221234567890%22%7D";
    let json = "application/json";
    let upper = json!({ "IDENTITY": "alice@example.com", "PASSWORD": PASSWORD }).to_string();
    let dashed = json!({ "iden_tity": "alice@example.com", "pass-word": PASSWORD }).to_string();
    let cases = [
        (login.clone(), json, upper, 200),
        (login.clone(), json, dashed, since((0, 40), 200, 400)),
        (format!("{login}?{credentials}"), FORM, String::new(), 400),
        (
            format!("{login}?{credentials}"),
            FORM,
            "more=1".to_owned(),
            200,
        ),
        (
            format!("{login}?@jsonPayload={payload}"),
            FORM,
            "more=1".to_owned(),
            200,
        ),
        (
            login.clone(),
            FORM,
            format!("@jsonPayload={payload}&identity=bob%40example.com"),
            200,
        ),
    ];
    for (target, content_type, body, direct) in cases {
        let [pocketbase, gateway] = both(&at, &target, content_type, &body).await;
        assert_eq!(pocketbase.status, direct, "{target} {body}: {pocketbase:?}");
        assert_eq!(gateway.status, 400, "{target} {body}: {gateway:?}");
        gateway.refused(400);
    }
}

#[tokio::test]
async fn the_first_of_two_steps_is_told_in_one_place() {
    let at = Entrance::of_a_gateway(&[]).await;
    let target = format!("{}?mfaId=one", users("auth-with-password"));
    let login = json!({ "identity": "alice@example.com", "password": PASSWORD, "mfaId": "two" });
    let reply = at.guest().post(&target).json(&login).await;
    assert_eq!(reply.code(400), "body_key");
}

#[tokio::test]
async fn no_body_is_read_as_xml() {
    let at = Entrance::of_a_gateway(&[]).await;
    at.offer(WaysIn::one_time_passwords).await;
    for (action, direct) in [
        ("request-otp", 200),
        ("request-password-reset", 204),
        ("request-verification", 204),
    ] {
        let [pocketbase, gateway] = both(&at, &users(action), "application/xml", XML).await;
        assert_eq!(pocketbase.status, direct, "{action}: {pocketbase:?}");
        assert_eq!(gateway.code(415), "body_type", "{action}");
    }
}

#[tokio::test]
async fn a_login_comes_as_a_form_too() {
    let at = Entrance::of_a_gateway(&[]).await;
    at.offer(WaysIn::one_time_passwords).await;
    let credentials = format!("identity=alice%40example.com&password={PASSWORD}");
    let [pocketbase, gateway] = both(&at, &users("auth-with-password"), FORM, &credentials).await;
    assert_eq!(
        (pocketbase.status, gateway.status),
        (200, 200),
        "{gateway:?}"
    );
    let email = "email=alice%40example.com";
    let [pocketbase, gateway] = both(&at, &users("request-otp"), FORM, email).await;
    assert_eq!(
        (pocketbase.status, gateway.status),
        (200, 200),
        "{gateway:?}"
    );
}
