//! `hapta serve`: signals, and no secret in its log.

use std::fs;

use hapta_tests::demo::{self, POST_OF_ALICE, record, records};
use hapta_tests::{
    ADMIN_KEY, Client, PocketBase, Program, RecordingProxy, Setup, Signal, eventually, rules,
};
use serde_json::{Value, json};

use crate::commands::HAPTA;

/// But for the compiler of rules, which knows of no request and fills half a gigabyte.
pub(crate) const EVERYTHING: &str = "trace,cranelift_codegen=info,cranelift_frontend=info,regalloc2=info,\
                          wasmtime_internal_cranelift=info,wit_parser=info,wit_component=info";

#[tokio::test]
async fn a_request_in_flight_finishes_before_the_gateway_ends() {
    for wish in [Signal::TERM, Signal::INT] {
        let pocketbase = PocketBase::start().await;
        let proxy = RecordingProxy::before(pocketbase.address()).await;
        let process = Program::new(HAPTA, Setup::before(proxy.address()).open("posts"))
            .serve()
            .await;
        let (client, post) = (process.client(), record("posts", POST_OF_ALICE));
        let held = proxy.hold(&post);
        let in_flight = tokio::spawn(client.get(&post).into_future());
        proxy.arrived(&post).await;
        process.signal(wish);
        process.said("\"message\":\"ending\"").await;
        drop(held);
        in_flight.await.expect("no panic").expect(200);
        let ended = process.ended().await;
        assert_eq!(ended.status, Some(0), "{}", ended.output);
        let another = tokio::net::TcpStream::connect(client.address()).await;
        assert!(another.is_err(), "somebody still listens");
    }
}

#[tokio::test]
async fn a_request_that_does_not_end_is_waited_for_no_longer_than_said() {
    let pocketbase = PocketBase::start().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let setup = Setup::before(proxy.address())
        .open("posts")
        .also("[server]\nshutdown_timeout = \"200ms\"");
    let process = Program::new(HAPTA, setup).serve().await;
    let post = record("posts", POST_OF_ALICE);
    let _held = proxy.hold(&post);
    let in_flight = tokio::spawn(process.client().get(&post).into_future());
    proxy.arrived(&post).await;
    process.signal(Signal::TERM);
    let ended = process.ended().await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    assert!(ended.output.contains("still under way"), "{}", ended.output);
    in_flight.abort();
}

#[tokio::test]
async fn every_request_makes_one_log_line_also_when_its_client_goes_away() {
    let pocketbase = PocketBase::start().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let process = Program::new(HAPTA, Setup::before(proxy.address()).open("posts"))
        .serve()
        .await;
    let guest = process.client();
    guest.get(&records("posts")).await.expect(200);
    guest.get(&records("comments")).await.refused(404);
    guest.get("/no/such/route").await.refused(404);
    let post = record("posts", POST_OF_ALICE);
    let _held = proxy.hold(&post);
    let gone = tokio::spawn(guest.get(&post).into_future());
    proxy.arrived(&post).await;
    gone.abort();
    process.said("\"status\":499").await;
    process.signal(Signal::TERM);
    let output = process.ended().await.output;
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| line.contains("\"message\":\"exchange\""))
        .collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
}

#[tokio::test]
async fn a_hangup_reads_configuration_and_rules_again() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .rule("allow_all")
        .judged("posts", &["allow_all"]);
    // So long that nothing but the signal can be the reason.
    let setup = setup.also("[rules]\ndebounce = \"1h\"\npoll = \"1h\"");
    let process = Program::new(HAPTA, setup).serve().await;
    let guest = process.client();
    guest.get(&records("posts")).await.expect(200);
    guest.get(&records("comments")).await.refused(404);

    fs::write(
        process.folder().join("allow_all.wasm"),
        rules::bytes("deny_all"),
    )
    .expect("writes the rule");
    process.signal(Signal::HUP);
    let denied = async || (guest.get(&records("posts")).await.status == 403).then_some(());
    eventually("the new rule is in force", denied).await;

    let file = process.folder().join("hapta.toml");
    let text = fs::read_to_string(&file).expect("reads it");
    fs::write(
        &file,
        format!("{text}\n[collections.comments]\nrules = \"pocketbase\"\n"),
    )
    .expect("writes it");
    process.signal(Signal::HUP);
    let exposed = async || (guest.get(&records("comments")).await.status == 200).then_some(());
    eventually("the new collection is exposed", exposed).await;

    fs::write(&file, "nonsense").expect("writes it");
    process.signal(Signal::HUP);
    process.said("not reloaded").await;
    guest.get(&records("comments")).await.expect(200);
    process.signal(Signal::TERM);
    assert_eq!(process.ended().await.status, Some(0));
}

#[tokio::test]
async fn the_command_line_goes_before_the_file() {
    let pocketbase = PocketBase::start().await;
    let address = hapta_tests::free_address();
    let program = Program::new(HAPTA, Setup::before(pocketbase.address()).open("posts"));
    let process = program
        .argument("--listen")
        .argument(address.to_string())
        .serve()
        .await;
    assert_eq!(process.client().address(), address);
    Client::new(address)
        .get(&records("posts"))
        .await
        .expect(200);
    process.signal(Signal::TERM);
    assert_eq!(process.ended().await.status, Some(0));
}

