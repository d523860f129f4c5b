//! Where PocketBase's mails lead and who logs in by `OAuth2`: found out at the start
//! and by `hapta check`, with what to set.

use std::net::SocketAddr;

use hapta_tests::{
    Answer, Client, Ended, PocketBase, Program, RecordingProxy, Seen, Setup, Signal, StubUpstream,
    free_address,
};
use serde_json::{Value, json};

use crate::commands::HAPTA;
use crate::serve::EVERYTHING;

const PUBLIC: &str = "https://api.example.com";

const ADVICE: &str = "Settings > Application > Application URL: set it to https://api.example.com";

const GOOD: &str = "the links in PocketBase's mails lead to the gateway";

/// What every warning about mails has.
const MAILS: &str = "in PocketBase's mails";

#[tokio::test]
async fn the_default_of_pocketbase_leads_to_the_default_of_the_gateway() {
    let pocketbase = PocketBase::start().await;
    // What the demo counts on, too: its first lines would be warnings.
    let demo = hapta_tests::root().join("tests/fixtures/demo/hapta.toml");
    let demo = std::fs::read_to_string(demo).expect("reads it");
    assert!(
        demo.contains("[server]\nlisten = \"127.0.0.1:8090\""),
        "{demo}"
    );
    // It is not bound by a check, so it does not matter who has the port.
    let setup = Setup::before(pocketbase.address())
        .open("users")
        .also("[server]\nlisten = \"127.0.0.1:8090\"");
    let ended = Program::new(HAPTA, setup).run("check").await;
    passed(&ended, &[GOOD, "http://localhost:8090"]);
    assert!(!ended.output.contains("WARN"), "{}", ended.output);
}

#[tokio::test]
async fn a_public_url_is_held_against_the_application_url() {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    let itself = format!("http://{}", pocketbase.address());
    let cases = [
        ("http://localhost:8090", "which is not the gateway", ADVICE),
        (
            itself.as_str(),
            "which is PocketBase itself, past the gateway",
            ADVICE,
        ),
        (
            "https://api.example.com/",
            "paths that the gateway does not serve",
            ADVICE,
        ),
        (PUBLIC, GOOD, PUBLIC),
    ];
    for (app_url, finding, advice) in cases {
        set_app_url(&superuser, app_url).await;
        let program = Program::new(HAPTA, public(pocketbase.address()));
        passed(&program.run("check").await, &[finding, advice]);
    }
}

#[tokio::test]
async fn the_start_says_what_the_check_says_and_serves_all_the_same() {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    set_app_url(&superuser, &format!("http://{}", pocketbase.address())).await;
    let process = Program::new(HAPTA, public(pocketbase.address()))
        .serve()
        .await;
    assert!(process.output().contains("past the gateway"));
    assert!(process.output().contains(ADVICE));
    process.client().get("/api/health").await.expect(200);
    process.signal(Signal::TERM);
    assert_eq!(process.ended().await.status, Some(0));
}

#[tokio::test]
async fn a_start_knows_the_port_that_it_was_given() {
    let pocketbase = PocketBase::start().await;
    let (superuser, address) = (pocketbase.superuser().await, free_address());
    set_app_url(&superuser, &format!("http://localhost:{}", address.port())).await;
    let setup = Setup::before(pocketbase.address()).open("users");
    let program = Program::new(HAPTA, setup)
        .argument("--listen")
        .argument(address.to_string());
    let process = program.serve().await;
    assert!(process.output().contains(GOOD), "{}", process.output());
}

#[tokio::test]
async fn what_listens_on_every_address_wants_to_be_told_where_it_is() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .open("users")
        .also("[server]\nlisten = \"0.0.0.0:8090\"");
    let ended = Program::new(HAPTA, setup).run("check").await;
    passed(&ended, &["it can't be told", "set server.public_url"]);
}

