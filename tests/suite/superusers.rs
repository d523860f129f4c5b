//! Superusers: where they are served, and who judges them.
//!
//! That they are refused by default, the login by any spelling of their
//! collection too, is in `exposure`.

use hapta_tests::demo::{SUPERUSER, records};
use hapta_tests::{Client, Setup, Stage, pocketbase_version};
use serde_json::json;

const ROUTES: [&str; 4] = [
    "/api/collections",
    "/api/settings",
    "/api/logs",
    "/api/crons",
];

#[tokio::test]
async fn superuser_routes_are_for_superusers_alone() {
    let stage = Stage::with(|gateway| served(gateway.open("posts"))).await;
    let (alice, superuser) = (stage.log_in("alice").await, superuser(&stage).await);
    stage.proxy.take();
    let not_there = |route: &&str| *route == "/api/crons" && pocketbase_version() < (0, 24);
    for route in ROUTES.into_iter().filter(|route| !not_there(route)) {
        stage.guest().get(route).await.refused(401);
        alice.get(route).await.refused(403);
        let asked = stage.proxy.take();
        assert!(
            asked.iter().all(|seen| seen.target != route),
            "{route}: {asked:?}"
        );
        let direct = stage.direct().get(route).token(superuser.token()).await;
        // What PocketBase logs and counts changes with each request.
        let through = superuser.get(route).await;
        assert_eq!(through.status, 200, "{route}: {through:?}");
        assert!(
            route == "/api/logs" || through.json() == direct.json(),
            "{route}"
        );
        stage.proxy.take();
    }
}

#[tokio::test]
async fn a_superuser_who_is_served_logs_in_and_stays_in() {
    let stage = Stage::with(|gateway| served(gateway.open("posts"))).await;
    let superuser = superuser(&stage).await;
    let refreshed = superuser
        .post("/api/collections/_superusers/auth-refresh")
        .await
        .expect(200);
    assert_eq!(refreshed["record"]["collectionName"], "_superusers");
    // Hidden fields are told to superusers, here as there.
    let posts = superuser.get(&records("posts")).await.expect(200);
    assert_eq!(posts["items"][0]["moderation"], "seen");
}

#[tokio::test]
async fn what_a_superuser_changes_through_the_gateway_is_changed() {
    let stage = Stage::with(|gateway| served(gateway.open("posts"))).await;
    let superuser = superuser(&stage).await;
    let renamed = json!({ "meta": { "appName": "Renamed through the gateway" } });
    superuser
        .patch("/api/settings")
        .json(&renamed)
        .await
        .expect(200);
    let settings = stage
        .direct()
        .get("/api/settings")
        .token(superuser.token())
        .await
        .expect(200);
    assert_eq!(settings["meta"]["appName"], "Renamed through the gateway");
}

#[tokio::test]
async fn a_superuser_is_judged_like_everybody_unless_the_configuration_says_otherwise() {
    for (judged, status) in [("", 403), ("judged = true", 403), ("judged = false", 200)] {
        let stage = Stage::with(|gateway| {
            let gateway = gateway.rule("deny_all").judged("posts", &["deny_all"]);
            served(gateway.open("comments")).also(&format!("[superusers]\n{judged}"))
        })
        .await;
        let superuser = superuser(&stage).await;
        assert_eq!(
            superuser.get(&records("posts")).await.status,
            status,
            "{judged:?}"
        );
        // For everybody else there is no way round.
        stage
            .log_in("alice")
            .await
            .get(&records("posts"))
            .await
            .refused(403);
        stage.guest().get(&records("posts")).await.refused(403);
    }
}

#[tokio::test]
async fn a_superuser_who_is_not_judged_sees_what_rules_hide_and_drop() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway
            .rule_with("hide_field", &json!({ "fields": ["secret_note"] }))
            .rule_with(
                "drop_records",
                &json!({ "field": "status", "value": "draft" }),
            )
            .rule("after_denier");
        let gateway = gateway
            .judged("posts", &["hide_field", "drop_records"])
            .judged("comments", &["after_denier"]);
        served(gateway).also("[superusers]\njudged = false")
    })
    .await;
    let superuser = superuser(&stage).await;
    for target in [records("posts"), records("comments")] {
        let direct = stage
            .direct()
            .get(&target)
            .token(superuser.token())
            .await
            .expect(200);
        let through = superuser.get(&target).await.expect(200);
        assert_eq!(through["items"], direct["items"], "{target}");
    }
    let posts = stage
        .guest()
        .get(&records("posts"))
        .await
        .expect(200)
        .to_string();
    assert!(
        !posts.contains("secret_note") && !posts.contains("draft"),
        "{posts}"
    );
    stage.guest().get(&records("comments")).await.refused(403);
}

fn served(gateway: Setup) -> Setup {
    gateway.also("[superusers]\nroutes = \"on\"").open("users")
}

/// Logged in through the gateway.
async fn superuser(stage: &Stage) -> Client {
    let reply = stage
        .guest()
        .authenticate("_superusers", SUPERUSER)
        .await
        .expect(200);
    stage
        .guest()
        .with_token(reply["token"].as_str().expect("a token"))
}
