//! The options of a topic: what the SDKs write behind its question mark.
//!
//! It is JSON, `{"query": {…}, "headers": {…}}`, percent-encoded. PocketBase's
//! rules see all of it as `@request.query` and `@request.headers`, so each name
//! must be one that the gateway reads itself, or that the configuration lets in.

use http::HeaderName;
use serde_json::{Map, Value};

use super::refuse;
use crate::exchange::json::{self, Bounds, JsonError};
use crate::operation::query::{Pairs, decode};
use crate::operation::{OperationError, WatchQuery};
use crate::surface::{Surface, Unnamed};

/// The one parameter that there may be.
pub(super) const PARAMETER: &str = "options=";

/// What is read of `query` here.
const KNOWN: &[&str] = &["filter", "expand", "fields"];

/// Deep enough to say what is wrong with a value.
const BOUNDS: Bounds = Bounds {
    depth: 8,
    values: 200,
};

/// Whole numbers up to here are the same to whoever reads them as a double.
const EXACT: u64 = 1 << 53;

/// Reads what follows the question mark.
pub(super) fn read(
    raw: &str,
    surface: &Surface,
    unnamed: &mut Vec<Unnamed>,
) -> Result<WatchQuery, OperationError> {
    let Some(value) = raw.strip_prefix(PARAMETER) else {
        return refuse("expected options= after the question mark");
    };
    if value.contains('&') {
        return refuse("it may have options= and nothing beside it");
    }
    // What the SDKs escape, each in its way: JavaScript's leaves `!*'()`, Dart's writes `+`.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!*'()+%".contains(&byte);
    if !value.bytes().all(is_plain) {
        return refuse("a raw character in its options that must be escaped");
    }
    let text = decode(value).map_err(OperationError::Topic)?;
    if text.chars().any(char::is_control) {
        return refuse("a control character");
    }
    let (mut query, mut headers) = (Map::new(), Map::new());
    for (key, value) in object(&text)? {
        let members = match value {
            Value::Object(members) => members,
            // What an SDK was not given.
            Value::Null => Map::new(),
            _ => return Err(option(&key, "expected an object")),
        };
        match key.as_str() {
            "query" => query = members,
            "headers" => headers = members,
            _ => return Err(option(&key, "there is no such option")),
        }
    }
    let mut pairs = Pairs::of(texts(query)?)?;
    pairs.know(KNOWN, surface, unnamed)?;
    let query = WatchQuery::take(&mut pairs)?;
    Ok(WatchQuery {
        headers: held(headers, surface, unnamed)?,
        ..query
    })
}

fn object(text: &str) -> Result<Map<String, Value>, OperationError> {
    match json::parse(text.as_bytes(), BOUNDS) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => refuse("its options must be a JSON object"),
        Err(JsonError::Syntax { .. }) => refuse("its options are no valid JSON"),
        Err(JsonError::Duplicate { .. }) => refuse("one of its options is there twice"),
        Err(JsonError::TooMany { .. }) => refuse("it has too many options"),
        Err(JsonError::TooDeep { .. }) => refuse("its options are nested too deep"),
    }
}

/// The values as PocketBase makes texts of them; one that is null is none.
fn texts(members: Map<String, Value>) -> Result<Vec<(String, String)>, OperationError> {
    let mut texts = Vec::with_capacity(members.len());
    for (key, value) in members {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) if number.as_i64().is_some_and(is_exact) => number.to_string(),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                return Err(option(&key, "expected a text"));
            }
        };
        texts.push((key, text));
    }
    Ok(texts)
}

fn is_exact(number: i64) -> bool {
    number.unsigned_abs() <= EXACT
}

/// The headers that are let in, by their names in lower case and in that order.
fn held(
    members: Map<String, Value>,
    surface: &Surface,
    unnamed: &mut Vec<Unnamed>,
) -> Result<Vec<(String, String)>, OperationError> {
    let mut headers: Vec<(String, String)> = Vec::with_capacity(members.len());
    for (key, text) in texts(members)? {
        let Ok(name) = HeaderName::try_from(&key) else {
            return Err(option(&key, "no header has such a name"));
        };
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(option(&key, "a header has only printable ASCII characters"));
        }
        let named = Unnamed::Header { name: name.clone() };
        if !surface.compat.names(&named) {
            if surface.admits(named, unnamed) {
                // As on a request: what is not named does not get there, also while observing.
                continue;
            }
            return Err(option(&key, "there is no such header here"));
        }
        // PocketBase's rules name both alike, and see either.
        let same = |(other, _): &(String, String)| snake(other) == snake(name.as_str());
        if headers.iter().any(same) {
            return Err(option(&key, "it is there twice"));
        }
        headers.push((name.as_str().to_owned(), text));
    }
    headers.sort_unstable();
    Ok(headers)
}

fn snake(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

fn option(key: &str, problem: &'static str) -> OperationError {
    OperationError::Option {
        key: key.to_owned(),
        problem,
    }
}
