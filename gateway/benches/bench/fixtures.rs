//! The people and records that all measurements share, and the places on disk.
//!
//! Alice asks, with a token that passes every check the gateway makes by itself;
//! the record she or a guest gets has one kilobyte of JSON, with a field that
//! the ownership rule hides from all but its owner.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Who asks.
pub(crate) const ALICE: &str = "alice0000000000";
/// Whose record she changes.
pub(crate) const BOB: &str = "bob000000000000";
/// The collection of both, by id.
pub(crate) const USERS: &str = "_pb_users_auth_";

/// What the ownership rule hides.
pub(crate) const HIDDEN: &str = "postr_subscriber_since";

/// The ownership rule with work in both its moments: `before` judges what alice
/// changes of bob, `reveal` hides a field of what is not one's own.
pub(crate) const OWNERSHIP: &str =
    r#"{"others_may_update": true, "hide": ["postr_subscriber_since", "secret_note"]}"#;

/// The size of a record's JSON, in bytes.
const RECORD_BYTES: usize = 1_024;

/// The size of the records of lists.
const SMALL_BYTES: usize = 400;

/// A user's record as PocketBase answers it.
pub(crate) fn user(id: &str) -> Value {
    let record = json!({
        "collectionId": USERS, "collectionName": "users", "id": id, "name": "Somebody", "avatar": "portrait_x7a0k2.png",
        "email": "somebody@example.com", "emailVisibility": true, "verified": true, "role": "member",
        "created": "2026-01-01 10:00:00.000Z", "updated": "2026-02-01 10:00:00.000Z", "bio": "",
        "followers": ["bob000000000000", "carol0000000000"], "following": [], "devices": [{"name": "phone", "seen": 3}],
        "validVerified": false, "postr_plus": false, "postr_subscriber_since": "2026-01-05 10:00:00.000Z",
    });
    padded(record, "bio", RECORD_BYTES)
}

/// A post of bob's.
pub(crate) fn post() -> Value {
    let record = json!({
        "collectionId": "pbc_1125843985", "collectionName": "posts", "id": "post00000000300", "title": "A post",
        "status": "published", "author": BOB, "cover": "", "tags": ["one", "two"], "views": 42,
        "secret_note": "For bob alone.", "created": "2026-01-01 10:00:00.000Z", "updated": "2026-02-01 10:00:00.000Z",
        "content": "",
    });
    padded(record, "content", RECORD_BYTES)
}

/// One of the posts of a list, by its number.
pub(crate) fn small_post(number: u32) -> Value {
    let record = json!({
        "collectionId": "pbc_1125843985", "collectionName": "posts", "id": format!("post{number:011}"), "title": "A post",
        "status": "published", "author": BOB, "cover": "", "views": number, "secret_note": "For bob alone.",
        "created": "2026-01-01 10:00:00.000Z", "updated": "2026-02-01 10:00:00.000Z", "content": "",
    });
    padded(record, "content", SMALL_BYTES)
}

/// A collection of such posts that anybody may read, and whom PocketBase's rule lets may change.
pub(crate) fn notes(update_rule: Option<&str>) -> Value {
    let mut fields = vec![
        json!({ "name": "views", "type": "number" }),
        json!({ "name": "created", "type": "autodate", "onCreate": true }),
        json!({ "name": "updated", "type": "autodate", "onCreate": true, "onUpdate": true }),
    ];
    for name in [
        "title",
        "status",
        "author",
        "cover",
        "secret_note",
        "content",
    ] {
        fields.push(json!({ "name": name, "type": "text" }));
    }
    json!({
        "name": "notes", "type": "base", "listRule": "", "viewRule": "", "updateRule": update_rule, "fields": fields,
    })
}

/// The body with which alice changes a record, one kilobyte of it.
pub(crate) fn change() -> Value {
    padded(
        json!({ "name": "Alice", "role": "member", "bio": "" }),
        "bio",
        RECORD_BYTES,
    )
}

/// A token of this record, not expired within our lives; nobody signed it.
pub(crate) fn token(collection: &str, id: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "collectionId": collection, "exp": 4_102_444_800_u64, "id": id, "refreshable": true, "type": "auth",
    });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    format!("{}.{}.{}", part(&header), part(&claims), "c".repeat(43))
}

/// The demo's collections, as PocketBase lists them.
pub(crate) fn collections() -> anyhow::Result<Value> {
    let file = root().join("tests/fixtures/stub/collections.json");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// The superuser of a PocketBase that is measured with.
pub(crate) const EMAIL: &str = "admin@example.com";
/// Its password.
pub(crate) const PASSWORD: &str = "1234567890";

/// A gateway's configuration before that PocketBase: one collection, judged by one rule.
/// `settings` are the rule's, as TOML.
pub(crate) fn config(
    pocketbase: SocketAddr,
    name: &str,
    settings: &str,
    collection: &str,
) -> anyhow::Result<String> {
    let file = rule(name)?;
    Ok(format!(
        r#"
[pocketbase]
url = "http://{pocketbase}"
superuser = {{ email = "{EMAIL}", password = "{PASSWORD}" }}
[[rule]]
name = "{name}"
file = {:?}
settings = {settings}
[collections.{collection}]
rules = ["{name}"]
"#,
        file.display().to_string()
    ))
}

/// The file of a built rule.
pub(crate) fn rule(name: &str) -> anyhow::Result<PathBuf> {
    [".build/rules", ".build/test-rules", ".build/guests"]
        .into_iter()
        .map(|place| root().join(place).join(name).with_extension("wasm"))
        .find(|file| file.exists())
        .with_context(|| {
            format!("the rule {name} is not built: run `make bench`, or the one of it that this is")
        })
}

/// The pinned PocketBase.
pub(crate) fn pocketbase() -> PathBuf {
    let fetched = || root().join(".build/pocketbase/0.40.6/pocketbase");
    std::env::var_os("POCKETBASE").map_or_else(fetched, PathBuf::from)
}

/// Where the results go.
pub(crate) fn results() -> PathBuf {
    root().join("target/bench")
}

/// A new, empty folder for one measurement.
pub(crate) fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let folder = results().join("work").join(name);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)?,
        _ => std::fs::create_dir_all(&folder)?,
    }
    Ok(folder)
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let gateway = Path::new(env!("CARGO_MANIFEST_DIR"));
    gateway.parent().unwrap_or(gateway)
}

/// Fills a text field until the whole has its size.
fn padded(mut record: Value, field: &str, size: usize) -> Value {
    let missing = size.saturating_sub(record.to_string().len());
    if let Some(text) = record.get_mut(field) {
        *text = Value::from("x".repeat(missing));
    }
    record
}
