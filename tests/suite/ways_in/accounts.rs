//! The account that a login by OAuth2 makes is judged as any record that is created.

use hapta_tests::demo::records;
use hapta_tests::{Reply, Setup};
use serde_json::{Value, json};
use toml::{Table, toml};

use super::{Entrance, denied, is_in, users, with};

/// A gateway whose rules are asked about these operations of `users` alone.
async fn judged_in(operations: &[&str], rule: &str, settings: &Value) -> Entrance {
    let settings = Table::try_from(settings).expect("settings that TOML can say");
    let operations: Vec<String> = operations.iter().map(|&name| name.to_owned()).collect();
    let entry = toml! {
        operations = operations
        settings = settings
    };
    entrance(|gateway| {
        gateway
            .rule_entry(rule, rule, entry)
            .judged("users", &[rule])
    })
    .await
}

async fn entrance(set_up: impl FnOnce(Setup) -> Setup) -> Entrance {
    let at = Entrance::of_a_gateway_with(&[], set_up).await;
    at.offer_provider().await;
    at
}

async fn enter_with(at: &Entrance, login: &str, fields: &Value) -> Reply {
    let data = json!({ "createData": fields });
    at.enter(&with(&at.authorized(login).await, &data)).await
}

#[tokio::test]
async fn where_rules_let_nobody_sign_up_only_who_has_an_account_comes_in() {
    let at = judged_in(&["create"], "deny_all", &json!({})).await;
    let before = at.accounts().await;
    for fields in [
        json!({}),
        json!({ "bio": "let me in", "id": "mine00000000000" }),
    ] {
        let reply = enter_with(&at, "dora", &fields).await;
        assert_eq!(denied(&reply, 403), "deny_all");
    }
    let reply = at.enter(&at.authorized("dora").await).await;
    assert_eq!(denied(&reply, 403), "deny_all");
    assert_eq!(at.accounts().await, before);
    // Of somebody who has one the rule's word is none.
    let account = json!({
        "email": "dora@provider.example", "verified": true, "password": "1234567890", "passwordConfirm": "1234567890",
    });
    let superuser = at.pocketbase.superuser().await;
    let made = superuser
        .post(&records("users"))
        .json(&account)
        .await
        .expect(200);
    let id = made["id"].as_str().expect("an id");
    for fields in [json!({}), json!({ "bio": "for a new one" })] {
        let reply = enter_with(&at, "dora", &fields).await;
        let answer = is_in(&at, reply, id).await;
        assert_eq!(answer["record"]["bio"], "");
    }
    assert_eq!(at.accounts().await, before + 1);
}

#[tokio::test]
async fn nobody_is_made_an_account_who_links_a_provider() {
    let at = entrance(|gateway| gateway.open("users")).await;
    let alice = at.log_in("alice").await;
    let before = at.accounts().await;
    let flow = with(
        &at.authorized("dora").await,
        &json!({ "createData": { "bio": "no" } }),
    );
    let linked = alice
        .post(&users("auth-with-oauth2"))
        .json(&flow)
        .await
        .expect(200);
    assert_eq!(linked["record"]["email"], "alice@example.com");
    assert_eq!(at.accounts().await, before);
    // A token that is not good any more links nothing: it is a login like any other.
    let flow = at.authorized("erik").await;
    let stale = at
        .guest()
        .post(&users("auth-with-oauth2"))
        .token("not-a-token");
    let made = stale.json(&flow).await.expect(200);
    assert_eq!(made["record"]["email"], "erik@provider.example");
    assert_eq!(at.accounts().await, before + 1);
}

#[tokio::test]
async fn rules_see_the_account_as_a_create_and_the_login_without_secrets() {
    let at = judged_in(&["create"], "probe", &json!({})).await;
    let reply = enter_with(
        &at,
        "dora",
        &json!({ "bio": "mine", "password": "very secret" }),
    )
    .await;
    let seen = reply.probed();
    assert_eq!(seen["operation"], "create");
    assert_eq!(
        seen["body"],
        json!({ "bio": "mine", "password": "[masked]" })
    );
    assert_eq!(seen["changes"], json!(["bio", "password"]));

    let at = judged_in(&["authWithOAuth2"], "probe", &json!({})).await;
    let flow = at.authorized("dora").await;
    let reply = at
        .enter(&with(&flow, &json!({ "createData": { "bio": "mine" } })))
        .await;
    let seen = reply.probed();
    assert_eq!(seen["operation"], "auth-with-oauth2");
    let told = json!({
        "provider": "oidc", "code": "[masked]", "codeVerifier": "[masked]", "redirectURL": flow["redirectURL"],
    });
    assert_eq!(seen["body"], told);
}

#[tokio::test]
async fn rules_see_no_password_of_an_account_on_the_way_out_either() {
    for moment in ["after", "reveal"] {
        let at = judged_in(&["authWithOAuth2"], "probe", &json!({ "in": moment })).await;
        let fields =
            json!({ "bio": "mine", "password": "very secret", "passwordConfirm": "very secret" });
        let seen = enter_with(&at, "dora", &fields).await.probed();
        assert!(
            !seen.to_string().contains("very secret"),
            "{moment}: {seen}"
        );
        assert_eq!(seen["body"].get("createData"), None, "{moment}: {seen}");
    }
}

