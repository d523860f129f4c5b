//! Who does not stop when refused is kept out for a while, and somebody is told.

use std::fs;

use hapta_tests::demo::{ALICE, POST_OF_ALICE, record, records};
use hapta_tests::{Stage, TestGateway, eventually};
use serde_json::{Value, json};

use super::{each_hour, limited, on, told_to_wait};

const LOG: &str = "[log]\nsecurity = \"security.log\"";

async fn stage(limits: &str) -> Stage {
    Stage::with(|gateway| limited(gateway, limits).also(LOG)).await
}

const STRICT: &str = "list = { limit = 2, every = \"1h\", max_uses = 2, ban_for = \"1h\" }";

#[tokio::test]
async fn who_is_refused_too_often_is_kept_out_of_everything() {
    let stage = stage(STRICT).await;
    let alice = stage.log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    for _ in 0..2 {
        assert_eq!(told_to_wait(&alice.get(&records("posts")).await), "limited");
    }
    stage.proxy.take();
    let elsewhere = alice.from([127, 0, 0, 2]);
    for client in [&alice, &elsewhere] {
        for target in [records("comments"), record("posts", POST_OF_ALICE)] {
            let refused = client.get(&target).await;
            assert_eq!(told_to_wait(&refused), "banned");
            let wait = refused.header("retry-after").expect("a time");
            assert!(["3600", "3599"].contains(&wait), "{wait}");
        }
    }
    assert!(stage.proxy.take().is_empty());
    // Others at her address are not meant.
    stage
        .log_in("bob")
        .await
        .get(&records("posts"))
        .await
        .expect(200);
    assert_eq!(stage.gateway.metric("hapta_limits_bans").await, Some(1.0));
    let metric = "hapta_limits_refused_total{reason=\"banned\"}";
    assert_eq!(stage.gateway.metric(metric).await, Some(4.0));
}

#[tokio::test]
async fn a_guest_who_is_kept_out_is_an_address() {
    let stage = stage(STRICT).await;
    for _ in 0..3 {
        stage.guest().get(&records("posts")).await;
    }
    stage.proxy.take();
    for target in ["/api/health", "/api/garbage", &records("users")] {
        assert_eq!(told_to_wait(&stage.guest().get(target).await), "banned");
    }
    assert!(stage.proxy.take().is_empty());
    let elsewhere = stage.guest().from([127, 0, 0, 2]);
    elsewhere.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn who_is_known_goes_on_where_guests_are_kept_out() {
    let stage = stage(STRICT).await;
    let alice = stage.log_in("alice").await;
    for _ in 0..3 {
        stage.guest().get(&records("posts")).await;
    }
    alice.get(&records("posts")).await.expect(200);
    stage.proxy.take();
    // No token makes anybody known who is not, and nobody logs in from there.
    for token in ["garbage", "a.b.c"] {
        let guest = stage.guest().with_token(token);
        assert_eq!(told_to_wait(&guest.get("/api/health").await), "banned");
        guest.get(&records("posts")).await.refused(401);
    }
    for client in [&stage.guest(), &alice] {
        let login = client.authenticate("users", "bob@example.com").await;
        assert_eq!(told_to_wait(&login), "banned");
    }
    assert!(stage.proxy.take().is_empty());
}

#[tokio::test]
async fn those_who_look_for_attacks_are_told_once_of_each() {
    let stage = stage(STRICT).await;
    let alice = stage.log_in("alice").await;
    for _ in 0..20 {
        alice.get(&records("posts")).await;
    }
    let told = async || {
        let events = events(&stage.gateway);
        (events.len() >= 2).then_some(events)
    };
    let told = eventually("it is told", told).await;
    // A last line would be there by now.
    let kinds: Vec<_> = told.iter().map(|event| &event["event"]).collect();
    assert_eq!(kinds, ["limited", "ban"]);
    for event in &told {
        assert_eq!(event["code"], "limited");
        assert_eq!(event["status"], 429);
        assert_eq!(event["operation"], "list");
        assert_eq!(event["principal"], format!("users/{ALICE}"));
    }
    let metric = "hapta_security_events_total{kind=\"limited\"}";
    assert_eq!(stage.gateway.metric(metric).await, Some(1.0));
}

#[tokio::test]
async fn everything_counts_for_an_address_before_it_is_looked_at() {
    let stage = stage(&each_hour("address", 8)).await;
    let post = json!({ "title": 1 });
    let guest = stage.guest();
    guest.get("/api/health").await.expect(200);
    guest.get("/api/no/such/route").await.refused(404);
    guest.get(&records("nothing")).await.refused(404);
    guest.post(&records("posts")).json(&post).await.refused(400);
    stage.proxy.take();
    let alice = stage.log_in("alice").await;
    for client in [&guest, &alice] {
        for target in ["/api/health", "/api/no/such/route", &records("posts")] {
            let refused = client.get(target).await;
            assert_eq!(told_to_wait(&refused), "limited");
            let policies = refused.header("ratelimit-policy");
            assert_eq!(policies, Some("\"address\";q=8;w=3600"));
        }
    }
    assert!(stage.proxy.take().is_empty());
    guest
        .from([127, 0, 0, 2])
        .get("/api/health")
        .await
        .expect(200);
}

#[tokio::test]
async fn turning_limits_off_lets_everybody_in() {
    let stage = Stage::with(|gateway| gateway.open("posts").also(&on(STRICT))).await;
    for _ in 0..4 {
        stage.guest().get(&records("posts")).await;
    }
    assert_eq!(
        told_to_wait(&stage.guest().get(&records("posts")).await),
        "banned"
    );
    stage.gateway.reconfigure("mode = \"on\"", "mode = \"off\"");
    let is_in = async || (stage.guest().get(&records("posts")).await.status == 200).then_some(());
    eventually("the guest is let in", is_in).await;
    assert_eq!(stage.gateway.metric("hapta_limits_bans").await, Some(0.0));
}

/// The security events so far.
fn events(gateway: &TestGateway) -> Vec<Value> {
    let text = fs::read_to_string(gateway.folder().join("security.log")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().map(serde_json::from_str);
    lines.map(|line| line.expect("JSON")).collect()
}
