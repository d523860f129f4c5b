//! One value of a record's body, in the one spelling that PocketBase stores.
//!
//! PocketBase takes almost anything for a field: `["admin"]` for the text
//! `admin`, `"t"` for `true`, `"12abc"` for 0. A rule would see one value and
//! PocketBase store another, so here such a value becomes what is stored, or is
//! refused. Each line was seen on PocketBase 0.23.12 and 0.40.6: `values.rs` of
//! the scenarios asks it again.

mod date;

use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value, json};

use super::form::typed;
use super::json::{self, Bounds};
use crate::schema::FieldKind;

/// White space before a value of JSON.
const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The value as PocketBase stores it in a field of this kind, which for a key
/// with a modifier is the operand. To normalise it again changes nothing.
///
/// # Errors
///
/// What the field takes, when the value has no spelling that is sure to be stored as meant.
pub(super) fn normalise(kind: &FieldKind, value: Value) -> Result<Value, &'static str> {
    match kind {
        FieldKind::Text | FieldKind::Email | FieldKind::Url | FieldKind::Editor => text(value),
        FieldKind::Password => password(value),
        FieldKind::Date => date(value),
        FieldKind::Number => number(value),
        FieldKind::Bool => flag(value),
        FieldKind::Select { multiple }
        | FieldKind::Relation { multiple, .. }
        | FieldKind::File { multiple, .. } => {
            if *multiple {
                many(value)
            } else {
                one(value)
            }
        }
        FieldKind::Json => json_value(value),
        FieldKind::GeoPoint => place(&value),
        FieldKind::Autodate { .. } => Ok(value),
        FieldKind::Other => unknown(value),
    }
}

/// PocketBase makes an empty text of arrays and objects.
fn text(value: Value) -> Result<Value, &'static str> {
    match value {
        Value::Null => Ok("".into()),
        Value::Bool(flag) => Ok(flag.to_string().into()),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0);
            // Without an exponent, and -0 with its sign, as Go writes it.
            let whole = whole.ok_or("a text: a number with a fraction has no one spelling")?;
            Ok(whole.to_string().into())
        }
        Value::String(_) => Ok(value),
        Value::Array(_) | Value::Object(_) => Err("a text"),
    }
}

/// A number here would leave its owner with a password that was never typed: 1e12.
fn password(value: Value) -> Result<Value, &'static str> {
    match value {
        Value::Null => Ok("".into()),
        Value::String(_) => Ok(value),
        _ => Err("a text"),
    }
}

/// PocketBase clears the date when it does not understand one.
fn date(value: Value) -> Result<Value, &'static str> {
    match value {
        Value::Null => Ok("".into()),
        Value::String(text) => {
            let stored = date::stored(&text);
            stored.map(Value::from).ok_or(
                "a date like 2024-12-31 or 2024-12-31T23:59:59.000Z, of the years 1 to 9999, or an empty text",
            )
        }
        _ => Err("a date, as a text"),
    }
}

/// PocketBase makes 0 of what it does not understand.
fn number(value: Value) -> Result<Value, &'static str> {
    match value {
        Value::Null => Ok(0.into()),
        Value::Number(number) => Ok(settled(number)),
        Value::String(text) if text.is_empty() => Ok(0.into()),
        Value::String(text) => decimal(&text).ok_or("a number"),
        _ => Err("a number"),
    }
}

/// PocketBase makes `true` of 1, "1", "t" and more, and `false` of the rest.
fn flag(value: Value) -> Result<Value, &'static str> {
    match value {
        Value::Null => Ok(false.into()),
        Value::Bool(_) => Ok(value),
        Value::String(text) if text == "true" => Ok(true.into()),
        // Forms write an empty text for a box that is not ticked.
        Value::String(text) if text == "false" || text.is_empty() => Ok(false.into()),
        _ => Err("true or false"),
    }
}

/// PocketBase takes the last of several.
fn one(value: Value) -> Result<Value, &'static str> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(texts) => {
            let mut texts = texts.into_iter();
            match (texts.next(), texts.next()) {
                (None, _) => String::new(),
                (Some(Value::String(text)), None) => text,
                _ => return Err("one text"),
            }
        }
        _ => return Err("one text"),
    };
    if is_array(&text) {
        return Err("one text, and no array within it");
    }
    Ok(text.into())
}

