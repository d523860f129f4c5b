//! Which records a write is about: they are locked until PocketBase has answered.

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::asks::aside;
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
        Operation::Update { id, .. } | Operation::Delete { id, .. } => id.clone(),
        Operation::Create { .. } => RecordId::new(body?.get("id")?.as_str()?)?,
        _ => return None,
    };
    Some(RecordKey {
        collection: collection.id.clone(),
        record: id,
    })
}

/// Waits for the turn to write to these records, without a place among the requests
/// under way: one record that many write to must not keep all others out.
pub(super) async fn hold(
    gateway: &Gateway,
    under_way: OwnedSemaphorePermit,
    keys: Vec<RecordKey>,
) -> Result<(OwnedSemaphorePermit, Option<Held>), Error> {
    if keys.is_empty() {
        return Ok((under_way, None));
    }
    let holding = async { Ok(Some(gateway.locks.hold(keys).await?)) };
    aside(gateway, under_way, holding).await
}
