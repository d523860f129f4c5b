//! HTTP/2, for clients that can.

use std::net::SocketAddr;

use bytes::Bytes;
use hapta_tests::demo::{PASSWORD, POST_OF_ALICE, POSTS, record, records};
use hapta_tests::{PATIENCE, PocketBase, RecordingProxy, Setup};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

use super::{FILES, NAME, Pair, connect, get, pair, with_pair};

type Client = SendRequest<Full<Bytes>>;

async fn client(address: SocketAddr, pair: &Pair) -> Client {
    let stream = connect(address, &pair.certificate, &["h2", "http/1.1"]).await;
    let stream = stream.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let shaken = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (client, connection) = shaken.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

fn request(method: &str, path: &str, body: &Value) -> http::Request<Full<Bytes>> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("https://{NAME}{path}"));
    let request = if body.is_empty() {
        request
    } else {
        request.header("Content-Type", "application/json")
    };
    request.body(Full::new(body.into())).expect("a request")
}

async fn answer(client: &mut Client, request: http::Request<Full<Bytes>>) -> (u16, Value) {
    let answer = tokio::time::timeout(PATIENCE, client.send_request(request)).await;
    let (head, body) = answer.expect("in time").expect("an answer").into_parts();
    let body = body.collect().await.expect("all of it").to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    (head.status.as_u16(), body)
}

#[tokio::test]
async fn whoever_can_speaks_http_2_and_means_the_same() {
    let pocketbase = PocketBase::start().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let setup = Setup::before(proxy.address()).open("posts").open("users");
    let certs = setup.folder().join("certs");
    std::fs::create_dir(&certs).expect("makes the folder");
    let pair = pair(&certs);
    let gateway = setup.also(FILES).start().await;
    let mut client = client(gateway.address(), &pair).await;
    let (status, list) = answer(&mut client, request("GET", &records("posts"), &json!(null))).await;
    assert_eq!((status, &list["totalItems"]), (200, &json!(POSTS)));
    let login = json!({ "identity": "alice@example.com", "password": PASSWORD });
    let path = "/api/collections/users/auth-with-password";
    let (status, login) = answer(&mut client, request("POST", path, &login)).await;
    assert_eq!(status, 200, "{login}");
    let token = login["token"].as_str().expect("a token");
    let mut update = request(
        "PATCH",
        &record("posts", POST_OF_ALICE),
        &json!({ "title": "by h2" }),
    );
    let value = token.parse().expect("a header");
    update.headers_mut().insert("Authorization", value);
    let (status, updated) = answer(&mut client, update).await;
    assert_eq!((status, &updated["title"]), (200, &json!("by h2")));
    // What is refused on HTTP/1 is refused.
    let (status, refused) = answer(&mut client, request("GET", "/api//health", &json!(null))).await;
    assert_eq!(status, 400, "{refused}");
    // To PocketBase all of it is one thing, and nothing of the connection goes on.
    for seen in proxy.seen() {
        assert_ne!(seen.header("host"), Some(NAME));
        assert!(
            seen.headers
                .keys()
                .all(|name| !name.as_str().starts_with(':'))
        );
    }
    assert_eq!(gateway.metric("hapta_connections_http2").await, Some(1.0));
    drop(client);
    // Whoever can't is served as before.
    let posts = get(gateway.address(), &pair.certificate)
        .await
        .expect("an answer");
    assert_eq!(posts["totalItems"], POSTS);
}

#[tokio::test]
async fn many_requests_share_a_connection_with_a_stream_of_events() {
    let pocketbase = PocketBase::start().await;
    let (setup, pair) = with_pair(&pocketbase);
    let gateway = setup.also(FILES).start().await;
    let mut client = client(gateway.address(), &pair).await;
    let open = client
        .send_request(request("GET", "/api/realtime", &json!(null)))
        .await;
    let mut events = open.expect("an answer").into_body();
    let text = next(&mut events).await;
    let id = text.lines().find_map(|line| line.strip_prefix("id:"));
    let id = id.expect("a client id").trim().to_owned();
    let body = json!({ "clientId": id, "subscriptions": ["posts/*"] });
    let (status, _) = answer(&mut client, request("POST", "/api/realtime", &body)).await;
    assert_eq!(status, 204);
    let asked = (0..50).map(|_| {
        let mut client = client.clone();
        let request = request("GET", &records("posts"), &json!(null));
        async move { answer(&mut client, request).await.0 }
    });
    let statuses = futures_util::future::join_all(asked).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let admin = pocketbase.superuser().await;
    let post = record("posts", POST_OF_ALICE);
    admin
        .patch(&post)
        .json(&json!({ "title": "told" }))
        .await
        .expect(200);
    let mut told = String::new();
    while !told.contains("\"told\"") {
        told.push_str(&next(&mut events).await);
    }
    // The end is told to streams, and the connection goes with them.
    let ending = tokio::spawn(gateway.stop());
    let mut rest = String::new();
    while let Some(Ok(frame)) = events.frame().await {
        rest.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
    }
    assert!(rest.contains("shutdown"), "{rest}");
    ending.await.expect("no panic");
}

async fn next(events: &mut hyper::body::Incoming) -> String {
    let frame = tokio::time::timeout(PATIENCE, events.frame()).await;
    let frame = frame.expect("in time").expect("more").expect("whole");
    String::from_utf8(frame.into_data().expect("data").to_vec()).expect("text")
}
