//! Values of TOML as PocketBase has them: JSON, and moments in its own spelling.

use serde_json::{Map, Value};
use time::{Date, Duration, OffsetDateTime, Time};

use crate::filter;

/// The same in JSON. What JSON has no word for, `nan`, becomes null.
pub(super) fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.clone().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(moment) => match at(moment) {
            Some(at) => filter::stored(at).into(),
            None => moment.to_string().into(),
        },
        toml::Value::Array(values) => values.iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(object(table)),
    }
}

/// The same for a table.
pub(super) fn object(table: &toml::Table) -> Map<String, Value> {
    let members = table.iter();
    members
        .map(|(key, value)| (key.clone(), json(value)))
        .collect()
}

/// Milliseconds since 1970 of a moment, written as one or as a text.
pub(super) fn milliseconds(value: &toml::Value) -> Option<u64> {
    let moment = match value {
        toml::Value::Datetime(moment) => *moment,
        toml::Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let nanos = at(&moment)?.unix_timestamp_nanos();
    u64::try_from(nanos / 1_000_000).ok()
}

/// A day begins at midnight, and what names no offset is UTC; a time alone is no moment.
fn at(moment: &toml::value::Datetime) -> Option<OffsetDateTime> {
    let date = moment.date?;
    let month = time::Month::try_from(date.month).ok()?;
    let day = Date::from_calendar_date(i32::from(date.year), month, date.day).ok()?;
    let time = match moment.time {
        Some(time) => {
            let second = time.second.unwrap_or(0).min(59);
            let nanos = time.nanosecond.unwrap_or(0);
            Time::from_hms_nano(time.hour, time.minute, second, nanos).ok()?
        }
        None => Time::MIDNIGHT,
    };
    let minutes = match moment.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        Some(toml::value::Offset::Z) | None => 0,
    };
    Some(day.with_time(time).assume_utc() - Duration::minutes(minutes))
}

/// The word among these that was most likely meant; none is near enough.
pub(super) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| similar::TextDiff::from_chars(word, other).ratio();
    let rated = known.into_iter().map(|other| (likeness(other), other));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > 0.6)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spelled_as_pocketbase_stores_them() {
        let table: toml::Table =
            "a = 2026-01-02T03:04:05+01:00\nb = 2026-01-02\nc = 03:04:05\nd = [1, 1.5, true]"
                .parse()
                .unwrap();
        let told = object(&table);
        assert_eq!(told["a"], "2026-01-02 02:04:05.000Z");
        assert_eq!(told["b"], "2026-01-02 00:00:00.000Z");
        assert_eq!(told["c"], "03:04:05");
        assert_eq!(told["d"], serde_json::json!([1, 1.5, true]));
        let text = toml::Value::from("1970-01-01T00:00:01.5Z");
        assert_eq!(milliseconds(&text), Some(1_500));
        assert_eq!(milliseconds(&toml::Value::from("soon")), None);
    }

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["stored", "settings", "status"];
        assert_eq!(near("storred", known), Some("stored"));
        assert_eq!(near("setings", known), Some("settings"));
        assert_eq!(near("banana", known), None);
    }
}
