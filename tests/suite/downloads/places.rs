//! Other spellings of a file's place, and places beside it.

use hapta_tests::Reply;

use super::{NOTE, Shelf, file_token};

#[tokio::test]
async fn a_collection_is_named_as_pocketbase_takes_it_and_asked_for_by_one_name() {
    let shelf = Shelf::open().await;
    let superuser = shelf.stage.pocketbase.superuser().await;
    let notes = superuser.get("/api/collections/notes").await.expect(200);
    let id = notes["id"].as_str().expect("an id");
    let guest = shelf.stage.guest();
    let letters = shelf.note.replacen("doc", "%64oc", 1);
    for target in [
        shelf.note.replace("/notes/", "/NoTeS/"),
        shelf.note.replace("/notes/", &format!("/{id}/")),
        shelf.note.replace("/notes/", "/%6Eotes/"),
        letters,
    ] {
        assert_eq!(guest.get(&target).await.text(), NOTE, "{target}");
        assert_eq!(shelf.asked(), [(shelf.note.clone(), None)], "{target}");
    }
}

#[tokio::test]
async fn nothing_beside_a_file_is_reached_by_its_route() {
    let shelf = Shelf::open().await;
    let token = file_token(&shelf.stage.log_in("alice").await).await;
    let (guest, note) = (shelf.stage.guest(), shelf.note.as_str());
    let (folder, name) = note.rsplit_once('/').expect("a path");
    let secret = shelf.secret.strip_prefix("/api/files/").expect("a path");
    shelf.asked();
    for target in [
        format!("{folder}/..%2f..%2f{secret}"),
        format!("{folder}/..%2F{name}"),
        format!("{folder}/../{name}"),
        format!("{folder}/%2e%2e/{name}"),
        format!("{folder}/.%2e/{name}"),
        format!("{folder}/..%5c{name}"),
        format!("{folder}/..\\{name}"),
        format!("{folder}//{name}"),
        format!("{folder}/./{name}"),
        format!("{folder}/{name}/"),
        format!("{folder}/{name}%00"),
        format!("{folder}/{name}%0d%0a"),
        format!("{folder}/{name};x"),
        format!("{folder}/%252e%252e%252f{name}"),
        format!("{folder}/thumbs_{name}%2f2x2_{name}"),
        format!("{folder}/thumbs_{name}/2x2_{name}"),
        note.replace("/notes/", "/note\u{17f}/"),
        note.replace("/notes/", "/note%C5%BF/"),
        note.replace("/notes/", "/notes%2f"),
        note.replace("/notes/", "/notes%00/"),
        format!("/api/files/..%2fcollections%2fnotes%2frecords?token={token}"),
        format!("/api/files/../collections/notes/records?token={token}"),
        format!("/api/files/token/{secret}"),
        "/api/files/token".to_owned(),
        "/api/files".to_owned(),
        "/api/files/".to_owned(),
        "/api/backups/x.zip".to_owned(),
    ] {
        let reply = shelf
            .stage
            .guest()
            .raw(&format!("GET {target}"), &[], "")
            .await;
        assert_refused(&target, &reply);
    }
    assert_eq!(shelf.asked(), []);
    // A name is a name, whatever it looks like.
    for name in ["a%3Ftoken=x", "a%23b", "a%26b", "a.attrs", "...", "a..b"] {
        let reply = guest.get(&format!("{folder}/{name}")).await;
        assert!([400, 404].contains(&reply.status), "{name}: {reply:?}");
        for (target, _) in shelf.asked() {
            let rest = target.strip_prefix(folder).expect("the same record");
            assert_eq!(rest.matches(['/', '?', '#', '&']).count(), 1, "{target}");
        }
    }
    assert_eq!(guest.get(note).await.text(), NOTE);
    let asked = shelf.asked();
    assert_eq!(asked, [(note.to_owned(), None)]);
}

#[tokio::test]
async fn only_reading_is_a_download() {
    let shelf = Shelf::open().await;
    let guest = shelf.stage.guest();
    shelf.asked();
    for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get"] {
        let reply = guest
            .raw(&format!("{method} {}", shelf.note), &[], "")
            .await;
        assert_refused(method, &reply);
    }
    assert_eq!(shelf.asked(), []);
}

#[tokio::test]
async fn a_sized_picture_is_asked_for_in_one_spelling_or_not_at_all() {
    let shelf = Shelf::open().await;
    let guest = shelf.stage.guest();
    shelf.asked();
    for query in [
        "thumb=2",
        "thumb=2x",
        "thumb=x",
        "thumb=2x2x2",
        "thumb=-2x2",
        "thumb=2X2",
        "thumb=2x2%20",
        "thumb=..%2f2x2",
        "thumb=999999x1",
        "thumb=2x2&thumb=3x3",
        "download=yes",
        "download=1&download=0",
        "expand=owner",
        "fields=id",
        "filter=1=1",
    ] {
        let reply = guest.get(&format!("{}?{query}", shelf.picture)).await;
        assert_eq!(reply.code(400), "query", "{query}");
    }
    assert_eq!(shelf.asked(), []);
}

#[track_caller]
fn assert_refused(what: &str, reply: &Reply) {
    assert!([400, 404, 405].contains(&reply.status), "{what}: {reply:?}");
    assert!(!reply.text().contains("0123456789"), "{what}: {reply:?}");
}
