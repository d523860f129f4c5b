//! A PocketBase of many kinds of fields, alone and behind the gateway.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hapta_tests::demo::{BOB, POST_OF_ALICE, record, records};
use hapta_tests::{Call, Client, PocketBase, Process, eventually, pocketbase_version, root};
use http::Method;
use serde_json::{Value, json};

use super::compare::problems;
use super::corpus::{self, Words};
use super::transparent;

/// In PocketBase's public folder.
const PUBLIC: [(&str, &str); 8] = [
    ("index.html", "<!doctype html><h1>the app</h1>"),
    ("app.js", "console.log('the app')"),
    ("app.css", "body { color: black }"),
    ("notes.txt", "plain words"),
    ("a b.txt", "a name with a space"),
    ("folder/index.html", "<h1>a folder</h1>"),
    ("folder/page.html", "<h1>a page</h1>"),
    ("empty/data.json", "{\"a\": [1, 2]}"),
];

/// Both ways to PocketBase.
pub(super) struct Scene {
    direct: PocketBase,
    gateway: Process,
    words: Words,
    /// What the gateway stands before, where that is another.
    behind: Option<PocketBase>,
}

impl Scene {
    /// One PocketBase, asked both ways.
    pub(super) async fn one() -> Self {
        let direct = pocketbase().await;
        let mut words = seed(&direct).await;
        spoil(&direct, &mut words).await;
        put_files(&direct, &mut words).await;
        let gateway = transparent(&direct).await;
        for (word, login) in [("filetoken", "alice"), ("superfile", "root")] {
            words.insert(word, file_token(&gateway.client(), &words, login).await);
        }
        Self {
            direct,
            gateway,
            words,
            behind: None,
        }
    }

    /// Two of the same content, one behind the gateway: what is written on
    /// either way is not seen on the other.
    pub(super) async fn twins() -> Self {
        let (direct, behind) = (pocketbase().await, pocketbase().await);
        let mut words = seed(&direct).await;
        let others = seed(&behind).await;
        spoil(&direct, &mut words).await;
        assert_eq!(words.get("cover"), others.get("cover"), "they are no twins");
        let gateway = transparent(&behind).await;
        Self {
            direct,
            gateway,
            words,
            behind: Some(behind),
        }
    }

    /// A guest at PocketBase itself.
    pub(super) fn direct(&self) -> Client {
        self.direct.client()
    }

    /// A guest at the gateway.
    pub(super) fn through(&self) -> Client {
        self.gateway.client()
    }

    /// What `$word` stands for.
    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// Sends all requests of a file both ways.
    pub(super) async fn same(&self, corpus: &str) {
        let twins = self.behind.is_some();
        let (direct, through) = (self.direct(), self.through());
        let mut report = Vec::new();
        let asks = corpus::read(corpus);
        for ask in &asks {
            if pocketbase_version() < ask.since {
                continue;
            }
            let mut ask = ask.clone();
            if twins {
                // Written at another moment.
                ask.loose.extend(["created", "updated"].map(str::to_owned));
            }
            let by_pocketbase = ask.of(&direct, &self.words).await;
            let by_gateway = ask.of(&through, &self.words).await;
            let problems = problems(&ask, &by_pocketbase, &by_gateway);
            if !problems.is_empty() {
                report.push(format!("{}\n    {}", ask.line(), problems.join("\n    ")));
            }
        }
        assert!(
            report.is_empty(),
            "of {} requests, these differ:\n{}",
            asks.len(),
            report.join("\n")
        );
    }
}

async fn pocketbase() -> PocketBase {
    let folder = root().join("tests/fixtures/faithful");
    let hooks = fs::read_to_string(folder.join("hooks.pb.js")).expect("the hooks");
    let public = PUBLIC.map(|(path, text)| (format!("pb_public/{path}"), text.to_owned()));
    let mut files = public.to_vec();
    files.push(("pb_hooks/main.pb.js".to_owned(), hooks));
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    PocketBase::start_with(&files).await
}

