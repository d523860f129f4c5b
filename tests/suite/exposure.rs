//! What is exposed, and what never is.

use hapta_tests::demo::{PASSWORD, POST_OF_ALICE, SUPERUSER, record, records};
use hapta_tests::{PocketBase, Setup, Stage};
use serde_json::json;

#[tokio::test]
async fn a_collection_that_is_not_exposed_is_refused_in_every_operation() {
    let stage = Stage::with(|gateway| gateway.open("comments")).await;
    let alice = stage.log_in("alice").await;
    stage.direct().get(&records("posts")).await.expect(200);
    let (posts, post) = (records("posts"), record("posts", POST_OF_ALICE));
    let replies = [
        stage.guest().get(&posts).await,
        stage.guest().get(&post).await,
        alice.post(&posts).json(&json!({ "title": "x" })).await,
        alice.patch(&post).json(&json!({ "title": "x" })).await,
        alice.delete(&post).await,
        stage
            .guest()
            .get("/api/collections/users/auth-methods")
            .await,
        stage
            .guest()
            .authenticate("users", "alice@example.com")
            .await,
        stage
            .guest()
            .get(&format!("/api/files/posts/{POST_OF_ALICE}/cover.png"))
            .await,
    ];
    for reply in replies {
        assert!([403, 404].contains(&reply.status), "{reply:?}");
    }
    assert!(
        stage
            .proxy
            .seen()
            .iter()
            .all(|seen| !seen.target.contains("/posts"))
    );
    stage.direct().get(&post).await.expect(200);
}

#[tokio::test]
async fn whether_a_collection_exists_is_not_told() {
    let stage = Stage::with(|gateway| gateway.open("comments")).await;
    let hidden = stage.guest().get(&records("posts")).await;
    let missing = stage.guest().get(&records("nothing")).await;
    let [hidden, missing] = [hidden, missing].map(|reply| reply.refused(404).to_string());
    assert_eq!(hidden.replace("posts", "nothing"), missing);
}

#[tokio::test]
async fn an_expand_into_what_is_not_exposed_shows_nothing_of_it() {
    let stage = Stage::with(|gateway| gateway.open("posts")).await;
    let target = format!("{}?expand=author", record("posts", POST_OF_ALICE));
    assert_eq!(
        stage.direct().get(&target).await.expect(200)["expand"]["author"]["name"],
        "alice"
    );
    let reply = stage.guest().get(&target).await;
    assert!(
        !String::from_utf8_lossy(&reply.body).contains("alice@example.com"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn nobody_logs_in_as_a_superuser() {
    let stage = Stage::with(|gateway| gateway.open("users").open("*")).await;
    let alice = format!("{}/{}", "impersonate", "alice0000000000");
    for collection in ["_superusers", "_SUPERUSERS", "pbc_3142635823"] {
        let direct = stage.direct();
        direct.authenticate(collection, SUPERUSER).await.expect(200);
        stage.proxy.take();
        let email = json!({ "email": SUPERUSER });
        for (action, body) in [
            (
                "auth-with-password",
                json!({ "identity": SUPERUSER, "password": PASSWORD }),
            ),
            (
                "auth-with-oauth2",
                json!({ "provider": "oidc", "code": "c" }),
            ),
            ("request-otp", email.clone()),
            ("auth-with-otp", json!({ "otpId": "o", "password": "p" })),
            ("auth-refresh", json!({})),
            ("request-verification", email.clone()),
            ("request-password-reset", email),
            (
                "confirm-password-reset",
                json!({ "token": "t", "password": "p", "passwordConfirm": "p" }),
            ),
            (
                "confirm-email-change",
                json!({ "token": "t", "password": "p" }),
            ),
            (alice.as_str(), json!({})),
        ] {
            let target = format!("/api/collections/{collection}/{action}");
            let reply = stage.guest().post(&target).json(&body).await;
            assert_eq!(reply.code(403), "superuser_route", "{target}");
        }
        assert_eq!(stage.proxy.take().len(), 0, "{collection}");
    }
    let target = format!("/api/collections/users/{alice}");
    let reply = stage.guest().post(&target).json(&json!({})).await;
    assert_eq!(reply.code(403), "superuser_route");
}

#[tokio::test]
async fn a_superuser_is_refused_unless_the_configuration_lets_them_in() {
    let stage = Stage::open().await;
    let superuser = stage.pocketbase.superuser().await;
    for target in [
        records("posts"),
        "/api/collections".to_owned(),
        "/api/settings".to_owned(),
        "/api/logs".to_owned(),
    ] {
        superuser.get(&target).await.expect(200);
        let reply = stage.guest().get(&target).token(superuser.token()).await;
        assert!(
            [401, 403, 404].contains(&reply.status),
            "{target}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn routes_beyond_the_served_operations_are_refused_in_pocketbase_s_shape() {
    let stage = Stage::open().await;
    stage.proxy.take();
    for target in [
        "/",
        "/_/index.html",
        "/api/",
        "/api/nothing",
        "/api/batch",
        "/api/files/token",
    ] {
        let error = stage.guest().get(target).await;
        assert!(
            [400, 403, 404].contains(&error.status),
            "{target}: {error:?}"
        );
        error.refused(error.status);
    }
    assert_eq!(stage.proxy.take().len(), 0);
}

#[tokio::test]
async fn a_system_collection_is_exposed_by_name_only() {
    let stage = Stage::open().await;
    for collection in [
        "_superusers",
        "_externalAuths",
        "_mfas",
        "_otps",
        "_authOrigins",
    ] {
        let reply = stage.guest().get(&records(collection)).await;
        assert!(
            [403, 404].contains(&reply.status),
            "{collection}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn an_exposed_collection_that_names_no_rules_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).also("[collections.posts]");
    let error = setup.try_start().await.expect_err("it does not start");
    assert!(
        error.contains("posts") && error.contains("rules"),
        "{error}"
    );
}

#[tokio::test]
async fn a_rule_that_does_not_exist_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).judged("posts", &["nobody"]);
    let error = setup.try_start().await.expect_err("it does not start");
    assert!(error.contains("nobody"), "{error}");
}

#[tokio::test]
async fn a_collection_that_pocketbase_does_not_have_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    let error = Setup::before(pocketbase.address())
        .open("nothing")
        .try_start()
        .await
        .expect_err("it does not start");
    assert!(error.contains("nothing"), "{error}");
}

#[tokio::test]
async fn an_unknown_key_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).also("[server]\nlisten_on = \"127.0.0.1:0\"");
    let error = setup.try_start().await.expect_err("it does not start");
    assert!(error.contains("listen_on"), "{error}");
}

#[tokio::test]
async fn a_folder_that_judges_nothing_stops_the_start() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).judged_by_folder("posts");
    let error = setup.try_start().await.expect_err("it does not start");
    assert!(error.contains("posts"), "{error}");
}
