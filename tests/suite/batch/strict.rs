//! Batches that could be read in two ways, and parts that lead elsewhere.

use hapta_tests::albums::{self, ALBUMS};
use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{Call, Reply, Stage};
use serde_json::{Value, json};

use super::{BATCH, batch, create, refused};

async fn stage() -> Stage {
    albums::stage(albums::open).await
}

/// A part with another url.
fn at(method: &str, url: &str) -> Value {
    json!({ "method": method, "url": url, "body": { "title": "x" } })
}

/// Nothing of a batch reached PocketBase, nor of its parts.
#[track_caller]
fn nothing_reached(stage: &Stage, what: &str) {
    let reached = stage.proxy.take();
    let wrote = reached
        .iter()
        .filter(|seen| seen.method != "GET" && !seen.target.contains("/auth-"));
    assert_eq!(wrote.count(), 0, "{what}: {reached:?}");
}

#[tokio::test]
async fn a_part_leads_to_records_and_nowhere_else() {
    let stage = stage().await;
    let good = create(ALBUMS, &json!({ "title": "good" }));
    let (all, one) = (records(ALBUMS), record("posts", POST_OF_ALICE));
    let urls = [
        // PocketBase has these for no collection, no record or no action at all.
        ("POST", "/api/collections/%61lbums/records".to_owned()),
        ("POST", "/api/collections/albums#x/records".to_owned()),
        ("POST", format!("{all}#x")),
        ("POST", format!("{all}/")),
        ("POST", format!("/{all}")),
        ("POST", "/api//collections/albums/records".to_owned()),
        ("POST", "/api/collections/x/../albums/records".to_owned()),
        ("POST", format!("http://127.0.0.1{all}")),
        ("POST", format!("//127.0.0.1{all}")),
        ("POST", all[1..].to_owned()),
        ("POST", one.clone()),
        ("PUT", one.clone()),
        ("PATCH", all.clone()),
        ("DELETE", all.clone()),
        ("PATCH", format!("{one}/x")),
        ("PATCH", one.replace("post0", "post%30")),
        ("GET", all.clone()),
        ("GET", one.clone()),
        ("POST", BATCH.to_owned()),
        (
            "POST",
            "/api/collections/users/auth-with-password".to_owned(),
        ),
        (
            "POST",
            "/api/collections/users/request-verification".to_owned(),
        ),
        (
            "POST",
            "/api/collections/users/impersonate/alice0000000000".to_owned(),
        ),
        ("POST", "/api/files/token".to_owned()),
        ("GET", "/api/files/posts/post00000000100/a.png".to_owned()),
        ("POST", "/api/collections".to_owned()),
        ("PATCH", "/api/settings".to_owned()),
        ("GET", "/api/health".to_owned()),
        ("POST", "/api/realtime".to_owned()),
        ("POST", "/api/collections/albums\0/records".to_owned()),
        ("POST", " ".to_owned() + &all),
        ("POST", all.clone() + " "),
    ];
    let alice = stage.log_in("alice").await;
    for (method, url) in urls {
        let parts = [good.clone(), at(method, &url)];
        let direct = batch(&stage.direct().with_token(alice.token()), &parts).await;
        assert_eq!(direct.status, 400, "of PocketBase itself: {method} {url}");
        stage.proxy.take();
        let reply = batch(&alice, &parts).await;
        let response = refused(&reply, 1);
        assert!(
            response["data"]["@gateway"]["code"].is_string(),
            "{method} {url}: {response}"
        );
        nothing_reached(&stage, &url);
    }
}

#[tokio::test]
async fn a_method_is_one_of_four_and_written_so() {
    let stage = stage().await;
    for method in ["post", "Post", "BREW", "HEAD", "OPTIONS", " POST", ""] {
        let parts = [at(method, &records(ALBUMS))];
        batch(&stage.direct(), &parts).await.refused(400);
        stage.proxy.take();
        let refused = batch(&stage.guest(), &parts).await.refused(400);
        assert!(refused["data"]["requests"]["0"].is_object(), "{refused}");
        nothing_reached(&stage, method);
    }
    let by_get = stage.guest().get(BATCH).await;
    by_get.refused(404);
}

/// All of these set something at PocketBase that is not in the part's body.
#[tokio::test]
async fn the_query_of_a_part_is_no_part_of_its_body() {
    let stage = stage().await;
    let queries = [
        ("title=by+query", json!("by query")),
        (
            "@jsonPayload=%7B%22title%22:%22by+query%22%7D",
            json!("by query"),
        ),
        ("plays=7", json!("")),
        ("id=album0000000009", json!("")),
        ("filter=x", json!("")),
    ];
    for (query, title) in queries {
        let part =
            json!({ "method": "POST", "url": format!("{}?{query}", records(ALBUMS)), "body": {} });
        let made = batch(&stage.direct(), std::slice::from_ref(&part))
            .await
            .expect(200);
        assert_eq!(made[0]["body"]["title"], title, "{query}");
        stage.proxy.take();
        let response = refused(&batch(&stage.guest(), &[part]).await, 0);
        assert_eq!(response["data"]["@gateway"]["code"], "query", "{response}");
        nothing_reached(&stage, query);
    }
}

