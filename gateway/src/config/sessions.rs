//! `[sessions]` → who asks, and what clients hold to say so.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, invalid, not_nothing, raw, within};
use crate::sessions::{BadToken, Bind, RollingSettings, Settings};

/// How many answers about tokens may be kept, each of which takes a record's
/// memory; and how many file tokens.
const REMEMBERED: RangeInclusive<usize> = 1..=1_000_000;

/// Each takes about a kilobyte of memory, and as much on the disk.
const MOST: RangeInclusive<usize> = 1..=10_000_000;
const PER_USER: RangeInclusive<usize> = 1..=10_000;

/// A time's range, and how it is told.
type Times = (RangeInclusive<Duration>, &'static str);

/// Less, and requests that are under way end sessions; more, and thieves have so long.
const GRACE: Times = (
    Duration::from_secs(1)..=Duration::from_hours(1),
    "must be from \"1s\" to \"1h\"",
);

const TOKEN_FOR: Times = (
    Duration::from_secs(10)..=Duration::from_hours(24 * 366),
    "must be from \"10s\" to \"366d\"",
);

const SESSION_FOR: Times = (
    Duration::from_mins(1)..=Duration::from_hours(24 * 3_660),
    "must be from \"1m\" to \"3660d\"",
);

/// Each key is tried on each token until it is thrown out.
const ROTATE_KEYS: Times = (
    Duration::from_hours(1)..=Duration::from_hours(24 * 3_660),
    "must be from \"1h\" to \"3660d\"",
);

pub(super) fn resolve(raw: &raw::Sessions) -> Result<Settings, ConfigError> {
    not_nothing(&[("sessions.verified_for", raw.verified_for.is_zero())])?;
    for (key, number) in [
        ("sessions.remembered", raw.remembered),
        ("sessions.file_tokens", raw.file_tokens),
    ] {
        within(key, number, &REMEMBERED)?;
    }
    let rolling = rolling(&raw.rolling)?;
    Ok(Settings {
        verified_for: raw.verified_for,
        remembered: raw.remembered,
        bad_token: match raw.bad_token {
            raw::BadToken::Refuse => BadToken::Refuse,
            raw::BadToken::Guest => BadToken::Guest,
        },
        file_tokens: raw.file_tokens,
        rolling: match raw.mode {
            raw::SessionMode::Passthrough => None,
            raw::SessionMode::Rolling => Some(rolling),
        },
    })
}

/// Checked whether or not it counts.
fn rolling(raw: &raw::Rolling) -> Result<RollingSettings, ConfigError> {
    lasts("sessions.rolling.grace", raw.grace, &GRACE)?;
    if let Some(time) = raw.token_for {
        lasts("sessions.rolling.token_for", time, &TOKEN_FOR)?;
    }
    lasts(
        "sessions.rolling.session_for",
        raw.session_for,
        &SESSION_FOR,
    )?;
    lasts(
        "sessions.rolling.rotate_keys",
        raw.rotate_keys,
        &ROTATE_KEYS,
    )?;
    within("sessions.rolling.per_user", raw.per_user, &PER_USER)?;
    within("sessions.rolling.most", raw.most, &MOST)?;
    Ok(RollingSettings {
        grace: raw.grace,
        token_for: raw.token_for,
        session_for: raw.session_for,
        rotate_keys: raw.rotate_keys,
        per_user: raw.per_user,
        most: raw.most,
        bind: Bind {
            address: raw.bind.contains(&raw::Bound::Address),
            user_agent: raw.bind.contains(&raw::Bound::UserAgent),
        },
    })
}

fn lasts(key: &str, time: Duration, (range, told): &Times) -> Result<(), ConfigError> {
    if range.contains(&time) {
        Ok(())
    } else {
        Err(invalid(key, *told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let raw: raw::Sessions = toml::from_str(text).map_err(|error| error.to_string())?;
        resolve(&raw).map_err(|error| error.to_string())
    }

    #[test]
    fn sessions_roll_where_it_says_so() {
        assert_eq!(read("").unwrap().rolling, None);
        let rolling =
            read("mode = \"rolling\"\n[rolling]\ntoken_for = \"1h\"\nbind = [\"address\"]");
        let rolling = rolling.unwrap().rolling.unwrap();
        assert_eq!(rolling.token_for, Some(Duration::from_hours(1)));
        assert_eq!(rolling.grace, Duration::from_secs(30));
        assert!(rolling.bind.address && !rolling.bind.user_agent);
    }

    #[test]
    fn what_can_not_be_is_refused_in_either_mode() {
        for (text, told) in [
            ("mode = \"rollin\"", "rolling"),
            (
                "[rolling]\ngrace = \"0s\"",
                "sessions.rolling.grace: must be from",
            ),
            (
                "[rolling]\ntoken_for = \"1s\"",
                "sessions.rolling.token_for",
            ),
            (
                "[rolling]\nsession_for = \"1s\"",
                "sessions.rolling.session_for",
            ),
            (
                "[rolling]\nrotate_keys = \"1m\"",
                "sessions.rolling.rotate_keys",
            ),
            ("[rolling]\nper_user = 0", "sessions.rolling.per_user"),
            ("[rolling]\nmost = 0", "sessions.rolling.most"),
            ("[rolling]\nbind = [\"cookie\"]", "user_agent"),
            ("[rolling]\nsecret = \"x\"", "unknown field"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(told), "{text}: {refused}");
        }
    }
}
