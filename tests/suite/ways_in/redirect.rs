//! Where a provider sends browsers back to: whose login it becomes.
//!
//! An application that does OAuth2 in one call listens for `@oauth2`, and `state` is the id of its connection.

use std::net::{IpAddr, Ipv4Addr};

use hapta_tests::{Client, Listener, Reply, since};
use serde_json::json;

use super::{Entrance, everywhere};

const SUCCESS: &str = "/_/#/auth/oauth2-redirect-success";
const FAILURE: &str = "/_/#/auth/oauth2-redirect-failure";

/// Somebody whose application waits for the provider.
async fn waiting(at: &Entrance) -> Listener {
    let listener = Listener::open(&at.guest()).await;
    listener.subscribe(&["@oauth2"]).await.expect(204);
    listener
}

/// The browser comes back, with this query.
async fn back(browser: &Client, query: &str) -> Reply {
    browser.get(&format!("/api/oauth2-redirect?{query}")).await
}

#[track_caller]
fn leads_to(reply: &Reply, page: &str) {
    assert_eq!(reply.status, 307, "{reply:?}");
    let location = reply.header("Location").expect("a location");
    assert!(location.ends_with(page), "{location}");
}

#[tokio::test]
async fn the_code_reaches_who_waits_for_it_once() {
    everywhere(async |at| {
        let mut application = waiting(at).await;
        let state = application.id().to_owned();
        let browser = at.guest();
        let query = format!("state={state}&code=the%20code");
        leads_to(&back(&browser, &query).await, SUCCESS);
        let event = application.next().await;
        assert_eq!(event.name, "@oauth2");
        assert_eq!(event.data["state"], state);
        assert_eq!(event.data["code"], "the code");
        // Nobody waits any longer.
        leads_to(&back(&browser, &query).await, FAILURE);
    })
    .await;
}

#[tokio::test]
async fn who_cancels_is_told_of_too() {
    everywhere(async |at| {
        let mut application = waiting(at).await;
        let query = format!("state={}&error=access_denied", application.id());
        leads_to(&back(&at.guest(), &query).await, FAILURE);
        let event = application.next().await;
        assert_eq!(event.data["error"], "access_denied");
        assert_eq!(event.data["code"], "");
    })
    .await;
}

#[tokio::test]
async fn a_provider_may_have_the_browser_post_the_code() {
    everywhere(async |at| {
        let mut application = waiting(at).await;
        let form = format!("state={}&code=posted", application.id());
        let call = at.guest().post("/api/oauth2-redirect");
        let reply = call.body("application/x-www-form-urlencoded", form).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        let location = reply.header("Location").expect("a location");
        assert!(location.ends_with(SUCCESS), "{location}");
        assert_eq!(application.next().await.data["code"], "posted");
    })
    .await;
}

#[tokio::test]
async fn each_of_two_gets_their_own() {
    everywhere(async |at| {
        let (mut one, mut other) = (waiting(at).await, waiting(at).await);
        let browser = at.guest();
        for (application, code) in [(&other, "other"), (&one, "one")] {
            let query = format!("state={}&code={code}", application.id());
            leads_to(&back(&browser, &query).await, SUCCESS);
        }
        assert_eq!(one.next().await.data["code"], "one");
        assert_eq!(other.next().await.data["code"], "other");
    })
    .await;
}

#[tokio::test]
async fn a_state_that_nobody_waits_with_leads_nowhere() {
    everywhere(async |at| {
        let browser = at.guest();
        // Connected, and waiting for nothing.
        let idle = Listener::open(&at.guest()).await;
        let made_up = "x".repeat(40);
        for state in ["", &made_up, idle.id()] {
            let reply = back(&browser, &format!("state={state}&code=lost")).await;
            leads_to(&reply, FAILURE);
        }
        leads_to(&back(&browser, "").await, FAILURE);

        // Whose application is gone.
        let application = waiting(at).await;
        let state = application.id().to_owned();
        application.subscribe(&[]).await.expect(204);
        leads_to(
            &back(&browser, &format!("state={state}&code=late")).await,
            FAILURE,
        );
    })
    .await;
}

#[tokio::test]
async fn a_browser_elsewhere_brings_nobody_a_code() {
    everywhere(async |at| {
        let mut application = waiting(at).await;
        let state = application.id().to_owned();
        let elsewhere = at.guest().from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        let reply = back(&elsewhere, &format!("state={state}&code=foreign")).await;
        // Older versions of PocketBase ask nobody from where they come; the gateway does.
        let is_refused = at.gateway.is_some() || since((0, 39), true, false);
        leads_to(&reply, if is_refused { FAILURE } else { SUCCESS });
        if is_refused {
            application.subscribe(&["@oauth2"]).await.expect(204);
            let query = format!("state={state}&code=own");
            leads_to(&back(&at.guest(), &query).await, SUCCESS);
            let event = application.next().await;
            assert_eq!(event.data, json!({ "state": state, "code": "own" }));
        }
    })
    .await;
}
