//! What operators can ask, and what it takes.

use std::fs;

use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{ADMIN_KEY, Client, Setup, Stage, TestGateway, eventually, root, rules};
use serde_json::Value;
use toml::Table;

use crate::generations::hapta;

#[tokio::test]
async fn health_and_readiness_are_told_to_anybody() {
    let stage = Stage::open().await;
    let anybody = anybody(&stage.gateway);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(anybody.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_gateway_is_healthy_but_not_ready_while_pocketbase_is_away() {
    let mut stage = Stage::open().await;
    let anybody = anybody(&stage.gateway);
    // Past the proxy, which is still there.
    let direct = Setup::before(stage.pocketbase.address())
        .open("posts")
        .start()
        .await;
    let without_proxy = self::anybody(&direct);
    stage.pocketbase.stop().await;
    for client in [&anybody, &without_proxy] {
        assert_eq!(client.get("/readyz").await.status, 503);
        assert_eq!(client.get("/healthz").await.status, 200);
    }
    stage.pocketbase.start_again().await;
    assert_eq!(anybody.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn status_and_metrics_want_the_key() {
    let stage = Stage::open().await;
    for (path, last) in [("/status", 2), ("/metrics", 3)] {
        let anybody = anybody(&stage.gateway).from([127, 0, 0, last]);
        anybody.get(path).await.refused(401);
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Basic YTpi",
            &ADMIN_KEY[1..],
        ] {
            anybody
                .get(path)
                .header("Authorization", wrong)
                .await
                .refused(401);
        }
        anybody
            .get(&format!("{path}?key={ADMIN_KEY}"))
            .await
            .refused(401);
        for right in [ADMIN_KEY.to_owned(), format!("Bearer {ADMIN_KEY}")] {
            assert_eq!(anybody.get(path).token(&right).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn without_a_key_nobody_has_it() {
    let stage = Stage::with(|gateway| {
        gateway
            .open("posts")
            .environment(|environment| environment.admin_key = None)
    })
    .await;
    for path in ["/status", "/metrics"] {
        stage.gateway.operator().get(path).await.refused(403);
        anybody(&stage.gateway)
            .get(path)
            .header("Authorization", "")
            .await
            .refused(403);
    }
    assert_eq!(anybody(&stage.gateway).get("/healthz").await.status, 200);
}

#[tokio::test]
async fn the_listeners_have_nothing_in_common() {
    let stage = Stage::open().await;
    for path in ["/healthz", "/readyz", "/status", "/metrics"] {
        stage.guest().get(path).await.refused(404);
    }
    for path in [records("posts"), "/api/health".to_owned()] {
        assert_eq!(
            stage.gateway.operator().get(&path).await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn status_tells_what_is_in_force_and_why_the_last_reload_failed() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule_entry("first", "allow_all", Table::new());
        gateway.rule("noter").judged("posts", &["noter", "first"])
    })
    .await;
    let before = status(&stage).await;
    assert_eq!(before["generation"], 1);
    assert_eq!(names(&before), ["first", "noter"]);
    assert_eq!(before["lastReloadFailure"], Value::Null);
    assert!(before["version"].is_string() && before["digest"].is_string());
    assert!(before["sinceMs"].as_u64().is_some_and(|since| since > 0));
    for nothing in ["pinned", "degraded", "refused", "alarm"] {
        assert_eq!(before[nothing], Value::Null, "{nothing}");
    }

    stage.gateway.replace_rule("first", b"no rule");
    let failed =
        async || Some(status(&stage).await).filter(|status| !status["lastReloadFailure"].is_null());
    let failed = eventually("the failure is told", failed).await;
    assert!(
        failed["lastReloadFailure"]
            .as_str()
            .expect("a text")
            .contains("first"),
        "{failed}"
    );
    assert_eq!(failed["refused"]["reason"], failed["lastReloadFailure"]);
    assert!(failed["refused"]["atMs"].as_u64() >= before["sinceMs"].as_u64());
    for same in ["generation", "digest", "rules", "sinceMs"] {
        assert_eq!(failed[same], before[same], "{same}");
    }

    stage
        .gateway
        .replace_rule("first", &rules::bytes("deny_all"));
    let swapped = async || Some(status(&stage).await).filter(|status| status["generation"] != 1);
    let swapped = eventually("the new rule is in force", swapped).await;
    assert_eq!(swapped["generation"], 2);
    assert_eq!(swapped["lastReloadFailure"], Value::Null);
    assert_ne!(swapped["digest"], before["digest"]);
    assert_eq!(
        swapped["rules"][1], before["rules"][1],
        "the other rule is what it was"
    );
    for (metric, value) in [
        ("hapta_generation", 2.0),
        ("hapta_reloads_total{result=\"refused\"}", 1.0),
        ("hapta_reloads_total{result=\"swapped\"}", 1.0),
    ] {
        assert_eq!(stage.gateway.metric(metric).await, Some(value), "{metric}");
    }
}

#[tokio::test]
async fn metrics_have_every_name_of_their_table() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("deny_all").judged("posts", &["deny_all"]);
        gateway.also("[strict]\nmode = \"observe\"")
    })
    .await;
    // What has never happened has no line: so one of each.
    let target = format!("{}?tenant=1", records("posts"));
    stage.guest().get(&target).await.refused(403);
    hapta(&stage.gateway, &["deny", "add", "collection:posts"]).await;
    let denied = stage.guest().get(&record("posts", POST_OF_ALICE)).await;
    assert_eq!(denied.code(403), "denied_by_operator");
    stage
        .gateway
        .replace_rule("deny_all", &rules::bytes("noter"));
    let swapped = async || {
        stage
            .gateway
            .metric("hapta_reloads_total{result=\"swapped\"}")
            .await
    };
    eventually("a reload", swapped).await;
    let reply = stage.gateway.operator().get("/metrics").await;
    assert!(
        reply
            .header("content-type")
            .is_some_and(|kind| kind.contains("openmetrics"))
    );
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let table =
        fs::read_to_string(root().join("gateway/src/telemetry/metrics.rs")).expect("reads it");
    let names: Vec<_> = table
        .split("registry.register(")
        .skip(1)
        .filter_map(|row| row.split('"').nth(1))
        .collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        assert!(
            text.contains(&format!("# HELP hapta_{name} ")),
            "no {name} in\n{text}"
        );
    }
    assert_eq!(
        stage
            .gateway
            .metric("hapta_exchanges_total{operation=\"list\",status=\"403\"}")
            .await,
        Some(1.0)
    );
    let refusals = "hapta_rule_refusals_total{rule=\"deny_all\",code=\"denied\"}";
    assert_eq!(stage.gateway.metric(refusals).await, Some(1.0));
    assert_eq!(
        stage.gateway.metric("hapta_exchange_seconds_count").await,
        Some(2.0)
    );
}

#[tokio::test]
async fn a_start_that_fails_for_the_admin_listener_leaves_no_other() {
    let stage = Stage::open().await;
    let taken = stage.gateway.admin_address();
    let free = hapta_tests::free_address();
    let setup = Setup::before(stage.pocketbase.address()).open("posts");
    let setup = setup.also(&format!(
        "[server]\nlisten = \"{free}\"\n[admin]\nlisten = \"{taken}\""
    ));
    let error = setup.try_start().await.expect_err("the port is taken");
    assert!(error.contains(&taken.to_string()), "{error}");
    assert!(
        tokio::net::TcpStream::connect(free).await.is_err(),
        "clients are served all the same"
    );
}

fn anybody(gateway: &TestGateway) -> Client {
    Client::new(gateway.admin_address())
}

async fn status(stage: &Stage) -> Value {
    stage.gateway.operator().get("/status").await.expect(200)
}

fn names(status: &Value) -> Vec<&str> {
    let rules = status["rules"].as_array().expect("a list");
    rules
        .iter()
        .map(|rule| rule["name"].as_str().expect("a name"))
        .collect()
}
