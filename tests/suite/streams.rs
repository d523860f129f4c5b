//! Event streams: how many there may be, whose they are, and what is left of them.

use hapta_tests::{Client, Event, EventStream, Stage, eventually};
use http::Method;
use serde_json::{Value, json};

/// A stream, and its client id.
async fn open(client: &Client) -> (EventStream, String) {
    let mut stream = client.get("/api/realtime").stream().await;
    let hello = stream.event().await.expect("a first event");
    assert_eq!(hello.name, "PB_CONNECT");
    (stream, hello.id)
}

/// A stage with this in `[live]`.
async fn with(live: &str) -> Stage {
    Stage::with(|gateway| gateway.open("posts").also(&format!("[live]\n{live}"))).await
}

/// That all streams are gone, within reason.
async fn none_are_left(stage: &Stage) {
    eventually("no stream", async || {
        let streams = stage.gateway.metric("hapta_streams").await;
        (streams == Some(0.0)).then_some(())
    })
    .await;
    for name in ["hapta_login_streams", "hapta_events_waiting"] {
        assert_eq!(stage.gateway.metric(name).await, Some(0.0), "{name}");
    }
}

/// Why a stream ends; then it does.
async fn end_of(stream: &mut EventStream) -> String {
    let Event { name, data, .. } = stream.event().await.expect("why it ends");
    assert_eq!(name, "closing");
    let data: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!(stream.event().await, None);
    data["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn an_address_and_all_together_have_their_bounds() {
    let stage = with("streams = 4\nstreams_per_address = 3").await;
    let (here, there) = (stage.guest(), stage.guest().from([127, 0, 0, 2]));
    let mut streams = Vec::new();
    for client in [&here, &here, &here, &there] {
        streams.push(open(client).await);
    }
    let refused = here.get("/api/realtime").await;
    assert_eq!(refused.code(429), "streams_of_address");
    let refused = there.get("/api/realtime").await;
    assert_eq!(refused.code(503), "streams_full");
    let gateway = &stage.gateway;
    assert_eq!(gateway.metric("hapta_streams").await, Some(4.0));
    for bound in ["streams", "streams_per_address"] {
        let name = format!("hapta_streams_refused_total{{bound=\"{bound}\"}}");
        assert_eq!(gateway.metric(&name).await, Some(1.0), "{bound}");
    }
    drop(streams);
    none_are_left(&stage).await;
    open(&here).await;
}

#[tokio::test]
async fn a_stream_on_which_nobody_subscribes_is_told_that_it_ends() {
    let stage = with("unsubscribed = \"1s\"").await;
    let guest = stage.guest();
    let (mut idle, _) = open(&guest).await;
    let (mut asks, id) = open(&guest).await;
    let body = json!({ "clientId": id, "subscriptions": ["closing"] });
    guest.post("/api/realtime").json(&body).await.expect(204);
    assert_eq!(end_of(&mut idle).await, "unsubscribed");
    assert_eq!(end_of(&mut asks).await, "unsubscribed");
    let reply = guest.post("/api/realtime").json(&body).await;
    assert_eq!(reply.code(404), "unknown_client");
    let name = "hapta_streams_closed_total{code=\"unsubscribed\"}";
    assert_eq!(stage.gateway.metric(name).await, Some(2.0));
    none_are_left(&stage).await;
}

#[tokio::test]
async fn a_client_id_is_of_use_to_nobody_elsewhere() {
    let stage = with("heartbeat = \"1s\"").await;
    let (here, there) = (stage.guest(), stage.guest().from([127, 0, 0, 2]));
    let (_stream, id) = open(&here).await;
    let own = here.get("/api/realtime").stream().await;
    for (client, id) in [(&there, id.as_str()), (&here, "nobody"), (&here, "")] {
        for topics in [&["@oauth2"][..], &[]] {
            let body = json!({ "clientId": id, "subscriptions": topics });
            let reply = client.post("/api/realtime").json(&body).await;
            assert_eq!(reply.code(404), "unknown_client", "{topics:?}");
        }
    }
    drop(own);
}

#[tokio::test]
async fn a_stream_has_a_bound_of_topics() {
    let stage = with("topics = 2").await;
    let guest = stage.guest();
    let (_stream, id) = open(&guest).await;
    let ask = async |topics: &[&str]| {
        let body = json!({ "clientId": id, "subscriptions": topics });
        guest.post("/api/realtime").json(&body).await
    };
    ask(&["posts/*", "posts/a"]).await.expect(204);
    // One is one, however often it is named; and what costs nothing is not counted.
    let twice = ["posts/*", "posts/a", "posts/*"];
    ask(&twice).await.expect(204);
    let own = ["posts/*", "closing", "resync", "@oauth2", "posts/a"];
    ask(&own).await.expect(204);
    let reply = ask(&["posts/*", "posts/a", "POSTS/*"]).await;
    assert_eq!(reply.code(400), "topics");
}

#[tokio::test]
async fn nothing_is_left_of_streams_that_were_looked_at_or_left() {
    let stage = with("streams = 50\nstreams_per_address = 50").await;
    let guest = stage.guest();
    for _ in 0..60 {
        let reply = guest.call(Method::HEAD, "/api/realtime").await;
        assert_eq!(reply.status, 404);
    }
    assert_eq!(stage.gateway.metric("hapta_streams").await, Some(0.0));
    // Twenty at a time; those of before may still be on their way out.
    for round in 0..50 {
        let mut streams = Vec::new();
        for number in 0..20 {
            let (stream, id) = open(&guest).await;
            if number % 2 == 0 {
                let body = json!({ "clientId": id, "subscriptions": ["@oauth2"] });
                guest.post("/api/realtime").json(&body).await.expect(204);
            }
            streams.push(stream);
        }
        let held = stage.gateway.metric("hapta_streams").await;
        assert!(held >= Some(20.0), "{held:?} in round {round}");
        drop(streams);
        none_are_left(&stage).await;
    }
}
