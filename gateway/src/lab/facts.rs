//! The schema of a file of tests: PocketBase's export, or what the tests tell of it.
//!
//! What is only told is a sketch: any key of a body may be a field of it, as it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::raw;
use super::request;
use super::values::near;
use crate::rules::Known;
use crate::schema::{SUPERUSERS, Schema};
use crate::surface::{Compat, Surface};

/// What is known of collections.
pub(super) struct Facts {
    pub(super) known: Known,
    pub(super) surface: Arc<Surface>,
}

/// A key of the file, and what is wrong there.
pub(super) type Wrong = (&'static str, String);

/// PocketBase's own fields of every auth collection.
const OF_ACCOUNTS: [(&str, &str, bool); 5] = [
    ("password", "password", true),
    ("tokenKey", "text", true),
    ("email", "email", false),
    ("emailVisibility", "bool", false),
    ("verified", "bool", false),
];

/// The types that a field can be told to have.
const TYPES: [&str; 13] = [
    "text", "email", "url", "editor", "date", "number", "bool", "select", "relation", "file",
    "json", "geoPoint", "password",
];

impl Facts {
    /// Reads the export that the file names, or puts together what it tells.
    pub(super) fn of(file: &raw::File, folder: &Path) -> Result<Self, Wrong> {
        let schema = match &file.schema {
            Some(export) => exported(&folder.join(export))?,
            None => sketched(file)?,
        };
        let knows_all = file.schema.is_some();
        if knows_all && !file.collections.is_empty() {
            let problem = "says what schema says already; leave one of the two out";
            return Err(("collections", problem.to_owned()));
        }
        let sketched: BTreeSet<String> = schema
            .collections()
            .filter(|_| !knows_all)
            .map(|collection| collection.name.clone())
            .collect();
        let surface = Surface {
            compat: Compat {
                sketched,
                ..Compat::default()
            },
            ..Surface::default()
        };
        Ok(Self {
            known: Known {
                schema: Arc::new(schema),
                is_all: knows_all,
            },
            surface: Arc::new(surface),
        })
    }
}

fn exported(file: &Path) -> Result<Schema, Wrong> {
    let failed = |problem: String| ("schema", format!("{}: {problem}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let told: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let listed = match &told {
        Value::Array(_) => Some(&told),
        told => told.get("items").or_else(|| told.get("collections")),
    };
    let Some(Value::Array(listed)) = listed else {
        let expected = "expected the list of collections that PocketBase exports";
        return Err(failed(expected.to_owned()));
    };
    let mut listed = listed.clone();
    if !listed
        .iter()
        .any(|one| one.get("name") == Some(&SUPERUSERS.into()))
    {
        listed.push(collection(SUPERUSERS, "auth", Vec::new()));
    }
    read(&listed).map_err(failed)
}

fn sketched(file: &raw::File) -> Result<Schema, Wrong> {
    let (names, mut files) = named(file)?;
    let mut listed = Vec::new();
    for (name, is_auth) in names {
        let told = file.collections.get(name);
        let files = files.remove(name).unwrap_or_default();
        let fields =
            fields(told, files).map_err(|problem| ("collections", format!("{name}.{problem}")))?;
        let kind = if is_auth { "auth" } else { "base" };
        listed.push(collection(name, kind, fields));
    }
    read(&listed).map_err(|problem| ("collections", problem))
}

/// Names, and whether their records can log in; and the fields for which files come.
type Named<'a> = (
    BTreeMap<&'a str, bool>,
    BTreeMap<&'a str, BTreeSet<&'a str>>,
);

/// Every collection that is named anywhere in a file.
fn named(file: &raw::File) -> Result<Named<'_>, Wrong> {
    let cases = file.case.iter().map(toml::Spanned::get_ref);
    let of_cases = cases.map(|case| (case.request.as_str(), &case.uploads));
    let of_matrices = file.matrix.iter().flat_map(|matrix| {
        let matrix = matrix.get_ref();
        let requests = matrix.requests.keys();
        requests.map(|request| (request.as_str(), &matrix.uploads))
    });
    let mut names = BTreeMap::from([(SUPERUSERS, true)]);
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut add = |name, is_auth| *names.entry(name).or_insert(false) |= is_auth;
    for (request, uploads) in of_cases.chain(of_matrices) {
        if let Some((name, is_auth)) = request::collection_of(request) {
            add(name, is_auth);
            let fields = uploads.iter().map(|upload| upload.field.as_str());
            files.entry(name).or_default().extend(fields);
        }
    }
    for principal in file.principals.values() {
        add(principal.collection.as_str(), true);
    }
    let records = file
        .case
        .iter()
        .flat_map(|case| case.get_ref().records.keys());
    let of_matrices = file
        .matrix
        .iter()
        .flat_map(|one| one.get_ref().records.keys());
    for name in file.records.keys().chain(records).chain(of_matrices) {
        add(name.as_str(), false);
    }
    for (name, told) in &file.collections {
        match told.r#type.as_deref() {
            None | Some("base") => add(name.as_str(), false),
            Some("auth") => add(name.as_str(), true),
            Some(other) => {
                let problem = format!("{name}.type is \"{other}\"; expected \"base\" or \"auth\"");
                return Err(("collections", problem));
            }
        }
    }
    Ok((names, files))
}

