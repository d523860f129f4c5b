//! The page that PocketBase's mails and its OAuth2 redirect lead to.
//!
//! What people do there is in `tests/browser/auth-pages.test.mjs`. PocketBase
//! keeps its mails instead of sending them.

use hapta::pages::AuthPage;
use hapta_tests::{Browser, Reply, Stage};

const MAILS: &str = include_str!("../fixtures/mail/mails.pb.js");

#[tokio::test]
async fn the_links_of_mails_and_the_end_of_a_login_work_without_the_dashboard() {
    let mails = [("pb_hooks/mails.pb.js", MAILS)];
    let stage = Stage::with_files(&mails, |gateway| gateway.open("users")).await;
    let report = Browser::run(
        "auth-pages.test.mjs",
        &[
            ("HAPTA_URL", &format!("http://{}", stage.gateway.address())),
            (
                "POCKETBASE_URL",
                &format!("http://{}", stage.pocketbase.address()),
            ),
        ],
    )
    .await;
    // A runner that finds no test is content.
    let tests = report
        .lines()
        .find_map(|line| line.strip_prefix("ℹ tests "));
    let tests = tests.expect("node's summary").parse::<u32>();
    assert!(tests.expect("a number") >= 12, "{report}");
}

#[tokio::test]
async fn the_page_is_the_gateways_own_and_pocketbase_is_not_asked() {
    let stage = Stage::open().await;
    stage.proxy.take();
    for page in AuthPage::ALL {
        let guest = stage.guest();
        let reply = guest.get(page.path()).await;
        assert_eq!((reply.status, &*reply.body), (200, page.body()));
        is_guarded(&reply, page);
        // What mail programs add means nothing here, and a token is nobody's business.
        let asked = guest
            .with_token("no token")
            .get(&format!("{}?utm_source=mail", page.path()));
        assert_eq!(asked.await.body, reply.body);
    }
    let reply = stage.guest().get("/_").await;
    assert_eq!((reply.status, reply.header("location")), (307, Some("_/")));
    for path in [
        "/_/index.html",
        "/_/auth.js/",
        "/_/images/logo.svg",
        "/_/_/",
    ] {
        let reply = stage.guest().get(path).await;
        assert_eq!(reply.code(404), "not_served", "{path}");
    }
    let seen = stage.proxy.take();
    assert!(seen.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn the_page_gives_way_to_the_dashboard_and_can_be_switched_off() {
    let off = Stage::with(|gateway| gateway.also("[pages]\nauth = \"off\"")).await;
    for path in ["/_", "/_/", "/_/auth.js"] {
        let reply = off.guest().get(path).await;
        assert_eq!(reply.code(404), "not_served", "{path}");
        // The popup of a login ends here, and is still its opener's to close.
        let opener = reply.header("cross-origin-opener-policy");
        assert_eq!(opener, Some("unsafe-none"), "{path}");
    }
    let dashboard = Stage::with(|gateway| gateway.also("[pages]\ndashboard = \"on\"")).await;
    let reply = dashboard.guest().get("/_/").await;
    assert_ne!(&*reply.body, AuthPage::Html.body());
    assert_eq!(reply.body, dashboard.direct().get("/_/").await.body);
}

#[track_caller]
fn is_guarded(reply: &Reply, page: AuthPage) {
    assert_eq!(reply.header("content-type"), Some(page.content_type()));
    for (name, value) in AuthPage::HEADERS {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
}
