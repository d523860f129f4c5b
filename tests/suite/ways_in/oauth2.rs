//! By a provider: new and known people, links, and what is no code of theirs.

use hapta_tests::demo::{BOB, record, records};
use hapta_tests::since;
use serde_json::{Value, json};

use super::{Entrance, everywhere, is_in, is_refused, users, with};

const NO_TOKEN: &str = "Failed to fetch OAuth2 token.";

/// What PocketBase keeps of the provider's people.
async fn links(at: &Entrance) -> Vec<(String, String)> {
    let superuser = at.pocketbase.superuser().await;
    let target = format!("{}?sort=providerId", records("_externalAuths"));
    let list = superuser.get(&target).await.expect(200);
    let links = list["items"].as_array().expect("a list").iter();
    let text = |link: &Value, key: &str| link[key].as_str().expect("a text").to_owned();
    links
        .map(|link| (text(link, "providerId"), text(link, "recordRef")))
        .collect()
}

#[tokio::test]
async fn whom_the_provider_vouches_for_is_in_and_the_same_again() {
    everywhere(async |at| {
        at.offer_provider().await;
        let first = at.enter(&at.authorized("dora").await).await.expect(200);
        let id = first["record"]["id"].as_str().expect("an id");
        assert_eq!(first["record"]["email"], "dora@provider.example");
        assert_eq!(first["record"]["verified"], true);
        assert_eq!(first["record"]["name"], "dora of the provider");
        assert_eq!(first["meta"]["email"], "dora@provider.example");
        assert_eq!(first["meta"]["rawUser"]["sub"], "dora");
        let is_new = |of: bool| since((0, 28), json!(of), Value::Null);
        assert_eq!(first["meta"]["isNew"], is_new(true), "{first}");
        let again = at.enter(&at.authorized("dora").await).await;
        let again = is_in(at, again, id).await;
        assert_eq!(again["meta"]["isNew"], is_new(false), "{again}");
        assert_eq!(links(at).await, [("dora".to_owned(), id.to_owned())]);
        // At the provider, PocketBase was the one to exchange both codes.
        let provider = at.provider().await;
        assert!(provider.exchanged("dora") && provider.exchanged("dora"));
        assert!(!provider.exchanged("dora"));
    })
    .await;
}

