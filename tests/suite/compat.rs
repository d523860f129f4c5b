//! What is let in by name, or only observed: routes, parameters, headers, keys.

use hapta_tests::demo::{ALICE, POST_OF_ALICE, record, records};
use hapta_tests::{Setup, Stage, eventually};
use serde_json::json;

/// Routes of an application, and what it adds to records.
const HOOKS: [(&str, &str); 1] = [(
    "pb_hooks/main.pb.js",
    r#"
    routerAdd("GET", "/api/app/who", (e) => e.json(200, {
        who: e.auth ? e.auth.id : "", tenant: e.request.url.query().get("tenant"),
        cookie: e.request.header.get("Cookie"), own: e.request.header.get("X-Own"),
    }))
    routerAdd("POST", "/api/app/echo", (e) => {
        e.response.header().set("Set-Cookie", "session=secret")
        return e.blob(201, e.request.header.get("Content-Type"), readerToString(e.request.body))
    })
    routerAdd("GET", "/api/app/go", (e) => e.redirect(307, "/api/app/who"))
    routerAdd("GET", "/api/app/fail", (e) => { throw new ApiError(418, "no tea", {}) })
    onRecordEnrich((e) => {
        e.record.withCustomData(true)
        e.record.set("computed", "by a hook")
        e.record.unhide("moderation")
        e.next()
    }, "posts")
    "#,
)];

const APP: &str = "[compat]\nroutes = [\"* /api/app/{path...}\"]";

