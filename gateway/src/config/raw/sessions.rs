//! `[sessions]` as it is written.

use std::time::Duration;

use serde::Deserialize;

/// `[sessions]`: who asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Sessions {
    pub(in crate::config) mode: SessionMode,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) verified_for: Duration,
    pub(in crate::config) remembered: usize,
    pub(in crate::config) bad_token: BadToken,
    pub(in crate::config) file_tokens: usize,
    pub(in crate::config) rolling: Rolling,
}

/// `sessions.mode`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum SessionMode {
    Passthrough,
    Rolling,
}

/// `sessions.bad_token`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum BadToken {
    Refuse,
    Guest,
}

/// `[sessions.rolling]`: sessions of the gateway's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Rolling {
    #[serde(with = "humantime_serde")]
    pub(in crate::config) grace: Duration,
    #[serde(with = "humantime_serde::option")]
    pub(in crate::config) token_for: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) session_for: Duration,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) rotate_keys: Duration,
    pub(in crate::config) per_user: usize,
    pub(in crate::config) most: usize,
    pub(in crate::config) bind: Vec<Bound>,
}

/// One of `sessions.rolling.bind`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
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
