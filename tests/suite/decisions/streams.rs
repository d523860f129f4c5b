//! Where the two logs go: what is taken is written, and what can't be is told.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{PocketBase, Program, RecordingProxy, Setup, Signal, Stage, eventually};
use serde_json::{Value, json};

use super::{LOGIN, lines_in};
use crate::commands::HAPTA;

#[tokio::test]
async fn a_gateway_that_is_ended_in_order_has_written_all() {
    let pocketbase = PocketBase::start().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let (folder, log) = log_in_a_folder();
    let setup = Setup::before(proxy.address()).open("posts").also(&log);
    let process = Program::new(HAPTA, setup).serve().await;
    let guest = process.client();
    let mut ids = Vec::new();
    for _ in 0..200 {
        let reply = guest.get("/no/such/route").await;
        ids.push(reply.header("x-request-id").expect("an id").to_owned());
    }
    // One is still under way when the end is asked for.
    let post = record("posts", POST_OF_ALICE);
    let held = proxy.hold(&post);
    let last = tokio::spawn(guest.get(&post).into_future());
    proxy.arrived(&post).await;
    process.signal(Signal::TERM);
    process.said("\"message\":\"ending\"").await;
    drop(held);
    let last = last.await.expect("no panic");
    ids.push(last.header("x-request-id").expect("an id").to_owned());
    let ended = process.ended().await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    let written: Vec<_> = lines_in(&folder.path().join("decisions.log"))
        .iter()
        .map(|line| line["request.id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(written, ids);
    // A line is in one place.
    assert!(!ended.output.contains("\"message\":\"exchange\""));
}

#[tokio::test]
async fn without_files_both_are_lines_among_the_others() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).open("users");
    let process = Program::new(HAPTA, setup).serve().await;
    let wrong = json!({ "identity": "alice@example.com", "password": "a-wrong-password" });
    let failed = process.client().post(LOGIN).json(&wrong).await;
    process.signal(Signal::TERM);
    let output = process.ended().await.output;
    let of = |message: &str| {
        let lines = output
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        let mut lines: Vec<Value> = lines
            .filter(|line: &Value| line["message"] == message)
            .collect();
        assert_eq!(lines.len(), 1, "{output}");
        lines.pop().expect("one")
    };
    let (decision, event) = (of("exchange"), of("security"));
    let id = failed.header("x-request-id").expect("an id");
    assert_eq!(
        (&decision["request.id"], &event["request.id"]),
        (&json!(id), &json!(id))
    );
    assert_eq!(
        (&decision["verdict"], &event["event"]),
        (&json!("allowed"), &json!("login_failed"))
    );
    assert_eq!(decision["client.address"], "127.0.0.1");
}

#[tokio::test]
async fn a_full_queue_holds_nobody_up_and_what_was_lost_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("there is mkfifo").success());
    let log = format!("[log]\ndecisions = {}\nqueue = 1", quoted(&pipe));
    // Nobody reads the pipe.
    let stage = Stage::with(|gateway| gateway.open("posts").also(&log)).await;
    for _ in 0..20 {
        stage.guest().get(&records("posts")).await.expect(200);
    }
    let metric = "hapta_log_lines_dropped_total{stream=\"decisions\",reason=\"queue\"}";
    let dropped = stage.gateway.metric(metric).await.expect("it is counted");
    assert!(dropped >= 18.0, "{dropped}");
    let reading = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(fs::File::open(pipe).expect("opens")).lines();
        let mut lines = lines.map(|line| {
            let line = line.expect("reads");
            serde_json::from_str::<Value>(&line).expect("JSON")
        });
        lines.find(|line| line["event"] == "lines_lost")
    });
    let lost = reading.await.expect("no panic").expect("it is told");
    assert_eq!(lost["lines"].as_f64(), Some(dropped), "{lost}");
    assert_eq!(lost["queue"], lost["lines"]);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_costs_lines_and_no_requests() {
    let log = "[log]\ndecisions = \"/dev/full\"";
    let stage = Stage::with(|gateway| gateway.open("posts").also(log)).await;
    for _ in 0..3 {
        stage.guest().get(&records("posts")).await.expect(200);
    }
    let metric = "hapta_log_lines_dropped_total{stream=\"decisions\",reason=\"disk\"}";
    let dropped = async || (stage.gateway.metric(metric).await == Some(3.0)).then_some(());
    eventually("each line is counted", dropped).await;
}

#[tokio::test]
async fn a_log_that_can_not_be_written_stops_the_start_and_a_check_makes_none() {
    let pocketbase = PocketBase::start().await;
    let before = || Setup::before(pocketbase.address()).open("posts");
    let nowhere = before().also("[log]\nsecurity = \"no/such/folder.log\"");
    let error = nowhere.try_start().await.expect_err("it does not start");
    assert!(error.contains("no/such/folder.log"), "{error}");
    let nowhere = before().also("[log]\nsecurity = \"no/such/folder.log\"");
    let checked = Program::new(HAPTA, nowhere).run("check").await;
    assert_eq!(checked.status, Some(1));
    assert!(
        checked.output.contains("no/such/folder.log"),
        "{}",
        checked.output
    );

    let (folder, log) = log_in_a_folder();
    let checked = Program::new(HAPTA, before().also(&log)).run("check").await;
    assert_eq!(checked.status, Some(0), "{}", checked.output);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

/// A folder that outlives the gateway, and the settings for a log in it.
fn log_in_a_folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("decisions.log");
    let log = format!("[log]\ndecisions = {}", quoted(&file));
    (folder, log)
}

fn quoted(path: &Path) -> String {
    toml::Value::from(path.to_str().expect("text")).to_string()
}
