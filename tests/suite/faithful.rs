//! With everything exposed and nothing judged, the answers are PocketBase's own.
//!
//! The gateway is the command itself on `gateway/examples/transparent.toml`. What is asked
//! is in `tests/fixtures/faithful`: each request is sent to PocketBase and
//! through the gateway, and the answers are compared. Where they differ for a reason is in
//! `gateway/docs/faithful.md`.

mod compare;
mod corpus;
mod exceptions;
mod scene;

use std::fs;

use hapta_tests::{PocketBase, Process, Program, Setup, demo, root};

use self::scene::Scene;

/// The command under test.
const BINARY: &str = env!("CARGO_BIN_EXE_hapta-under-test");

/// The command as an operator would start it before a PocketBase, to let everything through.
pub(crate) async fn transparent(before: &PocketBase) -> Process {
    let address = before.address();
    let program = Program::new(BINARY, Setup::before(address));
    // As it is, but in a folder of its own: there the gateway keeps its state.
    let example = root().join("gateway/examples/transparent.toml");
    fs::copy(example, program.folder().join("hapta.toml")).expect("copies the example");
    program
        .argument("--pocketbase")
        .argument(format!("http://{address}"))
        .argument("--listen")
        .argument("127.0.0.1:0")
        .variable("ADMIN_EMAIL", demo::SUPERUSER)
        .variable("ADMIN_PASSWORD", demo::PASSWORD)
        .serve()
        .await
}

#[tokio::test]
async fn lists_are_those_of_pocketbase() {
    Scene::one().await.same("lists").await;
}

#[tokio::test]
async fn filters_mean_what_they_mean_to_pocketbase() {
    Scene::one().await.same("filters").await;
}

#[tokio::test]
async fn a_record_is_that_of_pocketbase() {
    Scene::one().await.same("views").await;
}

#[tokio::test]
async fn logins_and_what_has_no_records_are_those_of_pocketbase() {
    Scene::one().await.same("ways-in").await;
}

#[tokio::test]
async fn writes_do_what_they_do_to_pocketbase() {
    Scene::twins().await.same("writes").await;
}

#[tokio::test]
async fn forms_are_read_as_pocketbase_reads_them() {
    Scene::twins().await.same("forms").await;
}

#[tokio::test]
async fn superusers_are_answered_as_by_pocketbase() {
    Scene::one().await.same("superuser-reads").await;
}

#[tokio::test]
async fn what_superusers_change_is_changed_and_known_at_once() {
    Scene::twins().await.same("superuser-writes").await;
}

#[tokio::test]
async fn files_are_those_of_pocketbase() {
    Scene::one().await.same("files").await;
}

#[tokio::test]
async fn pages_and_routes_of_hooks_are_those_of_pocketbase() {
    Scene::one().await.same("pages").await;
}
#[tokio::test]
async fn values_are_stored_as_pocketbase_stores_them() {
    Scene::twins().await.same("values").await;
}
