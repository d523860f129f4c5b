//! What a topic may be, what PocketBase is told of it, and what is refused.

use std::collections::BTreeMap;

use http::HeaderName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::surface::{Compat, Mode};

fn surface() -> Surface {
    Surface {
        compat: Compat {
            query: ["lang", "tenant"].map(str::to_owned).into(),
            headers: ["x-lang", "x_lang", "x-tenant"]
                .map(HeaderName::from_static)
                .into(),
            ..Compat::default()
        },
        ..Surface::default()
    }
}

/// As `encodeURIComponent` writes it.
fn component(text: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'!')
        .remove(b'~')
        .remove(b'*')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')');
    utf8_percent_encode(text, PLAIN).to_string()
}

fn asking(options: &Value) -> String {
    format!("posts/*?options={}", component(&options.to_string()))
}

/// What PocketBase would be told, or why it is not; its options are decoded here.
#[track_caller]
fn check_in(surface: &Surface, topic: &str, expected: &str) {
    let found = match Topic::parse(topic, surface) {
        Ok(Topic::Records { operation, unnamed }) => {
            let name = operation.collection().map(CollectionRef::as_str);
            let upstream = operation.upstream_topic(name.unwrap_or_default());
            let upstream = upstream.expect("a topic of records");
            let decoded = crate::operation::decode(&upstream).expect("its one spelling");
            let seen = unnamed.iter().map(|name| format!(" ({name})"));
            format!("{decoded}{}", seen.collect::<String>())
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expected, "{topic:?}");
}

#[track_caller]
fn check(topic: &str, expected: &str) {
    check_in(&surface(), topic, expected);
}

#[test]
fn a_topic_is_a_collection_or_one_of_its_records() {
    check("posts/*", "posts/*");
    check("POSTS/*", "POSTS/*");
    check("posts", "posts/*");
    check("posts?options=%7B%7D", "posts/*");
    check("pbc_123/a_b-1", "pbc_123/a_b-1");
    check("PB_CONNECT", "Greeting");
    check("@oauth2", "OAuth2");
    check("resync", "Resync");
    check("closing", "Closing");
}

#[test]
fn options_have_one_spelling_however_an_sdk_writes_them() {
    // JavaScript's, of options that are all its own.
    check(&asking(&json!({"query": {}})), "posts/*");
    check(&asking(&json!({"query": {}, "headers": {}})), "posts/*");
    check(&asking(&json!({"query": null, "headers": null})), "posts/*");
    check(&asking(&json!({})), "posts/*");
    let query = json!({"query": {"filter": "title='x'", "expand": "author", "fields": "id,title"}});
    let expected = r#"posts/*?options={"query":{"expand":"author","filter":"title='x'"}}"#;
    check(&asking(&query), expected);
    // Dart's, where a space is a plus sign and all else is escaped.
    check(
        "posts/*?options=%7B%22query%22%3A%7B%22filter%22%3A%22title+%3D+%27x%27%22%7D%7D",
        r#"posts/*?options={"query":{"filter":"title='x'"}}"#,
    );
    // With white space between, as Python would print it.
    check(
        "posts/*?options=%7B%22query%22%3A+%7B%22expand%22%3A%20%22author%22%7D%7d",
        r#"posts/*?options={"query":{"expand":"author"}}"#,
    );
    // A filter over several lines, escaped once by JSON.
    check(
        &asking(&json!({"query": {"filter": "title = 'x'\n\t&& id != ''"}})),
        r#"posts/*?options={"query":{"filter":"title='x'&&id!=''"}}"#,
    );
    // What is empty is none.
    let empty = json!({"query": {"filter": "", "expand": null, "fields": ""}});
    check(&asking(&empty), "posts/*");
    check(
        &asking(&json!({"query": {"filter": "title = 'é+%'"}})),
        r#"posts/*?options={"query":{"filter":"title='é+%'"}}"#,
    );
}

#[test]
fn other_names_are_let_in_by_the_configuration_and_sorted() {
    let options = json!({
        "query": {"tenant": 7, "lang": true, "filter": "id = 'a'"},
        "headers": {"X-Tenant": "t", "x-lang": "en"},
    });
    let expected = concat!(
        r#"posts/*?options={"headers":{"x-lang":"en","x-tenant":"t"},"#,
        r#""query":{"filter":"id='a'","lang":"true","tenant":"7"}}"#
    );
    check(&asking(&options), expected);
    let seen = Surface {
        mode: Mode::Observe,
        ..Surface::default()
    };
    check_in(
        &seen,
        &asking(&json!({"query": {"a": "b"}, "headers": {"X-C": "d"}})),
        r#"posts/*?options={"query":{"a":"b"}} (query = ["a"]) (headers = ["x-c"])"#,
    );
    for own in [
        "Authorization",
        "Cookie",
        "X-Forwarded-For",
        "CF-Ray",
        "Host",
    ] {
        let problem = format!("the option \"{own}\" is refused: there is no such header here");
        check_in(&seen, &asking(&json!({"headers": {own: "a"}})), &problem);
    }
}

#[test]
fn whatever_pocketbase_might_read_otherwise_is_refused() {
    let name = "a collection has only letters, digits and underscores";
    let id = "the id of a record in it has only letters, digits, - and _";
    let options = "expected options= after the question mark";
    let raw = "a raw character in its options that must be escaped";
    for (topic, problem) in [
        ("", "it is empty"),
        ("*", name),
        ("@OAUTH2", name),
        ("@oauth2?options=%7B%7D", name),
        ("posts/", "expected * or the id of a record after the slash"),
        ("*/*", name),
        ("*/abc", name),
        ("/*", name),
        ("po-sts/*", name),
        (" posts/*", "a raw space"),
        ("posts/*/", "more than one slash"),
        ("posts/**", id),
        ("posts/a!b", id),
        ("posts/*,users/*", "more than one slash"),
        ("posts/*#x", "a raw number sign"),
        ("posts/*;x", "a semicolon"),
        ("posts\\*", "a backslash"),
        ("posts/%2a", "nothing is decoded in it but its options"),
        ("%70osts/*", "nothing is decoded in it but its options"),
        (
            "posts/*%3foptions=",
            "nothing is decoded in it but its options",
        ),
        ("posts/*?", options),
        ("posts/*?x", options),
        ("posts/*?x=1", options),
        ("posts/*?OPTIONS=%7B%7D", options),
        ("posts/*?%6fptions=%7B%7D", options),
        ("posts/*?&options=%7B%7D", options),
        ("posts/*?x=1&options=%7B%7D", options),
        (
            "posts/*?options=%7B%7D&x=1",
            "it may have options= and nothing beside it",
        ),
        (
            "posts/*?options=%7B%7D&options=%7B%7D",
            "it may have options= and nothing beside it",
        ),
        ("posts/*?options={}", raw),
        ("posts/*?options=%7B%7D?", raw),
        ("posts/*?options=a=b", raw),
        (
            "posts/*?options=%zz",
            "a percent sign without two hexadecimal digits",
        ),
        (
            "posts/*?options=%7B%7",
            "a percent sign without two hexadecimal digits",
        ),
        ("posts/*?options=%FF", "it is not UTF-8"),
        ("posts/*?options=%7B%00%7D", "a control character"),
        ("posts/*?options=%7B%0A%7D", "a control character"),
        ("posts/*?options=", "its options are no valid JSON"),
        ("posts/*?options=%7B", "its options are no valid JSON"),
        (
            "posts/*?options=%7B%7D%7B%7D",
            "its options are no valid JSON",
        ),
        (
            "posts/*?options=%5B%5D",
            "its options must be a JSON object",
        ),
        ("po\u{17f}ts/*", "characters beyond ASCII"),
        ("posts/*\n", "a control character"),
        ("posts/*\ndata:{}\n\n", "a control character"),
        ("posts/*\r", "a control character"),
        ("posts/*\0", "a control character"),
        ("posts/*\u{7f}", "a control character"),
    ] {
        check(topic, &format!("the topic is refused: {problem}"));
    }
    let twice = component(r#"{"query":{"filter":"id='a'","filter":""}}"#);
    check(
        &format!("posts/*?options={twice}"),
        "the topic is refused: one of its options is there twice",
    );
    let longest = format!("posts/{}", "a".repeat(LONGEST_TOPIC));
    check(
        &longest,
        "the topic is refused: it has more than 2500 characters",
    );
}

#[test]
fn an_option_that_means_nothing_here_is_refused_by_its_name() {
    let texts = "expected a text";
    for (options, key, problem) in [
        (json!({"QUERY": {}}), "QUERY", "there is no such option"),
        (json!({"body": {}}), "body", "there is no such option"),
        (json!({"query": "filter=1"}), "query", "expected an object"),
        (json!({"headers": []}), "headers", "expected an object"),
        (json!({"query": {"filter": ["id = 'a'"]}}), "filter", texts),
        (json!({"query": {"expand": {"a": 1}}}), "expand", texts),
        (json!({"query": {"tenant": 1.5}}), "tenant", texts),
        (json!({"query": {"tenant": 1e300}}), "tenant", texts),
        (
            json!({"headers": {"x-other": "a"}}),
            "x-other",
            "there is no such header here",
        ),
        (
            json!({"headers": {"Authorization": "a"}}),
            "Authorization",
            "there is no such header here",
        ),
        (
            json!({"headers": {"a b": "c"}}),
            "a b",
            "no header has such a name",
        ),
        (
            json!({"headers": {"x-lang": "a\nb"}}),
            "x-lang",
            "a header has only printable ASCII characters",
        ),
        (
            json!({"headers": {"x-lang": "a", "x_lang": "b"}}),
            "x_lang",
            "it is there twice",
        ),
    ] {
        let expected = format!("the option \"{key}\" is refused: {problem}");
        check(&asking(&options), &expected);
    }
    for key in ["sort", "page", "Filter", "$cancelKey"] {
        let expected =
            format!("the query parameter \"{key}\" is refused: there is no such parameter here");
        check(&asking(&json!({"query": {key: "1"}})), &expected);
    }
    check(
        &asking(&json!({"query": {"filter": "id ="}})),
        "the filter is refused: expected an identifier, a text or a number at byte 4",
    );
    check(
        &asking(&json!({"query": {"tenant": "a\nb"}})),
        "the query string is refused: a control character",
    );
}

#[test]
fn rules_see_the_options_as_a_query() {
    let options =
        json!({"query": {"filter": "id='a'", "expand": "b", "fields": "c", "tenant": "d"}});
    let Ok(Topic::Records { operation, .. }) = Topic::parse(&asking(&options), &surface()) else {
        panic!("a topic of records");
    };
    let Operation::Watch {
        collection, query, ..
    } = operation.clone()
    else {
        panic!("{operation:?}");
    };
    let event = Operation::Event {
        collection,
        id: RecordId::new("abc").expect("an id"),
        action: crate::operation::RecordAction::Create,
        query,
    };
    for operation in [operation, event] {
        let of = |key| operation.query_value(key);
        assert_eq!(of("filter").as_deref(), Some("id='a'"));
        assert_eq!(of("expand").as_deref(), Some("b"));
        assert_eq!(of("tenant").as_deref(), Some("d"));
        assert_eq!(of("fields"), None);
        assert!(operation.fields().is_some());
    }
}

fn options() -> impl Strategy<Value = Value> {
    let query = prop::collection::btree_map("filter|expand|fields|tenant|lang|sort", value(), 0..4);
    let headers = prop::collection::btree_map("X-Lang|x_lang|x-tenant|cookie", value(), 0..3);
    (query, headers).prop_map(|(query, headers)| json!({"query": query, "headers": headers}))
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("title = 'a b' && (id ?~ \"x\" || n > 1.5)".to_owned()),
        Just("author.team,comments_via_post".to_owned()),
        Just("id,title:excerpt(3,true)".to_owned()),
        "[ -~]{0,12}",
        ".{0,6}",
    ]
}

/// What PocketBase is told reads as what it was written of, and can't end a line.
fn assert_one_spelling(topic: &str) {
    let surface = surface();
    let Ok(Topic::Records { operation, .. }) = Topic::parse(topic, &surface) else {
        return;
    };
    assert!(
        topic.bytes().all(|byte| byte.is_ascii_graphic()),
        "{topic:?}"
    );
    let name = operation.collection().map(CollectionRef::as_str);
    let upstream = operation.upstream_topic(name.unwrap_or_default());
    let upstream = upstream.expect("a topic of records");
    assert!(
        upstream.bytes().all(|byte| byte.is_ascii_graphic()),
        "{upstream:?}"
    );
    if upstream.len() > LONGEST_TOPIC {
        return;
    }
    let mut expected = operation;
    if let Operation::Watch { query, .. } = &mut expected {
        query.fields = None;
    }
    let again = Topic::parse(&upstream, &surface);
    let unnamed = Vec::new();
    let operation = expected;
    assert_eq!(
        again,
        Ok(Topic::Records { operation, unnamed }),
        "{upstream}"
    );
    assert_eq!(as_go_reads(&upstream).1.get("fields"), None, "{upstream}");
}

/// The path and the query options of a topic, as PocketBase reads them.
fn as_go_reads(topic: &str) -> (String, BTreeMap<String, String>) {
    let (path, query) = topic.split_once('?').unwrap_or((topic, ""));
    let options = form_urlencoded::parse(query.as_bytes());
    let options = options.into_iter().find(|(key, _)| key == "options");
    let options = options.map_or(json!({}), |(_, text)| serde_json::from_str(&text).unwrap());
    let query = options.get("query").cloned().unwrap_or(json!({}));
    (path.to_owned(), serde_json::from_value(query).unwrap())
}

proptest! {
    #[test]
    fn what_is_watched_has_one_spelling(name in "[A-Za-z0-9_]{1,9}", id in "\\*|[a-z0-9_-]{1,9}", options in options()) {
        assert_one_spelling(&format!("{name}/{id}?options={}", component(&options.to_string())));
    }

    #[test]
    fn no_text_makes_it_panic_or_ends_a_line(topic in "(posts/[*a]\\?options=)?(%7B|%22|query|[ -~]|.){0,20}") {
        assert_one_spelling(&topic);
        if Topic::parse(&topic, &Surface::default()).is_ok() {
            prop_assert!(topic.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn a_control_character_anywhere_is_refused(before in "[ -~]{0,6}", control in "\\p{Cc}", after in "[ -~]{0,6}") {
        for topic in [format!("{before}{control}{after}"), format!("posts/*{control}"), format!("posts/*?options={control}")] {
            prop_assert!(Topic::parse(&topic, &surface()).is_err());
        }
    }
}
