//! Collections with file fields, for a PocketBase under way, and batches to write to them.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{Client, PocketBase, Setup, Stage, TestGateway};

/// The collection: anybody may do anything with its records, and every field of a file differs in one thing.
///
/// | field | |
/// |---|---|
/// | `title`, `plays`, `secret` | a text of at most 20 letters, a number, a text that is hidden |
/// | `cover` | one PNG of at most 1,000 bytes, with a thumb |
/// | `photos` | at most three files, of 1,000 bytes each |
/// | `scan` | one file, as large as PocketBase has it by default |
/// | `film` | one file of up to 200 MB |
/// | `negative` | one file, hidden |
/// | `master` | one file, protected |
pub const ALBUMS: &str = "albums";

/// Records of these are made by whom PocketBase's rule lets: with the title `ok`. A file is required.
pub const SLEEVES: &str = "sleeves";

/// Of these superusers alone can do anything.
pub const VAULTS: &str = "vaults";

/// The largest file that `cover` and each of `photos` takes, in bytes.
pub const LARGEST: usize = 1_000;

/// A PNG of one pixel.
pub const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0,
    0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 13, b'I', b'D', b'A', b'T',
    0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0, 0, 1, 0xe2, 0x21, 0xbc, 0x33, 0, 0, 0, 0, b'I', b'E',
    b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// How many parts a batch may have here: fewer than at the gateway.
pub const PARTS: usize = 20;

/// Where a scenario is played: at PocketBase itself, or at a gateway before it.
#[derive(Debug)]
pub struct Albums {
    /// Which has the collections.
    pub pocketbase: PocketBase,
    /// None: people ask PocketBase itself.
    pub gateway: Option<TestGateway>,
}

impl Albums {
    /// PocketBase itself.
    pub async fn direct() -> Self {
        Self {
            pocketbase: pocketbase().await,
            gateway: None,
        }
    }

    /// The gateway, under PocketBase's own rules alone.
    pub async fn open() -> Self {
        let pocketbase = pocketbase().await;
        let setup = open(Setup::before(pocketbase.address()));
        Self {
            gateway: Some(setup.start().await),
            pocketbase,
        }
    }

    /// Plays a scenario with PocketBase itself and through a gateway: what it says is true of both.
    pub async fn everywhere(scenario: impl AsyncFn(&Self)) {
        scenario(&Self::direct().await).await;
        scenario(&Self::open().await).await;
    }

    /// Somebody who is not logged in.
    #[must_use]
    pub fn guest(&self) -> Client {
        match &self.gateway {
            Some(gateway) => gateway.client(),
            None => self.pocketbase.client(),
        }
    }

    /// One of the demo's people.
    pub async fn log_in(&self, name: &str) -> Client {
        self.guest()
            .with_token(self.pocketbase.client().log_in(name).await.token())
    }

    /// The superuser.
    pub async fn superuser(&self) -> Client {
        self.guest()
            .with_token(self.pocketbase.superuser().await.token())
    }
}

/// Exposes the collections, under PocketBase's own rules alone.
pub fn open(gateway: Setup) -> Setup {
    [ALBUMS, SLEEVES, VAULTS, "users", "posts", "comments"]
        .into_iter()
        .fold(gateway, Setup::open)
        .also("[superusers]\nroutes = \"on\"")
}

/// A gateway before such a PocketBase, with a recording proxy between.
pub async fn stage(set_up: impl FnOnce(Setup) -> Setup) -> Stage {
    Stage::before(pocketbase().await, set_up).await
}

/// A PocketBase with the collections, that takes batches of [`PARTS`].
///
/// # Panics
///
/// When it refuses.
pub async fn pocketbase() -> PocketBase {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    for collection in [albums(), sleeves(), vaults()] {
        let call = superuser.post("/api/collections").json(&collection);
        call.await.expect(200);
    }
    take_batches(&pocketbase, PARTS).await;
    pocketbase
}

/// Has a PocketBase take batches of so many parts; of none: it takes no batches.
///
/// # Panics
///
/// When it refuses.
pub async fn take_batches(pocketbase: &PocketBase, parts: usize) {
    let batch = json!({
        "enabled": parts > 0, "maxRequests": parts.max(1), "timeout": 10, "maxBodySize": 0,
    });
    let superuser = pocketbase.superuser().await;
    let settings = superuser
        .patch("/api/settings")
        .json(&json!({ "batch": batch }));
    settings.await.expect(200);
}

/// A file as PocketBase keeps it, past any gateway.
///
/// # Panics
///
/// When it has none.
pub async fn kept(pocketbase: &PocketBase, record: &Value, file_name: &Value) -> Bytes {
    let name = file_name.as_str().expect("a file's name");
    let (collection, id) = (&record["collectionId"], &record["id"]);
    let target = |part: &Value| part.as_str().expect("a text").to_owned();
    let target = format!("/api/files/{}/{}/{name}", target(collection), target(id));
    let reply = pocketbase.client().get(&target).await;
    assert_eq!(reply.status, 200, "{target}: {reply:?}");
    reply.body
}

fn albums() -> Value {
    let mut albums = json!({
        "type": "base", "name": ALBUMS,
        "fields": [
            { "type": "text", "name": "title", "max": 20 },
            { "type": "number", "name": "plays" },
            { "type": "text", "name": "secret", "hidden": true },
            { "type": "file", "name": "cover", "maxSelect": 1, "maxSize": LARGEST, "mimeTypes": ["image/png"], "thumbs": ["10x10"] },
            { "type": "file", "name": "photos", "maxSelect": 3, "maxSize": LARGEST },
            { "type": "file", "name": "scan", "maxSelect": 1 },
            { "type": "file", "name": "film", "maxSelect": 1, "maxSize": 200_000_000 },
            { "type": "file", "name": "negative", "maxSelect": 1, "hidden": true },
            { "type": "file", "name": "master", "maxSelect": 1, "protected": true },
        ],
    });
    for rule in [
        "listRule",
        "viewRule",
        "createRule",
        "updateRule",
        "deleteRule",
    ] {
        albums[rule] = json!("");
    }
    albums
}

fn sleeves() -> Value {
    json!({
        "type": "base", "name": SLEEVES, "viewRule": "", "createRule": "title = 'ok'", "updateRule": "title = 'ok'",
        "fields": [
            { "type": "text", "name": "title" },
            { "type": "file", "name": "scan", "maxSelect": 1, "required": true },
        ],
    })
}

fn vaults() -> Value {
    json!({ "type": "base", "name": VAULTS, "fields": [{ "type": "text", "name": "title" }] })
}
