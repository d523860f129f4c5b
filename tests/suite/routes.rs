//! The table of routes, row by row.

use std::fmt::Write as _;
use std::fs;

use hapta::operation::{Answer, BodyKey, Query, ROUTES, Route, State, Takes, Who};
use hapta_tests::demo::records;
use hapta_tests::{Client, Reply, Setup, Stage, StubUpstream, root};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_route_that_is_not_served_is_refused_by_its_name() {
    let stage = Stage::with(open).await;
    let clients = [stage.guest(), stage.superuser().await];
    stage.proxy.take();
    for route in ROUTES.iter().filter(|route| route.state == State::NotYet) {
        for client in &clients {
            let reply = ask(client, route).await;
            assert_eq!(reply.code(404), "not_served", "{}", route.pattern);
            assert!(reply.text().contains(route.operation), "{reply:?}");
        }
    }
    assert_eq!(stage.proxy.take().len(), 0);
}

#[tokio::test]
async fn superuser_routes_are_served_all_or_none() {
    let closed = Stage::open().await;
    let served = Stage::with(open).await;
    let (anna, root) = (served.log_in("alice").await, served.superuser().await);
    let without = closed.superuser().await;
    closed.proxy.take();
    let mut rows = 0;
    for route in ROUTES.iter().filter(|route| is_superusers(route)) {
        rows += 1;
        for client in [&closed.guest(), &without] {
            let reply = ask(client, route).await;
            assert_eq!(reply.code(403), "superuser_route", "{}", route.pattern);
        }
        served.proxy.take();
        ask(&served.guest(), route).await.refused(401);
        ask(&anna, route).await.refused(403);
        assert!(heard(&served, route).is_none(), "{}", route.pattern);
        // Of what does not exist, or with an empty body: PocketBase may refuse, it was asked.
        let reply = ask(&root, route).await;
        assert!(![401, 403, 502].contains(&reply.status), "{reply:?}");
        let (method, _) = heard(&served, route).expect("PocketBase was asked");
        assert_eq!(method, route.method);
    }
    assert!(rows > 20, "{rows}");
    assert_eq!(closed.proxy.take().len(), 0);
}

#[tokio::test]
async fn what_has_a_fixed_shape_is_answered_in_it() {
    let stage = Stage::open().await;
    for target in [
        "/api/health",
        "/api/health?fields=code",
        "/api/collections/users/auth-methods",
    ] {
        let direct = stage.direct().get(target).await.expect(200);
        assert_eq!(stage.guest().get(target).await.expect(200), direct);
    }
    // With a key more it is something that nobody here knows.
    let stub = StubUpstream::start().await;
    let gateway = Setup::before(stub.address()).open("users").start().await;
    let health = json!({ "code": 200, "message": "", "data": {}, "more": 1 });
    stub.answer("/api/health", hapta_tests::Answer::Json(200, health));
    let reply = gateway.client().get("/api/health").await;
    assert_eq!(reply.code(502), "upstream_shape");
}

#[tokio::test]
async fn what_is_no_route_is_refused_and_never_asked() {
    let page = [("pb_public/index.html", "<h1>one page for all</h1>")];
    let stage = Stage::with_files(&page, open).await;
    stage.proxy.take();
    for target in ["/api/unknown", "/api/collections/posts", "/nothing", "/"] {
        let direct = stage.direct().get(target).await;
        // PocketBase answers what it does not know with the page, and with 200.
        let is_page = direct.text().contains("one page for all");
        assert!(is_page || direct.status == 401, "{target}: {direct:?}");
        let reply = stage.guest().get(target).await;
        assert!([401, 404].contains(&reply.status), "{target}: {reply:?}");
    }
    let put = stage.guest().call(Method::PUT, &records("posts")).await;
    assert_eq!(put.code(404), "unknown_route");
    assert_eq!(stage.proxy.take().len(), 0);
}

#[tokio::test]
async fn whoever_asks_what_is_allowed_is_answered_as_by_pocketbase() {
    let stage = Stage::open().await;
    stage.proxy.take();
    for target in [records("posts"), "/api/anything".to_owned()] {
        for preflight in [true, false] {
            let ask = |client: Client| {
                let call = client.call(Method::OPTIONS, &target);
                if preflight {
                    call.header("Origin", "https://app.example.com")
                        .header("Access-Control-Request-Method", "PATCH")
                        .header("Access-Control-Request-Headers", "authorization,x-own")
                } else {
                    call.header("Origin", "https://app.example.com")
                }
            };
            let (direct, through) = (ask(stage.direct()).await, ask(stage.guest()).await);
            assert_eq!((direct.status, through.status), (204, 204), "{target}");
            let origin = "access-control-allow-origin";
            assert_eq!(through.header(origin), direct.header(origin));
            let methods = through.header("access-control-allow-methods");
            assert!(!preflight || methods.is_some_and(|methods| methods.contains("PATCH")));
            let headers = "access-control-allow-headers";
            assert!(!preflight || through.header(headers) == direct.header(headers));
        }
    }
    assert_eq!(stage.proxy.take().len(), 0);
    assert_eq!(
        stage.gateway.metric("hapta_preflights_total").await,
        Some(4.0)
    );
}

