//! Rules that close or open files, and what they are told.

use std::fs;

use hapta_tests::demo::ALICE;
use hapta_tests::{Reply, TestGateway, eventually};
use serde_json::{Value, json};

use super::{NOTE, SECRET, Shelf, TOKEN, by_token, file_token, text};

#[tokio::test]
async fn a_rule_closes_files_that_pocketbase_shows_to_everybody() {
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.rule_with("stored_reader", &json!({ "owner_field": "owner" }));
        let gateway = gateway.judged("notes", &["stored_reader"]);
        gateway.open("users").open("vault")
    })
    .await;
    let guest = shelf.stage.guest();
    let (alice, bob) = (
        shelf.stage.log_in("alice").await,
        shelf.stage.log_in("bob").await,
    );
    let (hers, his) = (file_token(&alice).await, file_token(&bob).await);
    assert_eq!(shelf.stage.direct().get(&shelf.note).await.text(), NOTE);
    shelf.asked();
    for refused in [
        guest.get(&shelf.note).await,
        bob.get(&shelf.note).await,
        by_token(&guest, &shelf.note, &his).await,
        guest.get(&format!("{}?thumb=2x2", shelf.picture)).await,
        guest.get(&shelf.note).header("range", "bytes=0-1").await,
        guest.get(&shelf.note).header("if-none-match", "*").await,
    ] {
        let error = refused.refused(403);
        assert_eq!(error["data"]["@rule"]["code"], "not_owner");
    }
    assert_eq!(shelf.asked(), []);
    // A browser shows the token of files, an application its login.
    assert_eq!(by_token(&guest, &shelf.note, &hers).await.text(), NOTE);
    assert_eq!(alice.get(&shelf.note).await.text(), NOTE);
    // The rule opens nothing that PocketBase closes.
    by_token(&guest, &shelf.secret, &his).await.refused(404);
    assert_eq!(by_token(&guest, &shelf.secret, &hers).await.text(), SECRET);
}

#[tokio::test]
async fn a_rule_is_told_whose_download_it_is_and_never_by_what() {
    let shelf = Shelf::with(|gateway| {
        let probing = json!({ "query": ["token", "thumb", "download"], "stored": true });
        let gateway = gateway
            .rule_with("probe", &probing)
            .judged("notes", &["probe"]);
        gateway.open("users")
    })
    .await;
    let token = file_token(&shelf.stage.log_in("alice").await).await;
    let target = format!("{}?thumb=2x2&download=T&token={token}", shelf.picture);
    let reply = shelf.stage.guest().get(&target).await;
    let seen = reply.probed();
    assert_eq!(seen["operation"], "download");
    assert_eq!(seen["principal"]["id"], ALICE);
    assert_eq!(seen["stored"]["owner"], ALICE);
    let query = json!({ "token": null, "thumb": "2x2", "download": "1" });
    assert_eq!(seen["query"], query);
    assert!(!reply.text().contains(&token));
}

#[tokio::test]
async fn the_rules_of_who_asks_judge_a_file_token() {
    let shelf = Shelf::with(|gateway| gateway.rule("probe").judged("users", &["probe"])).await;
    let alice = shelf.stage.log_in("alice").await;
    let seen = alice.post(TOKEN).await.probed();
    assert_eq!(
        (&seen["operation"], &seen["collection"], &seen["record_id"]),
        (&json!("file-token"), &json!("users"), &Value::Null)
    );
    assert_eq!(seen["principal"]["id"], ALICE);
    assert_eq!(shelf.asked(), []);

    let shelf = Shelf::with(|gateway| {
        let refusing = json!({ "operations": ["file-token"] });
        let gateway = gateway.rule_with("deny_all", &refusing);
        gateway.judged("users", &["deny_all"]).open("vault")
    })
    .await;
    let alice = shelf.stage.guest().log_in("alice").await;
    let error = alice.post(TOKEN).await.refused(403);
    assert_eq!(error["data"]["@rule"]["code"], "deny_all");
    assert_eq!(shelf.asked(), []);
}

#[tokio::test]
async fn a_file_token_is_masked_and_comes_out_whole_or_is_good_for_nothing() {
    let probing = json!({ "in": "after" });
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.rule_with("probe", &probing);
        gateway.judged("users", &["probe"]).open("vault")
    })
    .await;
    let alice = shelf.stage.log_in("alice").await;
    let seen = alice.post(TOKEN).await.probed();
    assert_eq!(seen["response"]["body"], json!({ "token": "[masked]" }));
    let held = shelf.stage.gateway.metric("hapta_file_tokens").await;
    assert_eq!(held, Some(0.0));

    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.rule("noter").judged("users", &["noter"]);
        gateway.open("vault")
    })
    .await;
    let token = file_token(&shelf.stage.log_in("alice").await).await;
    let reply = by_token(&shelf.stage.guest(), &shelf.secret, &token).await;
    assert_eq!(reply.text(), SECRET);
}

#[tokio::test]
async fn no_file_token_is_in_a_log() {
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.open("users").open("vault").open("notes");
        gateway.also("[log]\ndecisions = \"decisions.log\"\nsecurity = \"security.log\"")
    })
    .await;
    let gateway = &shelf.stage.gateway;
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let handed_out = alice.post(TOKEN).await;
    let token = text(&handed_out.expect(200)["token"]);
    let line = line(gateway, &handed_out, "decisions.log").await;
    assert_eq!(
        (&line["operation"], &line["operation.collection"]),
        (&json!("fileToken"), &json!("users"))
    );
    assert_eq!(line["principal"], format!("users/{ALICE}"));
    let good = by_token(&guest, &shelf.secret, &token).await;
    let line = line_of(gateway, &good).await;
    assert_eq!(
        (&line["operation"], &line["verdict"], &line["principal"]),
        (
            &json!("download"),
            &json!("allowed"),
            &json!(format!("users/{ALICE}"))
        )
    );
    let spoiled = format!("{token}x");
    let bad = by_token(&guest, &shelf.secret, &spoiled).await;
    assert_eq!(line_of(gateway, &bad).await["code"], "token_invalid");
    let event = self::line(gateway, &bad, "security.log").await;
    assert_eq!(
        (&event["event"], &event["code"]),
        (&json!("token_refused"), &json!("token_invalid"))
    );
    // Nor where it is no part of anything that is understood.
    for target in [
        format!("/api/nothing/{token}"),
        format!("{}?thumb={token}", shelf.note),
        format!("{}?{token}=1", shelf.note),
        format!("{}?token={token}&token={token}", shelf.note),
    ] {
        let reply = guest.get(&target).await;
        line_of(gateway, &reply).await;
    }
    for file in ["decisions.log", "security.log"] {
        let text = fs::read_to_string(gateway.folder().join(file)).expect("a log");
        let (_, signature) = token.rsplit_once('.').expect("three parts");
        assert!(
            !text.contains(&token) && !text.contains(signature),
            "{text}"
        );
    }
}

async fn line_of(gateway: &TestGateway, reply: &Reply) -> Value {
    line(gateway, reply, "decisions.log").await
}

/// The line about an exchange, in one of the logs.
async fn line(gateway: &TestGateway, reply: &Reply, file: &str) -> Value {
    let id = reply.header("x-request-id").expect("an id");
    eventually("the line is written", async || {
        let text = fs::read_to_string(gateway.folder().join(file)).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let mut lines = whole
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.find(|line| line["request.id"] == id)
    })
    .await
}
