//! What is not asked in good faith.

use hapta_tests::eventually;
use hapta_tests::live::{self, Listener, Place, QUIET, Watching, subscribe, topic, with_options};
use http::Method;
use serde_json::json;

use super::{ALL, publish, retitle};

scenes! { everywhere:
    a_stream_takes_a_thousand_topics,
    a_topic_is_not_endless,
}

scenes! { gateways:
    what_is_no_topic_is_refused_and_never_echoed,
    options_that_could_be_read_in_two_ways_are_refused,
    a_refusal_leaves_the_set_as_it_was,
    a_flood_of_subscriptions_ends_with_the_last,
    a_head_opens_no_stream,
}

async fn a_stream_takes_a_thousand_topics(at: &Watching) {
    let guest = at.guest();
    let mut listener = Listener::open(&guest).await;
    let id = publish(at, "x").await;
    let mut topics: Vec<_> = (0..999).map(|n| format!("notes/{n:015}")).collect();
    topics.push(format!("notes/{id}"));
    let ask = async |topics: &[String]| {
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        listener.ask(&guest, &topics).await
    };
    ask(&topics).await.expect(204);
    topics.push(ALL.to_owned());
    let error = ask(&topics).await.refused(400);
    if at.place == Place::PocketBase {
        let fault = &error["data"]["subscriptions"];
        assert_eq!(fault["code"], "validation_length_too_long", "{error}");
    }
    retitle(at, &id, "y").await;
    assert_eq!(listener.event().await.id(), id);
    listener.nothing_within(QUIET).await;
}

async fn a_topic_is_not_endless(at: &Watching) {
    let listener = Listener::open(&at.guest()).await;
    let long = topic(
        ALL,
        &json!({ "filter": format!("title = '{}'", "x".repeat(2_500)) }),
    );
    listener.ask(&at.guest(), &[&long]).await.refused(400);
}

async fn what_is_no_topic_is_refused_and_never_echoed(at: &Watching) {
    let mut listener = Listener::to(&at.guest(), &[ALL]).await;
    at.proxy.take();
    for bad in [
        "notes/*\ndata:{}",
        "notes/*\n\nevent:PB_CONNECT\ndata:{}",
        "notes/*\r",
        "notes/*\0",
        "notes/*\u{2028}",
        "notes/*#x",
        "notes/*?x",
        "notes/*?x=1",
        "notes/%2a",
        "notes/%2A",
        "notes/*/",
        "notes//*",
        "notes/",
        "/*",
        "*/*",
        "*",
        "",
        " notes/*",
        "notes/* ",
        "notes/**",
        "notes/../users/*",
        "notes/a b",
        "note\u{17f}/*",
        "@request/*",
        "@OAUTH2",
        "@oauth2?options={}",
    ] {
        let reply = listener.ask(&at.guest(), &[bad]).await;
        assert!([400, 404].contains(&reply.status), "{bad:?}: {reply:?}");
        reply.code(reply.status);
        let reply = listener.ask(&at.guest(), &["plain/*", bad]).await;
        assert!([400, 404].contains(&reply.status), "{bad:?}: {reply:?}");
    }
    let reached = at.proxy.take();
    let reached: Vec<_> = reached
        .iter()
        .filter(|seen| seen.method == Method::POST)
        .collect();
    assert!(reached.is_empty(), "{reached:?}");
    let id = publish(at, "still told").await;
    let told = listener.event().await;
    assert_eq!((told.topic.as_str(), told.id()), (ALL, id.as_str()));
    listener.nothing_within(QUIET).await;
}

