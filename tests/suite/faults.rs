//! What happens when PocketBase stalls, cuts or lies.

use hapta_tests::demo::{ALICE, BOB, POST_OF_ALICE, records};
use hapta_tests::{Answer, Reply, Setup, StubUpstream, TestGateway};
use serde_json::{Value, json};

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_for_ever() {
    let (stub, gateway) = stage().await;
    stub.answer(&records("posts"), Answer::Stall);
    broken(&gateway.client().get(&records("posts")).await);
}

#[tokio::test]
async fn an_answer_that_is_cut_is_no_answer() {
    let (stub, gateway) = stage().await;
    stub.answer(&records("posts"), Answer::Cut);
    broken(&gateway.client().get(&records("posts")).await);
}

#[tokio::test]
async fn an_answer_of_another_shape_never_gets_out() {
    let html =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>";
    let lies = [
        // The page of a single-page application, which PocketBase serves for unknown routes.
        Answer::Bytes(html.into()),
        Answer::Bytes(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{"
                .into(),
        ),
        Answer::Bytes("no HTTP at all\r\n\r\n".into()),
        Answer::Bytes(Vec::new()),
        Answer::Json(200, json!([])),
        Answer::Json(200, json!({ "items": {} })),
        Answer::Json(
            200,
            json!({ "items": [3], "page": 1, "perPage": 30, "totalItems": 1, "totalPages": 1 }),
        ),
        // A record that does not say what it is can't be judged.
        Answer::Json(
            200,
            list(&json!({ "id": POST_OF_ALICE, "title": "secret" })),
        ),
        Answer::Json(
            200,
            list(
                &json!({ "id": POST_OF_ALICE, "title": "secret", "collectionName": "elsewhere", "collectionId": "x" }),
            ),
        ),
        Answer::Json(302, json!({})),
    ];
    let (stub, gateway) = stage().await;
    for lie in lies {
        stub.answer(&records("posts"), lie.clone());
        let reply = gateway.client().get(&records("posts")).await;
        // 403 where the records are of a collection that is not exposed.
        assert!(
            reply.status == 403 || reply.status >= 500,
            "{lie:?} became {reply:?}"
        );
        reply.refused(reply.status);
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (stub, gateway) = stage().await;
    let elsewhere =
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /api/backups\r\nContent-Length: 0\r\n\r\n";
    stub.answer(&records("posts"), Answer::Bytes(elsewhere.into()));
    broken(&gateway.client().get(&records("posts")).await);
    assert!(
        stub.seen()
            .iter()
            .all(|seen| !seen.target.contains("backups"))
    );
}

#[tokio::test]
async fn a_token_that_cannot_be_verified_is_nobody_s() {
    let answers = [
        Answer::Json(
            500,
            json!({ "status": 500, "message": "Something went wrong.", "data": {} }),
        ),
        Answer::Json(
            429,
            json!({ "status": 429, "message": "Too many requests.", "data": {} }),
        ),
        Answer::Json(200, json!({ "token": "x" })),
        Answer::Json(200, json!({ "record": { "id": BOB } })),
        Answer::Stall,
        Answer::Cut,
    ];
    let (stub, gateway) = stage().await;
    let alice = gateway.client().with_token(StubUpstream::token());
    for answer in answers {
        stub.answer("/api/collections/users/auth-refresh", answer.clone());
        let reply = alice.get(&records("posts")).await;
        // A record of somebody else is a no; all the rest is no answer, or one to come later.
        assert!(
            [401, 429].contains(&reply.status) || reply.status >= 500,
            "{answer:?} became {reply:?}"
        );
        reply.refused(reply.status);
    }
    assert!(
        stub.seen()
            .iter()
            .all(|seen| !seen.target.contains("/posts/"))
    );
}

#[tokio::test]
async fn a_login_as_somebody_else_than_was_asked_for_hands_out_nothing() {
    let (stub, gateway) = stage().await;
    let of = |collection: &str, name: &str| json!({ "id": BOB, "collectionId": collection, "collectionName": name });
    for (action, body) in [
        (
            "auth-with-password",
            json!({ "identity": "a", "password": "b" }),
        ),
        ("auth-with-otp", json!({ "otpId": "a", "password": "b" })),
        ("auth-with-oauth2", json!({ "provider": "a", "code": "b" })),
    ] {
        let target = format!("/api/collections/users/{action}");
        for record in [
            of("pbc_1125843985", "posts"),
            of("_pb_users_auth_", "posts"),
            json!({}),
        ] {
            let answer = json!({ "token": "a token of somebody", "record": record });
            stub.answer(&target, Answer::Json(200, answer));
            let reply = gateway.client().post(&target).json(&body).await;
            assert!([403, 502].contains(&reply.status), "{record}: {reply:?}");
            assert!(!reply.text().contains("somebody"), "{reply:?}");
        }
        let answer = json!({ "token": "a token of somebody", "record": of("_pb_users_auth_", "users"), "more": 1 });
        stub.answer(&target, Answer::Json(200, answer));
        broken(&gateway.client().post(&target).json(&body).await);
    }
}

#[tokio::test]
async fn a_file_token_of_somebody_else_is_handed_to_nobody() {
    let (stub, gateway) = stage().await;
    let alice = gateway.client().with_token(StubUpstream::token());
    for answer in [
        json!({ "token": StubUpstream::file_token("_pb_users_auth_", BOB) }),
        json!({ "token": StubUpstream::file_token("pbc_3142635823", ALICE) }),
        json!({ "token": StubUpstream::token() }),
        json!({ "token": "no token" }),
        json!({ "token": 1 }),
        json!({}),
        json!({ "token": StubUpstream::file_token("_pb_users_auth_", ALICE), "more": 1 }),
    ] {
        stub.answer("/api/files/token", Answer::Json(200, answer.clone()));
        let reply = alice.post("/api/files/token").await;
        assert_eq!(reply.code(502), "upstream_shape", "{answer}");
    }
    let hers = json!({ "token": StubUpstream::file_token("_pb_users_auth_", ALICE) });
    stub.answer("/api/files/token", Answer::Json(200, hers.clone()));
    assert_eq!(alice.post("/api/files/token").await.expect(200), hers);
}

#[tokio::test]
async fn an_error_of_pocketbase_keeps_its_words() {
    let (stub, gateway) = stage().await;
    let error = json!({ "status": 400, "message": "Bad.", "data": { "title": { "code": "x", "message": "y" } } });
    stub.answer(&records("posts"), Answer::Json(400, error.clone()));
    assert_eq!(
        gateway.client().get(&records("posts")).await.expect(400),
        error
    );
}

#[tokio::test]
async fn a_gateway_whose_superuser_is_refused_does_not_start() {
    let stub = StubUpstream::start().await;
    let refused = json!({ "status": 400, "message": "Failed to authenticate.", "data": {} });
    stub.answer(
        "/api/collections/_superusers/auth-with-password",
        Answer::Json(400, refused),
    );
    let error = Setup::before(stub.address())
        .open("posts")
        .try_start()
        .await
        .expect_err("it does not start");
    assert!(error.contains("superuser"), "{error}");
}

async fn stage() -> (StubUpstream, TestGateway) {
    let stub = StubUpstream::start().await;
    let setup = Setup::before(stub.address()).open("posts").open("users");
    let gateway = setup
        .also("[pocketbase]\ntimeout = \"300ms\"")
        .start()
        .await;
    (stub, gateway)
}

/// The gateway's own words for a PocketBase that can't be understood.
#[track_caller]
fn broken(reply: &Reply) {
    assert!([502, 503, 504].contains(&reply.status), "{reply:?}");
    reply.refused(reply.status);
}

fn list(item: &Value) -> Value {
    json!({ "items": [item], "page": 1, "perPage": 30, "totalItems": 1, "totalPages": 1 })
}
