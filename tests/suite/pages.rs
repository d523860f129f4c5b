//! The dashboard and the public folder.

use hapta_tests::{Setup, Stage};

const PUBLIC: [(&str, &str); 4] = [
    ("pb_public/index.html", "<h1>the app</h1>"),
    ("pb_public/assets/app.js", "console.log(1)"),
    ("pb_public/docs/index.html", "<h1>docs</h1>"),
    ("pb_public/secret.txt", "not for everyone"),
];

#[tokio::test]
async fn the_dashboard_is_served_where_it_is_switched_on() {
    let closed = Stage::open().await;
    closed.proxy.take();
    // What there is instead is in `auth_pages.rs`.
    for path in ["/_/images/logo.svg", "/_/assets/index.js"] {
        let reply = closed.guest().get(path).await;
        assert_eq!(reply.code(404), "not_served");
    }
    assert_eq!(closed.proxy.take().len(), 0);

    let stage = Stage::with(|gateway| gateway.also("[pages]\ndashboard = \"on\"")).await;
    let direct = stage.direct().get("/_/").await;
    let page = stage.guest().get("/_/").await;
    assert_eq!((page.status, &page.body), (200, &direct.body));
    assert_eq!(page.header("content-type"), direct.header("content-type"));
    assert_eq!(
        page.header("content-security-policy"),
        direct.header("content-security-policy")
    );
    // Its parts too, as compressed as PocketBase sends them.
    let text = page.text();
    let part = text
        .split(['"', '\''])
        .find(|part| part.split('.').next_back() == Some("js"));
    let part = part
        .expect("the page loads something")
        .trim_start_matches("./");
    let ask = |client: hapta_tests::Client| {
        let part = format!("/_/{}", part.trim_start_matches("/_/"));
        client.get(&part).header("Accept-Encoding", "gzip")
    };
    let (direct, through) = (ask(stage.direct()).await, ask(stage.guest()).await);
    assert_eq!((through.status, &through.body), (200, &direct.body));
    for header in ["content-encoding", "content-type", "cache-control"] {
        assert_eq!(through.header(header), direct.header(header), "{header}");
    }
    assert!(through.header("content-encoding").is_some());
}

#[tokio::test]
async fn files_are_served_where_their_paths_are_named() {
    let stage = Stage::with_files(&PUBLIC, |gateway| {
        files(
            gateway,
            "[\"/\", \"/assets/{path...}\", \"/docs/{path...}\"]",
        )
    })
    .await;
    for (target, text) in [
        ("/", "the app"),
        ("/?v=1", "the app"),
        ("/assets/app.js", "console.log"),
        ("/assets/app.js?v=abc", "console.log"),
        ("/docs/", "docs"),
    ] {
        let direct = stage.direct().get(target).await;
        let reply = stage.guest().get(target).await;
        assert_eq!((reply.status, direct.status), (200, 200), "{target}");
        assert_eq!(reply.body, direct.body, "{target}");
        assert!(reply.text().contains(text), "{target}");
    }
    for target in [
        "/secret.txt",
        "/index.html",
        "/other/page",
        "/assets/../secret.txt",
        "/assets/%2e%2e/secret.txt",
        "/assets//app.js",
        "/assets\\..\\secret.txt",
        "/api",
        "/api/",
        "/api/settings",
        "/%61pi/settings",
    ] {
        let line = format!("GET {target}");
        let reply = stage.guest().raw(&line, &[], "").await;
        assert!((400..500).contains(&reply.status), "{target}: {reply:?}");
        assert!(!reply.text().contains("not for everyone"), "{target}");
    }
    // The query is the page's own business.
    assert!(
        stage
            .proxy
            .take()
            .iter()
            .all(|seen| !seen.target.contains("v="))
    );
}

#[tokio::test]
async fn a_page_is_nobodys_in_particular() {
    let stage = Stage::with_files(&PUBLIC, |gateway| files(gateway, "[\"/{path...}\"]")).await;
    stage.proxy.take();
    let reply = stage
        .guest()
        .get("/posts/1")
        .token("not-a-token")
        .header("Cookie", "a=b")
        .await;
    // As every path of an application of one page.
    assert!(reply.text().contains("the app"), "{reply:?}");
    let seen = stage.proxy.take();
    let [seen] = seen.as_slice() else {
        panic!("one request: {seen:?}");
    };
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(seen.header("cookie"), None);
}

#[tokio::test]
async fn a_route_of_hooks_is_no_page() {
    let hook = (
        "pb_hooks/main.pb.js",
        "routerAdd('GET', '/who', (e) => e.json(200, { auth: e.auth ? e.auth.id : '' }))",
    );
    let files = [hook, ("pb_public/data.json", "{\"a\": 1}")];
    let stage = Stage::with_files(&files, |gateway| {
        let gateway = gateway.open("users");
        gateway.also("[pages]\nfiles = [\"/{path...}\"]")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    assert_ne!(direct.get("/who").await.expect(200)["auth"], "");
    // As a page it would be asked as by nobody.
    assert_eq!(alice.get("/who").await.code(502), "upstream_shape");
    stage.guest().get("/data.json").await.expect(200);
}

#[tokio::test]
async fn a_folder_is_where_pocketbase_says_it_is() {
    let stage = Stage::with_files(&PUBLIC, |gateway| files(gateway, "[\"/{path...}\"]")).await;
    let direct = stage.direct().get("/docs").await;
    let reply = stage.guest().get("/docs").await;
    assert_eq!((reply.status, direct.status), (301, 301));
    assert_eq!(reply.header("location"), Some("/docs/"));
    assert_eq!(reply.header("location"), direct.header("location"));
    for page in ["/index.html/", "/docs/index.html/", "/docs/index.html"] {
        let (direct, reply) = (
            stage.direct().get(page).await,
            stage.guest().get(page).await,
        );
        assert_eq!(reply.status, direct.status, "{page}");
        assert_eq!(
            reply.header("location"),
            direct.header("location"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let stage = Stage::with_files(&PUBLIC, |gateway| files(gateway, "[\"/{path...}\"]")).await;
    let first = stage.guest().get("/assets/app.js").await;
    let modified = first.header("last-modified").expect("a date").to_owned();
    for client in [stage.direct(), stage.guest()] {
        let reply = client
            .get("/assets/app.js")
            .header("If-Modified-Since", &modified)
            .await;
        assert_eq!((reply.status, reply.body.len()), (304, 0));
        let reply = client
            .get("/assets/app.js")
            .header("Range", "bytes=0-6")
            .await;
        assert_eq!((reply.status, reply.text().as_str()), (206, "console"));
        assert_eq!(reply.header("content-range"), Some("bytes 0-6/14"));
    }
}

fn files(gateway: Setup, patterns: &str) -> Setup {
    gateway.also(&format!("[pages]\nfiles = {patterns}"))
}
