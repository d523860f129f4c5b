//! Where the two logs go: what is taken is written, and what can't be is told.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{
    ADMIN_KEY, Client, PATIENCE, PocketBase, Program, RecordingProxy, Reply, Setup, Signal, Stage,
    eventually, free_address,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};
use tokio::net::unix::pipe;

use super::LOGIN;
use crate::commands::HAPTA;

#[tokio::test]
async fn a_gateway_that_is_ended_in_order_has_written_all() {
    let pocketbase = PocketBase::start().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (pipe, log) = pipe_in(folder.path());
    let setup = Setup::before(proxy.address()).open("posts").also(&log);
    let process = Program::new(HAPTA, setup).serve().await;
    let guest = process.client();
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(id(&guest.get("/no/such/route").await));
    }
    // One is still under way when the end is asked for.
    let post = record("posts", POST_OF_ALICE);
    let held = proxy.hold(&post);
    let last = tokio::spawn(guest.get(&post).into_future());
    proxy.arrived(&post).await;
    process.signal(Signal::TERM);
    process.said("\"message\":\"ending\"").await;
    drop(held);
    ids.push(id(&last.await.expect("no panic")));
    // Only now somebody reads the pipe, so that no line was written before.
    let mut pipe = pipe::OpenOptions::new().open_receiver(pipe).expect("opens");
    let mut text = String::new();
    let read = tokio::time::timeout(PATIENCE, pipe.read_to_string(&mut text)).await;
    read.expect("the gateway ends").expect("reads");
    let written = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["request.id"].as_str().expect("an id").to_owned()
    });
    let written: Vec<String> = written.collect();
    assert_eq!(written, ids);
    let ended = process.ended().await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    // A line is in one place.
    assert!(!ended.output.contains("\"message\":\"exchange\""));
}

#[tokio::test]
async fn the_end_waits_for_the_last_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pipe, log) = pipe_in(folder.path());
    let stage = Stage::with(|gateway| gateway.open("posts").also(&log)).await;
    let asked = stage.guest().get(&records("posts")).await;
    let mut stopping = tokio::spawn(stage.gateway.stop());
    // Nobody reads the pipe: it would have ended long since, if it did not wait.
    let ended = tokio::time::timeout(Duration::from_millis(300), &mut stopping).await;
    assert!(ended.is_err(), "it ended without its last line");
    let mut pipe = pipe::OpenOptions::new().open_receiver(pipe).expect("opens");
    let mut text = String::new();
    let read = tokio::time::timeout(PATIENCE, pipe.read_to_string(&mut text)).await;
    read.expect("the log is closed").expect("reads");
    assert!(text.contains(&id(&asked)), "{text}");
    stopping.await.expect("no panic");
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
    let (pipe, log) = pipe_in(folder.path());
    // Nobody reads the pipe.
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("posts").also(&log);
        gateway.also("[log]\nqueue = 1")
    })
    .await;
    for _ in 0..20 {
        stage.guest().get(&records("posts")).await.expect(200);
    }
    let metric = "hapta_log_lines_dropped_total{stream=\"decisions\",reason=\"queue\"}";
    let dropped = stage.gateway.metric(metric).await.expect("it is counted");
    assert!(dropped >= 18.0, "{dropped}");
    let reading = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(fs::File::open(pipe).expect("opens")).lines();
        let lines = lines.map(|line| {
            let line = line.expect("reads");
            serde_json::from_str::<Value>(&line).expect("JSON")
        });
        // It may say so in more than one line.
        let mut lost = 0.0;
        for line in lines.filter(|line| line["event"] == "lines_lost") {
            assert_eq!(line["queue"], line["lines"]);
            lost += line["lines"].as_f64().expect("a number");
            if lost >= dropped {
                break;
            }
        }
        lost
    });
    assert_eq!(reading.await.ok(), Some(dropped));
}

#[tokio::test]
async fn an_output_that_nobody_reads_holds_nobody_up_either() {
    let pocketbase = PocketBase::start().await;
    let (address, admin) = (free_address(), free_address());
    let written = Setup::before(pocketbase.address())
        .open("posts")
        .also(&format!(
            "[server]\nlisten = \"{address}\"\n[admin]\nlisten = \"{admin}\""
        ))
        .also("[log]\nqueue = 10")
        .write();
    let mut process = tokio::process::Command::new(HAPTA)
        .args(["serve", "--log", "json"])
        .env_clear()
        .env("HAPTA_ADMIN_KEY", ADMIN_KEY)
        .current_dir(written.folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let there = async || tokio::net::TcpStream::connect(address).await.ok();
    eventually("it serves", there).await;
    let guest = Client::new(address);
    // More than a pipe takes: its 64 KiB are full after some two hundred lines.
    let sent = 1_000;
    for _ in 0..sent {
        guest.get("/no/such/route").await.refused(404);
    }
    let operator = Client::new(admin).with_token(format!("Bearer {ADMIN_KEY}"));
    let metrics = operator.get("/metrics").await.text();
    let metric = "hapta_log_lines_dropped_total{stream=\"decisions\",reason=\"queue\"} ";
    let dropped = metrics.lines().find_map(|line| line.strip_prefix(metric));
    let dropped: u64 = dropped.expect("it is counted").parse().expect("a number");
    assert!((100..sent).contains(&dropped), "{dropped}");
    // Read at last, it says what is missing.
    let output = process.stdout.take().expect("it is piped");
    let mut lines = tokio::io::BufReader::new(output).lines();
    let (mut told, mut lost) = (0, 0);
    while told + lost < sent {
        let line = lines.next_line().await.expect("reads").expect("a line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        told += u64::from(line["message"] == "exchange");
        if line["message"] == "lines of a log were lost" {
            lost += line["lines"].as_u64().expect("a number");
        }
    }
    assert_eq!((lost, told + lost), (dropped, sent));
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

    let folder = tempfile::tempdir().expect("a folder");
    let file = quoted(&folder.path().join("decisions.log"));
    let log = format!("[log]\ndecisions = {file}");
    let checked = Program::new(HAPTA, before().also(&log)).run("check").await;
    assert_eq!(checked.status, Some(0), "{}", checked.output);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

/// A pipe in this folder, and the settings for a decision log in it.
fn pipe_in(folder: &Path) -> (PathBuf, String) {
    let pipe = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("there is mkfifo").success());
    let log = format!("[log]\ndecisions = {}", quoted(&pipe));
    (pipe, log)
}

fn id(reply: &Reply) -> String {
    reply.header("x-request-id").expect("an id").to_owned()
}

fn quoted(path: &Path) -> String {
    toml::Value::from(path.to_str().expect("text")).to_string()
}
