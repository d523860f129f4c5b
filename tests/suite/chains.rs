//! Several rules on one collection.
//!
//! Elsewhere: edits add up (`sandbox`, `swap`), denials of `after` (`reveal`), a
//! filter that can't talk its way out (`sandbox`).

use std::collections::BTreeSet;

use hapta_tests::demo::{ALICE, POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::{Client, Reply, Seen, Stage};
use serde_json::{Value, json};
use toml::Table;

#[tokio::test]
async fn the_first_denial_ends_it_in_the_order_of_the_collection() {
    let stage = Stage::with(|gateway| {
        // The order of the entries is another.
        let gateway = gateway.rule("probe").rule("deny_all").open("users");
        let gateway = gateway.judged("posts", &["deny_all", "probe"]);
        gateway.judged("comments", &["probe", "deny_all"])
    })
    .await;
    stage.guest().get(&records("posts")).await.refused(403);
    stage.guest().get(&records("comments")).await.refused(418);
    let refusals = |rule| format!("hapta_rule_refusals_total{{rule=\"{rule}\",code=\"denied\"}}");
    for rule in ["deny_all", "probe"] {
        assert_eq!(
            stage.gateway.metric(&refusals(rule)).await,
            Some(1.0),
            "{rule}"
        );
    }
}

#[tokio::test]
async fn a_rule_is_not_called_for_operations_that_it_is_not_for() {
    let writes = json!({ "operations": ["create", "delete"] });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("deny_all", &writes)
            .judged("posts", &["deny_all"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    alice
        .patch(&record("posts", POST_OF_ALICE))
        .json(&json!({ "title": "x" }))
        .await
        .expect(200);
    alice
        .post(&records("posts"))
        .json(&json!({ "title": "x" }))
        .await
        .refused(403);
    alice
        .delete(&record("posts", POST_OF_ALICE))
        .await
        .refused(403);
}

#[tokio::test]
async fn a_list_is_narrowed_by_every_rule_and_by_the_client_too() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule_entry("mine", "narrower", Table::new())
            .rule_entry(
                "published",
                "narrower",
                filter("status = 'published' || content = {:me}"),
            );
        gateway
            .judged("posts", &["mine", "published"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let ids = async |client: &Client, query: &str| {
        ids(&client.get(&format!("{}{query}", records("posts"))).await)
    };
    assert_eq!(ids(&alice, "").await, [POST_OF_ALICE]);
    stage.proxy.take();
    // Without brackets of the gateway's own this would be an "or" with all of it.
    let wide = "?filter=id!=''%7C%7Ctitle~'bob'";
    assert_eq!(ids(&alice, wide).await, [POST_OF_ALICE]);
    let sent = filter_of(&stage.proxy.take());
    for part in ["id", "'bob'", "author", ALICE, "'published'", "content"] {
        assert!(sent.contains(part), "no {part} in {sent}");
    }
    assert_eq!(ids(&alice, "?filter=views%3E3").await, Vec::<String>::new());
    let bob = stage.log_in("bob").await;
    assert_eq!(ids(&bob, "?filter=views%3E3").await, [POST_OF_BOB]);
    assert_eq!(ids(&stage.guest(), wide).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_that_narrows_what_is_no_list_is_refused() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule_with("narrower", &json!({ "always": true }))
            .open("users");
        gateway.judged("posts", &["narrower"])
    })
    .await;
    stage.guest().get(&records("posts")).await.expect(200);
    stage
        .guest()
        .get(&record("posts", POST_OF_ALICE))
        .await
        .refused(403);
}

#[tokio::test]
async fn a_rule_that_asks_for_what_is_stored_where_nothing_is_is_refused() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule_with("stored_reader", &json!({ "always": true }))
            .open("users");
        gateway.judged("posts", &["stored_reader"])
    })
    .await;
    stage.guest().get(&records("posts")).await.refused(403);
}

#[tokio::test]
async fn the_second_rule_judges_what_the_first_made_of_the_body() {
    let probing = json!({ "in": "after" });
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule("editor")
            .rule_with("probe", &probing)
            .open("users");
        gateway.judged("posts", &["editor", "probe"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    stage.proxy.take();
    let reply = alice
        .patch(&record("posts", POST_OF_ALICE))
        .json(&json!({ "views": 9 }))
        .await;
    // The write stands, so the denial is not one: it leaves the id and the reason.
    let seen: Value = serde_json::from_str(
        reply.expect(200)["@rule"]["message"]
            .as_str()
            .expect("a message"),
    )
    .expect("JSON");
    assert_eq!(seen["body"], json!({ "title": "edited", "views": 9 }));
    let sent = stage
        .proxy
        .take()
        .into_iter()
        .find(|seen| seen.method == http::Method::PATCH)
        .expect("it is sent");
    let sent: Value = serde_json::from_slice(&sent.body).expect("JSON");
    assert_eq!(sent, json!({ "title": "edited", "views": 9 }));
}

fn filter(filter: &str) -> Table {
    Table::try_from(json!({ "settings": { "filter": filter } }))
        .expect("settings that TOML can say")
}

fn ids(reply: &Reply) -> Vec<String> {
    let list = reply.expect(200);
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The filter of the one list that was sent.
fn filter_of(seen: &[Seen]) -> String {
    let lists: BTreeSet<_> = seen
        .iter()
        .filter_map(|seen| seen.target.strip_prefix(&records("posts")))
        .collect();
    let query = lists
        .first()
        .and_then(|query| query.strip_prefix('?'))
        .expect("a list with a query");
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(key, _)| key == "filter")
        .expect("a filter")
        .1
        .into_owned()
}
