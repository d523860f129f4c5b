//! What was compiled is kept in the state folder, and only what the gateway wrote is taken from it.

use std::fs;
use std::path::{Path, PathBuf};

use hapta_tests::demo::records;
use hapta_tests::{PocketBase, Program, Setup, TestGateway};
use serde_json::json;
use toml::Table;

use crate::commands::HAPTA;

const RULES: usize = 20;

#[tokio::test]
async fn a_start_takes_what_an_earlier_one_compiled() {
    let pocketbase = PocketBase::start().await;
    let state = tempfile::tempdir().expect("a folder");
    let first = twenty(&pocketbase, state.path()).start().await;
    assert_eq!(loads(&first).await, (0.0, 20.0));
    judged(&first).await;
    first.stop().await;
    let second = twenty(&pocketbase, state.path()).start().await;
    assert_eq!(loads(&second).await, (20.0, 0.0));
    judged(&second).await;
    second.stop().await;
}

#[tokio::test]
async fn what_was_changed_or_put_there_by_others_is_never_run() {
    let pocketbase = PocketBase::start().await;
    let state = tempfile::tempdir().expect("a folder");
    twenty(&pocketbase, state.path()).start().await.stop().await;
    let files = cached(state.path());
    assert_eq!(files.len(), RULES);
    // A byte of the code, of the seal, of what is said of it; and one file under another's name.
    for (file, at) in files.iter().zip([5_000, 3, 40]) {
        let mut bytes = fs::read(file).expect("reads");
        bytes[at] ^= 1;
        fs::write(file, bytes).expect("writes");
    }
    let (one, other) = (&files[3], &files[4]);
    let bytes = fs::read(one).expect("reads");
    fs::write(other, bytes).expect("writes");
    fs::write(&files[5], b"").expect("writes");
    let gateway = twenty(&pocketbase, state.path()).start().await;
    assert_eq!(loads(&gateway).await, (15.0, 5.0));
    judged(&gateway).await;
}

#[tokio::test]
async fn with_another_key_nothing_is_taken() {
    let pocketbase = PocketBase::start().await;
    let state = tempfile::tempdir().expect("a folder");
    twenty(&pocketbase, state.path()).start().await.stop().await;
    // Another gateway's folder, into which somebody copied the files.
    let other = tempfile::tempdir().expect("a folder");
    twenty(&pocketbase, other.path()).start().await.stop().await;
    for file in cached(state.path()) {
        let name = file.file_name().expect("a name");
        fs::copy(&file, other.path().join("cache").join(name)).expect("copies");
    }
    let gateway = twenty(&pocketbase, other.path()).start().await;
    assert_eq!(loads(&gateway).await, (0.0, 20.0));
}

#[tokio::test]
async fn a_grant_that_was_taken_back_counts_for_what_is_in_the_cache() {
    let pocketbase = PocketBase::start().await;
    let state = tempfile::tempdir().expect("a folder");
    let setup = |grants: &[&str]| {
        let entry = json!({ "grants": grants, "settings": { "message": "x", "times": 1 } });
        let entry = Table::try_from(entry).expect("an entry that TOML can say");
        Setup::before(pocketbase.address())
            .also(&format!("[state]\nfolder = {:?}", state.path()))
            .rule_entry("logger", "logger", entry)
            .judged("posts", &["logger"])
    };
    let granted = setup(&["hapta:rule/log"]).start().await;
    granted.stop().await;
    let error = setup(&[]).try_start().await.expect_err("it does not start");
    assert!(error.contains("hapta:rule/log"), "{error}");
}

#[tokio::test]
async fn a_check_reads_the_cache_and_leaves_it_as_it_is() {
    let pocketbase = PocketBase::start().await;
    let state = tempfile::tempdir().expect("a folder");
    let setup = twenty(&pocketbase, state.path());
    setup.start().await.stop().await;
    fs::remove_file(&cached(state.path())[0]).expect("removes");
    let setup = twenty(&pocketbase, state.path());
    let ended = Program::new(HAPTA, setup).run("check").await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    assert_eq!(cached(state.path()).len(), RULES - 1);
}

/// Twenty rules, one file with settings of their own.
fn twenty(pocketbase: &PocketBase, state: &Path) -> Setup {
    let mut setup = Setup::before(pocketbase.address())
        .also(&format!("[state]\nfolder = {state:?}"))
        .open("users");
    let mut names = Vec::new();
    for number in 0..RULES {
        let name = format!("noter-{number:02}");
        let entry = json!({ "settings": { "word": name } });
        let entry = Table::try_from(entry).expect("an entry that TOML can say");
        setup = setup.rule_entry(&name, "noter", entry);
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    setup.judged("posts", &names)
}

/// Every one of the rules judges.
async fn judged(gateway: &TestGateway) {
    gateway.client().get(&records("posts")).await.expect(200);
    let last = "hapta_rule_calls_total{rule=\"noter-19\",generation=\"1\",shadow=\"false\",verdict=\"allowed\"}";
    assert!(gateway.metric(last).await.expect("a count") >= 1.0);
}

async fn loads(gateway: &TestGateway) -> (f64, f64) {
    let of = async |from: &str| {
        let metric = format!("hapta_rule_loads_total{{from=\"{from}\"}}");
        gateway.metric(&metric).await.expect("a count")
    };
    (of("cache").await, of("compiler").await)
}

fn cached(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state.join("cache")).expect("the cache's folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}
