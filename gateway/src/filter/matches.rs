//! Whether a record passes a filter, as PocketBase would find in its database.
//!
//! For plain fields of the record itself, of which somebody has told the values: there is no
//! database here. What would take one, or hangs on how a column is stored, is not guessed at.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::Value;
use time::{Duration, OffsetDateTime, Time};

use super::{Filter, Join, Node, Operand, Sign};

/// What a filter is held against.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// An object.
    pub record: &'a Value,
    /// Who asks; none: a guest.
    pub auth: Option<&'a Value>,
    /// Milliseconds since 1970, UTC.
    pub now_ms: u64,
}

/// Why it can't be told whether a record passes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// With the field's name.
    #[error("the filter asks for the field \"{0}\", which the record does not tell")]
    Untold(String),
    /// With the path: it takes a database to follow it.
    #[error("the filter asks for \"{0}\", which leads beyond the record")]
    Beyond(String),
    /// With what it is.
    #[error("the filter has {0}, which only PocketBase can work out")]
    Database(&'static str),
    /// The two sides, as written: SQLite goes by the types of columns then.
    #[error("the filter compares \"{left}\" with \"{right}\": one is a number and one a text")]
    Mixed {
        /// On the left of the sign.
        left: String,
        /// On the right.
        right: String,
    },
}

/// A value of a column, or of a parameter.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Null,
    /// Flags are 1 and 0.
    Number(f64),
    Text(String),
    /// Each of several, asked for one by one; never none.
    Each(Vec<Held>),
}

impl Filter {
    /// Whether a record passes.
    ///
    /// # Errors
    ///
    /// What can't be told from the record alone.
    pub fn matches(&self, facts: &Facts<'_>) -> Result<bool, Unclear> {
        self.root.matches(facts)
    }
}