#[tokio::test]
async fn templates_that_lead_past_the_gateway_are_named() {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    set_app_url(&superuser, PUBLIC).await;
    let past = format!("http://{}/_/#/auth/confirm/{{TOKEN}}", pocketbase.address());
    let page = "https://app.example.com/reset?token={TOKEN}";
    let changed = json!({
        "verificationTemplate": template(&past),
        "resetPasswordTemplate": template(page),
        "confirmEmailChangeTemplate": template("{APP_URL}/change/{TOKEN}"),
    });
    change(&superuser, "users", &changed).await;
    let ended = Program::new(HAPTA, public(pocketbase.address()))
        .run("check")
        .await;
    let verification = format!(
        "the link in verificationTemplate of the collection users leads to {past}, which is PocketBase"
    );
    let reset = "the link in resetPasswordTemplate of the collection users leads to https://app.example.com/reset, which is not the gateway";
    passed(&ended, &[GOOD, &verification, reset]);
    assert!(
        !ended.output.contains("confirmEmailChange"),
        "{}",
        ended.output
    );
    // A page that is known to ask the gateway may take the token.
    let known =
        public(pocketbase.address()).also("[server]\norigins = [\"https://app.example.com\"]");
    let ended = Program::new(HAPTA, known).run("check").await;
    passed(&ended, &[&verification]);
    assert!(!ended.output.contains("resetPassword"), "{}", ended.output);
}

#[tokio::test]
async fn collections_with_oauth2_are_told_with_the_url_to_register() {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    set_app_url(&superuser, PUBLIC).await;
    change(&superuser, "users", &oauth2()).await;
    let ended = Program::new(HAPTA, public(pocketbase.address()))
        .run("check")
        .await;
    let register = "the collection users takes logins by OAuth2: register https://api.example.com/api/oauth2-redirect with google, github";
    passed(&ended, &[register]);
    assert!(!ended.output.contains("WARN"), "{}", ended.output);
}

#[tokio::test]
async fn who_serves_no_logins_is_told_nothing_of_mails() {
    let pocketbase = PocketBase::start().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    change(&pocketbase.superuser().await, "users", &oauth2()).await;
    let setup = Setup::before(proxy.address()).open("posts");
    let ended = Program::new(HAPTA, setup).run("check").await;
    passed(&ended, &[]);
    let said = [MAILS, "OAuth2"].map(|text| ended.output.contains(text));
    assert_eq!(said, [false; 2], "{}", ended.output);
    let seen = proxy.seen();
    let asks = |seen: &Seen| seen.target.starts_with("/api/settings");
    assert!(
        !seen.iter().any(asks),
        "what is not needed is not asked for"
    );
    // Superusers get mails too, where they are served.
    let setup = Setup::before(proxy.address())
        .open("posts")
        .also("[superusers]\nroutes = \"on\"");
    let ended = Program::new(HAPTA, setup).run("check").await;
    passed(&ended, &[MAILS]);
    assert!(!ended.output.contains("OAuth2"), "{}", ended.output);
}

#[tokio::test]
async fn settings_that_are_not_told_are_a_warning() {
    let stub = StubUpstream::start().await;
    let refused = json!({ "status": 404, "message": "", "data": {} });
    for (answer, finding) in [
        (
            Answer::Json(404, refused),
            "could not find out where the links",
        ),
        (Answer::Json(200, json!({ "meta": {} })), "does not tell"),
        (Answer::Cut, "could not find out where the links"),
    ] {
        stub.answer("/api/settings", answer);
        let ended = Program::new(HAPTA, public(stub.address()))
            .run("check")
            .await;
        passed(&ended, &[finding]);
    }
    // As a superuser is who may not: a token is tried anew once, and that is it.
    stub.answer("/api/settings", Answer::Json(403, json!({})));
    let process = Program::new(HAPTA, public(stub.address())).serve().await;
    let said = "could not find out where the links";
    assert!(process.output().contains(said), "{}", process.output());
}

#[tokio::test]
async fn settings_that_do_not_come_hold_up_a_start_no_longer_than_any_answer() {
    let stub = StubUpstream::start().await;
    stub.answer("/api/settings", Answer::Stall);
    let setup = public(stub.address()).also("[pocketbase]\ntimeout = \"2s\"");
    let process = Program::new(HAPTA, setup).serve().await;
    let said = "PocketBase did not answer within 2s";
    assert!(process.output().contains(said), "{}", process.output());
    process.client().get("/api/health").await.expect(200);
}

