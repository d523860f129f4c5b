//! `[live]` as it is written.

use std::time::Duration;

use bytesize::ByteSize;
use humantime_serde::Serde;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;

/// Event streams (/api/realtime): what clients are told of records that change, and how a login at
/// a provider ended. Each is a connection that is open for long, one of server.max_connections: let
/// that be well above the bound here, or listeners keep everybody else out. What it means for
/// clients and operators: docs/realtime.md.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Live {
    /// How PocketBase is asked for changes. "classes": a connection to PocketBase for all that
    /// listen as one principal, who is told by PocketBase what that principal may see; a write
    /// costs PocketBase a check for each different subscription. "feed": a connection as the
    /// superuser of [pocketbase] for everybody, and a question to PocketBase for each change and
    /// each different subscription that it may concern, as the one who listens. Of use where very
    /// many different principals listen and little is written. A record that somebody may see no
    /// longer is a delete to them then; in "classes" it is nothing.
    pub(in crate::config) mode: LiveMode,
    /// Streams at once, over all; one more is answered with 503 and the code "streams_full".
    pub(in crate::config) streams: usize,
    /// The same for one address; for IPv6, for one network of 64 bits, which is what one connection
    /// to the internet has. Then 429 and the code "streams_of_address". Raise it where many people
    /// share an address: behind a proxy all of them do.
    pub(in crate::config) streams_per_address: usize,
    /// The same for one account, from when a stream is asked with its token. Then 429 and the code
    /// "streams_of_principal".
    pub(in crate::config) streams_per_principal: usize,
    /// Topics of one stream; then 400 and the code "topics". Up to 1000, as many as PocketBase
    /// takes.
    pub(in crate::config) topics: usize,
    /// Topics of all streams of one address; then 429 and the code "topics_of_address".
    pub(in crate::config) topics_per_address: usize,
    /// Different subscriptions, over all: streams of one account, or of guests, with the same topic
    /// are one. Then 503 and the code "live_classes". Each costs PocketBase a check, or with "feed"
    /// a question, for each change of a record of its collection.
    pub(in crate::config) classes: usize,
    /// How many events may wait for one reader. Whoever reads more slowly is told so (an event
    /// "closing" with the code "slow_reader"), and the stream ends.
    pub(in crate::config) queue: usize,
    /// The same in bytes. A single event may be larger.
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) queue_bytes: ByteSize,
    /// How long a stream is held on which no records are subscribed to, and no login waits. From
    /// "1s" to "1h".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) unsubscribed: Duration,
    /// How often a client on whose stream nothing happens hears that it is alive, and how soon it
    /// is noticed that a client is gone without a word. What is in between, like nginx, must not
    /// give up earlier. From "1s" to "5m".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) heartbeat: Duration,
    /// How long clients are told to wait before they connect again when a stream has ended: for
    /// each a time between these two, so that they don't come all at once. From "100ms" to "1h".
    #[schemars(with = "[written::Duration; 2]")]
    pub(in crate::config) retry: [Serde<Duration>; 2],
    /// For how many PocketBase is connected to and waits for changes: with mode = "classes" each
    /// principal that listens, guests together, and the gateway itself (each for a thousand
    /// topics); with "feed" the gateway itself. One more who would listen is answered with 503 and
    /// the code "live_lines". Each is a connection, for moments some, and costs PocketBase memory.
    pub(in crate::config) lines: usize,
    /// With mode = "feed": questions to PocketBase at once; more wait.
    pub(in crate::config) proofs: usize,
    /// How often PocketBase is asked again whether the token of one who listens is still good; of
    /// an account that changes it is asked at once. From "1s" to "24h".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) verify: Duration,
}

/// `"classes"` or `"feed"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
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