/// The value of a field by which records are put in order.
///
/// # Errors
///
/// A field that one of the records does not tell, or a path.
pub fn compare(field: &str, one: &Value, other: &Value) -> Result<Ordering, Unclear> {
    let of = |record| {
        let facts = Facts {
            record,
            auth: None,
            now_ms: 0,
        };
        facts.identifier(field)
    };
    let (one, other) = (of(one)?, of(other)?);
    Ok(match (one, other) {
        (Held::Null, Held::Null) => Ordering::Equal,
        (Held::Null, _) => Ordering::Less,
        (_, Held::Null) => Ordering::Greater,
        (Held::Number(one), Held::Number(other)) => one.total_cmp(&other),
        (Held::Text(one), Held::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
        // SQLite puts every number before every text.
        (Held::Number(_), _) => Ordering::Less,
        (_, Held::Number(_)) => Ordering::Greater,
        _ => return Err(Unclear::Database("an order by several values")),
    })
}

impl Node {
    fn matches(&self, facts: &Facts<'_>) -> Result<bool, Unclear> {
        match self {
            Self::Group { join, items } => {
                // All are looked at: what can't be told is told, wherever it stands.
                let passed: Vec<bool> = items
                    .iter()
                    .map(|item| item.matches(facts))
                    .collect::<Result<_, _>>()?;
                Ok(match join {
                    Join::And => passed.into_iter().all(|passes| passes),
                    Join::Or => passed.into_iter().any(|passes| passes),
                })
            }
            Self::Comparison { left, sign, right } => {
                if sign.0.ends_with('~') && right.is_column() {
                    return Err(Unclear::Database("a field to the right of ~"));
                }
                let (one, other) = (facts.operand(left)?, facts.operand(right)?);
                let passes = |one: &Held, other: &Held| {
                    holds(*sign, one, other).ok_or_else(|| Unclear::Mixed {
                        left: left.to_string(),
                        right: right.to_string(),
                    })
                };
                match (&one, &other) {
                    (Held::Each(_), Held::Each(_)) => {
                        Err(Unclear::Database("several values on both sides"))
                    }
                    (Held::Each(all), other) => {
                        among(*sign, all.iter().map(|one| passes(one, other)))
                    }
                    (one, Held::Each(all)) => {
                        among(*sign, all.iter().map(|other| passes(one, other)))
                    }
                    (one, other) => passes(one, other),
                }
            }
        }
    }
}

impl Operand {
    /// Whether PocketBase has it in a column, and not as a value that it is given.
    fn is_column(&self) -> bool {
        matches!(self, Self::Identifier(name) if !name.starts_with('@') || name.starts_with("@request.auth."))
    }
}

/// With `?` one of several is enough.
fn among(sign: Sign, each: impl Iterator<Item = Result<bool, Unclear>>) -> Result<bool, Unclear> {
    let each: Vec<bool> = each.collect::<Result<_, _>>()?;
    Ok(if sign.0.starts_with('?') {
        each.contains(&true)
    } else {
        !each.contains(&false)
    })
}

impl Facts<'_> {
    fn operand(&self, operand: &Operand) -> Result<Held, Unclear> {
        match operand {
            Operand::Text(text) => Ok(Held::Text(text.clone())),
            Operand::Number(number) => Ok(Held::Number(*number)),
            Operand::Call { .. } => Err(Unclear::Database("a function")),
            Operand::Identifier(name) => self.identifier(name),
        }
    }

    fn identifier(&self, name: &str) -> Result<Held, Unclear> {
        if let Some(field) = name.strip_prefix("@request.auth.") {
            let Some(auth) = self.auth else {
                return Ok(Held::Null);
            };
            return value(auth, field)?.ok_or_else(|| Unclear::Untold(name.to_owned()));
        }
        if name.starts_with('@') {
            return self
                .macro_value(name)
                .ok_or_else(|| Unclear::Beyond(name.to_owned()));
        }
        if let Some(found) = value(self.record, name)? {
            return Ok(found);
        }
        // A field of such a name would come first.
        match name.to_ascii_lowercase().as_str() {
            "null" => Ok(Held::Null),
            "true" => Ok(Held::Number(1.0)),
            "false" => Ok(Held::Number(0.0)),
            _ => Err(Unclear::Untold(name.to_owned())),
        }
    }

    /// The macros of time; none where it is no such macro.
    fn macro_value(&self, name: &str) -> Option<Held> {
        let nanos = i128::from(self.now_ms) * 1_000_000;
        let now = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
        let day = now.date();
        let first = day.replace_day(1).ok()?;
        let number = |number: u8| Some(Held::Number(f64::from(number)));
        let text = |at: OffsetDateTime| Some(Held::Text(stored(at)));
        let start = |day: time::Date| text(day.midnight().assume_utc());
        let end = |day: time::Date| {
            let last = Time::from_hms_milli(23, 59, 59, 999).ok()?;
            text(day.with_time(last).assume_utc())
        };
        match name {
            "@now" => text(now),
            "@yesterday" => text(now - Duration::days(1)),
            "@tomorrow" => text(now + Duration::days(1)),
            "@second" => number(now.second()),
            "@minute" => number(now.minute()),
            "@hour" => number(now.hour()),
            "@day" => number(now.day()),
            "@month" => number(u8::from(now.month())),
            "@weekday" => number(now.weekday().number_days_from_sunday()),
            "@year" => Some(Held::Number(f64::from(now.year()))),
            "@todayStart" => start(day),
            "@todayEnd" => end(day),
            "@monthStart" => start(first),
            "@monthEnd" => end(day.replace_day(day.month().length(day.year())).ok()?),
            "@yearStart" => start(time::Date::from_ordinal_date(day.year(), 1).ok()?),
            "@yearEnd" => {
                let days = time::util::days_in_year(day.year());
                end(time::Date::from_ordinal_date(day.year(), days).ok()?)
            }
            _ => None,
        }
    }
}

