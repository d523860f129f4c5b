//! Pages that may not ask are refused before anything is done for them.

use hapta_tests::demo::{ALICE, records};
use hapta_tests::{Reply, Stage};
use serde_json::json;

use super::{lines, open, refused};

const APP: &str = "https://app.example";

const LISTED: &str = "[server]\norigins = [\"https://app.example\"]";

/// What each of the doors is asked by.
const DOORS: [(&str, &str); 6] = [
    ("GET", "/api/collections/posts/records"),
    ("POST", "/api/collections/users/auth-with-password"),
    ("GET", "/api/realtime"),
    ("POST", "/api/realtime"),
    ("GET", "/api/health"),
    ("GET", "/api/no/such/route"),
];

#[tokio::test]
async fn a_page_of_another_origin_is_refused_on_every_door() {
    let stage = Stage::with(|gateway| open(gateway, LISTED)).await;
    stage.proxy.take();
    let guest = stage.guest();
    let foreign = [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://APP.example",
        "null",
        "",
        "https://app.example https://evil.example",
    ];
    for (method, target) in DOORS {
        for origin in foreign {
            let call = guest.call(method.parse().expect("a method"), target);
            let reply = call.header("Origin", origin).await;
            assert_eq!(reply.code(403), "origin", "{method} {target} {origin}");
            let allowed = reply.header("access-control-allow-origin");
            assert_eq!(allowed, None, "{origin}");
        }
    }
    let twice = [("Origin", APP), ("Origin", "https://evil.example")];
    let reply = guest.raw("GET /api/health", &twice, "").await;
    assert_eq!(reply.code(403), "origin");
    assert_eq!(stage.proxy.take().len(), 0);
    let count = foreign.len() * DOORS.len() + 1;
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    let expected = Some(count as f64);
    assert_eq!(refused(&stage.gateway, "origin").await, expected);
    let told = lines(&stage.gateway, "security.log", count).await;
    assert_eq!(told[0]["event"], "application");
    assert_eq!(told[0]["code"], "origin");
}

#[tokio::test]
async fn pages_that_may_ask_do_and_so_does_who_is_no_page() {
    let stage = Stage::with(|gateway| open(gateway, LISTED)).await;
    let guest = stage.guest();
    let own = format!("http://{}", stage.gateway.address());
    for origin in [APP, &own, &own.replace("http:", "https:")] {
        let call = guest.get(&records("posts")).header("Origin", origin);
        call.await.expect(200);
    }
    guest.get(&records("posts")).await.expect(200);
    // Providers have a page of theirs send people back.
    for call in [
        guest.get("/api/oauth2-redirect?state=s&code=c"),
        guest
            .post("/api/oauth2-redirect")
            .body("application/x-www-form-urlencoded", "state=s&code=c"),
    ] {
        let reply = call.header("Origin", "https://provider.example").await;
        assert!([303, 307].contains(&reply.status), "{reply:?}");
    }
}

#[tokio::test]
async fn where_there_is_a_public_address_its_pages_are_the_gateways_own() {
    let settings = "[server]\norigins = []\npublic_url = \"https://api.example\"";
    let stage = Stage::with(|gateway| open(gateway, settings)).await;
    let asked = async |origin: &str, host: &str| -> Reply {
        let headers = [("Origin", origin), ("X-Other", host)];
        stage.guest().raw("GET /api/health", &headers, "").await
    };
    asked("https://api.example", "").await.expect(200);
    asked("https://api.example:443", "").await.expect(200);
    // A name that its owner points at this machine is not made the gateway's by that.
    let rebound = format!("http://{}", stage.gateway.address());
    for origin in [rebound.as_str(), "http://api.example", APP] {
        assert_eq!(asked(origin, "").await.code(403), "origin", "{origin}");
    }
}

#[tokio::test]
async fn any_page_may_ask_where_all_may() {
    let stage = Stage::with(|gateway| open(gateway, "")).await;
    for origin in ["https://evil.example", "null"] {
        let call = stage.guest().get(&records("posts"));
        call.header("Origin", origin).await.expect(200);
    }
}

#[tokio::test]
async fn a_page_that_may_not_ask_changes_nothing() {
    let stage = Stage::with(|gateway| open(gateway, LISTED)).await;
    let alice = stage.log_in("alice").await;
    stage.proxy.take();
    // As a form would send it, without a preflight.
    let post = json!({ "title": "From elsewhere", "author": ALICE, "status": "draft" });
    let forged = alice.post(&records("posts")).json(&post);
    let reply = forged.header("Origin", "https://evil.example").await;
    assert_eq!(reply.code(403), "origin");
    let seen = stage.proxy.take();
    assert!(!seen.iter().any(|seen| seen.method == "POST"), "{seen:?}");
}
