//! `[writes]` and `[batch]` as they are written.

use std::time::Duration;

use serde::Deserialize;

/// `[writes]`: writes to one record, one after another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Writes {
    #[serde(with = "humantime_serde")]
    pub(in crate::config) wait: Duration,
    pub(in crate::config) waiting: usize,
}

/// `[batch]`: several writes in one request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Batch {
    pub(in crate::config) parts: usize,
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