#[test]
fn every_row_names_a_scenario_that_is_there() {
    for route in ROUTES {
        let (file, name) = route.test.split_once("::").expect("file::name");
        let path = root().join(format!("tests/suite/{file}.rs"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text.contains(&format!("async fn {name}()")),
            "{}: there is no scenario {}",
            route.pattern,
            route.test
        );
    }
}

/// `UPDATE_DOCS=1` writes the page anew.
#[test]
fn the_page_of_routes_is_the_table() {
    let path = root().join("gateway/docs/routes.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).expect("writes the page");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "gateway/docs/routes.md is not as the table says: run the test with UPDATE_DOCS=1"
    );
}

/// Everything that can be served is.
fn open(gateway: Setup) -> Setup {
    gateway
        .open("users")
        .open("posts")
        .also("[superusers]\nroutes = \"on\"")
}

fn is_superusers(route: &Route) -> bool {
    // That of a collection is in `ways_in`: a collection that is not there is nobody's.
    let is_of_records = route.operation == "impersonate";
    route.who == Who::Superuser && route.state != State::NotYet && !is_of_records
}

fn target(route: &Route) -> String {
    route
        .pattern
        .replace("{path...}", "index.html")
        .replace(['{', '}'], "")
}

async fn ask(client: &Client, route: &Route) -> Reply {
    let method = Method::from_bytes(route.method.as_bytes()).expect("a method");
    client.call(method, &target(route)).await
}

/// What PocketBase heard at a route, and forgets it.
fn heard(stage: &Stage, route: &Route) -> Option<(String, String)> {
    let seen = stage.proxy.take();
    let there = seen.into_iter().find(|seen| seen.target == target(route));
    there.map(|seen| (seen.method.to_string(), seen.target))
}

fn page() -> String {
    let mut page = "\
# The routes of PocketBase, and what becomes of them

Every route of PocketBase 0.40, as the gateway knows it: written from its own table (`gateway/src/operation/routes.rs`) by a
test, so it is never out of date. `GET` stands for `HEAD` as well. What is in no row is refused, unless `[compat]` names its
route; so are parameters and keys that are in no list here. *Who* is whom PocketBase lets in, before the rules of a collection.

| method | route | operation | who | query | body | answer | here |
|---|---|---|---|---|---|---|---|
"
    .to_owned();
    for route in ROUTES {
        let Route {
            method,
            pattern,
            operation,
            ..
        } = route;
        let (who, query) = (who(route.who), query(route.query));
        let (body, answer) = (body(route.body), answer(route.answer));
        let here = here(route);
        writeln!(
            page,
            "| {method} | `{pattern}` | {operation} | {who} | {query} | {body} | {answer} | {here} |"
        )
        .expect("writes to a text");
    }
    page
}

fn who(who: Who) -> &'static str {
    match who {
        Who::Anyone => "anyone",
        Who::Record => "any user",
        Who::SameCollection => "a user of the collection",
        Who::Superuser => "superusers",
        Who::FileToken => "a superuser's file token",
    }
}

fn query(query: Query) -> String {
    match query {
        Query::Keys([]) => "none".to_owned(),
        Query::Keys(keys) => format!("`{}`", keys.join("` `")),
        Query::Any => "any".to_owned(),
        Query::Dropped => "dropped".to_owned(),
    }
}

fn body(body: Takes) -> String {
    match body {
        Takes::Nothing => "none".to_owned(),
        Takes::Record => "the record's fields".to_owned(),
        Takes::Keys(keys) => names(keys),
        Takes::Among(keys) => format!("{}, others are dropped", names(keys)),
        Takes::Json => "JSON".to_owned(),
        Takes::File => "a file".to_owned(),
    }
}

fn names(keys: &[BodyKey]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    format!("`{}`", names.join("` `"))
}

fn answer(answer: Answer) -> String {
    match answer {
        Answer::List => "a page of records".to_owned(),
        Answer::Record => "the record".to_owned(),
        Answer::Auth => "`token` `record` `meta`".to_owned(),
        Answer::Object(keys) => format!("`{}`", keys.join("` `")),
        Answer::Nothing => "none".to_owned(),
        Answer::Batch => "one for each part".to_owned(),
        Answer::Json => "JSON".to_owned(),
        Answer::File => "a file".to_owned(),
        Answer::Events => "events".to_owned(),
        Answer::Redirect => "a redirect".to_owned(),
    }
}

fn here(route: &Route) -> &'static str {
    match (route.state, route.operation) {
        (State::NotYet, _) => "refused, not served yet",
        (State::Served(_), "dashboard") => "served with `pages.dashboard`",
        (State::Served(_), "static") => "served where `pages.files` names the path",
        (State::Served(_), _) if route.who == Who::Superuser => "served with `superusers.routes`",
        (State::Served(_), _) => "served",
    }
}
