//! A PocketBase that the gateway starts and looks after.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hapta_tests::demo::{POSTS, records};
use hapta_tests::{Program, Setup, Signal, eventually, processes_with, signal};

use crate::commands::HAPTA;

/// A PocketBase that starts only where the gate is open, so that a test says when.
struct Gated {
    /// The argument that no other process has.
    mark: String,
    gate: PathBuf,
}

#[tokio::test]
async fn it_is_started_with_the_gateway_and_ended_with_it() {
    let (setup, child) = gated(Setup::with_a_child().await);
    child.open();
    let gateway = setup.open("posts").start().await;
    let posts = gateway.client().get(&records("posts")).await.expect(200);
    assert_eq!(posts["totalItems"], POSTS);
    assert_eq!(child.ids().len(), 1);
    gateway.stop().await;
    child.is_gone();
}

#[tokio::test]
async fn it_is_started_again_when_it_is_killed() {
    let (setup, child) = gated(Setup::with_a_child().await);
    child.open();
    let gateway = setup.open("posts").open("users").start().await;
    let alice = gateway.client().log_in("alice").await;
    let first = child.id();
    child.close();
    signal(first, Signal::KILL);
    let second = eventually("another is started", async || {
        child.ids().into_iter().find(|id| *id != first)
    })
    .await;
    // It is not there yet: nobody is let in on a guess.
    gateway.client().get(&records("posts")).await.refused(503);
    alice.get(&records("posts")).await.refused(503);
    assert_eq!(child.ids(), [second]);
    child.open();
    let back = async || (alice.get(&records("posts")).await.status == 200).then_some(());
    eventually("it recovers by itself", back).await;
    assert_eq!(child.ids(), [second]);
    gateway.stop().await;
    child.is_gone();
}

#[tokio::test]
async fn it_is_ended_while_it_has_not_come_up() {
    let (setup, child) = gated(Setup::with_a_child().await);
    child.open();
    let gateway = setup.open("posts").start().await;
    let first = child.id();
    child.close();
    signal(first, Signal::KILL);
    eventually("another is started", async || {
        child.ids().into_iter().find(|id| *id != first)
    })
    .await;
    gateway.stop().await;
    child.is_gone();
}

#[tokio::test]
async fn a_start_that_fails_leaves_no_orphan() {
    let (setup, child) = gated(Setup::with_a_child().await);
    child.open();
    let error = setup
        .open("nothing")
        .try_start()
        .await
        .expect_err("there is no such collection");
    assert!(error.contains("nothing"), "{error}");
    child.is_gone();
}

#[tokio::test]
async fn a_binary_that_is_not_there_stops_the_start() {
    let setup = Setup::with_a_child()
        .await
        .open("posts")
        .also("[pocketbase.run]\nbinary = \"nowhere\"");
    let error = setup.try_start().await.expect_err("there is no such file");
    assert!(error.contains("nowhere"), "{error}");
}

#[tokio::test]
async fn a_binary_is_looked_for_beside_the_configuration() {
    let (setup, child) = gated(Setup::with_a_child().await);
    child.open();
    let setup = setup
        .open("posts")
        .also("[pocketbase.run]\nbinary = \"gated\"");
    let ended = Program::new(HAPTA, setup).run("check").await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
}

#[tokio::test]
async fn a_check_ends_the_one_that_it_started() {
    let (setup, child) = gated(Setup::with_a_child().await);
    child.open();
    let ended = Program::new(HAPTA, setup.open("posts")).run("check").await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    child.is_gone();
}

#[tokio::test]
async fn a_gateway_that_is_told_to_end_takes_it_along() {
    for wish in [Signal::TERM, Signal::INT] {
        let (setup, child) = gated(Setup::with_a_child().await);
        child.open();
        let process = Program::new(HAPTA, setup.open("posts")).serve().await;
        assert_eq!(child.ids().len(), 1);
        process.signal(wish);
        let ended = process.ended().await;
        assert_eq!(ended.status, Some(0), "{}", ended.output);
        child.is_gone();
    }
}

#[tokio::test]
async fn a_gateway_that_is_told_to_end_while_it_starts_takes_it_along() {
    let (setup, child) = gated(Setup::with_a_child().await);
    let process = Program::new(HAPTA, setup.open("posts")).start("serve");
    eventually("PocketBase is started", async || child.ids().pop()).await;
    process.signal(Signal::TERM);
    let ended = process.ended().await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    eventually("PocketBase is ended", async || {
        child.ids().is_empty().then_some(())
    })
    .await;
}

fn gated(setup: Setup) -> (Setup, Gated) {
    let folder = setup.folder().to_owned();
    let (script, gate) = (folder.join("gated"), folder.join("gate"));
    let text = format!(
        "#!/bin/sh\nwhile [ ! -e '{}' ]; do sleep 0.02; done\nexec '{}' \"$@\"\n",
        gate.display(),
        hapta_tests::pocketbase_binary().display(),
    );
    fs::write(&script, text).expect("writes the script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("makes it executable");
    let mark = format!("--dir={}", folder.join("pb_data").display());
    let setup = setup.also(&format!(
        "[pocketbase.run]\nbinary = {:?}",
        script.display().to_string()
    ));
    (setup, Gated { mark, gate })
}

impl Gated {
    fn open(&self) {
        fs::write(&self.gate, "").expect("opens the gate");
    }

    fn close(&self) {
        fs::remove_file(&self.gate).expect("closes the gate");
    }

    fn ids(&self) -> Vec<i32> {
        processes_with(&self.mark)
    }

    #[track_caller]
    fn is_gone(&self) {
        let ids = self.ids();
        assert!(ids.is_empty(), "still there: {ids:?}");
    }

    #[track_caller]
    fn id(&self) -> i32 {
        let ids = self.ids();
        assert_eq!(ids.len(), 1, "{ids:?}");
        ids[0]
    }
}
