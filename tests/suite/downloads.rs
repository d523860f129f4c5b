//! Files on their way out: whose they are, who may have them, and how they are answered.
//!
//! What a scenario of [`everywhere`] says is true of PocketBase itself and of the gateway before it.

/// A file is answered as by PocketBase, whatever is asked of it.
mod answers;
/// Who may keep a file, and for how long.
mod caches;
/// Rules that close or open files, and what they are told.
mod judged;
/// Other spellings of a file's place, and places beside it.
mod places;
/// What is no good file token, and how many there may be.
mod tokens;

use std::fmt::Write as _;

use hapta_tests::demo::{ALICE, SUPERUSER, records};
use hapta_tests::{Client, PocketBase, RecordingProxy, Reply, Setup, Stage};
use serde_json::{Value, json};

const TOKEN: &str = "/api/files/token";

/// What is in alice's files.
const SECRET: &str = "0123456789 and a secret of alice";
const NOTE: &str = "0123456789 and a note of alice";

/// 4 × 3 pixels
const PNG: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 4, 0, 0, 0, 3, 8, 2, 0,
    0, 0, 59, 150, 57, 145, 0, 0, 0, 16, 73, 68, 65, 84, 120, 218, 99, 16, 80, 48, 128, 35, 6, 156,
    28, 0, 86, 103, 4, 129, 203, 184, 233, 178, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

/// A gateway before files: in `vault` PocketBase's own rule lets nobody but the owner see them, in
/// `notes` anybody who knows their names.
struct Shelf {
    stage: Stage,
    /// Paths of alice's files.
    secret: String,
    secret_picture: String,
    note: String,
    picture: String,
}

impl Shelf {
    /// Everything under PocketBase's own rules, superusers served.
    async fn open() -> Self {
        Self::with(|gateway| {
            let gateway = gateway.open("users").open("vault").open("notes");
            gateway.also("[superusers]\nroutes = \"on\"")
        })
        .await
    }

    /// What `set_up` exposes.
    async fn with(set_up: impl FnOnce(Setup) -> Setup) -> Self {
        let pocketbase = PocketBase::start().await;
        let superuser = pocketbase.superuser().await;
        for (name, is_protected, rule) in [
            ("vault", true, "owner = @request.auth.id"),
            ("notes", false, ""),
        ] {
            let file = |name: &str| {
                json!({
                    "type": "file", "name": name, "maxSelect": 1, "maxSize": 1_048_576,
                    "thumbs": ["2x2"], "protected": is_protected,
                })
            };
            let owner = json!({
                "type": "relation", "name": "owner", "collectionId": "_pb_users_auth_", "maxSelect": 1,
            });
            let collection = json!({
                "name": name, "type": "base", "listRule": rule, "viewRule": rule,
                "fields": [file("doc"), file("picture"), owner],
            });
            let made = superuser.post("/api/collections").json(&collection).await;
            made.expect(200);
        }
        let vault = put(&superuser, "vault", SECRET).await;
        let notes = put(&superuser, "notes", NOTE).await;
        let proxy = RecordingProxy::before(pocketbase.address()).await;
        let gateway = set_up(Setup::before(proxy.address())).start().await;
        Self {
            secret: path(&vault, "doc"),
            secret_picture: path(&vault, "picture"),
            note: path(&notes, "doc"),
            picture: path(&notes, "picture"),
            stage: Stage {
                gateway,
                proxy,
                pocketbase,
            },
        }
    }

    /// The files that the gateway asked PocketBase for since the last look, with what said who asks.
    fn asked(&self) -> Vec<(String, Option<String>)> {
        let seen = self.stage.proxy.take().into_iter();
        let files = seen.filter(|seen| seen.target.starts_with("/api/files/"));
        files
            .map(|seen| {
                let login = seen.headers.get("authorization");
                let login = login.map(|value| value.to_str().expect("text").to_owned());
                (seen.target, login)
            })
            .collect()
    }
}

/// Plays a scenario with PocketBase itself and through a gateway: for a guest there.
async fn everywhere(scenario: impl AsyncFn(&Shelf, Client)) {
    let shelf = Shelf::open().await;
    scenario(&shelf, shelf.stage.direct()).await;
    scenario(&shelf, shelf.stage.guest()).await;
    let shelf = Shelf::with(|gateway| {
        let gateway = gateway.open("users").open("vault").open("notes");
        gateway.also("[superusers]\nroutes = \"on\"\n[sessions]\nmode = \"rolling\"")
    })
    .await;
    scenario(&shelf, shelf.stage.guest()).await;
}

/// Asks for a file token.
async fn file_token(client: &Client) -> String {
    let answer = client.post(TOKEN).await.expect(200);
    text(&answer["token"])
}

/// Asks a guest's browser for a file by a token.
async fn by_token(guest: &Client, path: &str, token: &str) -> Reply {
    guest.get(&format!("{path}?token={token}")).await
}

