//! Who asks in a case: nobody is vouched for here, and nothing that they ask goes anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::facts::Facts;
use super::raw;
use super::values::{near, object};
use crate::principal::{Principal, Token, Vouched};
use crate::schema::{FieldKind, SUPERUSERS};

/// Those who need not be told of.
const GUEST: &str = "guest";
const SUPERUSER: &str = "superuser";

/// The principal of this name.
pub(super) fn principal(
    name: &str,
    known: &BTreeMap<String, raw::Principal>,
    facts: &Facts,
) -> Result<Principal, String> {
    if let Some(told) = known.get(name) {
        return vouched(name, &told.collection, object(&told.record), facts);
    }
    match name {
        GUEST => Ok(Principal::Guest),
        SUPERUSER => vouched(name, SUPERUSERS, Map::new(), facts),
        other => {
            let names = known.keys().map(String::as_str).chain([GUEST, SUPERUSER]);
            let meant = near(other, names.clone());
            let meant =
                meant.map_or_else(String::new, |meant| format!(" did you mean \"{meant}\"?"));
            let names: Vec<&str> = names.collect();
            Err(format!(
                "nobody is named \"{other}\";{meant} there are {}; tell of more in [principals.{other}]",
                names.join(", ")
            ))
        }
    }
}

/// The record as its owner sees it: PocketBase tells nobody a hidden field or a password.
fn vouched(
    name: &str,
    collection: &str,
    mut record: Map<String, Value>,
    facts: &Facts,
) -> Result<Principal, String> {
    let found = facts.known.schema.by_name(collection);
    let Some(collection) = found.filter(|found| found.name == collection && found.is_auth()) else {
        return Err(format!(
            "\"{name}\" is of the collection \"{collection}\", which is no auth collection of the schema"
        ));
    };
    record.retain(|key, _| {
        let field = collection.field(key);
        field.is_none_or(|field| !field.hidden && field.kind != FieldKind::Password)
    });
    let id = record.entry("id").or_insert_with(|| name.into());
    let Some(id) = id.as_str().map(str::to_owned) else {
        return Err(format!("the id of \"{name}\" is no text"));
    };
    record.insert("collectionId".to_owned(), collection.id.clone().into());
    record.insert("collectionName".to_owned(), collection.name.clone().into());
    Ok(Principal::vouched(Vouched {
        id,
        collection: collection.name.clone(),
        superuser: collection.is_superusers(),
        record: Arc::new(Value::Object(record)),
        token: Token::new(""),
        session: None,
    }))
}
