//! The page that PocketBase's mails and its OAuth2 redirect lead to, in a browser.
//!
//! What people do there is in `tests/browser/auth-pages.test.mjs`. PocketBase
//! keeps its mails instead of sending them.

mod server;

use hapta_tests::{Browser, PocketBase};

use server::Server;

const MAILS: &str = include_str!("../fixtures/mail/mails.pb.js");

#[tokio::test]
async fn the_links_of_mails_and_the_end_of_a_login_work_without_the_dashboard() {
    let pocketbase = PocketBase::start_with(&[("pb_hooks/mails.pb.js", MAILS)]).await;
    let server = Server::before(pocketbase.address()).await;
    let report = Browser::run(
        "auth-pages.test.mjs",
        &[
            ("HAPTA_URL", &format!("http://{}", server.address())),
            (
                "POCKETBASE_URL",
                &format!("http://{}", pocketbase.address()),
            ),
        ],
    )
    .await;
    // A runner that finds no test is content.
    let tests = report
        .lines()
        .find_map(|line| line.strip_prefix("ℹ tests "));
    assert_eq!(tests, Some("12"), "{report}");
}
