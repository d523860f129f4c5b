//! A file is answered as by PocketBase, whatever is asked of it.

use std::collections::BTreeMap;

use hapta_tests::{Client, Reply, pocketbase_version};
use http::Method;

use super::{Shelf, file_token};

/// The gateway's own, or the transport's.
const ASIDE: [&str; 4] = ["x-request-id", "date", "connection", "transfer-encoding"];

#[tokio::test]
async fn a_file_is_answered_as_by_pocketbase_whatever_is_asked_of_it() {
    let shelf = Shelf::open().await;
    let modified = modified(&shelf).await;
    let asked = asked(&modified);
    let alice = shelf.stage.guest().log_in("alice").await;
    let token = file_token(&alice).await;
    let queries = [
        "",
        "download=1",
        "download=0",
        "download",
        "thumb=2x2",
        "thumb=3x3",
        "thumb=",
    ];
    for path in [
        &shelf.note,
        &shelf.picture,
        &shelf.secret,
        &shelf.secret_picture,
    ] {
        for query in queries {
            let token = path.contains("/vault/").then(|| format!("token={token}"));
            let parts = [query.to_owned(), token.unwrap_or_default()];
            let parts: Vec<_> = parts
                .iter()
                .filter(|part| !part.is_empty())
                .cloned()
                .collect();
            let target = format!("{path}?{}", parts.join("&"));
            let target = target.trim_end_matches('?');
            // What is asked of a picture's size has nothing to do with what is asked of its bytes.
            let asked = asked
                .iter()
                .take(if query.is_empty() { asked.len() } else { 2 });
            for headers in asked {
                for method in [Method::GET, Method::HEAD] {
                    same(&shelf, &method, target, headers).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_as_by_pocketbase() {
    let shelf = Shelf::open().await;
    let missing = shelf.note.replace(".txt", ".text");
    let (folder, _) = shelf.note.rsplit_once('/').expect("a path");
    let (_, secret) = shelf.secret.rsplit_once('/').expect("a path");
    for target in [
        missing,
        format!("{}?thumb=2x2", shelf.note.replace(".txt", ".png")),
        // Another record's.
        format!("{folder}/{secret}"),
        shelf.note.replace("notes", "vault"),
        shelf
            .note
            .to_uppercase()
            .replace("/API/FILES/NOTES", "/api/files/notes"),
        shelf.secret.clone(),
        format!("{}?thumb=2x2", shelf.secret_picture),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let reply = same(&shelf, &method, &target, &[("Range", "bytes=0-1")]).await;
            assert_eq!(reply.status, 404, "{target}");
        }
    }
}

const LONG_AGO: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

/// The headers that a file is asked for with, request by request.
fn asked(modified: &str) -> Vec<Vec<(&str, &str)>> {
    vec![
        vec![],
        vec![("Range", "bytes=0-3")],
        vec![("Range", "bytes=4-")],
        vec![("Range", "bytes=-3")],
        vec![("Range", "bytes=-0")],
        vec![("Range", "bytes=0-99999")],
        vec![("Range", "bytes=0-1,4-5")],
        vec![("Range", "bytes=0-1, 4-5 ,-2")],
        // More than the whole.
        vec![("Range", "bytes=0-,0-,0-")],
        vec![("Range", "bytes=1000-")],
        vec![("Range", "bytes=3-1")],
        vec![("Range", "lines=1-2")],
        vec![("If-Modified-Since", modified)],
        vec![("If-Modified-Since", LONG_AGO)],
        vec![("If-Modified-Since", "yesterday")],
        vec![("If-Unmodified-Since", modified)],
        vec![("If-Unmodified-Since", LONG_AGO)],
        vec![("If-Match", "*")],
        vec![("If-Match", "\"a\"")],
        vec![("If-None-Match", "*")],
        vec![("If-None-Match", "\"a\"")],
        vec![("If-None-Match", "\"a\""), ("If-Modified-Since", modified)],
        vec![("If-Range", modified), ("Range", "bytes=0-1")],
        vec![("If-Range", LONG_AGO), ("Range", "bytes=0-1")],
        vec![("If-Range", "\"a\""), ("Range", "bytes=0-1")],
        vec![("Range", "bytes=2-3"), ("If-Modified-Since", modified)],
        vec![("Accept-Encoding", "gzip")],
        vec![("Origin", "https://app.example.com")],
    ]
}

/// Asks both ways, and gives back what the gateway answered.
async fn same(shelf: &Shelf, method: &Method, target: &str, headers: &[(&str, &str)]) -> Reply {
    let ask = async |client: Client| {
        let call = client.call(method.clone(), target);
        let add = |call: hapta_tests::Call, (name, value): &(&str, &str)| call.header(name, value);
        headers.iter().fold(call, add).await
    };
    let (direct, through) = (
        ask(shelf.stage.direct()).await,
        ask(shelf.stage.guest()).await,
    );
    let what = format!("{method} {target} {headers:?}");
    assert_eq!(through.status, direct.status, "{what}");
    let is_private = target.contains("/vault/");
    assert_eq!(
        told(&through, is_private),
        told(&direct, is_private),
        "{what}"
    );
    if direct.status == 404 {
        let is_head = method == Method::HEAD;
        assert!(is_head || through.json() == direct.json(), "{what}");
    } else {
        assert_eq!(content(&through), content(&direct), "{what}");
    }
    through
}

/// The headers that say something of the file.
fn told(reply: &Reply, is_private: bool) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &reply.headers {
        let value = value.to_str().expect("text");
        let value = value.split("; boundary=").next().expect("a first");
        let is_own = name.as_str().starts_with("access-control-")
            || ASIDE.contains(&name.as_str())
            // The gateway has it whatever the PocketBase.
            || (name == "cross-origin-opener-policy" && pocketbase_version() < (0, 40))
            // PocketBase is asked for what it would send: of nothing it tells the length then.
            || (name == "content-length" && value == "0")
            // Whether a line break ends JSON depends on the version.
            || (name == "content-length" && reply.status == 404)
            // See `caches`.
            || (name == "cache-control" && is_private);
        if !is_own && name != "vary" {
            told.entry(name.to_string())
                .or_default()
                .push(value.to_owned());
        }
    }
    told
}

/// The bytes, without the boundary that each answer has its own of.
fn content(reply: &Reply) -> String {
    let bytes: String = reply.body.iter().copied().map(char::from).collect();
    let kind = reply.header("content-type").unwrap_or_default();
    match kind.split_once("boundary=") {
        Some((_, boundary)) => bytes.replace(boundary, "boundary"),
        None => bytes,
    }
}

async fn modified(shelf: &Shelf) -> String {
    let reply = shelf.stage.direct().get(&shelf.note).await;
    reply.header("last-modified").expect("a date").to_owned()
}
