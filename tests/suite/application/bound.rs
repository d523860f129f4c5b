//! A session that was logged in to with a proof is bound to its key: a token without the key is
//! worth nothing.

use hapta_tests::demo::{ALICE, POST_OF_ALICE, record, records};
use hapta_tests::{Client, Prover, Reply, Setup, Stage};
use serde_json::json;

use super::{lines, open};

const ROLLING: &str = "[sessions]\nmode = \"rolling\"\n[application]\ndpop = ";

const REFRESH: &str = "/api/collections/users/auth-refresh";

/// The demo's collections with sessions of the gateway's own, and proofs as it is said.
async fn stage(dpop: &str) -> Stage {
    Stage::with(|gateway| rolling(gateway, dpop)).await
}

fn rolling(gateway: Setup, dpop: &str) -> Setup {
    open(gateway, &format!("{ROLLING}\"{dpop}\""))
}

/// Alice, logged in with a proof by this key.
async fn log_in(stage: &Stage, prover: &Prover) -> Client {
    let guest = stage.guest();
    let login = guest.authenticate("users", "alice@example.com");
    let reply = prover.prove(&guest, login).await;
    guest.with_token(token(&reply))
}

#[track_caller]
fn token(reply: &Reply) -> String {
    let answer = reply.expect(200);
    answer["token"].as_str().expect("a token").to_owned()
}

/// Hers alone to see.
fn own() -> String {
    record("users", ALICE)
}

#[tokio::test]
async fn a_token_that_was_stolen_without_its_key_is_refused_and_works_with_the_key() {
    let stage = stage("optional").await;
    let (prover, thief) = (Prover::new(1), Prover::new(2));
    let alice = log_in(&stage, &prover).await;
    prover.prove(&alice, alice.get(&own())).await.expect(200);
    stage.proxy.take();
    let forms = ["", "Bearer ", "DPoP "].map(|word| format!("{word}{}", alice.token()));
    let stolen = forms.map(|form| stage.guest().with_token(form));
    let post = json!({ "title": "Stolen", "author": ALICE, "status": "draft" });
    for client in &stolen {
        let calls = || {
            [
                client.get(&own()),
                client.get(&records("posts")),
                client.post(&records("posts")).json(&post),
                client.delete(&record("posts", POST_OF_ALICE)),
                client.post(REFRESH),
                client.post("/api/files/token"),
            ]
        };
        for call in calls() {
            let reply = thief.prove(client, call).await;
            assert_eq!(reply.code(401), "proof_missing", "{client:?}");
            let challenge = reply.header("www-authenticate").expect("a challenge");
            assert!(challenge.starts_with("DPoP "), "{challenge}");
        }
        if !client.token().starts_with("DPoP ") {
            for call in calls() {
                assert_eq!(call.await.code(401), "proof_missing", "{client:?}");
            }
        }
    }
    // A proof that was made for another request, by the right key.
    let other = prover.proof_of(&alice, &alice.get(&records("comments")));
    let reply = alice.get(&own()).header("DPoP", &other).await;
    assert_eq!(reply.code(401), "proof_invalid");
    assert_eq!(stage.proxy.take().len(), 0);
    // And nothing of it ended the session.
    prover.prove(&alice, alice.get(&own())).await.expect(200);
    let told = lines(&stage.gateway, "security.log", 1).await;
    let log = serde_json::to_string(&told).expect("JSON");
    assert!(log.contains("proof_missing") && !log.contains(alice.token()));
}

#[tokio::test]
async fn a_session_keeps_its_key_when_its_token_rolls() {
    let stage = stage("optional").await;
    let (prover, thief) = (Prover::new(3), Prover::new(4));
    let alice = log_in(&stage, &prover).await;
    let refreshed = prover.prove(&alice, alice.post(REFRESH)).await;
    let newer = alice.with_token(token(&refreshed));
    assert_ne!(newer.token(), alice.token());
    assert_eq!(newer.get(&own()).await.code(401), "proof_missing");
    let stolen = thief.prove(&newer, newer.post(REFRESH)).await;
    assert_eq!(stolen.code(401), "proof_missing");
    prover.prove(&newer, newer.get(&own())).await.expect(200);
    // The one before is over with its first use, and whoever has it without the key can't
    // even end the session by showing it.
    assert_eq!(alice.get(&own()).await.code(401), "proof_missing");
    prover.prove(&newer, newer.get(&own())).await.expect(200);
}

#[tokio::test]
async fn who_logs_in_without_a_key_has_a_session_without() {
    let stage = stage("optional").await;
    let bob = stage.guest().log_in("bob").await;
    bob.get(&records("posts")).await.expect(200);
    // What is signed is checked all the same.
    let prover = Prover::new(5);
    prover
        .prove(&bob, bob.get(&records("posts")))
        .await
        .expect(200);
    let wrong = bob.get(&records("posts")).header("DPoP", "a.b.c");
    assert_eq!(wrong.await.code(401), "proof_invalid");
}

#[tokio::test]
async fn files_and_streams_work_for_a_session_that_is_bound() {
    let stage = stage("required").await;
    let prover = Prover::new(6);
    let alice = log_in(&stage, &prover).await;
    let answer = prover.prove(&alice, alice.post("/api/files/token")).await;
    let file_token = token(&answer);
    // What shows a picture can't sign: it is nobody's refusal that the file is not there.
    let file = format!("/api/files/posts/{POST_OF_ALICE}/none.png?token={file_token}");
    stage.guest().get(&file).await.refused(404);
    let mut stream = stage.guest().get("/api/realtime").stream().await;
    let id = stream.event().await.expect("a greeting").id;
    let subscribe = || {
        let body = json!({ "clientId": id, "subscriptions": ["posts/*"] });
        alice.post("/api/realtime").json(&body)
    };
    assert_eq!(subscribe().await.code(401), "proof_missing");
    let subscribed = prover.prove(&alice, subscribe()).await;
    assert_eq!(subscribed.status, 204, "{subscribed:?}");
    let title = json!({ "title": "Told" });
    let update = alice.patch(&record("posts", POST_OF_ALICE)).json(&title);
    prover.prove(&alice, update).await.expect(200);
    let event = stream.event().await.expect("an event");
    assert!(event.data.contains("Told"), "{event:?}");
}

#[tokio::test]
async fn where_proofs_come_to_be_required_a_session_without_a_key_is_over() {
    let stage = stage("optional").await;
    let bob = stage.guest().log_in("bob").await;
    bob.get(&records("posts")).await.expect(200);
    let prover = Prover::new(7);
    let alice = log_in(&stage, &prover).await;
    let (optional, required) = ("dpop = \"optional\"", "dpop = \"required\"");
    stage.gateway.reconfigure(optional, required);
    hapta_tests::eventually("proofs are required", async || {
        (bob.get(&records("posts")).await.status == 401).then_some(())
    })
    .await;
    // A key of one's own does not make a session of somebody else one's own.
    let thief = Prover::new(8);
    let call = thief.prove(&bob, bob.get(&records("posts")));
    assert_eq!(call.await.code(401), "proof_missing");
    prover.prove(&alice, alice.get(&own())).await.expect(200);
    // Who is nobody needs no proof.
    stage.guest().get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn proofs_are_required_only_where_sessions_can_be_bound() {
    let open = Stage::open().await;
    let setup = Setup::before(open.proxy.address()).open("posts");
    let setup = setup.also("[application]\ndpop = \"required\"");
    let problem = setup.try_start().await.expect_err("it is refused");
    assert!(problem.contains("application.dpop"), "{problem}");
    assert!(problem.contains("sessions.mode"), "{problem}");
}