/// A moment as PocketBase stores it.
#[must_use]
pub fn stored(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// The value of a field; none: it is not told.
fn value(record: &Value, name: &str) -> Result<Option<Held>, Unclear> {
    let (field, modifier) = name
        .split_once(':')
        .map_or((name, ""), |(field, modifier)| (field, modifier));
    if field.contains('.') {
        return Err(Unclear::Beyond(name.to_owned()));
    }
    let Some(value) = record.get(field) else {
        return Ok(None);
    };
    let held = match (modifier, value) {
        ("", value) => held(value)?,
        ("lower", Value::String(text)) => Held::Text(text.to_ascii_lowercase()),
        ("length", Value::Array(all)) => {
            Held::Number(f64::from(u32::try_from(all.len()).unwrap_or(u32::MAX)))
        }
        ("each", Value::Array(all)) if all.is_empty() => Held::Each(vec![Held::Null]),
        ("each", Value::Array(all)) => Held::Each(all.iter().map(held).collect::<Result<_, _>>()?),
        _ => return Err(Unclear::Database("a modifier that does not fit the value")),
    };
    Ok(Some(held))
}

fn held(value: &Value) -> Result<Held, Unclear> {
    Ok(match value {
        Value::Null => Held::Null,
        Value::Bool(flag) => Held::Number(if *flag { 1.0 } else { 0.0 }),
        Value::Number(number) => Held::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Held::Text(text.clone()),
        // Several texts are stored as JSON, in one column.
        Value::Array(_) => Held::Text(value.to_string()),
        Value::Object(_) => return Err(Unclear::Database("a field that holds an object")),
    })
}

/// Whether two values compare so; none where that hangs on the types of columns.
fn holds(sign: Sign, one: &Held, other: &Held) -> Option<bool> {
    match sign.0.trim_start_matches('?') {
        "=" => equal(one, other),
        "!=" => equal(one, other).map(|equal| !equal),
        "~" => Some(like(one, other) == Some(true)),
        // Nothing is unlike nothing.
        "!~" => Some(like(one, other) == Some(false)),
        ordered => {
            let order = match (one, other) {
                (Held::Null, _) | (_, Held::Null) => return Some(false),
                (Held::Number(one), Held::Number(other)) => one.partial_cmp(other)?,
                (Held::Text(one), Held::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
                _ => return None,
            };
            Some(match ordered {
                ">" => order.is_gt(),
                ">=" => order.is_ge(),
                "<" => order.is_lt(),
                _ => order.is_le(),
            })
        }
    }
}

/// Nothing and an empty text are one to PocketBase.
fn equal(one: &Held, other: &Held) -> Option<bool> {
    let is_empty = |held: &Held| match held {
        Held::Null => true,
        Held::Text(text) => text.is_empty(),
        Held::Number(_) | Held::Each(_) => false,
    };
    match (one, other) {
        _ if is_empty(one) || is_empty(other) => Some(is_empty(one) && is_empty(other)),
        (Held::Number(one), Held::Number(other)) => Some(one.total_cmp(other).is_eq()),
        (Held::Text(one), Held::Text(other)) => Some(one == other),
        _ => None,
    }
}

/// None where one of them is nothing.
fn like(one: &Held, other: &Held) -> Option<bool> {
    let text = |held: &Held| match held {
        Held::Null | Held::Each(_) => None,
        Held::Number(number) => Some(number.to_string()),
        Held::Text(text) => Some(text.clone()),
    };
    let (text, pattern) = (text(one)?, text(other)?);
    let pattern = pattern_of(&pattern);
    let text: Vec<char> = text.chars().map(|one| one.to_ascii_lowercase()).collect();
    Some(fits(&text, &pattern))
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    /// Any characters, or none.
    Any,
    /// One character.
    One,
    /// This one, in lower case.
    Just(char),
}

/// A text that has no `%` of its own is looked for anywhere; `\` takes a meaning away.
fn pattern_of(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut letters = text.chars().peekable();
    let mut has_any = false;
    while let Some(letter) = letters.next() {
        let just = |letter: char| Piece::Just(letter.to_ascii_lowercase());
        match letter {
            '\\' if matches!(letters.peek(), Some('%' | '_' | '\\')) => {
                pieces.extend(letters.next().map(just));
            }
            '%' => {
                has_any = true;
                pieces.push(Piece::Any);
            }
            '_' => pieces.push(Piece::One),
            letter => pieces.push(just(letter)),
        }
    }
    if has_any {
        return pieces;
    }
    let plain = pieces.into_iter().map(|piece| match piece {
        Piece::One => Piece::Just('_'),
        piece => piece,
    });
    std::iter::once(Piece::Any)
        .chain(plain)
        .chain([Piece::Any])
        .collect()
}

/// Goes back to the last `Any` where it does not fit: each pair is looked at once for it.
fn fits(text: &[char], pattern: &[Piece]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < text.len() {
        let next = pattern.get(piece).copied();
        let is_one = match next {
            Some(Piece::One) => true,
            Some(Piece::Just(letter)) => text.get(at) == Some(&letter),
            Some(Piece::Any) | None => false,
        };
        if is_one {
            (at, piece) = (at + 1, piece + 1);
        } else if next == Some(Piece::Any) {
            back = Some((at, piece));
            piece += 1;
        } else if let Some((from, any)) = back {
            back = Some((from + 1, any));
            (at, piece) = (from + 1, any + 1);
        } else {
            return false;
        }
    }
    pattern
        .get(piece..)
        .is_none_or(|rest| rest.iter().all(|piece| *piece == Piece::Any))
}
