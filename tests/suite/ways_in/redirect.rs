//! Where a provider sends browsers back to: whose login it becomes.
//!
//! An application that does OAuth2 in one call listens for `@oauth2`, and `state` is the id of its connection.

use hapta_tests::{Client, Event, EventStream, Reply, since};
use serde_json::{Value, json};

use super::{Entrance, everywhere};

const SUCCESS: &str = "/_/#/auth/oauth2-redirect-success";
const FAILURE: &str = "/_/#/auth/oauth2-redirect-failure";

/// The page of somebody who logs in elsewhere.
struct Application {
    guest: Client,
    stream: EventStream,
    /// What the provider is given as `state`.
    id: String,
}

impl Application {
    /// It is connected, and waits for nothing yet.
    async fn open(at: &Entrance) -> Self {
        let guest = at.guest();
        let mut stream = guest.get("/api/realtime").stream().await;
        let first = stream.event().await.expect("an event");
        assert_eq!(first.name, "PB_CONNECT", "{first:?}");
        let id = data(&first)["clientId"].as_str().expect("an id").to_owned();
        Self { guest, stream, id }
    }

    /// It waits for the provider.
    async fn waiting(at: &Entrance) -> Self {
        let application = Self::open(at).await;
        application.wants(&["@oauth2"]).await;
        application
    }

    async fn wants(&self, topics: &[&str]) {
        let wanted = json!({ "clientId": self.id, "subscriptions": topics });
        let call = self.guest.post("/api/realtime").json(&wanted);
        call.await.expect(204);
    }

    /// What it is told next of the provider.
    async fn told(&mut self) -> Value {
        let event = self.stream.event().await.expect("an event");
        assert_eq!(event.name, "@oauth2", "{event:?}");
        let told = data(&event);
        assert_eq!(told["state"], self.id, "{event:?}");
        told
    }
}

fn data(event: &Event) -> Value {
    serde_json::from_str(&event.data).expect("JSON")
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
        let mut application = Application::waiting(at).await;
        let state = application.id.clone();
        let browser = at.guest();
        let query = format!("state={state}&code=the%20code");
        leads_to(&back(&browser, &query).await, SUCCESS);
        assert_eq!(application.told().await["code"], "the code");
        // Nobody waits any longer.
        leads_to(&back(&browser, &query).await, FAILURE);
    })
    .await;
}

#[tokio::test]
async fn who_cancels_is_told_of_too() {
    everywhere(async |at| {
        let mut application = Application::waiting(at).await;
        let query = format!("state={}&error=access_denied", application.id);
        leads_to(&back(&at.guest(), &query).await, FAILURE);
        let told = application.told().await;
        assert_eq!(told["error"], "access_denied", "{told}");
        assert_eq!(told["code"], "", "{told}");
    })
    .await;
}

#[tokio::test]
async fn a_provider_may_have_the_browser_post_the_code() {
    everywhere(async |at| {
        let mut application = Application::waiting(at).await;
        let form = format!("state={}&code=posted", application.id);
        let call = at.guest().post("/api/oauth2-redirect");
        let reply = call.body("application/x-www-form-urlencoded", form).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        let location = reply.header("Location").expect("a location");
        assert!(location.ends_with(SUCCESS), "{location}");
        assert_eq!(application.told().await["code"], "posted");
    })
    .await;
}

#[tokio::test]
async fn each_of_two_gets_their_own() {
    everywhere(async |at| {
        let (mut one, mut other) = (
            Application::waiting(at).await,
            Application::waiting(at).await,
        );
        let browser = at.guest();
        for (application, code) in [(&other, "other"), (&one, "one")] {
            let query = format!("state={}&code={code}", application.id);
            leads_to(&back(&browser, &query).await, SUCCESS);
        }
        assert_eq!(one.told().await["code"], "one");
        assert_eq!(other.told().await["code"], "other");
    })
    .await;
}

#[tokio::test]
async fn a_state_that_nobody_waits_with_leads_nowhere() {
    everywhere(async |at| {
        let browser = at.guest();
        // Connected, and waiting for nothing.
        let idle = Application::open(at).await;
        let made_up = "x".repeat(40);
        for state in ["", &made_up, &idle.id] {
            let reply = back(&browser, &format!("state={state}&code=lost")).await;
            leads_to(&reply, FAILURE);
        }
        leads_to(&back(&browser, "").await, FAILURE);

        // Whose application is gone.
        let application = Application::waiting(at).await;
        let state = application.id.clone();
        application.wants(&[]).await;
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
        let mut application = Application::waiting(at).await;
        let state = application.id.clone();
        let elsewhere = at.guest().from([127, 0, 0, 2]);
        let reply = back(&elsewhere, &format!("state={state}&code=foreign")).await;
        // Older versions of PocketBase ask nobody from where they come; the gateway does.
        let is_refused = at.gateway.is_some() || since((0, 39), true, false);
        leads_to(&reply, if is_refused { FAILURE } else { SUCCESS });
        if is_refused {
            application.wants(&["@oauth2"]).await;
            let query = format!("state={state}&code=own");
            leads_to(&back(&at.guest(), &query).await, SUCCESS);
            assert_eq!(application.told().await["code"], "own");
        }
    })
    .await;
}
