//! What is no good file token, and how many there may be.

use hapta_tests::demo::{ALICE, PASSWORD, record};
use hapta_tests::{Client, eventually};
use serde_json::json;

use super::{NOTE, SECRET, Shelf, TOKEN, by_token, everywhere, file_token, text};

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_and_never_sent() {
    let shelf = Shelf::open().await;
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let good = file_token(&alice).await;
    let parts: Vec<&str> = good.split('.').collect();
    let unsigned = format!("{}.{}.{}", parts[0], parts[1], "A".repeat(43));
    // Made past the gateway: it can't be told from one that was revoked.
    let foreign = file_token(&shelf.stage.direct().log_in("bob").await).await;
    shelf.asked();
    for (token, code) in [
        (alice.token(), "token_invalid"),
        (unsigned.as_str(), "token_invalid"),
        (foreign.as_str(), "token_invalid"),
        ("x", "token_invalid"),
        ("Bearer%20x", "token_invalid"),
        (expired().as_str(), "token_invalid"),
    ] {
        for path in [&shelf.secret, &shelf.note] {
            let reply = by_token(&guest, path, token).await;
            assert_eq!(reply.code(401), code, "{token}");
            assert!(!reply.text().contains(token) || token.len() < 2, "{token}");
        }
    }
    // Two readings, and a name that is none.
    for query in [
        format!("token={good}&token={good}"),
        format!("token=&token={good}"),
        format!("Token={good}"),
        format!("TOKEN={good}"),
        format!("token={good}&%74oken=x"),
    ] {
        let reply = guest.get(&format!("{}?{query}", shelf.secret)).await;
        assert_eq!(reply.code(400), "query", "{query}");
    }
    assert_eq!(shelf.asked(), []);
}

