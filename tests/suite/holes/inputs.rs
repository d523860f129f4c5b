//! Holes 7 to 10 and 17: what clients write is never taken for more than it is.

use hapta_tests::demo::{ALICE, BOB, PASSWORD, POST_OF_ALICE, record, records};
use hapta_tests::{Stage, eventually};
use serde_json::{Value, json};

use super::{open, stage};

#[tokio::test]
async fn hole_7_what_is_typed_is_never_a_part_of_a_filter() {
    let stage = stage("rolling").await;
    let typed = "x\" || tokenKey~\"a";
    let login = stage.guest().authenticate("users", typed).await;
    login.refused(400);
    let asked = stage.proxy.arrived("/users/auth-with-password").await;
    let sent: Value = serde_json::from_slice(&asked.body).expect("JSON");
    assert_eq!(sent["identity"], typed);
    let reset = json!({ "email": format!("{typed}@example.com") });
    let reply = stage
        .guest()
        .post("/api/collections/users/request-password-reset")
        .json(&reset)
        .await;
    assert!([204, 400].contains(&reply.status), "{reply:?}");
    for seen in stage.proxy.seen() {
        assert!(!seen.target.contains("tokenKey"), "{}", seen.target);
    }
    // In a filter itself it is a filter, and refused for where it leads.
    let filter = "username%20%3D%20%22x%22%20%7C%7C%20tokenKey~%22a%22";
    let target = format!("{}?filter={filter}", records("users"));
    let reply = stage.guest().get(&target).await;
    assert!([400, 403].contains(&reply.status), "{reply:?}");
}

#[tokio::test]
async fn hole_8_a_name_is_no_piece_of_sql() {
    let stage = stage("rolling").await;
    for name in [
        "posts'%20OR%20'1'%3D'1",
        "posts%22--",
        "posts%3BDROP%20TABLE%20posts",
        "sqlite_master",
        "posts%60",
    ] {
        let reply = stage.guest().get(&records(name)).await;
        assert!([400, 404].contains(&reply.status), "{name}: {reply:?}");
    }
    stage
        .direct()
        .get(&record("posts", POST_OF_ALICE))
        .await
        .expect(200);
}

#[tokio::test]
async fn hole_9_no_path_leads_out_no_address_is_fetched_and_no_page_is_made_of_input() {
    let stage = stage("rolling").await;
    let guest = stage.guest();
    for path in [
        "/api/files/posts/..%2f..%2fapi%2fsettings/x",
        "/api/files/posts/post00000000100/..%2f..%2f..%2fetc%2fpasswd",
        "/api/files/../../api/settings",
        "/api/files/posts/post00000000100/%2e%2e",
    ] {
        let reply = guest.raw(&format!("GET {path}"), &[], "").await;
        assert!([400, 404].contains(&reply.status), "{path}: {reply:?}");
    }
    let target = format!(
        "/opengraph/embed?url=http://{}/",
        stage.pocketbase.address()
    );
    guest.get(&target).await.refused(404);
    let script = "%3Cscript%3Ealert(1)%3C/script%3E";
    for target in [
        format!("/embed/posts/{script}/x"),
        format!("/{script}"),
        format!("{}?sort={script}", records("posts")),
    ] {
        let reply = guest.get(&target).await;
        assert!(reply.status >= 400, "{reply:?}");
        assert_eq!(reply.header("Content-Type"), Some("application/json"));
        assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"));
    }
    let seen = stage.proxy.seen();
    // The gateway's own reading of the settings has no dots in it.
    assert!(
        seen.iter()
            .all(|seen| !seen.target.contains("..") && !seen.target.contains("passwd"))
    );
}

#[tokio::test]
async fn hole_10_nothing_that_a_client_says_of_itself_counts() {
    let stage = Stage::with(|gateway| {
        open(gateway).also("[sessions]\nmode = \"rolling\"\n[log]\ndecisions = \"decisions.log\"")
    })
    .await;
    let bob = stage.guest().log_in("bob").await;
    let mut call = bob.get(&records("posts"));
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Real-IP", "203.0.113.7"),
        ("CF-Connecting-IP", "203.0.113.7"),
        ("Forwarded", "for=203.0.113.7"),
        ("Cookie", "ipAddress=203.0.113.7; Authorization=x"),
    ] {
        call = call.header(name, value);
    }
    let reply = call.await;
    reply.expect(200);
    let asked = stage.proxy.arrived(&records("posts")).await;
    assert_eq!(asked.header("X-Real-IP"), Some("127.0.0.1"));
    for name in ["X-Forwarded-For", "CF-Connecting-IP", "Forwarded", "Cookie"] {
        assert_eq!(asked.header(name), None, "{name}");
    }
    let log = stage.gateway.folder().join("decisions.log");
    let id = reply.header("X-Request-Id").expect("an id").to_owned();
    let line = eventually("the line is written", async || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines()
            .find(|line| line.contains(&id))
            .map(str::to_owned)
    })
    .await;
    assert!(
        line.contains("127.0.0.1") && !line.contains("203.0.113.7"),
        "{line}"
    );
    // A session, a cache key, an id that "proves" who somebody is: unknown keys are refused.
    for key in [
        "session",
        "cacheKey",
        "invalidateCache",
        "isEmbed",
        "skipDataUpdate",
        "immediatelyUpdate",
    ] {
        let target = format!("{}?{key}=1", records("posts"));
        bob.get(&target).await.refused(400);
        let body = json!({ "title": "x", key: true });
        bob.post(&records("posts")).json(&body).await.refused(400);
    }
    // An event stream belongs to who opened it, whoever names it.
    let mut stream = bob.get("/api/realtime").stream().await;
    let connected = stream.event().await.expect("a greeting");
    let connected: Value = serde_json::from_str(&connected.data).expect("JSON");
    let id = connected["clientId"].clone();
    let topic = json!({ "clientId": id, "subscriptions": [format!("users/{BOB}")] });
    bob.post("/api/realtime").json(&topic).await.expect(204);
    let alice = stage.guest().log_in("alice").await;
    alice.post("/api/realtime").json(&topic).await.refused(403);
}

#[tokio::test]
async fn hole_17_a_sign_up_sets_nothing_but_fields_and_none_that_make_it_more() {
    let stage = stage("rolling").await;
    let guest = stage.guest();
    let of = |more: Value| {
        let mut body = json!({
            "email": "mallory@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD, "name": "mallory",
        });
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        body
    };
    for more in [json!({ "isAdmin": true }), json!({ "passwordHash": "x" })] {
        let reply = guest.post(&records("users")).json(&of(more.clone())).await;
        assert_eq!(reply.status, 400, "{more}: {reply:?}");
    }
    // What PocketBase keeps for itself it does not set; what it does not is a rule's to keep.
    let reply = guest
        .post(&records("users"))
        .json(&of(json!({ "verified": true })))
        .await;
    reply.refused(400);
    assert!(reply.json()["data"].get("verified").is_some(), "{reply:?}");
    let gateway = hapta_tests::Setup::before(stage.pocketbase.address())
        .rule_with("ownership", &json!({ "protected": ["role"] }))
        .judged("users", &["ownership"])
        .start()
        .await;
    let bob = gateway.client().log_in("bob").await;
    let change = json!({ "role": "admin" });
    bob.patch(&record("users", BOB))
        .json(&change)
        .await
        .refused(403);
    bob.patch(&record("users", ALICE))
        .json(&change)
        .await
        .refused(403);
}
