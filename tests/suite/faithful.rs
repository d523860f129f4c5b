//! With everything exposed and nothing judged, the answers are PocketBase's own.
//!
//! The gateway is the command itself on `gateway/examples/transparent.toml`. What is asked
//! is in `tests/fixtures/faithful`: each request is sent to PocketBase and
//! through the gateway, and the answers are compared. Where they differ for a reason is in
//! `gateway/docs/faithful.md`.

mod compare;
mod corpus;
mod scene;

use self::scene::Scene;

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
async fn superusers_are_answered_as_by_pocketbase() {
    Scene::twins().await.same("superuser").await;
}

#[tokio::test]
async fn files_are_those_of_pocketbase() {
    Scene::one().await.same("files").await;
}

#[tokio::test]
async fn pages_and_routes_of_hooks_are_those_of_pocketbase() {
    Scene::one().await.same("pages").await;
}
