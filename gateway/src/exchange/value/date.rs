//! Dates: what applications send, as PocketBase stores it.

use std::cmp::Ordering;

/// How PocketBase spells that there is no date, when asked for it as a date.
const ZERO: &str = "0001-01-01 00:00:00.000Z";

/// A day of the Gregorian calendar.
#[derive(Clone, Copy)]
struct Date {
    year: u32,
    /// 1 to 12.
    month: u32,
    /// From 1.
    day: u32,
}

/// What is left of a text.
struct Reader<'a>(&'a str);

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
    let mut left = Reader(text);
    let mut day = left.day()?;
    let (mut minutes, mut second, mut millis) = (0, 0, 0);
    if !left.0.is_empty() {
        left.skip("T").or_else(|| left.skip(" "))?;
        minutes = left.minutes()?;
        left.skip(":")?;
        second = left.number(2, 0..=59)?;
        millis = left.millis()?;
        let offset = left.offset()?;
        (day, minutes) = shifted(day, minutes.checked_sub(offset)?)?;
    }
    if !left.0.is_empty() {
        return None;
    }
    let Date { year, month, day } = day;
    let (hour, minute) = (minutes / 60, minutes % 60);
    let found =
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}Z");
    Some(if found == ZERO { String::new() } else { found })
}

/// The day that so many minutes after a day's begin fall on, and the minutes of that day.
fn shifted(day: Date, minutes: i32) -> Option<(Date, i32)> {
    const DAY: i32 = 24 * 60;
    let day = match minutes.div_euclid(DAY).cmp(&0) {
        Ordering::Less => day.before()?,
        Ordering::Equal => day,
        Ordering::Greater => day.after()?,
    };
    Some((day, minutes.rem_euclid(DAY)))
}

impl Date {
    fn before(self) -> Option<Self> {
        let Self { year, month, day } = self;
        if day > 1 {
            return Some(Self {
                day: day - 1,
                ..self
            });
        }
        let (year, month) = match month {
            1 if year == 1 => return None,
            1 => (year - 1, 12),
            month => (year, month - 1),
        };
        let day = length(year, month);
        Some(Self { year, month, day })
    }

    fn after(self) -> Option<Self> {
        let Self { year, month, day } = self;
        if day < length(year, month) {
            return Some(Self {
                day: day + 1,
                ..self
            });
        }
        let (year, month) = match month {
            12 if year == 9999 => return None,
            12 => (year + 1, 1),
            month => (year, month + 1),
        };
        Some(Self {
            year,
            month,
            day: 1,
        })
    }
}

impl Reader<'_> {
    fn day(&mut self) -> Option<Date> {
        let year = self.number(4, 1..=9999)?;
        self.skip("-")?;
        let month = self.number(2, 1..=12)?;
        self.skip("-")?;
        let day = self.number(2, 1..=length(year, month))?;
        Some(Date { year, month, day })
    }

    /// Of an hour and a minute.
    fn minutes(&mut self) -> Option<i32> {
        let hours = self.number(2, 0..=23)?;
        self.skip(":")?;
        i32::try_from(hours * 60 + self.number(2, 0..=59)?).ok()
    }

    /// PocketBase cuts what is finer.
    fn millis(&mut self) -> Option<u32> {
        if self.skip(".").is_none() {
            return Some(0);
        }
        let end = self.0.find(|character: char| !character.is_ascii_digit());
        let (digits, left) = self.0.split_at_checked(end.unwrap_or(self.0.len()))?;
        self.0 = left;
        if digits.len() > 9 {
            return None;
        }
        digits
            .get(..3)
            .map_or_else(|| format!("{digits:0<3}"), str::to_owned)
            .parse()
            .ok()
            .filter(|_| !digits.is_empty())
    }

    /// In minutes to the east.
    fn offset(&mut self) -> Option<i32> {
        if self.0.is_empty() || self.skip("Z").is_some() {
            return Some(0);
        }
        if self.skip("-").is_some() {
            return self.minutes().map(|minutes| -minutes);
        }
        self.skip("+")?;
        self.minutes()
    }

    /// So many digits.
    fn number(&mut self, width: usize, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let (digits, left) = self.0.split_at_checked(width)?;
        self.0 = left;
        let all = digits.bytes().all(|digit| digit.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| all)?;
        range.contains(&number).then_some(number)
    }

    fn skip(&mut self, mark: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(())
    }
}

fn length(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
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
