//! Who may keep a file, and for how long.

use hapta_tests::Reply;

use super::{Shelf, by_token, file_token};

/// What PocketBase says of every file, protected or not.
const OF_POCKETBASE: &str = "max-age=2592000, stale-while-revalidate=86400";

#[tokio::test]
async fn what_is_for_everybody_may_be_kept_by_everybody() {
    let shelf = Shelf::open().await;
    let alice = shelf.stage.log_in("alice").await;
    for client in [&shelf.stage.guest(), &alice] {
        let reply = client.get(&shelf.note).await;
        assert_eq!(reply.header("cache-control"), Some(OF_POCKETBASE));
        assert!(!varies_with_login(&reply));
    }
}

#[tokio::test]
async fn what_depends_on_who_asks_is_for_the_one_who_asked() {
    let shelf = Shelf::open().await;
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let token = file_token(&alice).await;
    let direct = by_token(&shelf.stage.direct(), &shelf.secret, &token).await;
    assert_eq!(direct.header("cache-control"), Some(OF_POCKETBASE));
    let private = format!("private, {OF_POCKETBASE}");
    let modified = direct.header("last-modified").expect("a date");
    for path in [&shelf.secret, &shelf.secret_picture, &shelf.note] {
        let target = format!("{path}?token={token}");
        for (name, value, status) in [
            ("x-nothing", "", 200),
            ("range", "bytes=0-3", 206),
            ("if-modified-since", modified, 304),
        ] {
            let reply = guest.get(&target).header(name, value).await;
            assert_eq!(reply.status, status, "{path} {name}");
            assert_eq!(
                reply.header("cache-control"),
                Some(private.as_str()),
                "{path} {name}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_rule_judged_is_judged_again() {
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.rule("allow_all").open("users").open("vault");
        gateway.judged("notes", &["allow_all"])
    })
    .await;
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let token = file_token(&alice).await;
    let reply = by_token(&guest, &shelf.note, &token).await;
    let modified = reply.header("last-modified").expect("a date");
    let again = guest
        .get(&shelf.note)
        .header("if-modified-since", modified)
        .await;
    assert_eq!((reply.status, again.status), (200, 304));
    for reply in [reply, again] {
        assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
        assert!(varies_with_login(&reply));
    }
}

fn varies_with_login(reply: &Reply) -> bool {
    let mut varies = reply.headers.get_all("vary").iter();
    varies.any(|value| value == "Authorization")
}
