//! `[log]` as it is written.

use std::path::PathBuf;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;

/// The two logs that operators keep beside the rest: decisions, one line for each exchange, and
/// security events. What stands in them: docs/operating.md. Changes take effect at a start.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Log {
    /// "stdout": with everything else, in the form of --log. A path: into this file, one JSON
    /// object a line, and not to standard output; it is made with mode 600. No request waits for
    /// its line: what can't be written in time is dropped, counted (the metric
    /// hapta_log_lines_dropped), and how many that were is told in the log itself.
    pub(in crate::config) decisions: PathBuf,
    /// The same for security events: failed logins, refused tokens, rules that fail and the like.
    /// Not the file of decisions.
    pub(in crate::config) security: PathBuf,
    /// A file is put aside (FILE.1, FILE.2 and so on) before it gets larger. "0B": never, for where
    /// logrotate does it; a file that was moved away is made again at the next line.
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) rotate: ByteSize,
    /// How many files put aside are kept.
    pub(in crate::config) keep: usize,
    /// How many lines of each log may wait to be written, of a KiB each; a longer one counts as
    /// several. What comes beyond is dropped.
    pub(in crate::config) queue: usize,
    /// How clients' addresses are told: "tell", "hash" or "omit". Hashes are keyed anew at every
    /// start, so equal ones are equal in what one process writes, and nobody can look them up.
    pub(in crate::config) address: Telling,
    /// The same for who asks, and for records of collections with logins. What somebody typed to
    /// log in is told as a hash at most.
    pub(in crate::config) principal: Telling,
}

/// `"tell"`, `"hash"` or `"omit"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
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