#[tokio::test]
async fn what_rules_change_in_an_account_is_what_is_made() {
    let fields = json!({ "field": "bio", "title": "by the rule" });
    let at = judged_in(&["create"], "editor", &fields).await;
    let made = enter_with(&at, "dora", &json!({ "bio": "mine" }))
        .await
        .expect(200);
    assert_eq!(made["record"]["bio"], "by the rule");
}

#[tokio::test]
async fn a_rule_that_fails_at_an_account_lets_nobody_in() {
    let at = judged_in(&["create"], "trap", &json!({})).await;
    let before = at.accounts().await;
    let reply = at.enter(&at.authorized("dora").await).await;
    assert_eq!(reply.status, 500, "{reply:?}");
    assert_eq!(at.accounts().await, before);
    // Nor was the provider asked: nothing went to PocketBase.
    assert!(!at.provider().await.exchanged("dora"));
}

#[tokio::test]
async fn what_rules_count_for_an_account_counts_once_it_is_made() {
    let counted = toml! {
        operations = ["create"]
        grants = ["hapta:rule/counters"]
        settings = { most = 1, seconds = 60 }
    };
    let at = entrance(|gateway| {
        let gateway = gateway.rule_entry("counter", "counter", counted);
        gateway.judged("users", &["counter"])
    })
    .await;
    at.enter(&at.authorized("dora").await).await.expect(200);
    // She has her account: each further login makes none.
    for _ in 0..3 {
        at.enter(&at.authorized("dora").await).await.expect(200);
    }
    let reply = at.enter(&at.authorized("erik").await).await;
    assert_eq!(denied(&reply, 429), "too_many");
}

#[tokio::test]
async fn fields_that_no_account_has_are_refused_before_anybody_is_asked() {
    let at = entrance(|gateway| gateway.open("users")).await;
    for (fields, word) in [
        (json!({ "nothing": 1 }), "nothing"),
        (json!({ "bio": "a", "bio+": "b" }), "bio"),
        (json!([]), "createData"),
        (json!("{}"), "createData"),
    ] {
        let reply = enter_with(&at, "dora", &fields).await;
        assert_eq!(reply.status, 400, "{fields}: {reply:?}");
        assert!(reply.text().contains(word), "{reply:?}");
    }
    assert!(!at.provider().await.exchanged("dora"));
}

#[tokio::test]
async fn a_login_leads_back_to_where_the_operator_lets_it() {
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        gateway
            .open("users")
            .also("[logins]\nredirect_urls = [\"https://app.example.com/in\"]")
    })
    .await;
    at.offer_provider().await;
    let flow = at.authorized("dora").await;
    let reply = at.enter(&flow).await;
    assert_eq!(reply.code(400), "redirect_url");
    let older =
        json!({ "provider": "oidc", "code": flow["code"], "redirectUrl": flow["redirectURL"] });
    assert_eq!(at.enter(&older).await.code(400), "redirect_url");
    assert!(!at.provider().await.exchanged("dora"));
}

#[tokio::test]
async fn the_provider_s_tokens_are_told_where_the_operator_wants_it_and_never_to_rules() {
    let after = toml! {
        operations = ["authWithOAuth2"]
        settings = { in = "after" }
    };
    let at = entrance(|gateway| {
        let gateway = gateway
            .rule_entry("probe", "probe", after)
            .judged("users", &["probe"]);
        gateway.also("[logins]\nprovider_tokens = \"tell\"")
    })
    .await;
    let seen = at.enter(&at.authorized("dora").await).await.probed();
    let body = &seen["response"]["body"];
    assert_eq!(body["token"], "[masked]");
    assert_eq!(body["meta"]["rawUser"]["sub"], "dora");
    assert_eq!(body["meta"].get("accessToken"), None);
    assert_eq!(body["meta"].get("refreshToken"), None);

    let at = entrance(|gateway| {
        gateway
            .open("users")
            .also("[logins]\nprovider_tokens = \"tell\"")
    })
    .await;
    let answer = at.enter(&at.authorized("dora").await).await.expect(200);
    let token = answer["meta"]["accessToken"].as_str().unwrap_or_default();
    assert!(token.len() > 10, "{answer}");
}

#[tokio::test]
async fn a_verifier_is_told_to_who_asks_and_to_no_rule() {
    let at = judged_in(&["authMethods"], "probe", &json!({ "in": "after" })).await;
    // Of what it saw a denial tells the beginning: the first provider up to its logo.
    let seen = at.guest().get(&users("auth-methods")).await.text();
    assert!(seen.contains("codeChallengeMethod"), "{seen}");
    assert!(!seen.contains("codeVerifier"), "{seen}");

    let at = entrance(|gateway| gateway.rule("allow_all").judged("users", &["allow_all"])).await;
    let methods = at.guest().get(&users("auth-methods")).await.expect(200);
    let verifier = &methods["oauth2"]["providers"][0]["codeVerifier"];
    assert!(
        verifier.as_str().is_some_and(|text| text.len() >= 43),
        "{methods}"
    );
}
