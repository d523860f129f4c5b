//! The request lines in `tests/fixtures/operations`, and what must hold of any.

use std::fs;
use std::path::Path;

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::surface::{Compat, Mode, PathPattern};

/// Everything that a configuration can serve.
fn surface() -> Surface {
    Surface {
        dashboard: true,
        files: vec![PathPattern::parse("/{path...}").unwrap()],
        ..Surface::default()
    }
}

fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Operation, OperationError> {
    let asked = Operation::parse(method, path, query, &Surface::default());
    asked.map(|asked| asked.operation)
}

fn parse_all(
    method: &Method,
    path: &str,
    query: Option<&str>,
) -> Result<Operation, OperationError> {
    Operation::parse(method, path, query, &surface()).map(|asked| asked.operation)
}

/// `METHOD path` to what PocketBase would be sent, or to why it is not.
fn read(line: &str) -> String {
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    match parse(&method, path, query) {
        Err(error) => format!("refused: {error}"),
        Ok(operation) => {
            let collection = operation.collection().map_or("", CollectionRef::as_str);
            let line = operation.upstream_path_and_query(collection);
            let fields = if operation.fields().is_some() {
                " and picks fields"
            } else {
                ""
            };
            format!(
                "{}: {} {line}{fields}",
                operation.kind(),
                operation.upstream_method()
            )
        }
    }
}

#[test]
fn every_fixture_reads_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/operations");
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once("\n----------\n").unwrap();
        let found: Vec<String> = input.lines().map(read).collect();
        assert_eq!(
            found,
            expected.lines().collect::<Vec<_>>(),
            "{}",
            path.display()
        );
        cases += found.len();
    }
    assert!(cases > 0, "there are no fixtures");
}

#[test]
fn every_route_is_served_or_refused_by_its_name() {
    for route in ROUTES {
        let path = route
            .pattern
            .replace("/{path...}", "/index.html")
            .replace(['{', '}'], "");
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        match (route.state, parse_all(&method, &path, None)) {
            (State::Served(kind), Ok(operation)) => assert_eq!(operation.kind(), kind, "{path}"),
            (State::NotYet, Err(OperationError::NotServed { operation })) => {
                assert_eq!(operation, route.operation);
            }
            (state, found) => panic!("{path} is {state:?} but reads as {found:?}"),
        }
    }
}

#[test]
fn whom_pocketbase_lets_in_is_whom_the_gateway_looks_at() {
    for route in ROUTES {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let Ok(operation) = parse_all(&method, &route.pattern.replace(['{', '}'], ""), None) else {
            continue;
        };
        let open = operation.identity() != Identity::Required;
        assert_eq!(open, route.who == Who::Anyone, "{}", route.pattern);
        assert_eq!(operation.upstream_method(), method);
        // What changes no more than who is logged in, or sends a mail.
        let is_no_write = match &operation {
            Operation::Auth(request) => !request.action.is_confirmation(),
            Operation::Impersonate { .. }
            | Operation::FileToken { .. }
            | Operation::OAuth2Redirect(_)
            | Operation::Subscribe => true,
            _ => false,
        };
        assert_eq!(
            operation.is_write(),
            method != Method::GET && !is_no_write,
            "{}",
            route.pattern
        );
    }
}

#[test]
fn every_parameter_of_the_table_is_read_and_no_other() {
    // What is read of a parameter is seen in the request for PocketBase, or is picked here.
    let samples = [
        ("page", "2", Some("page=2")),
        ("perPage", "7", Some("perPage=7")),
        ("sort", "-a", Some("sort=-a")),
        ("filter", "a%3D1", Some("filter=a%3D1")),
        ("skipTotal", "1", Some("skipTotal=1")),
        ("expand", "a", Some("expand=a")),
        ("fields", "id", None),
        ("thumb", "1x1", Some("thumb=1x1")),
        ("download", "1", Some("download=1")),
        ("token", "t", Some("token=t")),
    ];
    for route in ROUTES {
        let (State::Served(kind), Query::Keys(keys)) = (route.state, route.query) else {
            continue;
        };
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let path = route.pattern.replace(['{', '}'], "");
        for (key, value, written) in samples {
            let found = parse(&method, &path, Some(&format!("{key}={value}")));
            if !keys.contains(&key) {
                assert!(found.is_err(), "{kind} {key}");
                continue;
            }
            let operation = found.unwrap();
            match written {
                Some(written) => {
                    let line = operation.upstream_path_and_query("c");
                    assert!(line.contains(written), "{kind} {key}: {line}");
                }
                None => assert!(operation.fields().is_some(), "{kind} {key}"),
            }
        }
        let known = samples.map(|(key, ..)| key);
        let by_name = ["autoRefresh", "$cancelKey", "mfaId"];
        let unread = keys
            .iter()
            .find(|key| !known.contains(key) && !by_name.contains(key));
        assert_eq!(unread, None, "{kind} has a parameter without a sample");
    }
}

