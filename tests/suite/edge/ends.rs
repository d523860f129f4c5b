//! The end of a gateway, and whoever guesses the operators' key.

use hapta_tests::demo::{POST_OF_ALICE, record};
use hapta_tests::{
    ADMIN_KEY, Client, PocketBase, Program, RecordingProxy, Setup, Signal, Stage, eventually,
};

use crate::commands::HAPTA;

#[tokio::test]
async fn while_requests_under_way_end_operators_are_told_so() {
    let pocketbase = PocketBase::start().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let setup = Setup::before(proxy.address()).open("posts");
    let process = Program::new(HAPTA, setup).serve().await;
    let (client, operator) = (process.client(), process.operator());
    assert_eq!(operator.get("/readyz").await.status, 200);
    let post = record("posts", POST_OF_ALICE);
    let held = proxy.hold(&post);
    let in_flight = tokio::spawn(client.get(&post).into_future());
    proxy.arrived(&post).await;
    let mut stream = client.get("/api/realtime").stream().await;
    stream.event().await.expect("a greeting");
    process.signal(Signal::TERM);
    process.said("\"message\":\"ending\"").await;
    let draining = async || {
        let reply = operator.get("/readyz").await;
        (reply.status == 503).then_some(reply)
    };
    let told = eventually("it is not ready", draining).await;
    assert_eq!(told.text(), "draining\n");
    assert_eq!(operator.get("/healthz").await.status, 200);
    let refused = async || {
        let another = tokio::net::TcpStream::connect(client.address()).await;
        another.is_err().then_some(())
    };
    eventually("nobody else comes in", refused).await;
    // Streams are told, and go.
    while stream.event().await.is_some() {}
    drop(held);
    in_flight.await.expect("no panic").expect(200);
    let ended = process.ended().await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    let output = ended.output;
    assert!(!output.contains("still under way"), "{output}");
}

#[tokio::test]
async fn who_guesses_the_operators_key_is_not_answered_for_a_while_and_who_has_it_is() {
    let stage = Stage::open().await;
    let guessing = Client::new(stage.gateway.admin_address()).from([127, 0, 0, 7]);
    for number in 0..5 {
        let guess = format!("Bearer guess-number-{number}");
        guessing.get("/status").token(&guess).await.refused(401);
        // To send none counts as much: each is told of.
        guessing.get("/status").await.refused(401);
    }
    for token in ["Bearer another-guess", ""] {
        let reply = guessing.get("/status").token(token).await;
        reply.refused(429);
        let retry: u64 = reply
            .header("retry-after")
            .expect("when")
            .parse()
            .expect("seconds");
        assert!((1..=61).contains(&retry), "{retry}");
    }
    // Nobody keeps out whoever has it.
    let right = format!("Bearer {ADMIN_KEY}");
    guessing.get("/status").token(&right).await.expect(200);
    // What needs no key is told, and others are listened to.
    assert_eq!(guessing.get("/healthz").await.status, 200);
    stage.gateway.operator().get("/status").await.expect(200);
    let limited = stage.gateway.metric("hapta_admin_keys_limited_total").await;
    assert_eq!(limited, Some(2.0));
}

#[tokio::test]
async fn a_key_that_others_would_try_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    for key in [
        "change-me-please",
        "aaaaaaaaaaaaaaaaaaaa",
        "my-secret-admin-key",
    ] {
        let setup = Setup::before(pocketbase.address()).open("posts");
        let setup = setup.environment(|environment| environment.admin_key = Some(key.to_owned()));
        let error = setup.try_start().await.expect_err("it does not start");
        assert!(
            error.contains("HAPTA_ADMIN_KEY") && !error.contains(key),
            "{error}"
        );
    }
}
