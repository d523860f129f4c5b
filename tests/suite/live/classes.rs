//! One line to PocketBase for all who are told the same.

use std::collections::BTreeSet;

use hapta_tests::live::{Listener, Place, QUIET, Watching, topic, with_options};
use hapta_tests::{Seen, eventually};
use serde_json::{Value, json};

use super::{ALL, publish};

/// What PocketBase was asked to tell of.
fn topics(seen: &[Seen]) -> Vec<String> {
    let asked = seen
        .iter()
        .filter(|seen| seen.method == http::Method::POST && seen.target == "/api/realtime");
    let bodies = asked.map(|seen| serde_json::from_slice::<Value>(&seen.body).expect("JSON"));
    let topics = bodies.flat_map(|body| body["subscriptions"].as_array().cloned().expect("a list"));
    topics
        .map(|topic| topic.as_str().expect("a text").to_owned())
        .collect()
}

#[tokio::test]
async fn equal_subscribers_are_one_at_pocketbase() {
    let at = Watching::at(Place::Classes).await;
    let alice = at.log_in("alice").await;
    let mut listeners = vec![
        Listener::to(&at.guest(), &[ALL]).await,
        Listener::to(&alice, &[ALL]).await,
    ];
    let lines = at.proxy.streams();
    at.proxy.take();
    for _ in 0..30 {
        listeners.push(Listener::to(&at.guest(), &[ALL]).await);
        listeners.push(Listener::to(&alice, &[ALL]).await);
    }
    assert_eq!(at.proxy.streams(), lines);
    assert_eq!(topics(&at.proxy.take()), Vec::<String>::new());
    let id = publish(&at, "x").await;
    for listener in &mut listeners {
        assert_eq!(listener.event().await.id(), id);
    }
    // Nobody is left: nothing is asked for any more.
    listeners.clear();
    let none = async || (at.proxy.streams() < lines).then_some(());
    eventually("lines are given up", none).await;
}

#[tokio::test]
async fn one_meaning_is_one_topic_whatever_its_spelling() {
    let at = Watching::at(Place::Classes).await;
    let notes = at
        .pocketbase
        .superuser()
        .await
        .get("/api/collections/notes")
        .await;
    let notes = notes.expect(200)["id"].as_str().expect("an id").to_owned();
    let query = json!({ "filter": "title='x'", "fields": "id" });
    let spellings = [
        with_options(ALL, &json!({ "query": query })),
        with_options(
            ALL,
            &json!({ "query": { "fields": "title", "filter": "title = 'x'" } }),
        ),
        with_options(
            &format!("{notes}/*"),
            &json!({ "query": { "filter": "title = \"x\"" } }),
        ),
        with_options("Notes/*", &json!({ "query": query, "headers": {} })),
    ];
    let mut listeners = Vec::new();
    for spelling in &spellings {
        listeners.push(Listener::to(&at.guest(), &[spelling]).await);
    }
    let asked: BTreeSet<_> = topics(&at.proxy.take()).into_iter().collect();
    let asked: Vec<_> = asked
        .iter()
        .filter(|topic| topic.contains("options"))
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(
        asked[0].contains("/*?options=") && !asked[0].contains("fields"),
        "{asked:?}"
    );
    let id = publish(&at, "x").await;
    for (listener, spelling) in listeners.iter_mut().zip(&spellings) {
        let told = listener.event().await;
        assert_eq!((&told.topic, told.action()), (spelling, "create"));
        listener.nothing_within(QUIET).await;
    }
    drop(id);
}

#[tokio::test]
async fn each_line_is_asked_for_as_whom_it_is() {
    let at = Watching::at(Place::Classes).await;
    let alice = at.log_in("alice").await;
    let (hers, theirs) = ("x = 'hers'", "x = 'theirs'");
    let about = |filter: &str| topic(ALL, &json!({ "filter": filter.replace('x', "title") }));
    let _listeners = [
        Listener::to(&at.guest(), &[&about(theirs)]).await,
        Listener::to(&alice, &[&about(hers)]).await,
    ];
    let seen = at.proxy.take();
    for (word, token) in [("hers", Some(alice.token())), ("theirs", None)] {
        let asked = seen.iter().filter(|seen| {
            let asked = topics(std::slice::from_ref(*seen));
            asked.iter().any(|topic| topic.contains(word))
        });
        let tokens: Vec<_> = asked.map(|seen| seen.header("authorization")).collect();
        assert!(
            !tokens.is_empty() && tokens.iter().all(|had| *had == token),
            "{word}"
        );
    }
}
