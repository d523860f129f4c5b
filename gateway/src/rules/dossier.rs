//! What the rules of one request asked PocketBase and noted for the log.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::Notes;
use crate::operation::RecordId;
use crate::schema::Collection;
use crate::upstream::{Upstream, UpstreamError};

/// Notes of one request: they are for one line.
const NOTES: usize = 32;

/// Bytes of a note's key, and of its value.
const NOTE_BYTES: usize = 200;

/// What one request's rules share: answers asked for once, and their notes,
/// which outlive a rule that denies or fails.
#[derive(Default)]
pub struct Dossier {
    /// None only for calls outside a request, which have nothing to ask about.
    upstream: Option<Arc<Upstream>>,
    stored: OnceCell<Option<Arc<Value>>>,
    notes: Mutex<Notes>,
}

impl Dossier {
    /// An empty one, for a request.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self {
            upstream: Some(upstream),
            ..Self::default()
        }
    }

    /// For calls that no request is behind.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// What was noted so far; further notes begin anew.
    #[must_use]
    pub fn take_notes(&self) -> Notes {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a note, while there is room.
    pub(super) fn note(&self, key: String, value: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < NOTES {
            notes.push((short(key), short(value)));
        }
    }

    /// The record as PocketBase holds it now, read at the first call.
    pub(super) async fn stored(
        &self,
        collection: &Arc<Collection>,
        id: &RecordId,
    ) -> Result<Option<Arc<Value>>, UpstreamError> {
        let Some(upstream) = &self.upstream else {
            return Ok(None);
        };
        let found = self
            .stored
            .get_or_try_init(|| read(upstream, collection, id));
        found.await.cloned()
    }
}

fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(NOTE_BYTES));
    text
}

/// Reads a record on the threads that serve requests, wherever the rule that
/// asks may run: connections made on the slow lane would stay slow.
async fn read(
    upstream: &Arc<Upstream>,
    collection: &Arc<Collection>,
    id: &RecordId,
) -> Result<Option<Arc<Value>>, UpstreamError> {
    let (asked, collection, id) = (Arc::clone(upstream), Arc::clone(collection), id.clone());
    let reading = upstream
        .runtime()
        .spawn(async move { asked.stored(&collection, &id).await });
    let read = AbortOnDropHandle::new(reading).await;
    Ok(read
        .map_err(|error| UpstreamError::Away(error.to_string()))??
        .map(Arc::new))
}