#[tokio::test]
async fn the_tokens_of_the_provider_stay_behind_the_gateway() {
    everywhere(async |at| {
        at.offer_provider().await;
        let answer = at.enter(&at.authorized("dora").await).await.expect(200);
        let token = answer["meta"]["accessToken"].as_str().unwrap_or_default();
        assert_eq!(token.is_empty(), at.gateway.is_some(), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn what_a_new_account_is_to_have_is_taken_on() {
    everywhere(async |at| {
        at.offer_provider().await;
        let data = json!({ "createData": { "bio": "I came by the provider.", "role": "user" } });
        let reply = at.enter(&with(&at.authorized("dora").await, &data)).await;
        let answer = reply.expect(200);
        assert_eq!(answer["record"]["bio"], "I came by the provider.");
        assert_eq!(answer["record"]["role"], "user");
        // It is for a new account alone.
        let data = json!({ "createData": { "bio": "I came again." } });
        let reply = at.enter(&with(&at.authorized("dora").await, &data)).await;
        assert_eq!(
            reply.expect(200)["record"]["bio"],
            "I came by the provider."
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_new_account_may_not_have_makes_none() {
    everywhere(async |at| {
        at.offer_provider().await;
        let before = at.accounts().await;
        for data in [
            json!({ "verified": true, "email": "alice@example.com" }),
            json!({ "role": "king" }),
        ] {
            let flow = at.authorized("dora").await;
            let reply = at.enter(&with(&flow, &json!({ "createData": data }))).await;
            reply.refused(400);
        }
        assert_eq!(at.accounts().await, before);
        assert_eq!(links(at).await, []);
    })
    .await;
}

#[tokio::test]
async fn who_is_logged_in_stays_who_they_are_and_is_linked() {
    everywhere(async |at| {
        at.offer_provider().await;
        let before = at.accounts().await;
        let bob = at.log_in("bob").await;
        let flow = at.authorized("bobby").await;
        let linked = bob.post(&users("auth-with-oauth2")).json(&flow).await;
        let linked = is_in(at, linked, BOB).await;
        assert_eq!(linked["record"]["email"], "bob@example.com");
        assert_eq!(links(at).await, [("bobby".to_owned(), BOB.to_owned())]);
        // From now on that is a way in.
        is_in(at, at.enter(&at.authorized("bobby").await).await, BOB).await;
        assert_eq!(at.accounts().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_link_leads_to_its_owner_whoever_follows_it() {
    everywhere(async |at| {
        at.offer_provider().await;
        let bob = at.log_in("bob").await;
        let flow = at.authorized("bobby").await;
        let link = bob.post(&users("auth-with-oauth2")).json(&flow);
        link.await.expect(200);
        // carol is logged in, and at the provider she is bobby.
        let carol = at.log_in("carol").await;
        let flow = at.authorized("bobby").await;
        let reply = carol.post(&users("auth-with-oauth2")).json(&flow).await;
        is_in(at, reply, BOB).await;
        assert_eq!(links(at).await, [("bobby".to_owned(), BOB.to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_its_owners() {
    everywhere(async |at| {
        at.offer_provider().await;
        let superuser = at.pocketbase.superuser().await;
        let address = json!({ "email": "dora@provider.example" });
        let call = superuser.patch(&record("users", BOB)).json(&address);
        call.await.expect(200);
        is_in(at, at.enter(&at.authorized("dora").await).await, BOB).await;
        assert_eq!(links(at).await, [("dora".to_owned(), BOB.to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn a_code_is_good_once() {
    everywhere(async |at| {
        at.offer_provider().await;
        let flow = at.authorized("dora").await;
        at.enter(&flow).await.expect(200);
        is_refused(&at.enter(&flow).await, 400, NO_TOKEN);
        let refused = at.provider().await.refused();
        assert_eq!(
            refused.as_deref(),
            Some("authorization code already consumed")
        );
    })
    .await;
}

#[tokio::test]
async fn two_flows_are_not_one() {
    everywhere(async |at| {
        at.offer_provider().await;
        let (doras, eves) = tokio::join!(at.authorized("dora"), at.authorized("eve"));
        // eve has dora's code, and no way to prove that the flow was hers.
        let stolen = with(&eves, &json!({ "code": doras["code"] }));
        is_refused(&at.enter(&stolen).await, 400, NO_TOKEN);
        let refused = at.provider().await.refused();
        assert_eq!(
            refused.as_deref(),
            Some("code_verifier does not match code_challenge")
        );
        let crossed = with(&eves, &json!({ "codeVerifier": doras["codeVerifier"] }));
        is_refused(&at.enter(&crossed).await, 400, NO_TOKEN);
        assert_eq!(links(at).await, []);
    })
    .await;
}

#[tokio::test]
async fn two_flows_at_once_are_two() {
    everywhere(async |at| {
        at.offer_provider().await;
        let (doras, eves) = tokio::join!(at.authorized("dora"), at.authorized("eve"));
        let (eve, dora) = tokio::join!(at.enter(&eves), at.enter(&doras));
        assert_eq!(dora.expect(200)["record"]["email"], "dora@provider.example");
        assert_eq!(eve.expect(200)["record"]["email"], "eve@provider.example");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_code_of_the_providers_is_refused() {
    everywhere(async |at| {
        at.offer_provider().await;
        let flow = at.authorized("dora").await;
        let attempts = [
            json!({ "code": "made up" }),
            json!({ "codeVerifier": "" }),
            json!({ "redirectURL": "http://127.0.0.1:1/elsewhere" }),
        ];
        for attempt in &attempts {
            let reply = at.enter(&with(&flow, attempt)).await;
            is_refused(&reply, 400, NO_TOKEN);
        }
        at.enter(&with(&flow, &json!({ "provider": "google" })))
            .await
            .refused(400);
        at.enter(&with(&flow, &json!({ "code": "" })))
            .await
            .refused(400);
        assert_eq!(links(at).await, []);
    })
    .await;
}

#[tokio::test]
async fn who_cancels_at_the_provider_brings_no_code() {
    everywhere(async |at| {
        at.offer_provider().await;
        let methods = at.guest().get(&users("auth-methods")).await.expect(200);
        let url = methods["oauth2"]["providers"][0]["authURL"]
            .as_str()
            .expect("a URL");
        let url = format!("{url}{}", at.redirect_url());
        let back = at.provider().await.cancel(&url).await;
        assert_eq!(back.parameter("error").as_deref(), Some("access_denied"));
        assert_eq!(back.parameter("code"), None);
    })
    .await;
}