fn lets_in(compat: Compat, mode: Mode) -> Surface {
    Surface {
        compat,
        mode,
        ..Surface::default()
    }
}

#[test]
fn a_parameter_that_is_let_in_by_name_goes_upstream() {
    let compat = Compat {
        query: ["tenant".to_owned()].into(),
        ..Compat::default()
    };
    let surface = lets_in(compat, Mode::Enforce);
    for (line, expected) in [
        (
            "GET /api/collections/posts/records/a?tenant=x%26y&expand=b",
            "/api/collections/posts/records/a?expand=b&tenant=x%26y",
        ),
        (
            "DELETE /api/collections/posts/records/a?tenant=1",
            "/api/collections/posts/records/a?tenant=1",
        ),
        ("GET /api/health?tenant=1", "/api/health?tenant=1"),
    ] {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let asked = Operation::parse(&method, path, Some(query), &surface).unwrap();
        assert_eq!(asked.operation.upstream_path_and_query("posts"), expected);
        assert!(asked.operation.query_value("tenant").is_some());
        assert_eq!(asked.unnamed, []);
    }
    assert!(Operation::parse(&Method::GET, "/api/health", Some("Tenant=1"), &surface).is_err());
}

#[test]
fn an_observer_lets_in_what_could_be_named_and_nothing_with_two_readings() {
    let surface = lets_in(Compat::default(), Mode::Observe);
    let check = |method: Method, path: &str, query: Option<&str>, expected: Option<&str>| {
        let found = Operation::parse(&method, path, query, &surface);
        let lines = found.ok().map(|asked| {
            let lines: Vec<_> = asked.unnamed.iter().map(ToString::to_string).collect();
            lines.join(" ")
        });
        assert_eq!(lines.as_deref(), expected, "{method} {path} {query:?}");
    };
    let list = "/api/collections/posts/records";
    check(
        Method::GET,
        list,
        Some("tenant=1"),
        Some("query = [\"tenant\"]"),
    );
    check(Method::GET, list, Some("tenant=1&tenant=2"), None);
    check(Method::GET, list, Some("@jsonPayload=1"), None);
    check(
        Method::GET,
        "/api/hello",
        None,
        Some("routes = [\"GET /api/hello\"]"),
    );
    check(
        Method::HEAD,
        "/api/hello",
        None,
        Some("routes = [\"GET /api/hello\"]"),
    );
    check(
        Method::PUT,
        "/api/hello",
        Some("a=1"),
        Some("routes = [\"PUT /api/hello\"]"),
    );
    check(Method::GET, "/api//hello", None, None);
    check(Method::GET, "/api/hello/", None, None);
    check(Method::GET, "/api/h%20llo", None, None);
    check(Method::TRACE, "/api/hello", None, None);
    check(Method::POST, "/api/backups/upload", None, None);
    check(Method::GET, "/_/", None, None);
    check(
        Method::GET,
        "/api/collections/po%C5%BFts/records",
        None,
        None,
    );
}

