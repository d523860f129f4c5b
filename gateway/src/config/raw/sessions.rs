//! `[sessions]` as it is written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;

/// Who asks.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Sessions {
    /// What clients hold. "passthrough": PocketBase's own tokens. "rolling": tokens of the
    /// gateway's own, which a refresh replaces and which end when one is shown again that was
    /// replaced; PocketBase's never leave the gateway: see [sessions.rolling] and docs/sessions.md.
    /// It needs a state folder. A change takes effect at a start, and everybody logs in again.
    pub(in crate::config) mode: SessionMode,
    /// How long PocketBase's answer about a token holds, good or bad. A token that PocketBase
    /// revokes is good here for so long at most. Shorter: revoked sooner, and PocketBase is asked
    /// more often (once for each token and period).
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) verified_for: Duration,
    /// How many of those answers are kept. About as many as users are active within the period.
    pub(in crate::config) remembered: usize,
    /// What becomes of a request with a token that is malformed, expired or not PocketBase's.
    /// "refuse": it is answered with 401. "guest": it is a guest's, as PocketBase itself has it,
    /// which answers 200 with less in it, and leaves the client to wonder.
    pub(in crate::config) bad_token: BadToken,
    /// How many file tokens (of protected files, for a `?token=`) are good at once; each is until
    /// PocketBase lets it expire, after 3 minutes as it comes. One record has at most 64 of them,
    /// and an older one gives way; where there is no room for a new one, it is refused with 503.
    pub(in crate::config) file_tokens: usize,
    /// Sessions of the gateway's own, with sessions.mode = "rolling".
    pub(in crate::config) rolling: Rolling,
}

/// `sessions.mode`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum SessionMode {
    Passthrough,
    Rolling,
}

/// `sessions.bad_token`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum BadToken {
    Refuse,
    Guest,
}

/// Sessions of the gateway's own, with sessions.mode = "rolling". Changes take effect at a start.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Rolling {
    /// How long a token that was replaced is still good after its successor was first used, for
    /// requests that were under way. Shown later, it ends the session: somebody has it who should
    /// not. From "1s" to "1h". Longer where clients are on bad lines.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) grace: Duration,
    /// How long a token is good. Left out, as long as PocketBase's (the collection's auth token
    /// duration). Shorter: a stolen one is good for less, and clients must refresh in time. Longer
    /// than PocketBase's is fine: the gateway renews that one. From "10s" to "366d".
    #[serde(with = "written::duration::option")]
    #[schemars(with = "Option<written::Duration>")]
    pub(in crate::config) token_for: Option<Duration>,
    /// How long a session lives after its login, whatever is refreshed; then people log in again.
    /// From "1m" to "3660d".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) session_for: Duration,
    /// How often another key signs tokens; what was signed before stays good. By hand: hapta
    /// sessions rotate. From "1h" to "3660d".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) rotate_keys: Duration,
    /// Sessions of one user at once; with one more login the one that was used longest ago ends.
    pub(in crate::config) per_user: usize,
    /// Sessions at once, over all; beyond it a login is answered with 503. Each takes about 1 KB of
    /// memory, and as much on the disk.
    pub(in crate::config) most: usize,
    /// What a session is bound to, beside the key of a client that signs its requests: "address"
    /// (that of the login; of IPv6 the first 64 bits), "user_agent". From elsewhere it is answered
    /// with 401. Phones change their address all the time, browsers their name with each update.
    pub(in crate::config) bind: Vec<Bound>,
}

/// One of `sessions.rolling.bind`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Bound {
    Address,
    UserAgent,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            mode: SessionMode::Passthrough,
            verified_for: Duration::from_secs(5),
            remembered: 10_000,
            bad_token: BadToken::Refuse,
            file_tokens: 20_000,
            rolling: Rolling::default(),
        }
    }
}

impl Default for Rolling {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
            token_for: None,
            session_for: Duration::from_hours(24 * 90),
            rotate_keys: Duration::from_hours(24 * 30),
            per_user: 20,
            most: 200_000,
            bind: Vec::new(),
        }
    }
}
