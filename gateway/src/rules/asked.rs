//! What rules asked PocketBase in the course of one request: asked once, and
//! only if a rule wants to know.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::operation::RecordId;
use crate::schema::Collection;
use crate::upstream::{Upstream, UpstreamError};

/// The answers that the rules of one request share.
#[derive(Default)]
pub struct Asked {
    /// None only for calls outside a request, which have nothing to ask about.
    upstream: Option<Arc<Upstream>>,
    stored: OnceCell<Option<Arc<Value>>>,
}

impl Asked {
    /// For a request whose rules have asked nothing yet.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self {
            upstream: Some(upstream),
            stored: OnceCell::new(),
        }
    }

    /// For calls that no request is behind.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// The record as PocketBase holds it now, read at the first call.
    pub(super) async fn stored(
        &self,
        collection: &Collection,
        id: &RecordId,
    ) -> Result<Option<Arc<Value>>, UpstreamError> {
        let Some(upstream) = &self.upstream else {
            return Ok(None);
        };
        let found = self.stored.get_or_try_init(async || {
            Ok::<_, UpstreamError>(upstream.stored(collection, id).await?.map(Arc::new))
        });
        found.await.cloned()
    }
}