/// The fields that are told, and those that files come for.
fn fields(told: Option<&raw::Collection>, files: BTreeSet<&str>) -> Result<Vec<Value>, String> {
    let mut fields = Vec::new();
    let hidden = told.map(|told| told.hidden.as_slice()).unwrap_or_default();
    let is_hidden = |name: &str| hidden.iter().any(|one| one == name);
    for (name, kind) in told.iter().flat_map(|told| &told.fields) {
        let field = typed(name, kind).map_err(|problem| format!("fields.{name} {problem}"))?;
        fields.push((name.as_str(), field));
    }
    for name in hidden {
        if !fields.iter().any(|(known, _)| known == name) {
            fields.push((name, object(json!({ "name": name, "type": "told" }))));
        }
    }
    for name in files {
        let name = name.trim_matches(['+', '-']);
        if !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, typed(name, "file[]")?));
        }
    }
    Ok(fields
        .into_iter()
        .map(|(name, mut field)| {
            field.insert("hidden".to_owned(), is_hidden(name).into());
            Value::Object(field)
        })
        .collect())
}

/// A field like `text`, `select[]` or `relation:users[]`.
fn typed(name: &str, kind: &str) -> Result<Map<String, Value>, String> {
    let (single, most) = match kind.strip_suffix("[]") {
        Some(single) => (single, 99),
        None => (kind, 1),
    };
    let (word, to) = single.split_once(':').unwrap_or((single, ""));
    if !TYPES.contains(&word) {
        let meant = near(word, TYPES).map(|meant| format!("; did you mean \"{meant}\"?"));
        let meant = meant.unwrap_or_default();
        return Err(format!(
            "is \"{kind}\"{meant} expected one of {}, with [] behind it where it holds several, and relation as relation:COLLECTION",
            TYPES.join(", ")
        ));
    }
    if (word == "relation") == to.is_empty() {
        return Err(format!(
            "is \"{kind}\"; a relation, and nothing else, names its collection: relation:users"
        ));
    }
    let mut field = object(json!({ "name": name, "type": word, "maxSelect": most }));
    if word == "relation" {
        field.insert("collectionId".to_owned(), id_of(to).into());
    }
    if word == "file" {
        field.insert("protected".to_owned(), false.into());
        field.insert("maxSize".to_owned(), u64::from(u32::MAX).into());
    }
    Ok(field)
}

/// As PocketBase lists it.
fn collection(name: &str, kind: &str, mut fields: Vec<Value>) -> Value {
    let mut own = vec![("id", "text", false)];
    if kind == "auth" {
        own.extend(OF_ACCOUNTS);
    }
    for (name, kind, hidden) in own {
        if !fields
            .iter()
            .any(|field| field.get("name") == Some(&name.into()))
        {
            fields.push(json!({ "name": name, "type": kind, "hidden": hidden }));
        }
    }
    let system = name.starts_with('_');
    json!({ "id": id_of(name), "name": name, "type": kind, "system": system, "fields": fields })
}

fn id_of(name: &str) -> String {
    format!("pbc_{name}")
}

fn object(mut value: Value) -> Map<String, Value> {
    value
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default()
}

fn read(listed: &[Value]) -> Result<Schema, String> {
    let total = listed.len();
    let page = json!({ "items": listed, "totalItems": total });
    Schema::read(&[page]).map_err(|error| error.to_string())
}
