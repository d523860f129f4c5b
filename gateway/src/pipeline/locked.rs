//! Which records a write is about: they are locked until PocketBase has answered.

use serde_json::Value;

use crate::error::Error;
use crate::gateway::Gateway;
use crate::locks::{Held, RecordKey};
use crate::operation::{Operation, RecordId};
use crate::schema::Collection;

/// The record that a write is about, as far as it is known before: a new one has an
/// id only if it is chosen.
pub(super) fn record(
    operation: &Operation,
    collection: &Collection,
    body: Option<&Value>,
) -> Option<RecordKey> {
    let id = match operation {
        Operation::Update { id, .. } | Operation::Delete { id, .. } => Some(id.as_str()),
        Operation::Create { .. } => body?.get("id").and_then(Value::as_str),
        _ => None,
    };
    let id = id.and_then(RecordId::new)?;
    Some(RecordKey {
        collection: collection.id.clone(),
        record: id.as_str().to_owned(),
    })
}

/// Waits for the turn to write to these records; nothing where there are none.
pub(super) async fn hold(gateway: &Gateway, keys: Vec<RecordKey>) -> Result<Option<Held>, Error> {
    if keys.is_empty() {
        return Ok(None);
    }
    Ok(Some(gateway.locks.hold(keys).await?))
}