/// Makes a record of alice's.
async fn put(superuser: &Client, collection: &str, doc: &str) -> Value {
    let mut form = Vec::new();
    for (head, content) in [
        ("name=\"owner\"", ALICE.as_bytes()),
        ("name=\"doc\"; filename=\"doc.txt\"", doc.as_bytes()),
        ("name=\"picture\"; filename=\"picture.png\"", PNG),
    ] {
        let mut part = String::new();
        write!(
            part,
            "--parts\r\nContent-Disposition: form-data; {head}\r\n\r\n"
        )
        .expect("writes to memory");
        form.extend_from_slice(part.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--parts--\r\n");
    let made = superuser.post(&records(collection));
    let made = made.body("multipart/form-data; boundary=parts", form).await;
    made.expect(200)
}

fn path(record: &Value, field: &str) -> String {
    let of = |key: &str| text(&record[key]);
    format!(
        "/api/files/{}/{}/{}",
        of("collectionName"),
        of("id"),
        of(field)
    )
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn whom_a_protected_file_is_for_gets_it_by_a_file_token() {
    everywhere(async |shelf, guest| {
        let (alice, bob) = (guest.log_in("alice").await, guest.log_in("bob").await);
        guest.post(TOKEN).await.refused(401);
        guest.get(&shelf.secret).await.refused(404);
        // Who is logged in is no more to PocketBase than a guest here.
        alice.get(&shelf.secret).await.refused(404);
        let (hers, his) = (file_token(&alice).await, file_token(&bob).await);
        let reply = by_token(&guest, &shelf.secret, &hers).await;
        assert_eq!((reply.status, reply.text()), (200, SECRET.to_owned()));
        by_token(&guest, &shelf.secret, &his).await.refused(404);
        by_token(&guest, &shelf.secret, "").await.refused(404);
        let picture = by_token(&guest, &shelf.secret_picture, &hers).await;
        assert_eq!(picture.body.as_ref(), PNG);
        let target = format!("{}?thumb=2x2&download=1&token=", shelf.secret_picture);
        let thumb = guest.get(&format!("{target}{hers}")).await;
        assert_eq!(thumb.status, 200);
        assert!(
            thumb
                .header("content-disposition")
                .is_some_and(|how| how.starts_with("attachment"))
        );
        assert_ne!(thumb.body.as_ref(), PNG);
        guest.get(&format!("{target}{his}")).await.refused(404);
        let note = by_token(&guest, &shelf.note, &his).await;
        assert_eq!((note.status, note.text()), (200, NOTE.to_owned()));
    })
    .await;
}

#[tokio::test]
async fn superusers_have_every_file_by_their_token() {
    everywhere(async |shelf, guest| {
        let login = guest
            .authenticate("_superusers", SUPERUSER)
            .await
            .expect(200);
        let superuser = guest.with_token(login["token"].as_str().expect("a token"));
        let token = file_token(&superuser).await;
        let reply = by_token(&guest, &shelf.secret, &token).await;
        assert_eq!((reply.status, reply.text()), (200, SECRET.to_owned()));
    })
    .await;
}

#[tokio::test]
async fn of_the_answer_the_client_gets_what_it_wants() {
    everywhere(async |_, guest| {
        let alice = guest.log_in("alice").await;
        let nothing = alice
            .post(&format!("{TOKEN}?fields=other"))
            .await
            .expect(200);
        assert_eq!(nothing, json!({}));
        for body in ["", "{}"] {
            let call = alice.post(TOKEN).body("application/json", body);
            let answer = call.await.expect(200);
            assert_eq!(answer.as_object().map(serde_json::Map::len), Some(1));
        }
    })
    .await;
}

#[tokio::test]
async fn what_reaches_pocketbase_is_the_token_and_no_login() {
    let shelf = Shelf::open().await;
    let (guest, alice) = (shelf.stage.guest(), shelf.stage.log_in("alice").await);
    let token = file_token(&alice).await;
    let (target, login) = shelf.asked().pop().expect("PocketBase is asked");
    assert_eq!(
        (target.as_str(), login.as_deref()),
        (TOKEN, Some(alice.token()))
    );
    let spelled = token.replacen('e', "%65", 1);
    let reply = by_token(&guest, &shelf.secret, &spelled).await;
    assert_eq!(reply.status, 200);
    let expected = format!("{}?token={token}", shelf.secret);
    assert_eq!(shelf.asked(), [(expected.clone(), None)]);
    let reply = by_token(&alice, &shelf.secret, &token).await;
    assert_eq!(reply.status, 200);
    assert_eq!(shelf.asked(), [(expected, Some(alice.token().to_owned()))]);
    // Of somebody else it is asked for nothing.
    let bob = shelf.stage.log_in("bob").await;
    let two = by_token(&bob, &shelf.secret, &token).await;
    assert_eq!(two.code(401), "token_of_another");
    assert_eq!(shelf.asked(), []);
}