#[test]
fn pages_are_served_where_their_paths_are_named_and_never_the_api() {
    let mut surface = surface();
    let check = |path: &str, surface: &Surface, expected: Option<&str>| {
        let found = Operation::parse(&Method::GET, path, Some("v=1"), surface);
        let line = found.ok().map(|asked| {
            let operation = asked.operation;
            format!(
                "{} {}",
                operation.kind(),
                operation.upstream_path_and_query("")
            )
        });
        assert_eq!(line.as_deref(), expected, "{path}");
    };
    check("/", &surface, Some("static /"));
    check(
        "/assets/a%20b.js",
        &surface,
        Some("static /assets/a%20b.js"),
    );
    check("/docs/", &surface, Some("static /docs/"));
    check("/_/", &surface, Some("dashboard /_/"));
    check("/_", &surface, Some("dashboard /_"));
    check(
        "/_/images/logo.svg",
        &surface,
        Some("dashboard /_/images/logo.svg"),
    );
    check("/api", &surface, None);
    check("/api/", &surface, None);
    check("/api/unknown", &surface, None);
    check("/%61pi/unknown", &surface, None);
    check("/a/../api/sql", &surface, None);
    surface.files = vec![PathPattern::parse("/assets/{path...}").unwrap()];
    surface.dashboard = false;
    check("/", &surface, None);
    check("/assets/a.js", &surface, Some("static /assets/a.js"));
    check("/_/", &surface, None);
    assert!(Operation::parse(&Method::POST, "/assets/a.js", None, &surface).is_err());
}

#[test]
fn a_collection_is_written_as_the_schema_spells_it() {
    let operation = parse(&Method::GET, "/api/collections/POSTS/records/abc", None).unwrap();
    assert_eq!(
        operation.upstream_path_and_query("posts"),
        "/api/collections/posts/records/abc"
    );
    assert_eq!(
        operation.collection().map(CollectionRef::as_str),
        Some("POSTS")
    );
    assert_eq!(operation.record_id().map(RecordId::as_str), Some("abc"));
}

#[track_caller]
fn check_pick(fields: &str, expected: &Value) {
    let mut record = json!({
        "id": "a", "title": "one", "n": 1,
        "meta": {"k": [{"x": 1, "y": 2}, {"x": 3}], "s": "str", "a.b": 5, "l": [1, 2], "mix": [1, {"x": 1}]},
    });
    Fields::parse(fields).unwrap().pick(&mut record);
    assert_eq!(record, *expected, "{fields:?}");
}

// Each of these answers was seen on PocketBase 0.40.6.
#[test]
fn fields_are_picked_as_pocketbase_picks_them() {
    let meta = json!({"k": [{"x": 1, "y": 2}, {"x": 3}], "s": "str", "a.b": 5, "l": [1, 2], "mix": [1, {"x": 1}]});
    check_pick("title", &json!({"title": "one"}));
    check_pick(" title , ,id,", &json!({"title": "one", "id": "a"}));
    check_pick(
        ",",
        &json!({"id": "a", "title": "one", "n": 1, "meta": meta}),
    );
    check_pick("none", &json!({}));
    check_pick("TITLE", &json!({}));
    check_pick("title n", &json!({}));
    check_pick(
        "*",
        &json!({"id": "a", "title": "one", "n": 1, "meta": meta}),
    );
    check_pick("meta.k.x", &json!({"meta": {"k": [{"x": 1}, {"x": 3}]}}));
    check_pick("meta,meta.k.x", &json!({"meta": meta}));
    check_pick("meta.s.z", &json!({"meta": {"s": "str"}}));
    check_pick("meta.l.q", &json!({"meta": {"l": [1, 2]}}));
    check_pick("meta.mix.x", &json!({"meta": {"mix": [1, {"x": 1}]}}));
    check_pick("meta.*", &json!({"meta": meta}));
    check_pick("meta.a.b", &json!({"meta": {"a.b": 5}}));
    check_pick(
        "*,meta.k.x",
        &json!({"id": "a", "title": "one", "n": 1, "meta": {"k": [{"x": 1}, {"x": 3}]}}),
    );
    check_pick("*.title", &json!({}));
    check_pick("items.title", &json!({}));
    check_pick(
        "n:excerpt(2),title:excerpt(2)",
        &json!({"n": 1, "title": "on"}),
    );
    check_pick("title:excerpt(2),title", &json!({"title": "one"}));
    check_pick("title,title:excerpt(1)", &json!({"title": "o"}));
    check_pick("meta.s:excerpt(1)", &json!({"meta": {"s": "s"}}));
    check_pick(
        "meta.k.x:excerpt(2)",
        &json!({"meta": {"k": [{"x": 1}, {"x": 3}]}}),
    );
    check_pick(
        "title,*:excerpt(1)",
        &json!({"id": "a", "title": "one", "n": 1, "meta": meta}),
    );
}