#[tokio::test]
async fn a_route_of_hooks_is_served_where_it_is_named() {
    let closed = Stage::with_files(&HOOKS, |gateway| gateway.open("users")).await;
    closed.proxy.take();
    let reply = closed.guest().get("/api/app/who").await;
    assert_eq!(reply.code(404), "unknown_route");
    assert_eq!(closed.proxy.take().len(), 0);

    let stage = Stage::with_files(&HOOKS, |gateway| gateway.open("users").also(APP)).await;
    let alice = stage.log_in("alice").await;
    for (client, who) in [(stage.guest(), ""), (alice, ALICE)] {
        let reply = client
            .get("/api/app/who?tenant=x%26y")
            .header("Cookie", "a=b")
            .header("X-Own", "1")
            .await;
        let expected = json!({ "who": who, "tenant": "x&y", "cookie": "", "own": "" });
        assert_eq!(reply.expect(200), expected);
    }
    // Its token is held to what any token is.
    let bad = stage.guest().get("/api/app/who").token("a.b.c").await;
    assert_eq!(bad.code(401), "token_invalid");
    // Its errors and redirects are its own.
    let direct = stage.direct().get("/api/app/fail").await;
    let failed = stage.guest().get("/api/app/fail").await;
    assert_eq!(
        (failed.status, failed.json()),
        (direct.status, direct.json())
    );
    let gone = stage.guest().get("/api/app/go").await;
    assert_eq!(
        (gone.status, gone.header("location")),
        (307, Some("/api/app/who"))
    );
    for other in ["/api/application", "/api/app/../settings", "/api/app//who"] {
        let reply = stage.guest().raw(&format!("GET {other}"), &[], "").await;
        assert!(
            [400, 403, 404].contains(&reply.status),
            "{other}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn the_body_of_a_named_route_goes_through_as_it_came() {
    let stage = Stage::with_files(&HOOKS, |gateway| {
        gateway.also(APP).also("[server]\nmax_body = \"1KiB\"")
    })
    .await;
    // Whoever signs a body signs its bytes: two keys, spaces and all.
    for (kind, body) in [
        ("application/json", "{ \"b\": 1,\n \"a\": 2, \"b\": 3 }"),
        ("text/plain", "any \u{e9} text"),
        ("application/x-www-form-urlencoded", "a=1&a=2;b"),
    ] {
        let reply = stage.guest().post("/api/app/echo").body(kind, body).await;
        assert_eq!((reply.status, reply.text().as_str()), (201, body));
        assert_eq!(reply.header("content-type"), Some(kind));
        assert_eq!(reply.header("set-cookie"), None);
    }
    let large = "x".repeat(1_025);
    let reply = stage
        .guest()
        .post("/api/app/echo")
        .body("text/plain", large)
        .await;
    assert_eq!(reply.code(413), "body_too_large");
}

#[tokio::test]
async fn a_route_that_takes_in_one_of_pocketbases_own_stops_the_start() {
    for route in ["* /api/{path...}", "POST /api/sql", "GET /{path...}"] {
        let settings = format!("[compat]\nroutes = [\"{route}\"]");
        let setup = Setup::before(hapta_tests::free_address()).also(&settings);
        let error = setup.try_start().await.expect_err("it must not start");
        assert!(error.contains("compat.routes"), "{error}");
        assert!(error.contains("PocketBase's own route"), "{error}");
    }
}

#[tokio::test]
async fn a_parameter_and_a_header_reach_pocketbases_rules_where_they_are_named() {
    let rule = "@request.query.tenant = 'red' && @request.headers.x_tenant = 'blue'";
    let ask = async |stage: &Stage| {
        let superuser = stage.pocketbase.superuser().await;
        let change = json!({ "listRule": rule });
        superuser
            .patch("/api/collections/posts")
            .json(&change)
            .await
            .expect(200);
        let target = format!("{}?tenant=red", records("posts"));
        stage.guest().get(&target).header("X-Tenant", "blue").await
    };
    let strict = Stage::open().await;
    let reply = ask(&strict).await;
    assert_eq!(reply.code(400), "query");
    assert!(reply.text().contains("tenant"), "{reply:?}");

    let named = Stage::with(|gateway| {
        let gateway = gateway.open("posts");
        gateway.also("[compat]\nquery = [\"tenant\"]\nheaders = [\"X-Tenant\"]")
    })
    .await;
    assert_eq!(ask(&named).await.expect(200)["totalItems"], 5);
    let other = format!("{}?Tenant=red", records("posts"));
    assert_eq!(named.guest().get(&other).await.code(400), "query");
}

#[tokio::test]
async fn a_named_parameter_is_no_part_of_a_form() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("users").open("posts");
        gateway.also("[compat]\nquery = [\"title\"]")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let target = format!("{}?title=by+query", records("posts"));
    let form = "application/x-www-form-urlencoded";
    let direct = stage.direct().with_token(alice.token());
    let created = direct.post(&target).body(form, "content=x").await;
    assert_eq!(created.expect(200)["title"], "by query");
    let reply = alice.post(&target).body(form, "content=x").await;
    assert_eq!(reply.code(400), "body_form");
    // With JSON it is a parameter, to PocketBase as well.
    let body = json!({ "title": "by body" });
    for client in [direct, alice] {
        let created = client.post(&target).json(&body).await.expect(200);
        assert_eq!(created["title"], "by body");
    }
}

#[tokio::test]
async fn a_key_that_is_no_field_reaches_pocketbases_rules_where_it_is_named() {
    let rule = "@request.body.captcha = 'solved'";
    for (settings, status) in [("", 400), ("[compat]\nbody = [\"posts.captcha\"]", 200)] {
        let stage = Stage::with(|gateway| gateway.open("users").open("posts").also(settings)).await;
        let superuser = stage.pocketbase.superuser().await;
        let change = json!({ "updateRule": rule });
        superuser
            .patch("/api/collections/posts")
            .json(&change)
            .await
            .expect(200);
        let body = json!({ "title": "changed", "captcha": "solved" });
        let target = record("posts", POST_OF_ALICE);
        let alice = stage.log_in("alice").await;
        let reply = alice.patch(&target).json(&body).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(status == 200 || reply.code(400) == "body_key");
        let other = json!({ "title": "changed", "Captcha": "solved" });
        alice.patch(&target).json(&other).await.refused(400);
    }
}

#[tokio::test]
async fn what_hooks_add_to_records_leaves_only_where_it_is_named() {
    let target = record("posts", POST_OF_ALICE);
    let closed = Stage::with_files(&HOOKS, |gateway| gateway.open("posts")).await;
    let direct = closed.direct().get(&target).await.expect(200);
    assert_eq!(direct["computed"], "by a hook");
    assert_eq!(direct["moderation"], "seen");
    for target in [target.clone(), records("posts")] {
        let reply = closed.guest().get(&target).await;
        assert_eq!(reply.code(502), "upstream_shape");
        assert!(!reply.text().contains("hook"), "{reply:?}");
    }
    // One alone is not enough.
    for (names, status) in [
        ("\"posts.computed\"", 502),
        ("\"posts.moderation\"", 502),
        ("\"posts.computed\", \"posts.moderation\"", 200),
    ] {
        let stage = Stage::with_files(&HOOKS, |gateway| {
            let settings = format!("[compat]\nanswer = [{names}]");
            gateway.open("posts").also(&settings)
        })
        .await;
        let reply = stage.guest().get(&target).await;
        assert_eq!(reply.status, status, "{names}: {reply:?}");
        let direct = stage.direct().get(&target).await.expect(200);
        assert!(status == 502 || reply.json() == direct);
    }
}

#[tokio::test]
async fn a_field_that_is_new_is_no_surprise() {
    let stage = Stage::open().await;
    let target = record("posts", POST_OF_ALICE);
    stage.guest().get(&target).await.expect(200);
    let superuser = stage.pocketbase.superuser().await;
    let posts = superuser.get("/api/collections/posts").await.expect(200);
    let mut fields = posts["fields"].clone();
    let list = fields.as_array_mut().expect("a list of fields");
    list.push(json!({ "name": "rank", "type": "number" }));
    superuser
        .patch("/api/collections/posts")
        .json(&json!({ "fields": fields }))
        .await
        .expect(200);
    // The schema is read again at most once a second.
    let told = async || {
        let reply = stage.guest().get(&target).await;
        (reply.status == 200).then(|| reply.json())
    };
    assert_eq!(eventually("the new field", told).await["rank"], 0);
}

#[tokio::test]
async fn an_application_moves_in_by_being_observed() {
    let stage = Stage::with_files(&HOOKS, |gateway| {
        let gateway = gateway.open("users").open("posts");
        gateway.also("[strict]\nmode = \"observe\"")
    })
    .await;
    move_in(&stage).await;
    let text = stage.gateway.operator().get("/compat").await.text();
    let expected = "\
[compat]
answer = [
    \"posts.computed\", # 3
    \"posts.moderation\", # 3
]
body = [
    \"posts.captcha\", # 1
]
headers = [
    \"if-match\", # 1
]
query = [
    \"tenant\", # 2
]
routes = [
    \"GET /api/app/who\", # 1
]
# Of each list, 200 names are kept at most.
";
    assert_eq!(text, expected);
    let metric = "hapta_unnamed_total{section=\"query\"}";
    assert_eq!(stage.gateway.metric(metric).await, Some(2.0));
    assert_eq!(stage.gateway.metric("hapta_unnamed_names").await, Some(6.0));
    what_was_told_lets_all_of_it_in(&text).await;
}

/// What was told is what must stand there for all of it to pass.
async fn what_was_told_lets_all_of_it_in(settings: &str) {
    let named = Stage::with_files(&HOOKS, |gateway| {
        gateway.open("users").open("posts").also(settings)
    })
    .await;
    move_in(&named).await;
    let told = named.gateway.operator().get("/compat").await.text();
    assert!(told.starts_with("# Nothing"), "{told}");
}

/// All that an application asks for.
async fn move_in(stage: &Stage) {
    let alice = stage.log_in("alice").await;
    let list = format!("{}?tenant=1&perPage=1", records("posts"));
    stage.guest().get(&list).await.expect(200);
    stage.guest().get(&list).await.expect(200);
    stage.guest().get("/api/app/who").await.expect(200);
    let write = alice
        .patch(&record("posts", POST_OF_ALICE))
        .header("If-Match", "\"1\"");
    let body = json!({ "title": "x", "captcha": "y" });
    write.json(&body).await.expect(200);
}

#[tokio::test]
async fn an_observer_lets_nothing_in_that_has_two_readings() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("users").open("posts");
        gateway.also("[strict]\nmode = \"observe\"")
    })
    .await;
    let alice = stage.log_in("alice").await;
    stage.proxy.take();
    for line in [
        "GET /api/collections/posts/records?tenant=1&tenant=2",
        "GET /api/collections/posts/records?a=1;b=2",
        "GET /api/collections/posts/records?@jsonPayload=1",
        "GET /api/collections/comments/records",
        "GET /api//app",
        "GET /api/settings",
        "GET /_/index.html",
        "HEAD /api/realtime",
    ] {
        let reply = stage.guest().raw(line, &[], "").await;
        assert!((400..500).contains(&reply.status), "{line}: {reply:?}");
    }
    for body in [
        "{\"title\":\"a\",\"title\":\"b\"}",
        "{\"title\":\"a\"} junk",
        "{\"@jsonPayload\":\"{}\"}",
        "{\"title:each\":\"a\"}",
    ] {
        let reply = alice
            .patch(&record("posts", POST_OF_ALICE))
            .body("application/json", body)
            .await;
        assert_eq!(reply.status, 400, "{body}");
    }
    let reached = stage.proxy.take();
    let own = ["auth-refresh", "/api/collections?"];
    assert!(
        reached
            .iter()
            .all(|seen| own.iter().any(|own| seen.target.contains(own))),
        "{reached:?}"
    );
}