#[tokio::test]
async fn a_file_token_is_no_login_and_a_login_no_file_token() {
    everywhere(async |shelf, guest| {
        let alice = guest.log_in("alice").await;
        let token = file_token(&alice).await;
        let by_it = guest.with_token(token.as_str());
        by_it.post(TOKEN).await.refused(401);
        by_it
            .post("/api/collections/users/auth-refresh")
            .await
            .refused(401);
        let login = by_token(&guest, &shelf.secret, alice.token()).await;
        assert!([401, 404].contains(&login.status), "{login:?}");
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_when_pocketbase_says_so() {
    let shelf = Shelf::open().await;
    let superuser = shelf.stage.pocketbase.superuser().await;
    let shortest = json!({ "fileToken": { "duration": 10 } });
    let users = superuser.patch("/api/collections/users").json(&shortest);
    users.await.expect(200);
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let token = file_token(&alice).await;
    assert_eq!(by_token(&guest, &shelf.note, &token).await.text(), NOTE);
    eventually("the token expires at PocketBase", async || {
        let direct = by_token(&shelf.stage.direct(), &shelf.secret, &token).await;
        (direct.status == 404).then_some(())
    })
    .await;
    for path in [&shelf.secret, &shelf.note] {
        assert_eq!(
            by_token(&guest, path, &token).await.code(401),
            "token_invalid"
        );
    }
    assert_eq!(
        shelf.stage.gateway.metric("hapta_file_tokens").await,
        Some(0.0)
    );
}

#[tokio::test]
async fn what_ends_a_login_ends_its_file_tokens_at_once() {
    let shelf = Shelf::open().await;
    let guest = shelf.stage.guest();
    for change in [
        json!({ "oldPassword": PASSWORD, "password": "0987654321", "passwordConfirm": "0987654321" }),
        json!({ "oldPassword": "0987654321", "password": PASSWORD, "passwordConfirm": PASSWORD }),
    ] {
        let login = json!({ "identity": "alice@example.com", "password": change["oldPassword"] });
        let login = guest
            .post("/api/collections/users/auth-with-password")
            .json(&login)
            .await;
        let alice = guest.with_token(text(&login.expect(200)["token"]));
        let token = file_token(&alice).await;
        let bob = shelf.stage.log_in("bob").await;
        let his = file_token(&bob).await;
        assert_eq!(by_token(&guest, &shelf.secret, &token).await.text(), SECRET);
        alice
            .patch(&record("users", ALICE))
            .json(&change)
            .await
            .expect(200);
        for path in [&shelf.secret, &shelf.note] {
            assert_eq!(
                by_token(&guest, path, &token).await.code(401),
                "token_invalid"
            );
        }
        // Others go on.
        assert_eq!(by_token(&guest, &shelf.note, &his).await.text(), NOTE);
    }
}

#[tokio::test]
async fn a_login_that_ends_past_the_gateway_takes_its_file_tokens_along() {
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.open("users").open("vault").open("notes");
        gateway.also("[sessions]\nverified_for = \"1ms\"")
    })
    .await;
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let token = file_token(&alice).await;
    assert_eq!(by_token(&guest, &shelf.note, &token).await.text(), NOTE);
    let superuser = shelf.stage.pocketbase.superuser().await;
    let other = json!({ "password": "0987654321", "passwordConfirm": "0987654321" });
    superuser
        .patch(&record("users", ALICE))
        .json(&other)
        .await
        .expect(200);
    eventually(
        "the login behind the token is asked about again",
        async || {
            let reply = by_token(&guest, &shelf.note, &token).await;
            (reply.status == 401).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn two_who_ask_at_once_are_refused_and_one_who_says_it_twice_is_not() {
    let shelf = Shelf::open().await;
    let (alice, bob) = (
        shelf.stage.log_in("alice").await,
        shelf.stage.log_in("bob").await,
    );
    let (hers, his) = (file_token(&alice).await, file_token(&bob).await);
    for path in [&shelf.secret, &shelf.note] {
        assert_eq!(
            by_token(&bob, path, &hers).await.code(401),
            "token_of_another"
        );
        assert_eq!(
            by_token(&alice, path, &his).await.code(401),
            "token_of_another"
        );
        assert_eq!(by_token(&alice, path, &hers).await.status, 200);
        // With one that is bad, the other does not count either.
        let bad = shelf.stage.guest().with_token("not.a.token");
        assert_eq!(by_token(&bad, path, &hers).await.code(401), "token_invalid");
        assert_eq!(by_token(&alice, path, "x").await.code(401), "token_invalid");
    }
    // Another login of the same record is the same person.
    let again = shelf.stage.guest().log_in("alice").await;
    assert_eq!(by_token(&again, &shelf.secret, &hers).await.text(), SECRET);
}

#[tokio::test]
async fn where_bad_tokens_are_a_guest_s_so_are_those_of_files() {
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.open("users").open("vault").open("notes");
        gateway.also("[sessions]\nbad_token = \"guest\"")
    })
    .await;
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let good = file_token(&alice).await;
    let foreign = file_token(&shelf.stage.direct().log_in("bob").await).await;
    shelf.asked();
    for (client, token) in [
        (&guest, foreign.as_str()),
        (&guest, "x"),
        (&guest, alice.token()),
        (&guest.with_token("x"), good.as_str()),
    ] {
        assert_eq!(by_token(client, &shelf.note, token).await.text(), NOTE);
        by_token(client, &shelf.secret, token).await.refused(404);
        // PocketBase is not left to find out whose it is.
        for (target, login) in shelf.asked() {
            assert!(!target.contains("token") && login.is_none(), "{target}");
        }
    }
    assert_eq!(by_token(&guest, &shelf.secret, &good).await.text(), SECRET);
    let bob = shelf.stage.log_in("bob").await;
    let two = by_token(&bob, &shelf.note, &good).await;
    assert_eq!(two.code(401), "token_of_another");
}

#[tokio::test]
async fn where_superusers_are_not_served_neither_are_their_file_tokens() {
    let shelf = Shelf::with(|gateway| gateway.open("users").open("vault").open("notes")).await;
    let superuser = shelf.stage.superuser().await;
    let direct = shelf.stage.pocketbase.superuser().await;
    let token = file_token(&direct).await;
    shelf.asked();
    assert_eq!(superuser.post(TOKEN).await.code(403), "superuser");
    let reply = by_token(&shelf.stage.guest(), &shelf.note, &token).await;
    assert_eq!(reply.code(403), "superuser");
    assert_eq!(shelf.asked(), []);
}

#[tokio::test]
async fn who_is_of_a_collection_that_is_not_exposed_gets_no_file_token() {
    let shelf = Shelf::with(|gateway| gateway.open("vault").open("notes")).await;
    let alice = shelf.stage.log_in("alice").await;
    assert_eq!(alice.post(TOKEN).await.code(404), "not_exposed");
    assert_eq!(shelf.asked(), []);
}

#[tokio::test]
async fn there_are_so_many_file_tokens_and_nobody_loses_his_for_another_s() {
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.open("users").open("vault").open("notes");
        gateway.also("[sessions]\nfile_tokens = 1")
    })
    .await;
    let (alice, bob) = (
        shelf.stage.log_in("alice").await,
        shelf.stage.log_in("bob").await,
    );
    let hers = file_token(&alice).await;
    assert_eq!(bob.post(TOKEN).await.code(503), "file_tokens_full");
    let (gateway, guest) = (&shelf.stage.gateway, shelf.stage.guest());
    assert_eq!(by_token(&guest, &shelf.secret, &hers).await.text(), SECRET);
    // A newer one of the same record takes the place of the older.
    let newer = next(&alice, &hers).await;
    assert_eq!(
        by_token(&guest, &shelf.note, &hers).await.code(401),
        "token_invalid"
    );
    assert_eq!(by_token(&guest, &shelf.secret, &newer).await.text(), SECRET);
    for (name, value) in [
        ("hapta_file_tokens", 1.0),
        ("hapta_file_tokens_refused_total", 1.0),
        ("hapta_file_tokens_displaced_total", 1.0),
    ] {
        assert_eq!(gateway.metric(name).await, Some(value), "{name}");
    }
}

/// One that differs: PocketBase makes the same for a whole second.
async fn next(client: &Client, last: &str) -> String {
    eventually("another second begins", async || {
        let token = file_token(client).await;
        (token != last).then_some(token)
    })
    .await
}

/// Of alice, for files, and over long ago.
fn expired() -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = json!({ "collectionId": "_pb_users_auth_", "exp": 1_500_000_000, "id": ALICE, "type": "file" });
    format!(
        "{head}.{}.{}",
        part(claims),
        URL_SAFE_NO_PAD.encode([7; 32])
    )
}
