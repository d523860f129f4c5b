//! `[live]` → how many event streams there may be, what waits for them, and how
//! PocketBase is asked for what they tell.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, invalid, raw, within};
use crate::realtime::{self, Mode};

/// Event streams, and what is told on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Of the streams themselves; with `logins.pending_for`.
    pub realtime: realtime::Settings,
    /// How PocketBase is asked for changes.
    pub mode: Mode,
    /// Different subscriptions: all that are equal are one.
    pub classes: usize,
    /// Those whose changes come by connections of their own to PocketBase.
    pub lines: usize,
    /// Questions to PocketBase at once whether a change may be seen, with [`Mode::Feed`].
    pub proofs: usize,
    /// How often PocketBase is asked again whether a token that listens is good.
    pub verify: Duration,
}

/// Each is a connection.
const STREAMS: RangeInclusive<usize> = 1..=1_000_000;

/// As many as PocketBase takes.
const TOPICS: RangeInclusive<usize> = 1..=1_000;

/// Events that wait for one reader.
const QUEUE: RangeInclusive<usize> = 1..=100_000;

/// Each is a connection to PocketBase.
const LINES: RangeInclusive<usize> = 1..=100_000;

/// Each is a request to PocketBase.
const PROOFS: RangeInclusive<usize> = 1..=10_000;

/// The sizes of what waits for one reader.
const QUEUE_BYTES: RangeInclusive<usize> = 1 << 10..=1 << 30;

/// A time's range, and how it is told.
type Times = (RangeInclusive<Duration>, &'static str);

/// An idle stream is a connection.
const UNSUBSCRIBED: Times = (
    Duration::from_secs(1)..=Duration::from_hours(1),
    "must be from \"1s\" to \"1h\"",
);

/// Less often, and what is in between takes the connection for dead.
const HEARTBEAT: Times = (
    Duration::from_secs(1)..=Duration::from_mins(5),
    "must be from \"1s\" to \"5m\"",
);

/// Each time is a request to PocketBase.
const VERIFY: Times = (
    Duration::from_secs(1)..=Duration::from_hours(24),
    "must be from \"1s\" to \"24h\"",
);

/// Less would be an attack on the gateway, more an outage.
const RETRY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_hours(1);

impl Live {
    /// Whether `[live]` is the same, whatever `logins.pending_for` is.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let mut like = other.clone();
        like.realtime.login_for = self.realtime.login_for;
        *self == like
    }
}

pub(super) fn resolve(raw: &raw::Live, login_for: Duration) -> Result<Live, ConfigError> {
    for (key, value, range) in [
        ("live.streams", raw.streams, STREAMS),
        ("live.streams_per_address", raw.streams_per_address, STREAMS),
        (
            "live.streams_per_principal",
            raw.streams_per_principal,
            STREAMS,
        ),
        ("live.topics", raw.topics, TOPICS),
        ("live.topics_per_address", raw.topics_per_address, STREAMS),
        ("live.classes", raw.classes, STREAMS),
        ("live.queue", raw.queue, QUEUE),
        ("live.lines", raw.lines, LINES),
        ("live.proofs", raw.proofs, PROOFS),
    ] {
        within(key, value, &range)?;
    }
    lasts("live.unsubscribed", raw.unsubscribed, &UNSUBSCRIBED)?;
    lasts("live.heartbeat", raw.heartbeat, &HEARTBEAT)?;
    lasts("live.verify", raw.verify, &VERIFY)?;
    Ok(Live {
        realtime: realtime::Settings {
            streams: raw.streams,
            per_address: raw.streams_per_address,
            per_principal: raw.streams_per_principal,
            topics: raw.topics,
            topics_per_address: raw.topics_per_address,
            queue: raw.queue,
            queue_bytes: queue_bytes(raw)?,
            unsubscribed: raw.unsubscribed,
            login_for,
            heartbeat: raw.heartbeat,
            retry: retry(raw)?,
        },
        mode: match raw.mode {
            raw::LiveMode::Classes => Mode::Classes,
            raw::LiveMode::Feed => Mode::Feed,
        },
        classes: raw.classes,
        lines: raw.lines,
        proofs: raw.proofs,
        verify: raw.verify,
    })
}