/// Collections and records beside the demo's; and what is to be known of them.
async fn seed(pocketbase: &PocketBase) -> Words {
    let (guest, superuser) = (pocketbase.client(), pocketbase.superuser().await);
    let mut words = Words::from([("root", superuser.token().to_owned())]);
    let folder = root().join("tests/fixtures/faithful");
    let schema = fs::read_to_string(folder.join("schema.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    superuser
        .call(Method::PUT, "/api/collections/import")
        .json(&json!({ "collections": schema, "deleteMissing": false }))
        .await
        .expect(204);
    for ask in corpus::read("seed") {
        ask.of(&guest, &words).await.expect(200);
    }
    for name in ["alice", "bob", "carol"] {
        words.insert(name, guest.log_in(name).await.token().to_owned());
    }
    let mona = guest.authenticate("members", "mona").await.expect(200);
    words.insert("mona", text(&mona["token"]));
    let post = guest.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    words.insert("cover", text(&post["cover"]));
    words.insert("posts", text(&post["collectionId"]));
    words
}

/// Tokens that are no longer good, or never were.
async fn spoil(pocketbase: &PocketBase, words: &mut Words) {
    let (guest, superuser) = (pocketbase.client(), pocketbase.superuser().await);
    let short = superuser
        .post(&format!("/api/collections/users/impersonate/{BOB}"))
        .json(&json!({ "duration": 1 }))
        .await
        .expect(200);
    let expired = text(&short["token"]);
    let refresh = "/api/collections/users/auth-refresh";
    eventually("the token expires", async || {
        let reply = guest.post(refresh).token(&expired).await;
        (reply.status == 401).then_some(())
    })
    .await;
    words.insert("expired", expired);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = json!({ "collectionId": "_pb_users_auth_", "exp": 4_102_444_800_u64, "id": BOB, "refreshable": true, "type": "auth" });
    let signature = URL_SAFE_NO_PAD.encode([7; 32]);
    words.insert("foreign", format!("{head}.{}.{signature}", part(claims)));
}

/// Files, and what is known of them when they are there.
async fn put_files(pocketbase: &PocketBase, words: &mut Words) {
    let superuser = pocketbase.superuser().await;
    let thing = record("things", "thing0000000001");
    let thing = upload(superuser.patch(&thing), "").await;
    let vault = upload(superuser.post(&records("vault")), "vault0000000001").await;
    words.insert("doc", text(&thing["doc"]));
    // Past the gateway, which is not there yet.
    words.insert(
        "pastfile",
        file_token(&pocketbase.client(), words, "bob").await,
    );
    words.insert("kept", text(&vault["doc"]));
    let guest = pocketbase.client();
    let modified = async |target: String| {
        let reply = guest.get(&target).await;
        reply.header("last-modified").expect("a date").to_owned()
    };
    let doc = format!("/api/files/things/thing0000000001/{}", words["doc"]);
    words.insert("modified", modified(doc).await);
    words.insert("published", modified("/app.js".to_owned()).await);
    let dashboard = guest.get("/_/").await.text();
    let mut parts = dashboard.split(['"', '\'']);
    let asset =
        parts.find(|part| part.rsplit('.').next() == Some("js") && !part.contains("extensions"));
    let asset = asset.expect("the dashboard loads a script");
    words.insert(
        "asset",
        asset
            .trim_start_matches("./")
            .trim_start_matches("/_/")
            .to_owned(),
    );
}

/// A token of somebody for files.
async fn file_token(client: &Client, words: &Words, login: &str) -> String {
    let token = client.post("/api/files/token").token(&words[login]).await;
    text(&token.expect(200)["token"])
}

/// A file in the field `doc`, in a form.
async fn upload(call: Call, id: &str) -> Value {
    let part = |head: &str, text: &str| {
        format!("--parts\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n")
    };
    let mut form = String::new();
    if !id.is_empty() {
        form += &part("name=\"id\"", id);
    }
    form += &part("name=\"doc\"; filename=\"doc.txt\"", "0123456789 and so on");
    form += "--parts--\r\n";
    call.body("multipart/form-data; boundary=parts", form)
        .await
        .expect(200)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
