//! `[limits]` → how often somebody may ask.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, invalid, raw, within};
use crate::limits::{Class, Mode, Rate, Settings};

/// More is no limit.
const LIMIT: RangeInclusive<u32> = 1..=1_000_000;

/// Clients are told whole seconds.
const EVERY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// Bans end with the process in any case.
const BAN_FOR: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 30);

const RUNNING: RangeInclusive<usize> = 1..=100_000;

/// Each takes some hundred bytes.
const KEYS: RangeInclusive<usize> = 1..=10_000_000;

/// What holds where nothing is written.
const EACH_MINUTE: raw::Rate = each_minute(600);
const LOGINS: raw::Rate = raw::Rate {
    max_uses: Some(100),
    ..each_minute(20)
};
const MAILS: raw::Rate = each_minute(10);
const MANY: raw::Rate = each_minute(3_000);
const OF_ACCOUNT: raw::Rate = each_minute(10);
const OF_ADDRESS: raw::Rate = each_minute(30_000);
const BAD_TOKENS: raw::Rate = raw::Rate {
    ban_for: Some(Duration::from_mins(1)),
    ..each_minute(120)
};

const fn each_minute(limit: u32) -> raw::Rate {
    raw::Rate {
        limit,
        every: Duration::from_mins(1),
        max_uses: None,
        ban_for: None,
    }
}

pub(super) fn resolve(raw: &raw::Limits) -> Result<Settings, ConfigError> {
    within("limits.running", raw.running, &RUNNING)?;
    within("limits.keys", raw.keys, &KEYS)?;
    ban_for("limits.ban_for", raw.ban_for)?;
    let rate = |word: &str, written: Option<raw::Rate>, otherwise: raw::Rate| {
        rate(
            &format!("limits.{word}"),
            &written.unwrap_or(otherwise),
            raw.ban_for,
        )
    };
    let default = raw.default.unwrap_or(EACH_MINUTE);
    rate("default", Some(default), default)?;
    let mut classes = BTreeMap::new();
    for class in Class::ALL {
        let otherwise = match class {
            Class::Authenticate => LOGINS,
            Class::Mail => MAILS,
            Class::Download | Class::Subscribe | Class::Pages => MANY,
            Class::List
            | Class::View
            | Class::Create
            | Class::Update
            | Class::Delete
            | Class::Refresh
            | Class::Realtime
            | Class::Superuser
            | Class::Custom => default,
        };
        classes.insert(class, rate(class.as_str(), raw.class(class), otherwise)?);
    }
    let mut collections = BTreeMap::new();
    for (name, own) in &raw.collections {
        let each = own.iter().map(|(class, limit)| {
            let word = format!("collections.{name}.{}", class.as_str());
            Ok((*class, rate(&word, Some(*limit), default)?))
        });
        let each: Result<_, ConfigError> = each.collect();
        collections.insert(name.clone(), each?);
    }
    Ok(Settings {
        mode: match raw.mode {
            raw::Switch::On => Mode::On,
            raw::Switch::Off => Mode::Off,
        },
        classes,
        collections,
        account: rate("account", raw.account, OF_ACCOUNT)?,
        address: rate("address", raw.address, OF_ADDRESS)?,
        bad_token: rate("bad_token", raw.bad_token, BAD_TOKENS)?,
        running: raw.running,
        keys: raw.keys,
    })
}

fn rate(key: &str, raw: &raw::Rate, otherwise: Duration) -> Result<Rate, ConfigError> {
    within(&format!("{key}.limit"), raw.limit, &LIMIT)?;
    if !EVERY.contains(&raw.every) || raw.every.subsec_nanos() > 0 {
        let problem = "must be whole seconds, from \"1s\" to \"24h\"";
        return Err(invalid(format!("{key}.every"), problem));
    }
    let banned = raw.ban_for.unwrap_or(otherwise);
    ban_for(&format!("{key}.ban_for"), banned)?;
    Ok(Rate {
        limit: NonZeroU32::new(raw.limit).unwrap_or(NonZeroU32::MIN),
        every: raw.every,
        max_uses: raw.max_uses.unwrap_or(0),
        ban_for: banned,
    })
}

fn ban_for(key: &str, time: Duration) -> Result<(), ConfigError> {
    if BAN_FOR.contains(&time) {
        return Ok(());
    }
    Err(invalid(key, "must be from \"1s\" to \"30d\""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{parse, refuses};
    use super::*;

    fn limits(more: &str) -> Settings {
        parse(more).unwrap().limits
    }

    fn every_minute(limit: u32) -> Rate {
        Rate {
            limit: NonZeroU32::new(limit).unwrap(),
            every: Duration::from_mins(1),
            max_uses: 0,
            ban_for: Duration::from_mins(15),
        }
    }

    #[test]
    fn logins_are_limited_where_nothing_is_written() {
        let limits = limits("");
        assert_eq!(limits.mode, Mode::On);
        assert_eq!(limits.classes[&Class::List], every_minute(600));
        let logins = limits.classes[&Class::Authenticate];
        assert_eq!((logins.limit.get(), logins.max_uses), (20, 100));
        assert_eq!(limits.account, every_minute(10));
        assert_eq!(limits.bad_token.max_uses, 0);
        assert_eq!(limits.bad_token.ban_for, Duration::from_mins(1));
        assert_eq!(limits.classes.len(), Class::ALL.len());
    }

    #[test]
    fn a_class_without_a_table_has_the_numbers_of_default() {
        let limits = limits(
            "[limits]\nban_for = \"1h\"\ndefault = { limit = 7, every = \"10s\" }\n\
             view = { limit = 9, every = \"1m\", max_uses = 3, ban_for = \"5s\" }\n\
             [limits.collections.posts]\ncreate = { limit = 5, every = \"1m\" }",
        );
        let list = limits.classes[&Class::List];
        assert_eq!((list.limit.get(), list.every), (7, Duration::from_secs(10)));
        assert_eq!(list.ban_for, Duration::from_hours(1));
        let view = limits.classes[&Class::View];
        assert_eq!((view.max_uses, view.ban_for), (3, Duration::from_secs(5)));
        assert_eq!(limits.classes[&Class::Authenticate].limit.get(), 20);
        let posts = &limits.collections["posts"];
        assert_eq!((posts.len(), posts[&Class::Create].limit.get()), (1, 5));
    }

    #[test]
    fn what_is_no_limit_is_refused_by_its_key() {
        for (written, expected) in [
            (
                "list = { limit = 0, every = \"1m\" }",
                "limits.list.limit: must be",
            ),
            ("list = { limit = 1 }", "missing field `every`"),
            (
                "list = { limit = 1, every = \"0s\" }",
                "limits.list.every: must be whole",
            ),
            (
                "list = { limit = 1, every = \"1500ms\" }",
                "limits.list.every",
            ),
            (
                "list = { limit = 1, every = \"2days\" }",
                "limits.list.every",
            ),
            (
                "default = { limit = 0, every = \"1m\" }",
                "limits.default.limit",
            ),
            ("ban_for = \"0s\"", "limits.ban_for"),
            ("running = 0", "limits.running"),
            ("keys = 0", "limits.keys"),
            (
                "lists = { limit = 1, every = \"1m\" }",
                "unknown field `lists`",
            ),
            (
                "[limits.collections.posts]\nlists = { limit = 1, every = \"1m\" }",
                "unknown variant `lists`",
            ),
            (
                "[limits.collections.posts]\nlist = { limit = 0, every = \"1m\" }",
                "limits.collections.posts.list.limit",
            ),
        ] {
            refuses(&format!("[limits]\n{written}"), expected);
        }
    }
}