fn lasts(key: &str, value: Duration, (range, problem): &Times) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(invalid(key, *problem))
}

fn queue_bytes(raw: &raw::Live) -> Result<usize, ConfigError> {
    let bytes = usize::try_from(raw.queue_bytes.as_u64()).ok();
    bytes
        .filter(|bytes| QUEUE_BYTES.contains(bytes))
        .ok_or_else(|| invalid("live.queue_bytes", "must be from \"1KiB\" to \"1GiB\""))
}

fn retry(raw: &raw::Live) -> Result<(Duration, Duration), ConfigError> {
    let [least, most] = raw.retry.map(humantime_serde::Serde::into_inner);
    if RETRY.contains(&least) && RETRY.contains(&most) && least <= most {
        return Ok((least, most));
    }
    Err(invalid(
        "live.retry",
        "must be two times from \"100ms\" to \"1h\", the shorter one first",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{parse, refuses};
    use super::*;

    #[test]
    fn streams_are_bounded_in_number_in_what_waits_and_in_time() {
        for (key, edges, beyond) in [
            ("streams", ["1", "1000000"], ["0", "1000001"]),
            ("streams_per_address", ["1", "1000000"], ["0", "1000001"]),
            ("streams_per_principal", ["1", "1000000"], ["0", "1000001"]),
            ("topics", ["1", "1000"], ["0", "1001"]),
            ("topics_per_address", ["1", "1000000"], ["0", "1000001"]),
            ("classes", ["1", "1000000"], ["0", "1000001"]),
            ("queue", ["1", "100000"], ["0", "100001"]),
            (
                "queue_bytes",
                ["\"1KiB\"", "\"1GiB\""],
                ["1023", "\"1025MiB\""],
            ),
            (
                "unsubscribed",
                ["\"1s\"", "\"1h\""],
                ["\"999ms\"", "\"3601s\""],
            ),
            ("heartbeat", ["\"1s\"", "\"5m\""], ["\"999ms\"", "\"301s\""]),
            ("verify", ["\"1s\"", "\"24h\""], ["\"999ms\"", "\"25h\""]),
            ("lines", ["1", "100000"], ["0", "100001"]),
            ("proofs", ["1", "10000"], ["0", "10001"]),
        ] {
            for edge in edges {
                assert!(parse(&format!("[live]\n{key} = {edge}")).is_ok(), "{key}");
            }
            for bad in beyond {
                let problem = format!("live.{key}: must be from");
                refuses(&format!("[live]\n{key} = {bad}"), &problem);
            }
        }
        refuses("[live]\nmode = \"both\"", "expected `classes` or `feed`");
        refuses("[live]\npending = 1", "unknown field `pending`");
    }

    #[test]
    fn clients_come_back_at_times_that_are_a_range() {
        let retry = |text: &str| format!("[live]\nretry = {text}");
        let live = parse(&retry("[\"100ms\", \"1h\"]")).unwrap().live;
        let range = (Duration::from_millis(100), Duration::from_hours(1));
        assert_eq!(live.realtime.retry, range);
        assert!(parse(&retry("[\"2s\", \"2s\"]")).is_ok());
        for bad in [
            "[\"2s\", \"1s\"]",
            "[\"99ms\", \"1s\"]",
            "[\"1s\", \"61m\"]",
        ] {
            refuses(&retry(bad), "live.retry: must be two times");
        }
        assert!(parse(&retry("[\"1s\"]")).is_err());
    }

    #[test]
    fn all_of_it_waits_for_a_start() {
        let default = parse("").unwrap();
        let live = &default.live;
        assert_eq!((live.mode, live.realtime.streams), (Mode::Classes, 8_000));
        assert_eq!(live.realtime.login_for, Duration::from_mins(5));
        for changed in ["mode = \"feed\"", "queue = 2", "verify = \"1m\""] {
            let changed = parse(&format!("[live]\n{changed}")).unwrap();
            assert_eq!(changed.needs_restart(&default), ["[live]"]);
        }
    }
}