#[tokio::test]
async fn an_observer_takes_no_second_spelling_of_a_login() {
    let stage =
        Stage::with(|gateway| gateway.open("users").also("[strict]\nmode = \"observe\"")).await;
    let target = "/api/collections/users/auth-with-password";
    let login = |key: &str| json!({ "identity": "alice@example.com", "password": hapta_tests::demo::PASSWORD, key: "email" });
    for key in [
        "IdentityField",
        "identity_field",
        "identity-field",
        "mfa_id",
        "IDENTITY",
    ] {
        let reply = stage.guest().post(target).json(&login(key)).await;
        assert_eq!(reply.code(400), "body_key", "{key}");
    }
    stage
        .guest()
        .post(target)
        .json(&login("remember"))
        .await
        .expect(200);
    let told = stage.gateway.operator().get("/compat").await.text();
    assert!(
        told.contains("users.remember") && !told.contains("dentity"),
        "{told}"
    );
}

#[tokio::test]
async fn who_is_in_a_path_is_not_in_what_is_told() {
    let stage = Stage::with(|gateway| gateway.also("[strict]\nmode = \"observe\"")).await;
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl";
    let target = format!("/api/verify/ann%40example.com/{token}");
    stage.guest().get(&target).await.refused(404);
    stage.guest().get("/api/verify/bob/17").await.refused(404);
    let told = stage.gateway.operator().get("/compat").await.text();
    assert!(
        told.contains("\"GET /api/verify/{any}/{any}\", # 1"),
        "{told}"
    );
    assert!(
        told.contains("\"GET /api/verify/bob/{any}\", # 1"),
        "{told}"
    );
    let long = "/a".repeat(101);
    assert_eq!(stage.guest().get(&long).await.code(404), "unknown_route");
}