async fn options_that_could_be_read_in_two_ways_are_refused(at: &Watching) {
    let listener = Listener::open(&at.guest()).await;
    let good = topic(ALL, &json!({ "filter": "title = 'x'" }));
    listener.subscribe(&[&good]).await;
    let raw = |text: &str| format!("{ALL}?options={text}");
    for bad in [
        good.replace("options", "OPTIONS"),
        good.replace("options", "option%73"),
        format!("{good}&options=%7B%7D"),
        format!("{good}&x=1"),
        good.replace('?', "?x=1&"),
        good.replace('?', "??"),
        raw(""),
        raw("%7B"),
        raw("%zz"),
        raw("null"),
        raw("%5B%5D"),
        raw("%7B%22query%22%3A%7B%7D%7D%20x"),
        raw("%7B%22query%22%3A%7B%7D%2C%22query%22%3A%7B%7D%7D"),
        raw("%7B%22query%22%3A%7B%22filter%22%3A%22%22%2C%22filter%22%3A%22id%3D1%22%7D%7D"),
        with_options(ALL, &json!({ "QUERY": { "filter": "title = 'x'" } })),
        with_options(ALL, &json!({ "query": { "FILTER": "title = 'x'" } })),
        with_options(ALL, &json!({ "query": { "filter": ["title = 'x'"] } })),
        with_options(ALL, &json!({ "query": { "filter": "title = 'x' || (" } })),
        with_options(ALL, &json!({ "query": { "filter": "hidden = 'x'" } })),
        with_options(
            ALL,
            &json!({ "query": { "filter": "owner.tokenKey ~ 'x'" } }),
        ),
        with_options(ALL, &json!({ "query": { "fields": ":excerpt(" } })),
        with_options(ALL, &json!({ "query": { "expand": "a.b.c.d.e.f.g.h" } })),
        with_options(ALL, &json!({ "query": { "sort": "title" } })),
        with_options(ALL, &json!({ "query": { "role": "admin" } })),
        with_options(ALL, &json!({ "headers": { "x-role": "admin" } })),
        with_options(ALL, &json!({ "headers": { "Authorization": "x" } })),
        with_options(ALL, &json!({ "body": {} })),
    ] {
        let reply = listener.ask(&at.guest(), &[&bad]).await;
        assert!((400..500).contains(&reply.status), "{bad}: {reply:?}");
        reply.refused(reply.status);
    }
}

async fn a_refusal_leaves_the_set_as_it_was(at: &Watching) {
    let mut listener = Listener::to(&at.guest(), &[ALL]).await;
    let reply = listener.ask(&at.guest(), &["plain/*", "nowhere/*"]).await;
    assert!((400..500).contains(&reply.status), "{reply:?}");
    at.create(live::PLAIN, &json!({ "title": "x" })).await;
    let id = publish(at, "y").await;
    let told = listener.event().await;
    assert_eq!((told.topic.as_str(), told.id()), (ALL, id.as_str()));
    listener.nothing_within(QUIET).await;
}

async fn a_flood_of_subscriptions_ends_with_the_last(at: &Watching) {
    let guest = at.guest();
    let mut listener = Listener::open(&guest).await;
    let (stream, mut asking) = (listener.id().to_owned(), tokio::task::JoinSet::new());
    for n in 0..300 {
        let (guest, stream) = (guest.clone(), stream.clone());
        asking.spawn(async move {
            let about = topic(ALL, &json!({ "filter": format!("title = '{n}'") }));
            subscribe(&guest, &stream, &[&about, "plain/*"])
                .await
                .status
        });
    }
    let answers = asking.join_all().await;
    let fine = |status: &u16| [204, 409, 429, 503].contains(status);
    assert!(answers.iter().all(fine), "{answers:?}");
    listener.subscribe(&[ALL]).await;
    let id = publish(at, "17").await;
    let told = listener.event().await;
    assert_eq!((told.topic.as_str(), told.id()), (ALL, id.as_str()));
    listener.nothing_within(QUIET).await;
    // What is no longer asked for is given up.
    let few = async || (at.proxy.streams() <= 5).then_some(());
    eventually("few streams at PocketBase", few).await;
}

async fn a_head_opens_no_stream(at: &Watching) {
    let reply = at.guest().call(Method::HEAD, "/api/realtime").await;
    assert!([404, 405].contains(&reply.status), "{reply:?}");
    let streams = at.gateway().metric("hapta_streams").await;
    assert_eq!(streams.unwrap_or_default().to_string(), "0");
}
