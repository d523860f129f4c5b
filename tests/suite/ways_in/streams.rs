//! OAuth2 as the SDKs do it with a popup: the stream that asked is told, and nobody else.

use hapta_tests::{Client, EventStream, Reply, eventually};
use serde_json::{Value, json};

use super::{Entrance, everywhere};

/// A page that waits for somebody to come back from the provider.
struct Page {
    stream: EventStream,
    id: String,
}

impl Page {
    async fn open(client: &Client) -> Self {
        let mut stream = client.get("/api/realtime").stream().await;
        let hello = stream.event().await.expect("a first event");
        assert_eq!(hello.name, "PB_CONNECT");
        // PocketBase leaves to the client when it comes back.
        let retry = hello.retry.unwrap_or(1_000);
        assert!((1_000..=5_000).contains(&retry), "{retry}");
        let data: Value = serde_json::from_str(&hello.data).expect("JSON");
        assert_eq!(data["clientId"], hello.id.as_str());
        Self {
            stream,
            id: hello.id,
        }
    }

    async fn waiting(client: &Client) -> Self {
        let page = Self::open(client).await;
        subscribe(client, &page.id, &["@oauth2"]).await.expect(204);
        page
    }

    /// What it is told next, within reason.
    async fn told(&mut self) -> Value {
        let event = self.stream.event().await.expect("an event");
        assert_eq!((event.name.as_str(), &event.id), ("@oauth2", &self.id));
        serde_json::from_str(&event.data).expect("JSON")
    }
}

async fn subscribe(client: &Client, id: &str, topics: &[&str]) -> Reply {
    let body = json!({ "clientId": id, "subscriptions": topics });
    client.post("/api/realtime").json(&body).await
}

async fn come_back(client: &Client, query: &str) -> bool {
    let reply = client.get(&format!("/api/oauth2-redirect?{query}")).await;
    assert_eq!(reply.status, 307, "{reply:?}");
    lands_well(&reply)
}

/// Wherever it came from, there are two places to land.
fn lands_well(reply: &Reply) -> bool {
    match reply.header("location").expect("a place") {
        "../_/#/auth/oauth2-redirect-success" => true,
        "../_/#/auth/oauth2-redirect-failure" => false,
        elsewhere => panic!("it leads to {elsewhere}"),
    }
}

#[tokio::test]
async fn a_login_comes_back_to_the_stream_that_asked() {
    everywhere(async |at| {
        let guest = at.guest();
        let (mut page, mut other) = (Page::waiting(&guest).await, Page::waiting(&guest).await);
        assert!(come_back(&guest, &format!("state={}&code=c%26%201&scope=x", page.id)).await);
        let told = page.told().await;
        assert_eq!(
            (&told["state"], &told["code"]),
            (&json!(page.id), &json!("c& 1"))
        );
        // By a form, as Apple does it.
        let form = format!("state={}&code=c2&user=%7B%7D&id_token=t", other.id);
        let call = guest.post("/api/oauth2-redirect");
        let reply = call.body("application/x-www-form-urlencoded", form).await;
        assert!(lands_well(&reply) && reply.status == 303, "{reply:?}");
        assert_eq!(other.told().await["code"], "c2");
    })
    .await;
}

#[tokio::test]
async fn a_state_that_is_wrong_or_used_leads_to_failure_and_tells_nobody() {
    everywhere(async |at| {
        let guest = at.guest();
        let (mut page, mut other) = (Page::waiting(&guest).await, Page::waiting(&guest).await);
        for query in [
            String::new(),
            "state=&code=c".to_owned(),
            "code=c".to_owned(),
            "state=nobody&code=c".to_owned(),
            format!("state={}x&code=c", page.id),
            format!(
                "state={}&code=c",
                page.id.to_lowercase().replace(char::is_numeric, "_")
            ),
            format!("state={}&code=c", &page.id[1..]),
        ] {
            assert!(!come_back(&guest, &query).await, "{query}");
        }
        assert!(come_back(&guest, &format!("state={}&code=first", page.id)).await);
        assert!(!come_back(&guest, &format!("state={}&code=second", page.id)).await);
        assert_eq!(page.told().await["code"], "first");
        // What the other is told first is its own.
        assert!(!come_back(&guest, &format!("state={}&error=access_denied", other.id)).await);
        let told = other.told().await;
        assert_eq!(told["error"], "access_denied");
        assert!(told.get("code").is_none_or(|code| code == ""));
    })
    .await;
}

