//! Sessions outlive the gateway, in a database that is of no use to whoever reads it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hapta_tests::demo::records;
use hapta_tests::{Client, PocketBase, Setup, TestGateway};
use tempfile::TempDir;

use super::ends::command;
use super::{LOGOUT, REFRESH, SESSIONS, refreshed, rolling, stage};

/// A gateway whose state lies in this folder.
async fn start(pocketbase: &PocketBase, state: &Path) -> TestGateway {
    before(pocketbase, state).start().await
}

fn before(pocketbase: &PocketBase, state: &Path) -> Setup {
    let state = state.join("state");
    let settings = format!("[state]\nfolder = {:?}", state.to_str().expect("text"));
    rolling(Setup::before(pocketbase.address())).also(&settings)
}

/// The same person at another gateway.
fn at(gateway: &TestGateway, client: &Client) -> Client {
    gateway.client().with_token(client.token())
}

#[tokio::test]
async fn sessions_outlive_a_gateway_and_what_ended_stays_ended() {
    let (pocketbase, state) = (PocketBase::start().await, folder());
    let first = start(&pocketbase, state.path()).await;
    let (alice, bob) = (
        first.client().log_in("alice").await,
        first.client().log_in("bob").await,
    );
    let newer = refreshed(&alice).await;
    let carol = first.client().log_in("carol").await;
    carol.post(LOGOUT).await.expect(204);
    first.stop().await;

    let second = start(&pocketbase, state.path()).await;
    at(&second, &bob).get(&records("posts")).await.expect(200);
    assert_eq!(
        at(&second, &carol).get(&records("posts")).await.code(401),
        "session_ended"
    );
    // Nobody had used the newer one: the older is still good, and gets the same.
    let again = refreshed(&at(&second, &alice)).await;
    assert_eq!(again.token(), newer.token());
    let listed = at(&second, &newer).get(SESSIONS).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(second.metric("hapta_sessions").await, Some(2.0));
    at(&second, &newer).post(REFRESH).await.expect(200);
    second.stop().await;
    let third = start(&pocketbase, state.path()).await;
    at(&third, &newer).get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn commands_work_where_no_gateway_runs() {
    let (pocketbase, state) = (PocketBase::start().await, folder());
    let first = start(&pocketbase, state.path()).await;
    let alice = first.client().log_in("alice").await;
    first.stop().await;
    let place = state.path().join("state");
    let listed = command(&place, &["list"]).await;
    assert_eq!(
        (listed.status, listed.output.lines().count()),
        (Some(0), 1),
        "{}",
        listed.output
    );
    for (what, told) in [("rotate", "a new key signs"), ("end-all", "1 ended")] {
        let said = command(&place, &[what]).await;
        assert_eq!(said.status, Some(0), "{}", said.output);
        assert!(
            said.output.contains(told) && said.output.contains("at the next start"),
            "{}",
            said.output
        );
    }
    let second = start(&pocketbase, state.path()).await;
    let over = at(&second, &alice).get(&records("posts")).await;
    assert_eq!(over.code(401), "session_ended");
}

#[tokio::test]
async fn the_database_is_private_and_tells_nothing() {
    let stage = stage().await;
    let alice = stage.guest().authenticate("users", "alice@example.com");
    let alice = alice
        .header("User-Agent", "the browser of alice")
        .await
        .expect(200);
    let token = alice["token"].as_str().expect("a token");
    stage
        .guest()
        .with_token(token)
        .get(&records("posts"))
        .await
        .expect(200);
    let inner = super::tokens_seen(&stage.proxy);
    assert!(!inner.is_empty());
    let folder = stage.gateway.folder().join("hapta_state");
    let mut bytes = Vec::new();
    for entry in fs::read_dir(&folder).expect("reads the folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.starts_with("sessions.db") {
            let mode = fs::metadata(&path).expect("is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            bytes.extend(fs::read(&path).expect("reads it"));
        }
    }
    assert!(bytes.len() > 1_000);
    for secret in
        inner
            .iter()
            .map(String::as_str)
            .chain([token, "the browser of alice", "127.0.0.1"])
    {
        let found = bytes
            .windows(secret.len())
            .any(|some| some == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}

#[tokio::test]
async fn a_damaged_database_stops_the_start_and_says_what_to_do() {
    let (pocketbase, state) = (PocketBase::start().await, folder());
    let first = start(&pocketbase, state.path()).await;
    first.client().log_in("alice").await;
    first.stop().await;
    let file = state.path().join("state/sessions.db");
    let whole = fs::read(&file).expect("is there");
    let mut cut = whole.clone();
    cut.truncate(whole.len() / 2);
    for damaged in [
        cut,
        b"no database at all, and longer than its head of a hundred bytes. ".repeat(4),
    ] {
        fs::write(&file, damaged).expect("writes it");
        let refused = before(&pocketbase, state.path()).try_start().await;
        let refused = refused.expect_err("a refusal");
        assert!(
            refused.contains("sessions.db") && refused.contains("everybody logs in again"),
            "{refused}"
        );
    }
    // Of another folder, whose key it was not sealed with.
    fs::write(&file, &whole).expect("writes it");
    fs::remove_file(state.path().join("state/key")).expect("removes the key");
    let refused = before(&pocketbase, state.path()).try_start().await;
    assert!(
        refused
            .expect_err("a refusal")
            .contains("not sealed with the key")
    );
    fs::remove_file(&file).expect("removes it");
    start(&pocketbase, state.path())
        .await
        .client()
        .log_in("alice")
        .await;
}

#[tokio::test]
async fn there_are_no_sessions_without_a_place_for_them() {
    let pocketbase = PocketBase::start().await;
    let folder = folder();
    fs::write(folder.path().join("file"), "").expect("writes a file");
    let nowhere = folder.path().join("file");
    let refused = before(&pocketbase, &nowhere).try_start().await;
    let refused = refused.expect_err("a refusal");
    assert!(refused.contains("state"), "{refused}");
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
