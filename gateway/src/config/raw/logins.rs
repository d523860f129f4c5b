//! `[logins]` as it is written.

use std::time::Duration;

use serde::Deserialize;

/// `[logins]`: what logins need beside PocketBase, and what they tell.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Logins {
    pub(in crate::config) provider_tokens: ProviderTokens,
    pub(in crate::config) taken_email: TakenEmail,
    pub(in crate::config) redirect_urls: Option<Vec<String>>,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) pending_for: Duration,
}

/// `"withhold"` or `"tell"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum ProviderTokens {
    Withhold,
    Tell,
}

/// `"tell"` or `"conceal"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum TakenEmail {
    Tell,
    Conceal,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            provider_tokens: ProviderTokens::Withhold,
            taken_email: TakenEmail::Tell,
            redirect_urls: None,
            pending_for: Duration::from_mins(5),
        }
    }
}