#[tokio::test]
async fn no_other_setting_is_in_the_log_however_much_is_logged() {
    // One that takes no notice of which keys it is asked for, and masks nothing.
    let stub = StubUpstream::start().await;
    let settings = json!({
        "meta": { "appURL": "https://user:secret-0@old.example.com/?key=secret-1", "senderAddress": "secret-2" },
        "smtp": { "username": "secret-3", "password": "secret-4" },
        "s3": { "accessKey": "secret-5", "secret": "secret-6" },
    });
    stub.answer("/api/settings", Answer::Json(200, settings));
    let provider = json!({ "name": "google", "clientId": "secret-7", "clientSecret": "secret-8" });
    let mut users = collections();
    let user = users["items"]
        .as_array_mut()
        .and_then(|items| items.iter_mut().find(|item| item["name"] == "users"))
        .expect("users");
    user["oauth2"] = json!({ "enabled": true, "providers": [provider] });
    user["verificationTemplate"] = template("https://old.example.com/?key=secret-9&token={TOKEN}");
    stub.answer("/api/collections", Answer::Json(200, users));
    let process = everything(public(stub.address())).serve().await;
    let output = process.output();
    for said in [
        "https://old.example.com/",
        "with google",
        "\"level\":\"TRACE\"",
    ] {
        assert!(output.contains(said), "no {said} in:\n{output}");
    }
    let told = output.lines().find(|line| line.contains("secret-"));
    assert_eq!(told, None);
}

#[tokio::test]
async fn the_real_settings_are_asked_for_by_key() {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    let smtp = json!({ "enabled": true, "host": "secret-0.example.com", "port": 25, "username": "secret-1", "password": "secret-2" });
    superuser
        .patch("/api/settings")
        .json(&json!({ "smtp": smtp }))
        .await
        .expect(200);
    change(&superuser, "users", &oauth2()).await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let process = everything(public(proxy.address())).serve().await;
    let output = process.output();
    assert!(output.contains("with google, github"), "{output}");
    let told = output.lines().find(|line| line.contains("secret-"));
    assert_eq!(told, None);
    let seen = proxy.seen();
    let asked = |path: &'static str| {
        seen.iter()
            .filter(move |seen| seen.target.starts_with(path))
    };
    let settings: Vec<_> = asked("/api/settings").map(|seen| &seen.target).collect();
    assert_eq!(settings, ["/api/settings?fields=meta.appURL"]);
    let by_key = asked("/api/collections?").filter(|seen| seen.target.contains("&fields=name,"));
    assert_eq!(by_key.count(), 1);
}

#[tokio::test]
async fn a_public_url_is_an_address_and_nothing_more() {
    let pocketbase = PocketBase::start().await;
    for (url, expected) in [
        ("api.example.com", "is no address like https://"),
        ("https://api.example.com/v1", "must have no path"),
        (
            "https://a:secret@api.example.com",
            "no user and no password",
        ),
    ] {
        let setting = format!("[server]\npublic_url = \"{url}\"");
        let setup = Setup::before(pocketbase.address())
            .open("users")
            .also(&setting);
        let ended = Program::new(HAPTA, setup).run("check").await;
        crate::commands::refused(&ended, &["hapta.toml", "server.public_url", expected]);
        assert!(!ended.output.contains("secret"), "{}", ended.output);
    }
}

/// Users are served, at the public address.
fn public(upstream: SocketAddr) -> Setup {
    let setting = format!("[server]\npublic_url = \"{PUBLIC}\"");
    Setup::before(upstream).open("users").also(&setting)
}

/// With everything in its log that can be.
fn everything(setup: Setup) -> Program {
    Program::new(HAPTA, setup).variable("RUST_LOG", EVERYTHING)
}

/// It would serve, and says all of this.
#[track_caller]
fn passed(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    for word in words.iter().chain(&["would serve"]) {
        assert!(
            ended.output.contains(word),
            "no {word} in:\n{}",
            ended.output
        );
    }
}

async fn set_app_url(superuser: &Client, url: &str) {
    let settings = superuser.patch("/api/settings");
    let changed = json!({ "meta": { "appURL": url } });
    settings.json(&changed).await.expect(200);
}

async fn change(superuser: &Client, collection: &str, change: &Value) {
    let collection = superuser.patch(&format!("/api/collections/{collection}"));
    collection.json(change).await.expect(200);
}

fn template(link: &str) -> Value {
    json!({ "subject": "Hello", "body": format!("<a href=\"{link}\">here</a>") })
}

fn oauth2() -> Value {
    let provider =
        |name| json!({ "name": name, "clientId": "secret-3", "clientSecret": "secret-4" });
    json!({ "oauth2": { "enabled": true, "providers": [provider("google"), provider("github")] } })
}

/// The stub's, as its fixture has them.
fn collections() -> Value {
    let file = hapta_tests::root().join("tests/fixtures/stub/collections.json");
    let text = std::fs::read_to_string(file).expect("reads it");
    serde_json::from_str(&text).expect("JSON")
}
