//! `[writes]` and `[batch]` as they are written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;

/// Writes to one record go to PocketBase one after another: from before rules are asked until it
/// has answered, nobody else writes to that record through this gateway. So `n+` loses nothing, and
/// what a rule sees as stored is what the write changes.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Writes {
    /// How long a write may wait for others to the same record; for a batch, to all of its records.
    /// After that 503 and the code "record_busy". From "1ms" to "10m".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) wait: Duration,
    /// How many may wait for one record; one more is refused with 503 at once. Who waits holds no
    /// place among server.max_requests.
    pub(in crate::config) waiting: usize,
}

/// Batches: several writes in one request, all of them or none. PocketBase has them switched off by
/// default (dashboard: Settings > Application > Batch API).
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Batch {
    /// Writes in one batch, at most; more are refused. PocketBase has a bound of its own. Up to
    /// 200.
    pub(in crate::config) parts: usize,
    /// Headers that a part may bring along, like "X-Tenant", to rules here and in PocketBase, where
    /// they win over those of the request itself. All others are dropped: a part could claim with
    /// them to be what the request is not.
    pub(in crate::config) headers: Vec<String>,
}

impl Default for Writes {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(10),
            waiting: 500,
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            // As many as PocketBase takes by default.
            parts: 50,
            headers: Vec::new(),
        }
    }
}
