//! Dates: what applications send, as PocketBase stores it.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Time, UtcOffset};

/// How PocketBase spells that there is no date, when asked for it as a date.
const ZERO: &str = "0001-01-01 00:00:00.000Z";

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");
const OFFSET: &[BorrowedFormatItem<'_>] =
    format_description!("[offset_hour sign:mandatory]:[offset_minute]");

/// Bytes of a day and of a time, which have one length each.
const DAY_BYTES: usize = 10;
const TIME_BYTES: usize = 8;

/// The years that are written with four digits.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// A date as PocketBase stores it: `2024-12-31 23:59:59.000Z`, in UTC.
///
/// Taken are a day, or a day and a time after `T` or a space: with seconds, with
/// up to nine digits after them, and with `Z`, an offset like `+02:00`, or
/// nothing for UTC. PocketBase takes more (`02 Jan 2024`), reads it by rules of
/// its own, and clears the field where they fail: none of that is taken.
pub(super) fn stored(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let (day, rest) = text.split_at_checked(DAY_BYTES)?;
    let day = Date::parse(day, DAY).ok()?;
    let local = match rest.strip_prefix(['T', ' ']) {
        None if rest.is_empty() => day.midnight().assume_utc(),
        None => return None,
        Some(rest) => {
            let (time, rest) = rest.split_at_checked(TIME_BYTES)?;
            let time = Time::parse(time, TIME).ok()?;
            let (millis, rest) = millis(rest)?;
            let time = time.replace_millisecond(millis).ok()?;
            day.with_time(time).assume_offset(offset(rest)?)
        }
    };
    let utc = local.checked_to_offset(UtcOffset::UTC)?;
    if !YEARS.contains(&utc.year()) {
        return None;
    }
    let (hour, minute, second, millis) = utc.to_hms_milli();
    let (year, month, day) = utc.to_calendar_date();
    let month = u8::from(month);
    let found =
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}Z");
    Some(if found == ZERO { String::new() } else { found })
}

/// What stands behind the point, if there is one, and the rest. PocketBase cuts
/// what is finer.
fn millis(rest: &str) -> Option<(u16, &str)> {
    let Some(rest) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let end = rest.find(|character: char| !character.is_ascii_digit());
    let (digits, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let thousandths: String = digits.chars().chain("00".chars()).take(3).collect();
    Some((thousandths.parse().ok()?, rest))
}

fn offset(text: &str) -> Option<UtcOffset> {
    if text.is_empty() || text == "Z" {
        return Some(UtcOffset::UTC);
    }
    let offset = UtcOffset::parse(text, OFFSET).ok()?;
    (offset.whole_hours().abs() < 24).then_some(offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(stored(text).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn a_date_is_in_utc() {
        check("", "");
        check("2024-01-02", "2024-01-02 00:00:00.000Z");
        check("2024-01-02 03:04:05", "2024-01-02 03:04:05.000Z");
        check("2024-01-02T03:04:05.6Z", "2024-01-02 03:04:05.600Z");
        check("2024-01-02 03:04:05.678Z", "2024-01-02 03:04:05.678Z");
        check("2024-01-02T03:04:05.678999999Z", "2024-01-02 03:04:05.678Z");
        check("2024-01-02T03:04:05.678+02:00", "2024-01-02 01:04:05.678Z");
        check("2024-01-02T03:04:05-00:30", "2024-01-02 03:34:05.000Z");
        check("2024-02-29", "2024-02-29 00:00:00.000Z");
        check("9999-12-31 23:59:59.999Z", "9999-12-31 23:59:59.999Z");
        // The zero of Go and of .NET.
        check("0001-01-01T00:00:00Z", "");
    }

    #[test]
    fn an_offset_may_lead_to_another_day() {
        check("2024-01-02T03:04:05+23:59", "2024-01-01 03:05:05.000Z");
        check("2024-01-02T03:04:05-23:59", "2024-01-03 03:03:05.000Z");
        check("2024-03-01T00:00:00+00:01", "2024-02-29 23:59:00.000Z");
        check("2023-12-31T23:59:59-00:01", "2024-01-01 00:00:59.000Z");
        check("2024-01-01T00:00:00+00:01", "2023-12-31 23:59:00.000Z");
        for beyond in ["0001-01-01T00:30:00+01:00", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(stored(beyond), None, "{beyond}");
        }
    }

    #[test]
    fn what_pocketbase_may_read_otherwise_is_no_date() {
        for text in [
            "x",
            "now",
            "@now",
            "1700000000",
            "2024",
            "2024-1-2",
            "2024-13-02",
            "2024-00-02",
            "2024-02-30",
            "2023-02-29",
            "1900-02-29",
            "0000-01-01",
            "10000-01-01",
            "+024-01-01",
            "2024-01-02T03:04",
            "2024-01-02T03:04Z",
            "2024-01-02T3:04:05Z",
            "2024-01-02 24:00:00",
            "2024-01-02 23:60:00",
            "2024-01-02 23:59:60",
            "2024-01-02t03:04:05Z",
            "2024-01-02T03:04:05z",
            "2024-01-02T03:04:05.Z",
            "2024-01-02T03:04:05,678Z",
            "2024-01-02T03:04:05.1234567890Z",
            "2024-01-02T03:04:05+0200",
            "2024-01-02T03:04:05 +02:00",
            "2024-01-02T03:04:05+24:00",
            "2024-01-02T03:04:05+02:60",
            "2024-01-02T03:04:05ZZ",
            "2024-01-02Z",
            "2024-01-02T",
            "2024-01-02  03:04:05",
            " 2024-01-02",
            "2024-01-02 ",
            "2024-01-0\u{664}",
            "02 Jan 2024",
            "Tue, 02 Jan 2024 03:04:05 GMT",
            "3:04PM",
        ] {
            assert_eq!(stored(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_stored_again(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-5][0-9])?)?"
        ) {
            if let Some(found) = stored(&text) {
                prop_assert_eq!(stored(&found), Some(found));
            }
        }

        #[test]
        fn texts_never_make_it_panic(text in "\\PC{0,30}|[-0-9T :.Z+\u{664}]{0,30}") {
            let _ = stored(&text);
        }
    }
}
