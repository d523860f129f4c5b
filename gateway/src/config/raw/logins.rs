//! `[logins]` as it is written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;

/// Logins.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Logins {
    /// The tokens that a provider (OAuth2) gives to PocketBase, with which whoever has them is that
    /// person at the provider. "withhold": clients don't get them. "tell": they stand in a login's
    /// answer (meta.accessToken, meta.refreshToken), as by PocketBase itself, for applications that
    /// ask the provider from the client. Rules never see them.
    pub(in crate::config) provider_tokens: ProviderTokens,
    /// Whether a sign-up tells that its e-mail address is taken, which lets anybody find out who
    /// has an account. "tell": as PocketBase does. "conceal": every sign-up that is valid otherwise
    /// gets one and the same answer, without the record, whether it made an account or not; a
    /// change of address likewise. It is of use only where nobody can log in before the address is
    /// verified (the collection's authRule: verified = true): else a login with the new password
    /// tells.
    pub(in crate::config) taken_email: TakenEmail,
    /// Where a login by OAuth2 may lead back to (redirectURL): these addresses and no others. By
    /// default what the provider has registered decides alone. The login of the SDKs that needs no
    /// page of your own leads to /api/oauth2-redirect of the gateway.
    pub(in crate::config) redirect_urls: Option<Vec<String>>,
    /// How long a login at a provider (OAuth2) that a page does in a popup may take, from when the
    /// page begins to wait for it; then it has to be begun again. Each holds an event stream: see
    /// [live]. From "1s" to "1h".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) pending_for: Duration,
}

/// `"withhold"` or `"tell"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum ProviderTokens {
    Withhold,
    Tell,
}

/// `"tell"` or `"conceal"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
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
