//! The types of bodies: a form is read as PocketBase reads it, or refused.
//!
//! The same form goes to PocketBase itself and through the gateway: what is
//! stored then is the same, or the refusal names the value.

mod form;
mod stored;
mod strict;

use hapta_tests::demo::{ALICE, PASSWORD, POST_OF_ALICE, record, records};
use hapta_tests::{Client, PocketBase, Setup, Stage};
use serde_json::{Value, json};

use self::form::{KINDS, Kind, send};
use crate::values::lab::{Lab, names, thing};

#[tokio::test]
async fn a_payload_is_laid_over_the_form() {
    let lab = Lab::start().await;
    let alice = lab.alice().await;
    let open = lab.open.client().with_token(alice.token());
    let payload = "@jsonPayload";
    let merged: [(&[(&str, &str)], Value); 4] = [
        (
            &[("text", "1"), (payload, "{\"number\": 2}")],
            json!(["1", 2]),
        ),
        (
            &[(payload, "{\"number\": \"2\", \"text\": true}")],
            json!(["true", 2]),
        ),
        (&[("text", "1"), (payload, "{}")], json!(["1", 5])),
        (
            &[(payload, "{\"number\": 1}"), (payload, "{\"text\": \"2\"}")],
            json!(["2", 1]),
        ),
    ];
    // What PocketBase makes of these depends on its version.
    let ambiguous: [(&[(&str, &str)], &str); 5] = [
        (&[("text", "1"), (payload, "{\"text\": \"2\"}")], "text"),
        (
            &[(payload, "{\"number\": 1}"), (payload, "{\"number\": 2}")],
            "number",
        ),
        (&[("text", "1"), (payload, "null")], payload),
        (&[("text", "1"), (payload, "[]")], payload),
        (&[(payload, "{\"number\": 1} x")], payload),
    ];
    let stored = async || {
        let thing = alice.get(&thing()).await.expect(200);
        json!([thing["text"], thing["number"]])
    };
    for kind in KINDS {
        for (pairs, expected) in &merged {
            for client in [&alice, &open] {
                lab.reset().await;
                send(client.patch(&thing()), kind, pairs).await.expect(200);
                assert_eq!(stored().await, *expected, "{pairs:?}");
            }
        }
        lab.reset().await;
        for (pairs, name) in &ambiguous {
            let refused = send(open.patch(&thing()), kind, pairs).await;
            assert_eq!(refused.code(400), "body_form", "{pairs:?}");
            names(&refused.refused(400), name);
            assert_eq!(stored().await, json!(["x", 5]), "{pairs:?}");
        }
    }
}

/// To PocketBase the query is part of every form.
#[tokio::test]
async fn the_query_is_no_part_of_a_form() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    let posts = records("posts");
    for kind in KINDS {
        let write = |client: &Client, query: &str| {
            let call = client.post(&format!("{posts}?{query}"));
            send(call, kind, &[("content", "x")])
        };
        for query in [
            "title=by+query",
            "@jsonPayload=%7B%22title%22:%22by+query%22%7D",
        ] {
            let created = write(&direct, query).await.expect(200);
            assert_eq!(created["title"], "by query", "{kind:?}");
            stage.proxy.take();
            assert_eq!(write(&alice, query).await.code(400), "query", "{kind:?}");
            assert!(
                stage
                    .proxy
                    .take()
                    .iter()
                    .all(|seen| seen.method == "GET" || seen.target.ends_with("/auth-refresh"))
            );
        }
    }
}

