//! Topics of a subscription: what PocketBase makes of them, and what the gateway lets by.
//!
//! Each trick is first seen to be taken by PocketBase itself.

use hapta::operation::{Operation, Topic};
use hapta::surface::Surface;
use hapta_tests::demo::{ALICE, POST_OF_ALICE, records};
use hapta_tests::{Call, Client, EventStream, Reply, Stage, eventually};
use http::Method;
use serde_json::{Value, json};

const REALTIME: &str = "/api/realtime";

/// A subscription; the stream need not be there where a topic can't be read: that is looked at first.
fn subscribe(client: &Client, id: &str, topics: &[&str]) -> Call {
    let body = json!({ "clientId": id, "subscriptions": topics });
    client.post(REALTIME).json(&body)
}

async fn open(client: &Client) -> (EventStream, String) {
    let mut stream = client.get(REALTIME).stream().await;
    let id = stream.event().await.expect("a first event").id;
    (stream, id)
}

fn asking(place: &str, options: &Value) -> String {
    let text = options.to_string();
    let escaped = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("{place}?options={escaped}")
}

/// What was refused: the code, and the topic as it is told.
#[track_caller]
fn refused(reply: &Reply, status: u16) -> (String, String) {
    let code = reply.code(status);
    let error = reply.refused(status);
    let told = &error["data"]["subscriptions"];
    assert_eq!(
        (&told["code"], &told["message"]),
        (&json!(code), &error["message"])
    );
    (code, told["topic"].as_str().expect("a topic").to_owned())
}

/// Nobody asked PocketBase for a stream, or what to tell on it.
#[track_caller]
fn nothing_reached(stage: &Stage, what: &str) {
    let reached = stage.proxy.take();
    let asked = reached.iter().filter(|seen| seen.target.contains(REALTIME));
    assert_eq!(asked.count(), 0, "{what:?}: {reached:?}");
}

/// What PocketBase was asked to tell, but of the accounts of those who listen.
#[track_caller]
fn asked_for(stage: &Stage) -> Vec<String> {
    let reached = stage.proxy.take();
    let asked = reached
        .iter()
        .filter(|seen| seen.method == Method::POST && seen.target == REALTIME);
    let topics = asked.flat_map(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
        let topics = body["subscriptions"].clone();
        serde_json::from_value::<Vec<String>>(topics).expect("a list of topics")
    });
    let is_account = |topic: &String| topic == "_pb_users_auth_/*";
    topics.filter(|topic| !is_account(topic)).collect()
}

#[tokio::test]
async fn a_topic_that_can_be_read_in_two_ways_is_refused() {
    let stage = Stage::open().await;
    let guest = stage.guest();
    let (_stream, direct) = open(&stage.direct()).await;
    for topic in [
        // Another spelling of `posts/*`, and the ways in which it is none.
        "posts/*?x",
        "posts/*?OPTIONS=%7B%7D",
        "posts/*?x=1&options=%7B%7D",
        "posts/",
        "posts/*/",
        "posts/%2a",
        "posts/*#x",
        "*",
        "*/*",
        // What PocketBase drops without a word: all is told then.
        "posts/*?options=",
        "posts/*?options=%zz",
        "posts/*?options=%7B%22query%22",
        "posts/*?options=%5B%5D",
        "posts/*?options=%7B%22query%22%3A%7B%22filter%22%3A%22(((%22%7D%7D",
        "posts/*?options=%7B%22QUERY%22%3A%7B%22filter%22%3A%22id%3D''%22%7D%7D",
        "posts/*?options=%7B%7D&options=%7B%22query%22%3A%7B%22filter%22%3A%22id%3D''%22%7D%7D",
        // A header that PocketBase's rules would take for the client's own.
        "posts/*?options=%7B%22headers%22%3A%7B%22X-Tenant%22%3A%22t%22%7D%7D",
        "posts/*?options=%7B%22query%22%3A%7B%22tenant%22%3A%22t%22%7D%7D",
        // More events of the client's own making.
        "posts/*\ndata:{\"action\":\"create\"}\n\n",
        "posts/*\revent:PB_CONNECT",
        "@OAUTH2",
    ] {
        subscribe(&stage.direct(), &direct, &[topic])
            .await
            .expect(204);
        stage.proxy.take();
        let reply = subscribe(&guest, "nobody", &["posts/*", topic]).await;
        let (code, told) = refused(&reply, 400);
        let known = ["topic", "query", "filter"];
        assert!(known.contains(&code.as_str()), "{topic:?}: {code}");
        assert!(!told.contains(char::is_control), "{told:?}");
        let start: String = topic.chars().take_while(|c| !c.is_control()).collect();
        assert!(told.starts_with(&start), "{told:?}");
        nothing_reached(&stage, topic);
    }
}