#[tokio::test]
async fn a_collection_is_named_as_everywhere() {
    let stage = stage().await;
    let superuser = stage.pocketbase.superuser().await;
    let id = superuser.get("/api/collections/albums").await.expect(200)["id"].clone();
    for name in ["ALBUMS", id.as_str().expect("an id")] {
        let part = create(name, &json!({ "title": "x" }));
        for client in [stage.direct(), stage.guest()] {
            let made = batch(&client, std::slice::from_ref(&part))
                .await
                .expect(200);
            assert_eq!(made[0]["body"]["collectionName"], ALBUMS);
        }
    }
    // The last letter folds to an s.
    let folded = create("album\u{17f}", &json!({ "title": "x" }));
    batch(&stage.direct(), std::slice::from_ref(&folded))
        .await
        .expect(200);
    stage.proxy.take();
    refused(&batch(&stage.guest(), &[folded]).await, 0);
    nothing_reached(&stage, "a letter that folds");
}

#[tokio::test]
async fn a_batch_has_one_reading() {
    let stage = stage().await;
    let url = records(ALBUMS);
    let part = format!("{{\"method\":\"POST\",\"url\":\"{url}\",\"body\":{{\"title\":\"x\"}}}}");
    // The last two PocketBase refuses as well, or takes the last of the two, by its version.
    let bodies = [
        format!("{{\"Requests\":[{part}]}}"),
        format!("{{\"requests\":[{}]}}", part.replace("method", "METHOD")),
        format!("{{\"requests\":[{}]}}", part.replace("\"url\"", "\"Url\"")),
        format!(
            "{{\"requests\":[{}]}}",
            part.replace("\"body\"", "\"Body\"")
        ),
        format!(
            "{{\"requests\":[{}]}}",
            part.replace("\"body\"", "\"x\":1,\"body\"")
        ),
        format!("{{\"requests\":[{part}],\"x\":1}}"),
        format!("{{\"requests\":[{part}]}} {{}}"),
        format!("{{\"requests\":[{part}],\"requests\":[{part},{part}]}}"),
        format!(
            "{{\"requests\":[{}]}}",
            part.replace("\"method\"", "\"method\":\"DELETE\",\"method\"")
        ),
        format!(
            "{{\"requests\":[{}]}}",
            part.replace("\"title\"", "\"title\":\"y\",\"title\"")
        ),
    ];
    let last = bodies.len() - 3;
    for (number, body) in bodies.iter().enumerate() {
        let send = |call: Call| call.body("application/json", body.clone());
        let direct = send(stage.direct().post(BATCH)).await;
        if number < last {
            assert_eq!(direct.status, 200, "of PocketBase itself: {body}");
        }
        stage.proxy.take();
        let refused: Reply = send(stage.guest().post(BATCH)).await;
        refused.refused(400);
        nothing_reached(&stage, body);
    }
}

#[tokio::test]
async fn what_is_no_list_of_parts_is_refused() {
    let stage = stage().await;
    let part = create(ALBUMS, &json!({}));
    let bodies = [
        json!([part]),
        json!({ "requests": { "0": part } }),
        json!({ "requests": [create(ALBUMS, &json!([1]))] }),
        json!({ "requests": [create(ALBUMS, &json!("x"))] }),
        json!({ "requests": [{ "method": "POST", "url": records(ALBUMS), "body": {}, "headers": { "a": 1 } }] }),
        json!({ "requests": [null] }),
        json!({ "requests": [{ "method": "POST", "body": {} }] }),
        json!({ "requests": [{ "url": records(ALBUMS), "body": {} }] }),
        json!("requests"),
    ];
    for body in bodies {
        let direct = stage.direct().post(BATCH).json(&body).await;
        assert!([400, 500].contains(&direct.status), "{body}: {direct:?}");
        stage.proxy.take();
        stage.guest().post(BATCH).json(&body).await.refused(400);
        nothing_reached(&stage, &body.to_string());
    }
    let by_query = format!("{BATCH}?@jsonPayload=%7B%7D");
    let refused = stage
        .guest()
        .post(&by_query)
        .json(&json!({ "requests": [part] }))
        .await;
    assert_eq!(refused.code(400), "query");
}

#[tokio::test]
async fn a_batch_has_as_many_parts_as_the_gateway_takes() {
    let setup = |gateway| albums::open(gateway).also("[batch]\nparts = 2");
    let stage = albums::stage(setup).await;
    let part = create(ALBUMS, &json!({}));
    batch(&stage.guest(), &vec![part.clone(); 2])
        .await
        .expect(200);
    stage.proxy.take();
    let refused = batch(&stage.guest(), &vec![part; 3]).await.refused(400);
    let fault = &refused["data"]["requests"];
    assert_eq!(fault["code"], "validation_length_too_long", "{refused}");
    assert_eq!(fault["params"]["max"], 2);
    nothing_reached(&stage, "too many parts");
}

#[tokio::test]
async fn a_key_of_a_body_is_a_field_s() {
    let stage = stage().await;
    // PocketBase ignores these, or takes one of two.
    for body in [
        json!({ "nothing": 1 }),
        json!({ "Title": "x" }),
        json!({ "plays": 1, "plays+": 2 }),
        json!({ "@jsonPayload": "{\"title\":\"x\"}" }),
    ] {
        let parts = [create(ALBUMS, &json!({})), create(ALBUMS, &body)];
        batch(&stage.direct(), &parts).await.expect(200);
        stage.proxy.take();
        let response = refused(&batch(&stage.guest(), &parts).await, 1);
        assert_eq!(
            response["data"]["@gateway"]["code"], "body_key",
            "{response}"
        );
        nothing_reached(&stage, &body.to_string());
    }
}