#[tokio::test]
async fn no_secret_is_in_the_log_however_much_is_logged() {
    let setup = Setup::with_a_child()
        .await
        .rule("noter")
        .rule("stored_reader");
    let setup = setup
        .judged("posts", &["noter", "stored_reader"])
        .judged("users", &["noter"])
        .open("comments")
        .also("[superusers]\nroutes = \"on\"");
    let program = Program::new(HAPTA, setup).variable("RUST_LOG", EVERYTHING);
    let process = program
        .variable("JWT_SECRET", "jwt-secret-of-the-tests")
        .serve()
        .await;
    let secrets = use_everything(&process.client(), &process.operator()).await;
    process.signal(Signal::HUP);
    process.client().get("/api/health").await.expect(200);
    process.signal(Signal::TERM);
    let ended = process.ended().await;
    assert_eq!(ended.status, Some(0));
    assert!(
        ended.output.contains("\"level\":\"TRACE\""),
        "much is logged"
    );
    let constant = [demo::PASSWORD, ADMIN_KEY, "jwt-secret-of-the-tests"].map(str::to_owned);
    for secret in secrets.iter().chain(&constant) {
        let told = ended
            .output
            .lines()
            .find(|line| line.contains(secret.as_str()));
        assert_eq!(told, None, "{secret} is in the log");
    }
}

/// Logs in, reads, writes and fails in many ways, and tells what must stay secret.
#[expect(clippy::too_many_lines, reason = "one request after another")]
async fn use_everything(guest: &Client, operator: &Client) -> Vec<String> {
    let mut secrets = Vec::new();
    let password = "dora-s-own-password";
    let dora =
        json!({ "email": "dora@example.com", "password": password, "passwordConfirm": password });
    let created = guest.post(&records("users")).json(&dora).await.expect(200);
    let login = "/api/collections/users/auth-with-password";
    let credentials = json!({ "identity": "dora@example.com", "password": password });
    let dora = token(&guest.post(login).json(&credentials).await.expect(200));
    let wrong = json!({ "identity": "dora@example.com", "password": "a-wrong-password" });
    guest.post(login).json(&wrong).await.refused(400);
    guest
        .post(&format!("{login}?password=in-the-query"))
        .json(&wrong)
        .await;
    let superuser = token(
        &guest
            .authenticate("_superusers", demo::SUPERUSER)
            .await
            .expect(200),
    );
    let (dora, superuser) = (guest.with_token(dora), guest.with_token(superuser));
    let refreshed = token(
        &dora
            .post("/api/collections/users/auth-refresh")
            .await
            .expect(200),
    );
    let id = created["id"].as_str().expect("an id");
    let changed = json!({ "meta": { "appURL": "http://secret-of-the-settings.example" } });
    superuser
        .patch("/api/settings")
        .json(&changed)
        .await
        .expect(200);

    superuser.get("/api/settings").await.expect(200);
    let target = record("posts", POST_OF_ALICE);
    guest.get(&target).await;
    dora.get(&target).await;
    dora.get(&records("posts"))
        .header("Cookie", "session=secret-of-the-cookie")
        .await
        .expect(200);
    dora.patch(&record("users", id))
        .json(&json!({ "bio": "private-words-of-dora" }))
        .await
        .expect(200);
    let changed = json!({ "oldPassword": password, "password": "another-own-password", "passwordConfirm": "another-own-password" });
    dora.patch(&record("users", id))
        .json(&changed)
        .await
        .expect(200);
    // Its token has died with the password.
    dora.get(&records("comments")).await;
    guest
        .with_token(format!("{}x", superuser.token()))
        .get(&records("posts"))
        .await
        .refused(401);
    guest
        .get(&format!(
            "/api/files/posts/{POST_OF_ALICE}/cover.png?token={refreshed}"
        ))
        .await;
    guest
        .get(&format!("{}?token={refreshed}", records("posts")))
        .await
        .refused(400);
    operator.get("/status").await.expect(200);
    operator.get("/metrics").await;
    operator
        .get("/status")
        .token("a-wrong-admin-key")
        .await
        .refused(401);

    let tokens = [dora.token(), superuser.token(), &refreshed];
    for token in tokens {
        // The whole of it would hide nothing that its parts do not.
        secrets.extend(token.split('.').skip(1).map(str::to_owned));
    }
    for text in [
        password,
        "a-wrong-password",
        "in-the-query",
        "another-own-password",
        "secret-of-the-cookie",
        "private-words-of-dora",
        "a-wrong-admin-key",
        "secret-of-the-settings",
        "dora@example.com",
    ] {
        secrets.push(text.to_owned());
    }
    secrets
}

fn token(login: &Value) -> String {
    login["token"].as_str().expect("a token").to_owned()
}
