//! `[uploads]` as it is written.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// `[uploads]`: files that come with a write.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Uploads {
    /// None: the default, and going without where it can't be written to.
    pub(in crate::config) folder: Option<PathBuf>,
    pub(in crate::config) max_file: ByteSize,
    pub(in crate::config) max_request: ByteSize,
    pub(in crate::config) max_principal: ByteSize,
    pub(in crate::config) max_total: ByteSize,
    pub(in crate::config) files: usize,
    pub(in crate::config) types: Vec<String>,
    pub(in crate::config) endings: Vec<String>,
    pub(in crate::config) open: usize,
    pub(in crate::config) open_principal: usize,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) idle: Duration,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            folder: None,
            max_file: ByteSize::mib(100),
            max_request: ByteSize::mib(200),
            max_principal: ByteSize::mib(400),
            max_total: ByteSize::gib(4),
            files: 100,
            types: Vec::new(),
            endings: Vec::new(),
            open: 64,
            open_principal: 8,
            timeout: Duration::from_mins(10),
            idle: Duration::from_secs(30),
        }
    }
}