#[test]
fn keys_with_dots_and_mixed_arrays_are_picked() {
    let mut value = json!({"d": {"x.y": 1, "x": {"y": 2, "z": 3}}, "n": [[{"x": 1, "y": 2}]]});
    Fields::parse("d.x.y,n.x").unwrap().pick(&mut value);
    assert_eq!(
        value,
        json!({"d": {"x.y": 1, "x": {"y": 2}}, "n": [[{"x": 1, "y": 2}]]})
    );
    // PocketBase answers 500 here.
    let mut value = json!({"o": [{"x": 1, "y": 2}, 1]});
    Fields::parse("o.x").unwrap().pick(&mut value);
    assert_eq!(value, json!({"o": [{"x": 1}, 1]}));
}

#[test]
fn of_a_list_the_items_are_picked() {
    let mut page = json!({"page": 1, "perPage": 30, "items": [{"id": "a", "n": 1}, {"id": "b"}]});
    Fields::parse("n").unwrap().pick_items(&mut page);
    assert_eq!(
        page,
        json!({"page": 1, "perPage": 30, "items": [{"n": 1}, {}]})
    );
}

#[test]
fn fields_that_are_no_paths_are_refused() {
    for text in [
        "title.",
        ".title",
        "meta..k",
        "'title'",
        "a(b)",
        "body:",
        "body:foo(1)",
        "body:excerpt(5",
    ] {
        assert!(Fields::parse(text).is_err(), "{text}");
    }
    let many: Vec<String> = (0..200).map(|n| format!("f{n}")).collect();
    assert!(Fields::parse(&many.join(",")).is_err());
}

fn queries() -> impl Strategy<Value = String> {
    let keys = [
        "page=3",
        "perPage=7",
        "sort=-a,b",
        "skipTotal=t",
        "filter=a%3D1",
        "expand=a.b,c",
        "thumb=1x2",
    ];
    let more = [
        "download=1",
        "autoRefresh=true",
        "page=0",
        "sort=%2Ba",
        "expand=",
    ];
    proptest::sample::subsequence(keys.into_iter().chain(more).collect::<Vec<_>>(), 0..4)
        .prop_map(|keys| keys.join("&"))
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same_operation(at in 0..ROUTES.len(), name in "[A-Za-z0-9_]{1,9}", query in queries()) {
        let route = ROUTES[at];
        let path: String = route.pattern.split('/').skip(1)
            .flat_map(|part| ["/", if part.starts_with('{') { &name } else { part }]).collect();
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        if let Ok(operation) = parse_all(&method, &path, Some(&query)) {
            let line = operation.upstream_path_and_query(&name);
            let (path, query) = line.split_once('?').map_or((line.as_str(), None), |(path, query)| (path, Some(query)));
            prop_assert_eq!(parse_all(&operation.upstream_method(), path, query), Ok(operation.clone()), "{}", line);
        }
    }

    #[test]
    fn ids_and_files_survive_the_way(id in "[!-~]{1,9}", file in "[ -~]{1,9}") {
        if let (Some(id), Some(file)) = (RecordId::new(&id), FileName::new(&file)) {
            let query = DownloadQuery::default();
            let collection = CollectionRef::new("posts").unwrap();
            let operation = Operation::Download { collection, id, file, query };
            let line = operation.upstream_path_and_query("posts");
            prop_assert_eq!(parse(&Method::GET, &line, None), Ok(operation));
        }
    }

    #[test]
    fn no_request_line_makes_it_panic(path in "(/[api]{0,3}|/collections|/records|/files|%|%2|.){0,8}", query in ".{0,20}") {
        for method in [Method::GET, Method::POST, Method::PATCH] {
            let _ = parse_all(&method, &path, Some(&query));
        }
    }

    #[test]
    fn fields_never_add_anything(text in "[ab*.,:()1 ]{0,16}") {
        if let Ok(fields) = Fields::parse(&text) {
            let mut value = json!({"a": {"b": [{"a": 1}, 2]}, "b": "ab"});
            let before = value.to_string().len();
            fields.pick(&mut value);
            prop_assert!(value.to_string().len() <= before);
        }
    }
}

#[test]
fn a_query_key_that_another_operation_knows_is_unknown_here() {
    for line in [
        "GET /api/collections/posts/records/abc?page=1",
        "DELETE /api/collections/posts/records/abc?expand=a",
        "GET /api/files/posts/abc/a.png?fields=id",
    ] {
        assert!(
            read(line).ends_with("there is no such parameter here"),
            "{line}"
        );
    }
}
