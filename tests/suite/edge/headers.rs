//! Headers that are the gateway's own.

use hapta_tests::Stage;
use hapta_tests::demo::records;

const HSTS: &str = "strict-transport-security";

#[tokio::test]
async fn browsers_are_told_to_come_by_tls_alone_where_they_can() {
    for (settings, expected) in [
        ("", None),
        ("public_url = \"http://api.example.com\"", None),
        (
            "public_url = \"https://api.example.com\"",
            Some("max-age=31536000"),
        ),
        (
            "public_url = \"https://api.example.com\"\nhsts = \"1h\"",
            Some("max-age=3600"),
        ),
        (
            "public_url = \"https://api.example.com\"\nhsts = \"0s\"",
            None,
        ),
    ] {
        let settings = format!("[server]\n{settings}");
        let stage = Stage::with(|gateway| gateway.open("posts").also(&settings)).await;
        for path in [records("posts"), "/no/such/route".to_owned()] {
            let reply = stage.guest().get(&path).await;
            assert_eq!(reply.header(HSTS), expected, "{settings} {path}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_may_read_what_it_needs_of_the_headers() {
    let stage = Stage::open().await;
    let call = stage.guest().get(&records("posts"));
    let reply = call.header("Origin", "https://app.example.com").await;
    let exposed = reply.header("access-control-expose-headers").expect("some");
    let exposed: Vec<_> = exposed.split(',').map(str::trim).collect();
    let expected = [
        "x-request-id",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "dpop-nonce",
    ];
    assert_eq!(exposed, expected);
}

#[tokio::test]
async fn where_a_page_leads_other_sites_are_not_told_where_it_was() {
    let files = [("pb_public/index.html", "<p>hello</p>")];
    let stage = Stage::with_files(&files, |gateway| {
        gateway
            .open("posts")
            .also("[pages]\nfiles = [\"/{path...}\"]")
    })
    .await;
    let page = stage.guest().get("/").await;
    assert_eq!(
        (page.status, page.header("referrer-policy")),
        (200, Some("same-origin"))
    );
    // Stricter where a token may stand in the address.
    let own = stage.guest().get("/_/").await;
    assert_eq!(own.header("referrer-policy"), Some("no-referrer"));
}

#[tokio::test]
async fn a_head_has_at_most_a_hundred_headers() {
    let stage = Stage::open().await;
    // Three are added: see `Client::raw`.
    for (count, expected) in [(97, 200), (98, 431)] {
        let names: Vec<_> = (0..count).map(|number| format!("X-{number}")).collect();
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
        let reply = stage.guest().raw("GET /api/health", &headers, "").await;
        assert_eq!(reply.status, expected, "{count}");
    }
}
