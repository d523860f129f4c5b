//! What operators change while people watch.

use hapta_tests::demo::{ALICE, record};
use hapta_tests::live::{Listener, NOTES, Place, QUIET, SOON, Watching, subscribe, topic};
use hapta_tests::{eventually, rules};
use serde_json::json;
use toml::Table;

use super::judged::denied;
use super::{ALL, open_but_notes, publish};
use crate::denying::deny;

scenes! { of_a_place:
    a_collection_that_is_denied_falls_silent,
    a_user_who_is_denied_is_sent_away,
    an_address_that_is_denied_is_sent_away,
    rules_that_change_count_at_once,
}

async fn a_collection_that_is_denied_falls_silent(place: Place) {
    let at = Watching::at(place).await;
    let mut guest = Listener::to(&at.guest(), &[ALL, "plain/*"]).await;
    let expanded = topic("comments/*", &json!({ "expand": "post" }));
    let mut other = Listener::to(&at.guest(), &[&expanded]).await;
    deny(at.gateway(), &["add", "collection:NOTES"]).await;
    publish(&at, "x").await;
    // Either it is sent away, or it hears of the rest.
    let told = guest.all_within_or_end(QUIET).await;
    assert!(told.iter().all(|heard| heard.topic != ALL), "{told:?}");
    denied(&at.guest(), ALL).await;
    other.nothing_within(QUIET).await;
    deny(at.gateway(), &["remove", "collection:NOTES"]).await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let id = publish(&at, "y").await;
    assert_eq!(guest.event().await.id(), id);
}

async fn a_user_who_is_denied_is_sent_away(place: Place) {
    let at = Watching::at(place).await;
    let alice = at.log_in("alice").await;
    let mut tabs = [
        Listener::to(&alice, &[ALL]).await,
        Listener::to(&alice, &["plain/*"]).await,
    ];
    let mut bob = Listener::to(&at.log_in("bob").await, &[ALL]).await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    deny(at.gateway(), &["add", &format!("user:users/{ALICE}")]).await;
    for tab in &mut tabs {
        assert_eq!(tab.closing(SOON).await, "closed");
    }
    let id = publish(&at, "x").await;
    assert_eq!(bob.event().await.id(), id);
    assert_eq!(guest.event().await.id(), id);
    let error = denied(&alice, ALL).await;
    assert!(error.to_string().contains("denied_by_operator"), "{error}");
}

async fn an_address_that_is_denied_is_sent_away(place: Place) {
    let at = Watching::at(place).await;
    let there = at.guest().from([127, 0, 0, 2]);
    let mut here = Listener::to(&at.guest(), &[ALL]).await;
    let mut away = Listener::to(&there, &[ALL]).await;
    deny(at.gateway(), &["add", "address:127.0.0.2"]).await;
    assert_eq!(away.closing(SOON).await, "closed");
    let reply = there.get("/api/realtime").await;
    assert_eq!(reply.code(403), "denied_by_operator");
    let reply = subscribe(&there, here.id(), &[]).await;
    assert_eq!(reply.code(403), "denied_by_operator");
    let id = publish(&at, "x").await;
    assert_eq!(here.event().await.id(), id);
}

async fn rules_that_change_count_at_once(place: Place) {
    let at = Watching::with(place, |gateway| {
        let gateway = gateway.rule_entry("verdict", "allow_all", Table::new());
        open_but_notes(gateway).judged(NOTES, &["verdict"])
    })
    .await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let id = publish(&at, "x").await;
    assert_eq!(guest.event().await.id(), id);
    at.gateway()
        .replace_rule("verdict", &rules::bytes("deny_all"));
    let in_force = async || {
        let reply = at.guest().get(&record(NOTES, &id)).await;
        (reply.status == 403).then_some(())
    };
    eventually("the new rule is in force", in_force).await;
    // Who may not watch any longer is told so.
    assert_eq!(guest.closing(SOON).await, "rules_changed");
    denied(&at.guest(), ALL).await;
}
