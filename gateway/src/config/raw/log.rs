//! `[log]` as it is written.

use std::path::PathBuf;

use bytesize::ByteSize;
use serde::Deserialize;

/// `[log]`: the decision log and the security events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Log {
    pub(in crate::config) decisions: PathBuf,
    pub(in crate::config) security: PathBuf,
    pub(in crate::config) rotate: ByteSize,
    pub(in crate::config) keep: usize,
    pub(in crate::config) queue: usize,
    pub(in crate::config) address: Telling,
    pub(in crate::config) principal: Telling,
}

/// `"tell"`, `"hash"` or `"omit"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Telling {
    Tell,
    Hash,
    Omit,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            decisions: "stdout".into(),
            security: "stdout".into(),
            rotate: ByteSize::mib(64),
            keep: 5,
            queue: 10_000,
            address: Telling::Tell,
            principal: Telling::Tell,
        }
    }
}
