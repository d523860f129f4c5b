//! Who answers what rules ask beyond the request: PocketBase, or somebody who tells what it would say.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use super::scene::Scene;
use crate::exchange::Exchange;
use crate::operation::{Operation, RecordId};
use crate::schema::Collection;
use crate::upstream::{Found, Standing, Upstream, UpstreamError};

/// Who answers.
#[derive(Clone, Default)]
pub(super) enum Answers {
    /// No request is behind the calls, so there is nothing to ask about.
    #[default]
    Nobody,
    /// The one that the gateway stands before.
    PocketBase(Arc<Upstream>),
    /// A request that nobody sent.
    Told(Arc<Scene>),
}

impl Answers {
    /// Whether nobody has to be waited for.
    pub(super) fn are_at_hand(&self) -> bool {
        match self {
            Self::Nobody | Self::Told(_) => true,
            Self::PocketBase(_) => false,
        }
    }

    /// The record as it is stored; none where there is none, or no request.
    pub(super) async fn stored(
        &self,
        collection: &Arc<Collection>,
        id: &RecordId,
    ) -> Result<Option<Arc<Value>>, UpstreamError> {
        match self {
            Self::Nobody => Ok(None),
            Self::Told(scene) => scene.stored(),
            Self::PocketBase(upstream) => {
                let (asked, collection, id) =
                    (Arc::clone(upstream), Arc::clone(collection), id.clone());
                let reading = async move { asked.stored(&collection, &id).await };
                Ok(on_request_threads(upstream, reading).await?.map(Arc::new))
            }
        }
    }

    /// The collection of this name; none where there is none, or no request.
    pub(super) fn collection(&self, name: &str) -> Option<Arc<Collection>> {
        match self {
            Self::Nobody => None,
            Self::Told(scene) => scene.collection(name),
            Self::PocketBase(upstream) => upstream.schema().by_name(name).cloned(),
        }
    }

    /// One record, or how many there are; none where there is no request.
    pub(super) async fn read(
        &self,
        standing: Standing,
        collection: &str,
        operation: Operation,
        exchange: &Arc<Exchange>,
    ) -> Option<Result<Found, UpstreamError>> {
        match self {
            Self::Nobody => None,
            Self::Told(scene) => Some(scene.read(standing, collection, &operation, exchange)),
            Self::PocketBase(upstream) => {
                let (asked, exchange, collection) = (
                    Arc::clone(upstream),
                    Arc::clone(exchange),
                    collection.to_owned(),
                );
                let reading = async move {
                    asked
                        .read(standing, &exchange, &collection, &operation)
                        .await
                };
                Some(on_request_threads(upstream, reading).await)
            }
        }
    }
}

/// Asks PocketBase on the threads that serve requests, wherever the rule that
/// asks may run: connections made on the slow lane would stay slow.
async fn on_request_threads<T: Send + 'static>(
    upstream: &Upstream,
    asking: impl Future<Output = Result<T, UpstreamError>> + Send + 'static,
) -> Result<T, UpstreamError> {
    let asking = upstream.runtime().spawn(asking);
    let asked = AbortOnDropHandle::new(asking).await;
    asked.map_err(|error| UpstreamError::Away(error.to_string()))?
}
