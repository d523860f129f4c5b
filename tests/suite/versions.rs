//! Which PocketBase is spoken to, and what happens when another takes its place.

use hapta_tests::demo::{POST_OF_ALICE, POSTS, record, records};
use hapta_tests::{
    Answer, Client, Setup, Stage, StubUpstream, TestGateway, eventually, pocketbase_version,
};
use serde_json::{Value, json};

/// What the stub's dashboard names its release in.
const SCRIPT: &str = "/_/assets/index-stub.js";

#[tokio::test]
async fn the_pocketbase_behind_is_told_in_the_status() {
    let stage = Stage::open().await;
    let (major, minor) = pocketbase_version();
    let told = pocketbase(&stage.gateway).await;
    let version = told["version"].as_str().expect("a version");
    assert!(
        version.starts_with(&format!("{major}.{minor}.")),
        "{version}"
    );
    assert_eq!(told["tested"], true);
}

#[tokio::test]
async fn any_patch_of_a_tested_line_is_spoken_to() {
    for release in ["0.23.0", "0.31.99", "0.40.0", "0.40.123"] {
        let (_stub, gateway) = stub_of(release).await;
        let gateway = gateway.start().await;
        let expected = json!({ "version": release, "tested": true });
        assert_eq!(pocketbase(&gateway).await, expected);
    }
}

#[tokio::test]
async fn one_before_0_23_is_refused_whatever_is_allowed() {
    for untested in ["refuse", "allow"] {
        let (stub, gateway) = stub_of("0.22.27").await;
        is_from_before_0_23(&stub);
        let error = refused(&stub, gateway.also(&setting(untested))).await;
        assert!(error.contains("PocketBase 0.22.27 is too old"), "{error}");
        assert!(error.contains("0.23 and newer"), "{error}");
    }
}

#[tokio::test]
async fn one_before_0_23_is_known_by_its_routes_alone() {
    let (stub, gateway) = stub_of("0.40.6").await;
    is_from_before_0_23(&stub);
    let error = refused(&stub, gateway.also(&setting("allow"))).await;
    assert!(error.contains("is too old"), "{error}");
}

