//! What a rule is told of a request, and what never.
//!
//! Of an update and of a login as a whole: `sandbox`.

use hapta_tests::Stage;
use hapta_tests::demo::{ALICE, BOB, PASSWORD, POST_OF_ALICE, record, records};
use serde_json::{Value, json};
use toml::Table;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn every_operation_is_told_by_its_name() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("probe")
            .judged("posts", &["probe"])
            .judged("users", &["probe"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let (posts, post, user) = (
        records("posts"),
        record("posts", POST_OF_ALICE),
        record("users", BOB),
    );
    let cover = format!("/api/files/posts/{POST_OF_ALICE}/cover.png");
    let empty = json!({});
    let cases = [
        ("list", "posts", None, alice.get(&posts).await),
        ("view", "posts", Some(POST_OF_ALICE), alice.get(&post).await),
        (
            "view",
            "posts",
            Some(POST_OF_ALICE),
            alice
                .get("/api/collections/POSTS/records/post00000000100")
                .await,
        ),
        (
            "create",
            "posts",
            None,
            alice.post(&posts).json(&empty).await,
        ),
        (
            "update",
            "posts",
            Some(POST_OF_ALICE),
            alice.patch(&post).json(&empty).await,
        ),
        (
            "delete",
            "posts",
            Some(POST_OF_ALICE),
            alice.delete(&post).await,
        ),
        (
            "download",
            "posts",
            Some(POST_OF_ALICE),
            alice.get(&cover).await,
        ),
        (
            "update",
            "users",
            Some(BOB),
            alice.patch(&user).json(&empty).await,
        ),
        (
            "auth-refresh",
            "users",
            None,
            alice.post("/api/collections/users/auth-refresh").await,
        ),
    ];
    for (operation, collection, id, reply) in cases {
        let seen = reply.probed();
        assert_eq!(
            (&seen["operation"], &seen["collection"]),
            (&json!(operation), &json!(collection))
        );
        assert_eq!(seen["record_id"], json!(id), "{operation}");
        assert_eq!(seen["principal"]["id"], ALICE, "{operation}");
        assert_eq!(
            (&seen["is_superuser"], &seen["batch_index"]),
            (&json!(false), &Value::Null)
        );
    }
    let methods = stage
        .guest()
        .get("/api/collections/users/auth-methods")
        .await
        .probed();
    assert_eq!(
        (&methods["operation"], &methods["principal"]),
        (&json!("auth-methods"), &Value::Null)
    );
}

#[tokio::test]
async fn of_logins_and_accounts_a_rule_is_told_who_and_never_by_what() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("probe").judged("users", &["probe"]);
        gateway.also("[superusers]\nroutes = \"on\"")
    })
    .await;
    let (guest, alice) = (stage.guest(), stage.log_in("alice").await);
    let superuser = stage.superuser().await;
    let email = json!({ "email": "who@example.com" });
    let impersonate = format!("impersonate/{BOB}");
    for (client, action, body, secrets) in [
        (&guest, "request-otp", email.clone(), &[][..]),
        (
            &guest,
            "auth-with-otp",
            json!({ "otpId": "o", "password": "p", "mfaId": "m" }),
            &["otpId", "password", "mfaId"],
        ),
        (
            &guest,
            "auth-with-oauth2",
            json!({ "provider": "p", "code": "c", "codeVerifier": "v", "redirectURL": "https://a.example" }),
            &["code", "codeVerifier"],
        ),
        (&guest, "request-verification", email.clone(), &[]),
        (
            &guest,
            "confirm-verification",
            json!({ "token": "t" }),
            &["token"],
        ),
        (&guest, "request-password-reset", email, &[]),
        (
            &guest,
            "confirm-password-reset",
            json!({ "token": "t", "password": "p", "passwordConfirm": "p" }),
            &["token", "password", "passwordConfirm"],
        ),
        (
            &alice,
            "request-email-change",
            json!({ "newEmail": "new@example.com" }),
            &[],
        ),
        (
            &guest,
            "confirm-email-change",
            json!({ "token": "t", "password": "p" }),
            &["token", "password"],
        ),
        (&superuser, &impersonate, json!({ "duration": 60 }), &[]),
    ] {
        let target = format!("/api/collections/users/{action}");
        let seen = client.post(&target).json(&body).await.probed();
        let mut told = body;
        for secret in secrets {
            told[secret] = json!("[masked]");
        }
        let name = action.split('/').next();
        assert_eq!((seen["operation"].as_str(), &seen["body"]), (name, &told));
    }
}

