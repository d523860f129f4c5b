//! `[logins]` → what logins tell, where they lead, and how long those at a provider
//! may be under way.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, few, invalid, raw};
use crate::surface::{Logins, ProviderTokens, TakenEmail};

/// Within less nobody can log in; after more nobody is coming back.
const PENDING_FOR: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

pub(super) fn resolve(raw: raw::Logins) -> Result<Logins, ConfigError> {
    for url in raw.redirect_urls.iter().flatten() {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        if scheme.is_none_or(str::is_empty) {
            return Err(invalid(
                "logins.redirect_urls",
                format!("\"{url}\": expected an address like https://app.example.com/welcome"),
            ));
        }
    }
    if let Some(urls) = &raw.redirect_urls {
        few("logins.redirect_urls", urls)?;
    }
    Ok(Logins {
        provider_tokens: match raw.provider_tokens {
            raw::ProviderTokens::Withhold => ProviderTokens::Withhold,
            raw::ProviderTokens::Tell => ProviderTokens::Tell,
        },
        taken_email: match raw.taken_email {
            raw::TakenEmail::Tell => TakenEmail::Tell,
            raw::TakenEmail::Conceal => TakenEmail::Conceal,
        },
        redirect_urls: raw.redirect_urls,
    })
}

pub(super) fn pending_for(raw: &raw::Logins) -> Result<Duration, ConfigError> {
    if PENDING_FOR.contains(&raw.pending_for) {
        return Ok(raw.pending_for);
    }
    Err(invalid(
        "logins.pending_for",
        "must be from \"1s\" to \"1h\"",
    ))
}
