//! `[live]` as it is written.

use std::time::Duration;

use bytesize::ByteSize;
use humantime_serde::Serde;
use serde::Deserialize;

/// `[live]`: event streams, and what they tell of records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Live {
    pub(in crate::config) mode: LiveMode,
    pub(in crate::config) streams: usize,
    pub(in crate::config) streams_per_address: usize,
    pub(in crate::config) streams_per_principal: usize,
    pub(in crate::config) topics: usize,
    pub(in crate::config) topics_per_address: usize,
    pub(in crate::config) classes: usize,
    pub(in crate::config) queue: usize,
    pub(in crate::config) queue_bytes: ByteSize,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) unsubscribed: Duration,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) heartbeat: Duration,
    pub(in crate::config) retry: [Serde<Duration>; 2],
    pub(in crate::config) lines: usize,
    pub(in crate::config) proofs: usize,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) verify: Duration,
}

/// `"classes"` or `"feed"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum LiveMode {
    Classes,
    Feed,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            mode: LiveMode::Classes,
            streams: 8_000,
            streams_per_address: 100,
            streams_per_principal: 50,
            topics: 1_000,
            topics_per_address: 3_000,
            classes: 20_000,
            queue: 256,
            queue_bytes: ByteSize::mib(1),
            unsubscribed: Duration::from_mins(5),
            heartbeat: Duration::from_secs(20),
            retry: [1, 5].map(|seconds| Duration::from_secs(seconds).into()),
            lines: 1_000,
            proofs: 64,
            verify: Duration::from_mins(5),
        }
    }
}
