//! By a provider, in the popup of a browser: the official SDK on an application's page.
//!
//! What people do there is in `tests/browser/popup.test.mjs`.

use std::iter;

use hapta_tests::demo::records;
use hapta_tests::{ADMIN_KEY, Browser};

use super::Entrance;

/// Who come by the provider there and get in; others try.
const LET_IN: [&str; 6] = ["dora", "emil", "frida", "gustav", "ida", "jan"];

#[tokio::test]
async fn a_popup_logs_in_as_with_pocketbase_itself() {
    play(&Entrance::of_pocketbase(&[]).await, "dashboard").await;
    play(&Entrance::of_a_gateway(&[]).await, "page").await;
}

#[tokio::test]
async fn a_popup_logs_in_where_the_dashboard_is_at_its_end() {
    play(&showing("dashboard = \"on\"").await, "dashboard").await;
}

#[tokio::test]
async fn a_popup_logs_in_where_nothing_is_at_its_end() {
    play(&showing("auth = \"off\"").await, "nothing").await;
}

#[tokio::test]
async fn a_login_that_takes_too_long_ends_on_its_page_and_in_its_popup() {
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        gateway.open("users").also("[logins]\npending_for = \"8s\"")
    })
    .await;
    assert_eq!(people(&at, "popup-late.test.mjs", "page").await, 1);
    assert!(come_by_the_provider(&at).await.is_empty());
}

/// A gateway with this in `[pages]`.
async fn showing(pages: &str) -> Entrance {
    let pages = format!("[pages]\n{pages}");
    Entrance::of_a_gateway_with(&[], |gateway| gateway.open("users").also(&pages)).await
}

/// Has people log in, by popups that end at what `end` says.
async fn play(at: &Entrance, end: &str) {
    assert!(people(at, "popup.test.mjs", end).await >= 7);
    assert_eq!(come_by_the_provider(at).await, LET_IN);
    let provider = at.provider().await;
    for name in LET_IN {
        assert!(provider.exchanged(name), "{name}");
    }
    // Whoever was told another's code had nothing that proves it to be their own. (PocketBase tries twice.)
    let refused: Vec<_> = iter::from_fn(|| provider.refused()).collect();
    assert!(!refused.is_empty());
    for reason in refused {
        assert_eq!(reason, "code_verifier does not match code_challenge");
    }
}

/// Runs a script; how many of its tests passed. A runner that finds none is content.
async fn people(at: &Entrance, script: &str, end: &str) -> u32 {
    let provider = at.provider().await;
    at.offer(|ways| ways.provider(provider)).await;
    let api = format!("http://{}", at.guest().address());
    let metrics = at
        .gateway
        .as_ref()
        .map(|gateway| format!("http://{}/metrics", gateway.admin_address()));
    let variables = [
        ("API_URL", api.as_str()),
        ("END", end),
        ("METRICS_URL", metrics.as_deref().unwrap_or_default()),
        ("ADMIN_KEY", ADMIN_KEY),
    ];
    let report = Browser::run(script, &variables).await;
    let passed = report.lines().find_map(|line| line.strip_prefix("ℹ pass "));
    passed.expect("node's summary").parse().expect("a number")
}

/// The accounts of the provider's people, by name.
async fn come_by_the_provider(at: &Entrance) -> Vec<String> {
    let superuser = at.pocketbase.superuser().await;
    let target = format!("{}?sort=providerId", records("_externalAuths"));
    let list = superuser.get(&target).await.expect(200);
    let links = list["items"].as_array().expect("a list").iter();
    let names = links.map(|link| link["providerId"].as_str().expect("a text"));
    names.map(str::to_owned).collect()
}
