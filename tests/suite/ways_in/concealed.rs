//! Nobody finds out who has an account, where the operator wants it so.

use hapta_tests::demo::records;
use hapta_tests::{Client, Reply, Setup, since};
use serde_json::{Value, json};
use toml::toml;

use super::{Entrance, PASSWORD, users};

async fn concealing(set_up: impl FnOnce(Setup) -> Setup) -> Entrance {
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        set_up(gateway).also("[logins]\ntaken_email = \"conceal\"")
    })
    .await;
    at.offer(|ways| ways).await;
    at
}

async fn sign_up(client: &Client, email: &str, more: &Value) -> Reply {
    let account = json!({ "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD });
    let account = super::with(&account, more);
    client.post(&records("users")).json(&account).await
}

/// All of an answer that a client sees, but what is another for each.
fn seen(reply: &Reply) -> (u16, String, Vec<(String, String)>) {
    let own = ["date", "x-request-id"];
    let headers = reply
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    headers.sort();
    (reply.status, reply.text(), headers)
}

#[tokio::test]
async fn a_sign_up_tells_that_an_address_is_taken_as_pocketbase_does() {
    super::everywhere(async |at| {
        at.offer(|ways| ways).await;
        let reply = sign_up(&at.guest(), "alice@example.com", &json!({})).await;
        let error = reply.refused(400);
        assert_eq!(error["data"]["email"]["code"], "validation_not_unique");
    })
    .await;
}

#[tokio::test]
async fn a_sign_up_is_answered_the_same_whether_its_address_is_taken_or_not() {
    let at = concealing(|gateway| gateway.open("users")).await;
    let guest = at.guest();
    let taken = sign_up(&guest, "alice@example.com", &json!({})).await;
    let free = sign_up(&guest, "zoe@example.com", &json!({})).await;
    assert_eq!(seen(&taken), seen(&free));
    assert_eq!(taken.expect(200)["@gateway"]["code"], "sign_up_received");
    let fields = "?fields=id,email,created&expand=followers";
    let target = format!("{}{fields}", records("users"));
    let account =
        |email: &str| json!({ "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD });
    let taken = guest
        .post(&target)
        .json(&account("alice@example.com"))
        .await;
    let free = guest.post(&target).json(&account("yves@example.com")).await;
    assert_eq!(seen(&taken), seen(&free));
    // It was made all the same, and the other is as it was.
    let zoe = json!({ "identity": "zoe@example.com", "password": PASSWORD });
    guest
        .post(&users("auth-with-password"))
        .json(&zoe)
        .await
        .expect(200);
    at.log_in("alice").await;
}

#[tokio::test]
async fn what_else_is_wrong_with_a_sign_up_is_told_and_nothing_more() {
    let at = concealing(|gateway| gateway.open("users")).await;
    let wrong = json!({ "role": "king" });
    let taken = sign_up(&at.guest(), "alice@example.com", &wrong).await;
    let free = sign_up(&at.guest(), "zoe@example.com", &wrong).await;
    // Before 0.28 PocketBase looks at other fields only where the address is free: a documented gap.
    if since((0, 28), true, false) {
        assert_eq!(seen(&taken), seen(&free));
    }
    let error = free.refused(400);
    assert!(error["data"].get("role").is_some() && error["data"].get("email").is_none());
}

#[tokio::test]
async fn what_rules_say_and_count_of_a_sign_up_tells_nothing_either() {
    let counted = toml! {
        operations = ["create"]
        grants = ["hapta:rule/counters"]
        settings = { most = 3, seconds = 60 }
    };
    let at = concealing(|gateway| {
        let gateway = gateway
            .rule_entry("counter", "counter", counted)
            .rule("after_denier");
        gateway.judged("users", &["counter", "after_denier"])
    })
    .await;
    let guest = at.guest();
    let taken = sign_up(&guest, "alice@example.com", &json!({})).await;
    let free = sign_up(&guest, "zoe@example.com", &json!({})).await;
    assert_eq!(seen(&taken), seen(&free));
    assert_eq!(taken.status, 200);
    // Each of the two counted: a third is let pass, and no fourth.
    sign_up(&guest, "alice@example.com", &json!({}))
        .await
        .expect(200);
    let reply = sign_up(&guest, "alice@example.com", &json!({})).await;
    assert_eq!(super::denied(&reply, 429), "too_many");
}

#[tokio::test]
async fn a_sign_up_chooses_nothing_that_would_tell_at_the_second_try() {
    let at = concealing(|gateway| gateway.open("users")).await;
    let own = json!({ "id": "mine00000000000" });
    for email in ["alice@example.com", "zoe@example.com"] {
        let reply = sign_up(&at.guest(), email, &own).await;
        assert_eq!(reply.code(400), "sign_up_field", "{email}");
    }
    for fields in [own, json!({ "email": "alice@example.com" })] {
        let login = json!({ "provider": "oidc", "code": "c", "createData": fields });
        let reply = at
            .guest()
            .post(&users("auth-with-oauth2"))
            .json(&login)
            .await;
        assert_eq!(reply.code(400), "sign_up_field", "{login}");
    }
}

#[tokio::test]
async fn superusers_are_told_what_pocketbase_says() {
    let at =
        concealing(|gateway| gateway.open("users").also("[superusers]\nroutes = \"on\"")).await;
    let superuser = at.superuser().await;
    let error = sign_up(&superuser, "alice@example.com", &json!({}))
        .await
        .refused(400);
    assert_eq!(error["data"]["email"]["code"], "validation_not_unique");
    let made = sign_up(&superuser, "zoe@example.com", &json!({}))
        .await
        .expect(200);
    assert_eq!(made["email"], "zoe@example.com");
}

#[tokio::test]
async fn a_change_to_an_address_that_is_taken_is_answered_like_any_other() {
    let open = Entrance::of_a_gateway(&[]).await;
    open.offer(|ways| ways).await;
    let change = async |at: &Entrance, to: &str| {
        let alice = at.log_in("alice").await;
        let call = alice.post(&users("request-email-change"));
        call.json(&json!({ "newEmail": to })).await
    };
    change(&open, "bob@example.com").await.refused(400);
    let at = concealing(|gateway| gateway.open("users")).await;
    let taken = change(&at, "bob@example.com").await;
    let free = change(&at, "elsewhere@example.com").await;
    assert_eq!(seen(&taken), seen(&free));
    assert_eq!(free.status, 204);
    at.mailbox().await.mail_to("elsewhere@example.com").await;
    assert!(!at.mailbox().await.has_mail_to("bob@example.com"));
}
