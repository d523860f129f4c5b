//! `[logins]` as it is written.

use std::time::Duration;

use serde::Deserialize;

/// `[logins]`: what logins need beside PocketBase.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Logins {
    pub(in crate::config) pending: usize,
    pub(in crate::config) pending_per_address: usize,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) pending_for: Duration,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            pending: 1_000,
            pending_per_address: 20,
            pending_for: Duration::from_mins(5),
        }
    }
}