#[tokio::test]
async fn topics_are_counted_and_measured() {
    let stage = Stage::open().await;
    let many: Vec<String> = (0..1_001).map(|n| format!("posts/p{n}")).collect();
    let topics = |count| {
        many.iter()
            .take(count)
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    let guest = stage.guest();
    let (_stream, id) = open(&guest).await;
    let reply = subscribe(&guest, &id, &topics(1_001)).await;
    assert_eq!(reply.code(400), "body_key");
    nothing_reached(&stage, "too many");
    // As many as there may be are permitted, in time.
    subscribe(&guest, &id, &topics(1_000)).await.expect(204);
    assert_eq!(asked_for(&stage).len(), 1_000);
    // What is asked twice is one.
    let (_stream, id) = open(&guest).await;
    let twice = ["comments/*", "comments/*"];
    subscribe(&guest, &id, &twice).await.expect(204);
    let one = |topic: &String| topic.ends_with("/*") && !topic.contains('?');
    let asked = asked_for(&stage);
    assert_eq!(
        asked.iter().filter(|topic| one(topic)).count(),
        1,
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_topic_that_a_rule_makes_too_long_is_refused() {
    let stage = Stage::with(|gateway| {
        let long = json!({ "always": true, "filter": "title != {:me}", "me": "x".repeat(2_500) });
        gateway
            .rule_with("narrower", &long)
            .judged("posts", &["narrower"])
    })
    .await;
    stage.guest().get(&records("posts")).await.expect(200);
    let guest = stage.guest();
    let (_stream, id) = open(&guest).await;
    let reply = subscribe(&guest, &id, &["posts/*"]).await;
    assert_eq!(
        refused(&reply, 400),
        ("topic".to_owned(), "posts/*".to_owned())
    );
    nothing_reached(&stage, "long");
}

#[tokio::test]
async fn a_topic_reaches_no_further_than_a_list() {
    let stage = Stage::with(|gateway| {
        let hide = json!({ "fields": ["content"] });
        let gateway = gateway.rule_with("hide_field", &hide).rule("deny_all");
        gateway
            .judged("posts", &["hide_field"])
            .judged("comments", &["deny_all"])
    })
    .await;
    let guest = stage.guest();
    let (_stream, id) = open(&guest).await;
    stage.proxy.take();
    let query = |key: &str, value: &str| asking("posts/*", &json!({ "query": { key: value } }));
    for (topic, status, code) in [
        ("users/*".to_owned(), 404, "not_exposed"),
        ("nothing/*".to_owned(), 404, "not_exposed"),
        ("_superusers/*".to_owned(), 404, "not_exposed"),
        // Whatever hooks may broadcast, which no rule checks.
        ("anything".to_owned(), 404, "not_exposed"),
        (query("filter", "content ~ 'a'"), 403, "hidden_field"),
        (query("filter", "moderation = 'a'"), 400, "unknown_path"),
        (query("filter", "author.email ~ 'a'"), 403, "not_exposed"),
        (
            query("filter", "@collection.users.id != ''"),
            403,
            "unknown_path",
        ),
        (query("expand", "author"), 403, "not_exposed"),
        (query("expand", "nothing"), 400, "unknown_path"),
        (query("expand", "a(b)"), 400, "query"),
        (query("fields", "title:excerpt"), 400, "query"),
    ] {
        let reply = subscribe(&guest, &id, &["posts/*", &topic]).await;
        let (found, told) = refused(&reply, status);
        assert_eq!(found, code, "{topic}");
        assert_eq!(told, topic);
        nothing_reached(&stage, &topic);
    }
    // A rule's own words, and of which topic.
    let reply = subscribe(&guest, &id, &["posts/*", "COMMENTS/*"]).await;
    let error = reply.refused(reply.status);
    assert_eq!(error["data"]["@rule"]["code"], "deny_all", "{error}");
    assert_eq!(error["data"]["subscriptions"]["topic"], "COMMENTS/*");
}

#[tokio::test]
async fn a_rule_is_asked_about_each_topic() {
    let stage = Stage::with(|gateway| {
        let look = json!({ "headers": ["x-tenant", "x-own"], "query": ["filter", "expand", "tenant", "fields"] });
        let gateway = gateway
            .rule_with("probe", &look)
            .rule_with("narrower", &json!({ "always": true, "filter": "title != {:me}", "me": "x" }));
        gateway
            .open("users")
            .judged("posts", &["probe"])
            .judged("comments", &["narrower"])
            .also("[compat]\nquery = [\"tenant\"]\nheaders = [\"x-tenant\"]")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let (_stream, id) = open(&alice).await;
    let options = json!({
        "query": { "filter": "title='a'", "expand": "author", "fields": "id", "tenant": 7 },
        "headers": { "X-Tenant": "option" },
    });
    let topic = asking(&format!("POSTS/{POST_OF_ALICE}"), &options);
    let call = subscribe(&alice, &id, &["@oauth2", "users/*", &topic]);
    let reply = call
        .header("x-tenant", "header")
        .header("x-own", "own")
        .await;
    let seen = reply.probed();
    assert_eq!(seen["operation"], "subscribe");
    assert_eq!(seen["collection"], "posts");
    assert_eq!(seen["record_id"], POST_OF_ALICE);
    assert_eq!(seen["principal"]["id"], ALICE);
    assert_eq!(seen["client_ip"], "127.0.0.1");
    assert_eq!(seen["query"]["filter"], "title='a'", "{seen}");
    assert_eq!(seen["query"]["expand"], "author", "{seen}");
    assert_eq!(seen["query"]["tenant"], "7", "{seen}");
    assert_eq!(seen["query"]["fields"], Value::Null, "{seen}");
    assert_eq!(seen["headers"]["x-tenant"], "option", "{seen}");
    assert_eq!(seen["headers"]["x-own"], "own", "{seen}");
    nothing_reached(&stage, "users/*");
    // Where it may narrow, it is no fault to do so; and PocketBase is asked for no more.
    subscribe(&alice, &id, &["comments/*"]).await.expect(204);
    let asked = asked_for(&stage);
    assert!(
        matches!(&*asked, [one] if one.contains("filter") && one.contains("title")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_stale_token_is_refused_where_records_are_asked_for_and_nowhere_else() {
    let stage = Stage::open().await;
    let late = stage.guest().with_token("stale");
    for topics in [&["posts/*"][..], &["@oauth2", "posts/*"]] {
        let reply = subscribe(&late, "nobody", topics).await;
        assert_eq!(reply.code(401), "token_invalid", "{topics:?}");
    }
    for topics in [&["@oauth2"][..], &["resync", "closing", "PB_CONNECT"], &[]] {
        let reply = subscribe(&late, "nobody", topics).await;
        assert_eq!(reply.code(404), "unknown_client", "{topics:?}");
    }
    nothing_reached(&stage, "stale");
}

#[tokio::test]
async fn whose_stream_it_is_not_is_nobody_to_the_rules() {
    let stage =
        Stage::with(|gateway| gateway.rule("deny_all").judged("posts", &["deny_all"])).await;
    let (here, there) = (stage.guest(), stage.guest().from([127, 0, 0, 2]));
    let alice = stage.log_in("alice").await;
    let (_stream, of_guest) = open(&here).await;
    let (_stream, of_alice) = open(&alice).await;
    // Nothing is hers by that but the stream.
    subscribe(&alice, &of_alice, &["resync"]).await.expect(204);
    for (client, id, status, code) in [
        (&here, "nobody", 404, "unknown_client"),
        (&here, "", 404, "unknown_client"),
        (&there, &of_guest, 404, "unknown_client"),
        (&there, &of_alice, 404, "unknown_client"),
    ] {
        let reply = subscribe(client, id, &["posts/*"]).await;
        assert_eq!(reply.code(status), code);
    }
    subscribe(&here, &of_alice, &["posts/*"]).await.refused(403);
    let reply = subscribe(&here, &of_guest, &["posts/*"]).await;
    let error = reply.refused(reply.status);
    assert_eq!(error["data"]["@rule"]["code"], "deny_all", "{error}");
    nothing_reached(&stage, "posts/*");
}

#[tokio::test]
async fn the_log_tells_collections_and_no_options() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("users").open("posts");
        gateway.also("[log]\ndecisions = \"decisions.log\"")
    })
    .await;
    let secret = "a-secret-of-somebody";
    let options = json!({ "query": { "filter": format!("nothing = '{secret}'") } });
    let bad = asking("posts/*", &options);
    let topics = ["users/*", "posts/*", "POSTS/abc", &bad];
    let guest = stage.guest();
    let (_stream, id) = open(&guest).await;
    let reply = subscribe(&guest, &id, &topics).await;
    assert_eq!(reply.code(400), "unknown_path");
    let reply = subscribe(&guest, &id, &["a\nb"]).await;
    assert_eq!(reply.code(400), "topic");
    let file = stage.gateway.folder().join("decisions.log");
    let lines = eventually("a line for the stream and two more", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        (text.lines().count() == 3 && text.ends_with('\n')).then_some(text)
    })
    .await;
    assert!(!lines.contains(secret), "{lines}");
    let lines: Vec<Value> = lines
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let parts = json!(["users:subscribe", "posts:subscribe"]);
    assert_eq!(lines[0]["operation.parts"], parts, "{}", lines[0]);
    let cause = lines[0]["cause"].as_str().expect("a cause");
    assert!(cause.starts_with("the topic \"posts/*\": "), "{cause}");
    let cause = lines[1]["cause"].as_str().expect("a cause");
    assert!(cause.starts_with("the topic \"a\\nb\": "), "{cause}");
}

/// What the gateway would ask PocketBase for, if rules change nothing.
fn upstream(topic: &str) -> String {
    let topic = Topic::parse(topic, &Surface::default());
    let Ok(Topic::Records { operation, .. }) = topic else {
        panic!("{topic:?}");
    };
    assert!(matches!(operation, Operation::Watch { .. }));
    operation
        .upstream_topic("posts")
        .expect("a topic of records")
}

#[tokio::test]
async fn pocketbase_reads_a_topic_as_it_was_meant() {
    let stage = Stage::open().await;
    let superuser = stage.pocketbase.superuser().await;
    let create = async |title: &str| {
        let body = json!({ "title": title, "author": ALICE, "status": "published" });
        let made = superuser
            .post(&records("posts"))
            .json(&body)
            .await
            .expect(200);
        made["id"].as_str().expect("an id").to_owned()
    };
    let wanted = "it's \"a\" + b% & c=\u{e9}? #";
    let filter = format!(
        "title = '{}' && author.id = '{ALICE}'",
        wanted.replace('\'', "\\'")
    );
    let options = json!({ "query": { "filter": filter, "expand": "author", "fields": "title" } });
    let one = upstream(&asking("posts/*", &options));
    assert!(one.starts_with("posts/*?options="), "{one}");
    let (mut stream, id) = open(&stage.direct()).await;
    subscribe(&superuser, &id, &[&one]).await.expect(204);
    create("another").await;
    let made = create(wanted).await;
    let event = stream.event().await.expect("an event");
    assert_eq!(event.name, one);
    let data: Value = serde_json::from_str(&event.data).expect("JSON");
    // And all fields: what rules judge by is never left out.
    assert_eq!(data["record"]["id"], made.as_str(), "{data}");
    assert_eq!(data["record"]["title"], wanted, "{data}");
    assert_eq!(data["record"]["expand"]["author"]["id"], ALICE, "{data}");
    // One record, and all of them.
    let (mut stream, id) = open(&stage.direct()).await;
    let (single, all) = (upstream(&format!("POSTS/{made}")), upstream("posts/*"));
    subscribe(&superuser, &id, &[&single]).await.expect(204);
    create("another").await;
    let target = hapta_tests::demo::record("posts", &made);
    superuser.delete(&target).await.expect(204);
    let event = stream.event().await.expect("an event");
    assert_eq!(event.name, single);
    subscribe(&superuser, &id, &[&all]).await.expect(204);
    create("another").await;
    assert_eq!(stream.event().await.expect("an event").name, "posts/*");
}