/// PocketBase drops empty texts, and those that are there already.
fn many(value: Value) -> Result<Value, &'static str> {
    let given = match value {
        Value::Null => Vec::new(),
        Value::String(text) if is_array(&text) => {
            return Err("an array of texts, and not one within a text");
        }
        Value::String(_) => vec![value],
        Value::Array(values) => values,
        _ => return Err("an array of texts"),
    };
    let texts: Option<Vec<_>> = given.into_iter().map(within_array).collect();
    let texts = texts.ok_or("an array of texts")?;
    let mut seen = std::collections::HashSet::from([String::new()]);
    let kept = texts.into_iter().filter(|text| seen.insert(text.clone()));
    Ok(kept.collect())
}

/// Of a form's `1` and `true` PocketBase makes a number and a flag, and of these
/// the texts again.
fn within_array(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => number.as_f64().map(|float| float.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A field that the gateway does not know makes its own of a number, a flag and a
/// text; in a form all three are texts.
fn unknown(value: Value) -> Result<Value, &'static str> {
    match &value {
        Value::String(text) if !typed(text.clone()).is_string() => {
            Err("a value that is told apart from a text: send JSON")
        }
        _ => Ok(value),
    }
}

/// Of a text that is JSON, PocketBase stores the JSON.
fn json_value(value: Value) -> Result<Value, &'static str> {
    let Value::String(text) = value else {
        return Ok(settled_within(value));
    };
    if !is_json(&text) {
        return Ok(text.into());
    }
    match json::parse(text.as_bytes(), Bounds::default()) {
        // Sent on by itself, this text would be read as JSON once more.
        Ok(Value::String(inner)) if is_json(&inner) => {
            Err("JSON, and no text of JSON within a text of JSON")
        }
        // Of JSON within a text PocketBase keeps every digit, of any other 53 bits.
        Ok(value) if !is_exact(&value) => {
            Err("JSON, and no text of JSON with a whole number beyond 53 bits")
        }
        Ok(value) => Ok(settled_within(value)),
        Err(_) => Err("JSON of one meaning, within bounds"),
    }
}

/// Whether the whole numbers that it holds stay the same as 64 bits of floating point.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64() || settled(number.clone()) == *value,
        Value::Array(values) => values.iter().all(is_exact),
        Value::Object(entries) => entries.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// PocketBase makes 0 of what it does not understand, and drops other keys.
fn place(value: &Value) -> Result<Value, &'static str> {
    const EXPECTED: &str = "an object of the numbers lon and lat";
    if value.is_null() {
        return Ok(json!({ "lon": 0, "lat": 0 }));
    }
    let keys = value.as_object().filter(|keys| keys.len() == 2);
    let keys = keys.ok_or(EXPECTED)?;
    let mut point = Map::new();
    for key in ["lon", "lat"] {
        let number = keys.get(key).and_then(Value::as_number);
        point.insert(key.to_owned(), settled(number.ok_or(EXPECTED)?.clone()));
    }
    Ok(point.into())
}

/// Whether PocketBase would read, or try to read, this text as an array.
fn is_array(text: &str) -> bool {
    text.trim_start_matches(JSON_SPACE).starts_with('[')
}

/// Whether PocketBase stores this text as the JSON that it is. Equal keys,
/// half surrogates and numbers beyond all bounds are JSON here, as in Go.
fn is_json(text: &str) -> bool {
    if matches!(text, "null" | "true" | "false") {
        return true;
    }
    let begins = text.starts_with(|first: char| matches!(first, '0'..='9' | '-' | '"' | '[' | '{'));
    begins && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// `3`, `-1.5`; no exponent, no sign but `-`, no needless 0 before it.
fn decimal(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = [whole, fraction]
        .into_iter()
        .all(|part| !part.is_empty() && part.bytes().all(|character| character.is_ascii_digit()));
    if !plain || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let number = text.parse().ok().and_then(Number::from_f64)?;
    Some(settled(number))
}

/// A number as PocketBase keeps it: 64 bits of floating point, and no sign at 0.
fn settled(number: Number) -> Value {
    let Some(float) = number.as_f64() else {
        return number.into();
    };
    if float.fract() != 0.0 {
        return float.into();
    }
    // Whole numbers are spelled as such, as far as they go.
    let digits = float.to_string();
    let whole = digits.parse::<i64>().map(Value::from);
    whole
        .or_else(|_| digits.parse::<u64>().map(Value::from))
        .unwrap_or_else(|_| float.into())
}

fn settled_within(value: Value) -> Value {
    match value {
        Value::Number(number) => settled(number),
        Value::Array(values) => values.into_iter().map(settled_within).collect(),
        Value::Object(entries) => {
            let entries = entries.into_iter();
            entries
                .map(|(key, value)| (key, settled_within(value)))
                .collect()
        }
        value => value,
    }
}

#[cfg(test)]
mod tests;
