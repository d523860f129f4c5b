//! `[logins]` → how many logins at a provider may be under way, and for how long.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, invalid, raw};
use crate::realtime::Settings;

/// How many may be allowed: each is a connection.
const PENDING: RangeInclusive<usize> = 1..=1_000_000;

/// Within less nobody can log in; after more nobody is coming back.
const PENDING_FOR: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

pub(super) fn resolve(raw: &raw::Logins) -> Result<Settings, ConfigError> {
    for (key, value) in [
        ("logins.pending", raw.pending),
        ("logins.pending_per_address", raw.pending_per_address),
    ] {
        if !PENDING.contains(&value) {
            let range = format!("must be from {} to {}", PENDING.start(), PENDING.end());
            return Err(invalid(key, range));
        }
    }
    if !PENDING_FOR.contains(&raw.pending_for) {
        return Err(invalid(
            "logins.pending_for",
            "must be from \"1s\" to \"1h\"",
        ));
    }
    Ok(Settings {
        pending: raw.pending,
        pending_per_address: raw.pending_per_address,
        pending_for: raw.pending_for,
    })
}