/// The keys of the query that the gateway understands are no values either.
#[tokio::test]
async fn a_field_that_is_named_like_a_parameter_is_not_set_by_it() {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    // `expand` goes upstream, and PocketBase lets no field have that name.
    let taken = json!({
        "type": "base", "name": "taken", "fields": [{ "type": "text", "name": "expand" }],
    });
    let collections = superuser.post("/api/collections");
    collections.json(&taken).await.refused(400);
    let collections = superuser.post("/api/collections");
    let odd = json!({
        "type": "base", "name": "odd", "createRule": "", "viewRule": "",
        "fields": [
            { "type": "text", "name": "fields" },
            { "type": "text", "name": "title" },
        ],
    });
    collections.json(&odd).await.expect(200);
    let gateway = Setup::before(pocketbase.address()).open("odd");
    let gateway = gateway.start().await;
    let target = format!("{}?fields=fields,title", records("odd"));
    for kind in KINDS {
        let pairs = [("title", "x")];
        let direct = send(pocketbase.client().post(&target), kind, &pairs).await;
        assert_eq!(
            direct.expect(200),
            json!({ "fields": "fields,title", "title": "x" })
        );
        let through = send(gateway.client().post(&target), kind, &pairs).await;
        assert_eq!(through.expect(200), json!({ "fields": "", "title": "x" }));
    }
}

#[tokio::test]
async fn a_form_reaches_rules_and_pocketbase_as_json() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("probe")
            .judged("posts", &["probe"])
            .open("comments")
    })
    .await;
    let alice = stage.log_in("alice").await;
    for kind in KINDS {
        let pairs = [
            ("title", "007"),
            ("views", "1.50"),
            ("tags", "1"),
            ("tags", "x"),
        ];
        let told = send(alice.post(&records("posts")), kind, &pairs)
            .await
            .probed();
        let expected = json!({ "title": "007", "views": 1.5, "tags": [1, "x"] });
        assert_eq!(told["body"], expected);
        stage.proxy.take();
        let call = alice.post(&records("comments"));
        send(call, kind, &[("text", "true"), ("is_approved", "true")])
            .await
            .expect(200);
        let seen = stage.proxy.take();
        let write = seen.iter().find(|seen| seen.target.contains("/records"));
        let write = write.expect("it reached PocketBase");
        assert_eq!(write.header("Content-Type"), Some("application/json"));
        let sent: Value = serde_json::from_slice(&write.body).expect("JSON");
        assert_eq!(sent, json!({ "text": "true", "is_approved": true }));
    }
}

#[tokio::test]
async fn one_may_log_in_by_a_form() {
    let stage = Stage::open().await;
    let login = "/api/collections/users/auth-with-password";
    let who = ("identity", "alice@example.com");
    let payload = format!("{{\"password\": \"{PASSWORD}\"}}");
    for kind in KINDS {
        for pairs in [
            vec![who, ("password", PASSWORD)],
            vec![who, ("@jsonPayload", payload.as_str())],
        ] {
            for client in [stage.direct(), stage.guest()] {
                let told = send(client.post(login), kind, &pairs).await.expect(200);
                assert_eq!(told["record"]["id"], ALICE);
            }
        }
        // (the form, its code); PocketBase lets all of them in
        stage.proxy.take();
        for (pairs, code, name) in [
            (
                vec![who, ("password", PASSWORD), ("role", "x")],
                "body_key",
                "role",
            ),
            (
                vec![who, ("password", PASSWORD), ("password", "x")],
                "body_key",
                "password",
            ),
            (
                vec![who, ("identity", "x"), ("password", PASSWORD)],
                "body_key",
                "identity",
            ),
            (
                vec![who, ("password", "x"), ("@jsonPayload", payload.as_str())],
                "body_form",
                "password",
            ),
        ] {
            send(stage.direct().post(login), kind, &pairs)
                .await
                .expect(200);
            let refused = send(stage.guest().post(login), kind, &pairs).await;
            assert_eq!(refused.code(400), code, "{pairs:?}");
            names(&refused.refused(400), name);
        }
        assert!(stage.proxy.take().is_empty());
    }
}

#[tokio::test]
async fn a_stored_file_is_kept_or_cleared_by_a_form_as_by_json() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let post = record("posts", POST_OF_ALICE);
    let cover = alice.get(&post).await.expect(200)["cover"].clone();
    // PocketBase 0.23 has no cover in the demo.
    let cover = cover.as_str().expect("a text");
    for kind in KINDS {
        let kept = send(alice.patch(&post), kind, &[("cover", cover)]).await;
        assert_eq!(kept.expect(200)["cover"], cover);
    }
    let gone = send(alice.patch(&post), Kind::Multipart, &[("cover", "")]).await;
    assert_eq!(gone.expect(200)["cover"], "");
}
