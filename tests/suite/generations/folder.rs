//! The state folder: who may have it, and what in it is not believed.

use std::fs;
use std::path::Path;

use hapta_tests::{PocketBase, Setup, Stage, eventually};

use super::{allowing, change, hapta, list, state, status};

/// Flips one bit in the middle of a file.
fn flip(file: &Path) {
    let mut bytes = fs::read(file).expect("reads it");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("writes it");
}

#[tokio::test]
async fn one_gateway_at_a_time_has_the_folder() {
    let stage = Stage::with(allowing).await;
    let folder = state(&stage.gateway);
    let second = allowing(Setup::before(stage.pocketbase.address()));
    let second = second.also(&format!("[state]\nfolder = \"{}\"", folder.display()));
    let error = second.try_start().await.expect_err("it is held");
    assert!(
        error.contains("another gateway") && error.contains("[state] folder"),
        "{error}"
    );
}

#[tokio::test]
async fn a_folder_that_is_named_must_work_and_the_default_may_not() {
    let pocketbase = PocketBase::start().await;
    let blocked = |more: &str| {
        let setup = allowing(Setup::before(pocketbase.address())).also(more);
        fs::write(setup.folder().join("hapta_state"), b"in its way").expect("writes a file");
        setup
    };
    let without = blocked("").start().await;
    list(&without).await.expect(200);
    assert_eq!(status(&without).await["generation"], 1);
    let named = blocked("[state]\nfolder = \"hapta_state\"")
        .try_start()
        .await;
    let error = named.expect_err("the folder can't be made");
    assert!(error.contains("state folder"), "{error}");
}

#[tokio::test]
async fn a_key_that_others_can_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::with(allowing).await;
    let folder = state(&stage.gateway);
    fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o644)).expect("opens it");
    let Stage {
        gateway,
        pocketbase,
        ..
    } = stage;
    let keep = tempfile::tempdir().expect("a temporary folder");
    let moved = keep.path().join("state");
    fs::rename(&folder, &moved).expect("moves it");
    gateway.stop().await;
    let next = allowing(Setup::before(pocketbase.address()));
    let next = next.also(&format!("[state]\nfolder = \"{}\"", moved.display()));
    let error = next.try_start().await.expect_err("the key is open");
    assert!(error.contains("key") && error.contains("644"), "{error}");
}

#[tokio::test]
async fn a_control_that_was_changed_is_told_and_not_heard() {
    let stage = Stage::with(allowing).await;
    let denied = hapta(&stage.gateway, &["deny", "add", "collection:posts"]).await;
    assert_eq!(denied.status, Some(0), "{}", denied.output);
    list(&stage.gateway).await.refused(403);
    let control = state(&stage.gateway).join("control.json");
    flip(&control);
    let told = async || {
        let problems = status(&stage.gateway).await["problems"].to_string();
        problems.contains("control.json").then_some(())
    };
    eventually("the operator is told", told).await;
    list(&stage.gateway).await.refused(403);
    // Neither does a command write over it, nor a start begin without it.
    let more = hapta(&stage.gateway, &["deny", "remove", "collection:posts"]).await;
    crate::commands::refused(&more, &["control.json", "not used"]);
    let checked = hapta(&stage.gateway, &["check"]).await;
    crate::commands::refused(&checked, &["control.json", "not used"]);
    let said = async || {
        let said = hapta(&stage.gateway, &["status"]).await;
        (said.status == Some(1) && said.output.contains("control.json")).then_some(())
    };
    eventually("the command tells it as well", said).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let moved = folder.path().join("state");
    fs::rename(state(&stage.gateway), &moved).expect("moves it");
    stage.gateway.stop().await;
    let next = allowing(Setup::before(stage.pocketbase.address()));
    let next = next.also(&format!("[state]\nfolder = \"{}\"", moved.display()));
    let error = next.try_start().await.expect_err("it was changed");
    assert!(
        error.contains("control.json") && error.contains("not used"),
        "{error}"
    );
}

#[tokio::test]
async fn a_generation_that_was_changed_is_told_and_not_used() {
    let stage = Stage::with(allowing).await;
    change(&stage, "deny_all", 403).await;
    change(&stage, "noter", 200).await;
    let generations = state(&stage.gateway).join("generations");
    flip(&generations.join("1.json"));
    let back = hapta(&stage.gateway, &["rules", "rollback", "1"]).await;
    crate::commands::refused(&back, &["1.json", "not used"]);
    // One in the place of another.
    fs::copy(generations.join("2.json"), generations.join("1.json")).expect("copies");
    let back = hapta(&stage.gateway, &["rules", "rollback", "1"]).await;
    crate::commands::refused(&back, &["1.json", "not used"]);
    let listed = hapta(&stage.gateway, &["rules", "history"]).await;
    assert!(
        listed.output.contains("not usable") && listed.status == Some(1),
        "{}",
        listed.output
    );
    // And a module.
    for entry in fs::read_dir(state(&stage.gateway).join("modules")).expect("reads it") {
        flip(&entry.expect("an entry").path());
    }
    let back = hapta(&stage.gateway, &["rules", "rollback", "2"]).await;
    crate::commands::refused(&back, &["generation 2", "not what it was"]);
    list(&stage.gateway).await.expect(200);
    assert!(status(&stage.gateway).await["pinned"].is_null());
}
