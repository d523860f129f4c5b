//! How `hapta dev` ends, and what it takes along.

use hapta_tests::{Signal, eventually, processes_with, signal};

use super::workplace::Workplace;

#[tokio::test]
async fn it_ends_with_a_message_when_pocketbase_does() {
    let process = Workplace::made_up().start(&[]);
    process.said("save a file to rebuild").await;
    let pocketbases = process.pocketbases();
    assert_eq!(pocketbases.len(), 1);
    signal(pocketbases[0], Signal::KILL);
    let ended = process.ended().await;
    assert_eq!(ended.status, Some(1), "{}", ended.output);
    assert!(
        ended.output.contains("PocketBase ended by itself"),
        "{}",
        ended.output
    );
}

#[tokio::test]
async fn a_build_under_way_ends_with_it() {
    let place = Workplace::made_up();
    // What a build starts, and what no other process is called.
    let mark = format!("{}.25", 80_000 + std::process::id());
    let script = format!(
        "fn main() {{ std::process::Command::new(\"sleep\").arg(\"{mark}\").status().unwrap(); }}"
    );
    place.add("build.rs", &script);
    let process = place.start(&[]);
    eventually("the build has begun", async || processes_with(&mark).pop()).await;
    process.ended_by_term().await;
    let gone = async || processes_with(&mark).is_empty().then_some(());
    eventually("what the build started is gone", gone).await;
}