#[tokio::test]
async fn what_a_rule_writes_has_a_name_even_where_the_gateway_observes() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("editor").judged("comments", &["editor"]);
        gateway.open("users").also("[strict]\nmode = \"observe\"")
    })
    .await;
    let alice = stage.log_in("alice").await;
    // The rule writes a title, which comments have not.
    let body = json!({ "text": "x", "captcha": "y" });
    let reply = alice.post(&records("comments")).json(&body).await;
    assert_eq!(reply.code(500), "rule_edit");
}

#[tokio::test]
async fn a_login_goes_on_where_its_first_step_ended_by_query_or_by_body() {
    let stage = Stage::open().await;
    let ask = |client: hapta_tests::Client, query: &str, body: serde_json::Value| {
        let target = format!("/api/collections/users/auth-with-password{query}");
        client.post(&target).json(&body)
    };
    let login = json!({ "identity": "alice@example.com", "password": hapta_tests::demo::PASSWORD });
    let mut both = login.clone();
    both["mfaId"] = "abc".into();
    for (query, body) in [("?mfaId=abc", &login), ("", &both)] {
        let direct = ask(stage.direct(), query, body.clone()).await;
        let through = ask(stage.guest(), query, body.clone()).await;
        assert_eq!(
            (through.status, through.json()["message"].clone()),
            (direct.status, direct.json()["message"].clone())
        );
    }
    assert_eq!(
        ask(stage.guest(), "?mfaId=abd", both).await.code(400),
        "body_key"
    );
}

#[tokio::test]
async fn a_change_of_what_is_let_in_needs_no_start() {
    let stage =
        Stage::with(|gateway| gateway.open("posts").also("[strict]\nmode = \"observe\"")).await;
    let target = format!("{}?tenant=1", records("posts"));
    stage.guest().get(&target).await.expect(200);
    stage.gateway.reconfigure("observe", "enforce");
    let refused = async || {
        let reply = stage.guest().get(&target).await;
        (reply.status == 400).then_some(())
    };
    eventually("the change", refused).await;
}

#[tokio::test]
async fn a_condition_on_a_write_is_refused_unless_it_is_named() {
    let target = record("posts", POST_OF_ALICE);
    let change = json!({ "title": "changed" });
    for (settings, status) in [
        ("", 400),
        (
            "[compat]\nheaders = [\"if-match\", \"if-unmodified-since\"]",
            200,
        ),
    ] {
        let stage = Stage::with(|gateway| gateway.open("users").open("posts").also(settings)).await;
        let alice = stage.log_in("alice").await;
        for header in ["If-Match", "If-Unmodified-Since"] {
            // PocketBase writes without looking.
            let condition = (header, "\"no such version\"");
            let direct = stage.direct().with_token(alice.token());
            let write = direct.patch(&target).header(condition.0, condition.1);
            write.json(&change).await.expect(200);
            let write = alice.patch(&target).header(condition.0, condition.1);
            let reply = write.json(&change).await;
            assert_eq!(reply.status, status, "{header}: {reply:?}");
            assert!(status == 200 || reply.code(400) == "condition");
            // A read does no harm.
            let read = stage.guest().get(&target).header(condition.0, condition.1);
            read.await.expect(200);
        }
    }
}
