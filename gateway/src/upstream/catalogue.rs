//! The schema as last loaded, and when it is loaded again.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::UpstreamError;
use crate::schema::Schema;

/// A schema younger than this is not asked for again because of a mismatch, so
/// that nobody can make the gateway reload it with every request.
const YOUNG: Duration = Duration::from_secs(1);

/// The schema that requests are held against.
#[derive(Default)]
pub(super) struct Catalogue {
    schema: ArcSwap<Schema>,
    /// When it was last asked for; the lock lets one load at a time.
    loaded: Mutex<Option<Instant>>,
}

impl Catalogue {
    pub(super) fn current(&self) -> Arc<Schema> {
        self.schema.load_full()
    }

    /// Loads the schema if the one given is still the newest and not young.
    /// None: nothing newer is to be had.
    pub(super) async fn refresh(
        &self,
        known: &Arc<Schema>,
        load: impl Future<Output = Result<Schema, UpstreamError>> + Send,
    ) -> Result<Option<Arc<Schema>>, UpstreamError> {
        let mut loaded = self.loaded.lock().await;
        let current = self.current();
        if !Arc::ptr_eq(&current, known) {
            return Ok(Some(current));
        }
        if loaded.is_some_and(|at| at.elapsed() < YOUNG) {
            return Ok(None);
        }
        let answer = load.await;
        // An answer that does not come is not asked for again at once either.
        *loaded = Some(Instant::now());
        Ok(Some(self.put(answer?)))
    }

    /// Loads the schema in any case.
    pub(super) async fn reload(
        &self,
        load: impl Future<Output = Result<Schema, UpstreamError>> + Send,
    ) -> Result<Arc<Schema>, UpstreamError> {
        let mut loaded = self.loaded.lock().await;
        let answer = load.await;
        *loaded = Some(Instant::now());
        Ok(self.put(answer?))
    }

    fn put(&self, schema: Schema) -> Arc<Schema> {
        let schema = Arc::new(schema);
        self.schema.store(Arc::clone(&schema));
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mismatch_reloads_once_and_not_again_at_once() {
        let catalogue = Catalogue::default();
        let first = catalogue
            .reload(async { Ok(Schema::default()) })
            .await
            .unwrap();
        assert!(
            catalogue
                .refresh(&first, async { panic!("young") })
                .await
                .unwrap()
                .is_none()
        );
        tokio::time::advance(YOUNG).await;
        let second = catalogue
            .refresh(&first, async { Ok(Schema::default()) })
            .await
            .unwrap()
            .unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        // Who still holds the first is given the second without a load.
        let again = catalogue
            .refresh(&first, async { panic!("known") })
            .await
            .unwrap()
            .unwrap();
        assert!(Arc::ptr_eq(&second, &again));
    }
}