#[tokio::test]
async fn a_newer_one_is_refused_unless_that_is_allowed() {
    for release in ["0.41.0", "1.0.0"] {
        let (stub, gateway) = stub_of(release).await;
        let error = refused(&stub, gateway).await;
        for part in [
            release,
            "newer than 0.40",
            "pocketbase.untested = \"allow\"",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let (_stub, gateway) = stub_of(release).await;
        let gateway = gateway.also(&setting("allow")).start().await;
        let expected = json!({ "version": release, "tested": false });
        assert_eq!(pocketbase(&gateway).await, expected);
    }
}

#[tokio::test]
async fn one_that_names_no_release_is_refused_unless_that_is_allowed() {
    let huge = format!("{}PocketBase v0.40.6`", " ".repeat(5 << 20));
    let nameless = [
        ("/_/", Answer::Json(404, json!({}))),
        ("/_/", Answer::page("<html>elsewhere</html>")),
        (SCRIPT, Answer::page("label:`PocketBase`")),
        (
            SCRIPT,
            Answer::page("PocketBase v0.40.6` PocketBase v0.39.0`"),
        ),
        (SCRIPT, Answer::page(&huge)),
    ];
    for (path, answer) in nameless {
        let (stub, gateway) = stub_of("0.40.6").await;
        stub.answer(path, answer.clone());
        let error = refused(&stub, gateway).await;
        assert!(error.contains("cannot tell which PocketBase"), "{error}");
        let (stub, gateway) = stub_of("0.40.6").await;
        stub.answer(path, answer);
        let gateway = gateway.also(&setting("allow")).start().await;
        let expected = json!({ "version": null, "tested": false });
        assert_eq!(pocketbase(&gateway).await, expected);
    }
}

#[tokio::test]
async fn the_start_waits_for_one_that_cannot_tell_at_the_moment() {
    for status in [429, 503] {
        let (stub, gateway) = stub_of("0.40.6").await;
        stub.answer("/api/batch", Answer::Json(status, json!({})));
        let starting = tokio::spawn(gateway.start());
        let asked = || {
            stub.seen()
                .into_iter()
                .filter(|seen| seen.target == "/api/batch")
        };
        eventually("it asks again", async || {
            (asked().count() > 1).then_some(())
        })
        .await;
        stub.answer("/api/batch", Answer::Json(403, json!({})));
        let gateway = starting.await.expect("the gateway starts");
        assert_eq!(pocketbase(&gateway).await["version"], "0.40.6");
    }
}

#[tokio::test]
async fn requests_are_refused_while_one_that_is_not_spoken_to_has_taken_the_place() {
    let (stub, gateway) = stub_of("0.40.6").await;
    let page_of_posts =
        json!({ "items": [], "page": 1, "perPage": 30, "totalItems": 0, "totalPages": 0 });
    stub.answer(&records("posts"), Answer::Json(200, page_of_posts));
    let gateway = gateway
        .also("[pocketbase]\nschema_interval = \"50ms\"")
        .start()
        .await;
    let list = async || gateway.client().get(&records("posts")).await;
    list().await.expect(200);
    // Its script has another name, as that of every release has.
    stub.answer(
        "/_/",
        Answer::page(r#"<script src="./assets/index-other.js"></script>"#),
    );
    stub.answer(
        "/_/assets/index-other.js",
        Answer::page("`PocketBase v0.41.0`"),
    );
    let refused = async || Some(list().await).filter(|reply| reply.status == 503);
    let refused = eventually("requests are refused", refused).await;
    assert_eq!(refused.code(503), "upstream_version");
    let told = pocketbase(&gateway).await;
    assert!(
        told["refused"].as_str().expect("why").contains("0.41.0"),
        "{told}"
    );
    let anybody = Client::new(gateway.admin_address());
    assert_eq!(anybody.get("/readyz").await.status, 503);
    stub.answer(
        "/_/",
        Answer::page(r#"<script src="./assets/index-stub.js"></script>"#),
    );
    let served = async || (list().await.status == 200).then_some(());
    eventually("the old one is served again", served).await;
}

#[tokio::test]
async fn a_pocketbase_that_takes_the_place_of_another_is_served_without_a_restart() {
    // What does not fit makes the gateway look, long before it would anyway.
    let set_up = |gateway: Setup| {
        let gateway = gateway.open("users").open("posts");
        let gateway = gateway.also("[pocketbase]\nschema_interval = \"1h\"");
        gateway.also("[sessions]\nverified_for = \"200ms\"")
    };
    let mut stage = Stage::with(set_up).await;
    let alice = stage.log_in("alice").await;
    let posts = alice.get(&records("posts")).await.expect(200);
    assert_eq!(posts["totalItems"], POSTS);
    stage.pocketbase.replace().await;

    // Of another id, with a field that the first had not, and one less.
    let superuser = stage.pocketbase.superuser().await;
    let collection = json!({
        "id": "pbc_0000000001", "name": "posts", "type": "base", "listRule": "", "viewRule": "", "createRule": "",
        "fields": [{ "name": "title", "type": "text" }, { "name": "subtitle", "type": "text" }],
    });
    superuser
        .post("/api/collections")
        .json(&collection)
        .await
        .expect(200);
    assert_ne!(collection["id"], posts["items"][0]["collectionId"]);
    let mine = json!({ "id": POST_OF_ALICE, "title": "Other", "subtitle": "New" });
    superuser
        .post(&records("posts"))
        .json(&mine)
        .await
        .expect(200);

    let (guest, direct) = (stage.guest(), stage.direct());
    let view = record("posts", POST_OF_ALICE);
    // The collections are looked at once a second at most.
    let known = async || (guest.get(&view).await.status == 200).then_some(());
    eventually("the new collection is known", known).await;
    for target in [
        view.clone(),
        records("posts"),
        format!("{}?filter=subtitle='New'&sort=-subtitle", records("posts")),
    ] {
        let (through, direct) = (guest.get(&target).await, direct.get(&target).await);
        assert_eq!(through.expect(200), direct.expect(200), "{target}");
    }
    let written = json!({ "title": "Through", "subtitle": "the gateway" });
    let written = guest
        .post(&records("posts"))
        .json(&written)
        .await
        .expect(200);
    assert_eq!(written["subtitle"], "the gateway");
    guest
        .post(&records("posts"))
        .json(&json!({ "title": "x", "views": 1 }))
        .await
        .refused(400);
    // Nobody of the first is anybody here.
    let refused = async || (alice.get(&view).await.status == 401).then_some(());
    eventually("alice's token is good no longer", refused).await;
}

/// A stub that names this release, and a gateway before it.
pub(crate) async fn stub_of(release: &str) -> (StubUpstream, Setup) {
    let stub = StubUpstream::start().await;
    stub.answer(
        SCRIPT,
        Answer::page(&format!("label:`PocketBase v{release}`")),
    );
    let setup = Setup::before(stub.address()).open("posts");
    (stub, setup)
}

/// Gives a stub the routes that PocketBase had before 0.23.
pub(crate) fn is_from_before_0_23(stub: &StubUpstream) {
    let login = json!({ "code": 400, "message": "Something went wrong.", "data": {} });
    stub.answer("/api/admins/auth-with-password", Answer::Json(400, login));
    let nothing = json!({ "code": 404, "message": "Not Found.", "data": {} });
    stub.answer("/api/batch", Answer::Json(404, nothing));
}

/// Why a gateway does not start; until then it shows nobody its credential.
async fn refused(stub: &StubUpstream, gateway: Setup) -> String {
    let error = gateway.try_start().await.expect_err("it does not start");
    for seen in stub.seen() {
        let shows = seen.header("Authorization").is_some() || seen.target.contains("_superusers");
        assert!(!shows, "{}", seen.line());
    }
    error
}

/// What operators are told of PocketBase.
async fn pocketbase(gateway: &TestGateway) -> Value {
    let mut status = gateway.operator().get("/status").await.expect(200);
    status["pocketbase"].take()
}

fn setting(untested: &str) -> String {
    format!("[pocketbase]\nuntested = \"{untested}\"")
}