#[tokio::test]
async fn a_state_is_of_the_address_that_asked() {
    let at = Entrance::of_a_gateway(&[]).await;
    let (here, there) = (at.guest(), at.guest().from([127, 0, 0, 2]));
    let mut page = Page::waiting(&here).await;
    assert!(!come_back(&there, &format!("state={}&code=stolen", page.id)).await);
    assert!(come_back(&here, &format!("state={}&code=own", page.id)).await);
    assert_eq!(page.told().await["code"], "own");
    // Nor does anybody there wait in its place.
    let page = Page::open(&here).await;
    let reply = subscribe(&there, &page.id, &["@oauth2"]).await;
    assert_eq!(reply.code(404), "unknown_client");
    let reply = subscribe(&here, "nobody", &["@oauth2"]).await;
    assert_eq!(reply.code(404), "unknown_client");
    assert!(!come_back(&here, &format!("state={}&code=early", page.id)).await);
}

#[tokio::test]
async fn nothing_that_comes_back_changes_where_it_leads_or_poses_as_an_event() {
    let at = Entrance::of_a_gateway(&[]).await;
    let guest = at.guest();
    let mut page = Page::waiting(&guest).await;
    let more = "redirect=https%3A%2F%2Fevil.example&next=%2F%2Fevil.example&user=%7B%7D";
    let form = format!(
        "state={}&code=%0A%0Aevent:PB_CONNECT%0Adata:%7B%7D&{more}",
        page.id
    );
    let call = guest.post("/api/oauth2-redirect");
    let reply = call.body("application/x-www-form-urlencoded", form).await;
    assert!(lands_well(&reply));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    // Else whoever opened the window could not close it.
    let opener = "cross-origin-opener-policy";
    assert_eq!(reply.header(opener), Some("unsafe-none"));
    assert_eq!(page.told().await["code"], "\n\nevent:PB_CONNECT\ndata:{}");
}

#[tokio::test]
async fn other_topics_are_refused_by_name_and_a_stream_wants_somebody_to_read() {
    let at = Entrance::of_a_gateway(&[]).await;
    let guest = at.guest();
    let page = Page::open(&guest).await;
    for (topics, status, code) in [
        (&["posts/*"][..], 404, "not_exposed"),
        (&["@oauth2", "nothing/*"], 404, "not_exposed"),
        (&["@oauth2?options={}"], 400, "topic"),
        (&["@OAUTH2"], 400, "topic"),
    ] {
        let reply = subscribe(&guest, &page.id, topics).await;
        assert_eq!(reply.code(status), code, "{topics:?}");
    }
    // Records may be watched beside a login, and what is told anyway may be asked for.
    for own in [
        &["@oauth2", "users/*"][..],
        &[],
        &["resync", "closing"],
        &["closing", "@oauth2"],
    ] {
        subscribe(&guest, &page.id, own).await.expect(204);
    }
    assert_eq!(
        guest.call(http::Method::HEAD, "/api/realtime").await.status,
        404
    );
}

#[tokio::test]
async fn pending_logins_are_bounded_and_what_is_abandoned_is_gone() {
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        gateway
            .open("users")
            .also("[live]\nstreams = 5\nstreams_per_address = 3")
    })
    .await;
    let gateway = at.gateway.as_ref().expect("a gateway");
    let (here, there) = (at.guest(), at.guest().from([127, 0, 0, 2]));
    let mut pages = Vec::new();
    for _ in 0..3 {
        pages.push(Page::waiting(&here).await);
    }
    assert_eq!(
        here.get("/api/realtime").await.code(429),
        "streams_of_address"
    );
    for _ in 0..2 {
        pages.push(Page::waiting(&there).await);
    }
    let elsewhere = at.guest().from([127, 0, 0, 3]);
    assert_eq!(
        elsewhere.get("/api/realtime").await.code(503),
        "streams_full"
    );
    assert_eq!(gateway.metric("hapta_login_streams").await, Some(5.0));
    // Whoever goes away makes room at once.
    let abandoned = pages.remove(0).id;
    eventually("room for one more", async || {
        let streams = gateway.metric("hapta_login_streams").await;
        (streams == Some(4.0)).then_some(())
    })
    .await;
    assert!(!come_back(&here, &format!("state={abandoned}&code=late")).await);
    Page::waiting(&here).await;
}

#[tokio::test]
async fn a_login_that_takes_too_long_is_over() {
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        gateway.open("users").also("[logins]\npending_for = \"1s\"")
    })
    .await;
    let mut page = Page::waiting(&at.guest()).await;
    let closing = page.stream.event().await.expect("why it ends");
    assert_eq!(closing.name, "closing");
    assert!(closing.data.contains("\"login_over\""), "{closing:?}");
    assert!(page.stream.event().await.is_none(), "the stream ends");
    assert!(!come_back(&at.guest(), &format!("state={}&code=late", page.id)).await);
    let gateway = at.gateway.as_ref().expect("a gateway");
    assert_eq!(gateway.metric("hapta_login_streams").await, Some(0.0));
}