#[tokio::test]
async fn a_rule_is_told_no_password_and_no_token() {
    let stage = Stage::with(|gateway| {
        let entry = |moment| {
            Table::try_from(json!({ "settings": { "in": moment, "headers": SECRETS } }))
                .expect("TOML")
        };
        let gateway = gateway
            .rule_entry("early", "probe", entry("before"))
            .rule_entry("late", "probe", entry("after"));
        gateway
            .judged("users", &["early"])
            .judged("posts", &["late"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let passwords = json!({ "oldPassword": PASSWORD, "password": "0987654321", "passwordConfirm": "0987654321" });
    let changed = alice
        .patch(&record("users", ALICE))
        .header("Cookie", "a=b")
        .json(&passwords)
        .await;
    let seen = changed.probed();
    let masked =
        json!({ "oldPassword": "[masked]", "password": "[masked]", "passwordConfirm": "[masked]" });
    assert_eq!(seen["body"], masked);
    assert_eq!(
        changes(&seen),
        ["oldPassword", "password", "passwordConfirm"]
    );
    assert!(
        seen["headers"]
            .as_object()
            .expect("headers")
            .values()
            .all(Value::is_null),
        "{seen}"
    );
    assert!(!changed.text().contains(alice.token()));
    // `after` is told no more.
    let seen = alice
        .get(&record("posts", POST_OF_ALICE))
        .header("Cookie", "a=b")
        .await
        .probed();
    assert!(
        seen["headers"]
            .as_object()
            .expect("headers")
            .values()
            .all(Value::is_null),
        "{seen}"
    );
    assert_eq!(seen["response"]["body"]["id"], POST_OF_ALICE);
    let of_principal = seen["principal"].as_object().expect("a record");
    assert!(
        !of_principal.contains_key("password") && !of_principal.contains_key("tokenKey"),
        "{seen}"
    );
}

#[tokio::test]
async fn the_token_of_a_login_is_masked_and_comes_out_whole() {
    let probing = json!({ "in": "after" });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("probe", &probing)
            .judged("users", &["probe"])
    })
    .await;
    let seen = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await
        .probed();
    assert_eq!(seen["response"]["body"]["token"], "[masked]");
    let stage = Stage::with(|gateway| gateway.rule("noter").judged("users", &["noter"])).await;
    let alice = stage.guest().log_in("alice").await;
    alice
        .post("/api/collections/users/auth-refresh")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_change_is_told_by_the_bare_name_of_its_field() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("probe")
            .judged("posts", &["probe"])
            .judged("users", &["probe"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let cases = [
        (
            record("posts", POST_OF_ALICE),
            json!({ "views+": 1, "title": "x" }),
            ["title", "views"],
        ),
        (
            record("posts", POST_OF_ALICE),
            json!({ "views-": 1, "cover-": "cover.png" }),
            ["cover", "views"],
        ),
        (
            record("users", ALICE),
            json!({ "+followers": [BOB], "following+": [BOB] }),
            ["followers", "following"],
        ),
        (
            record("users", ALICE),
            json!({ "name": "a", "id": ALICE }),
            ["id", "name"],
        ),
    ];
    for (target, body, expected) in cases {
        let seen = alice.patch(&target).json(&body).await.probed();
        assert_eq!(
            (changes(&seen), &seen["body"]),
            (expected.map(str::to_owned).into(), &body)
        );
    }
}

const SECRETS: [&str; 5] = [
    "authorization",
    "Authorization",
    "cookie",
    "Cookie",
    "proxy-authorization",
];

fn changes(seen: &Value) -> Vec<String> {
    serde_json::from_value(seen["changes"].clone()).expect("names")
}
