//! The body of a form: pairs of names and values, and the one object made of them.
//!
//! PocketBase types what a form says before it knows the field: `true` is a
//! flag, `1.5` a number, `1.50` and `007` are texts. The field then makes its own
//! of that. A value that stands alone is a text here, of which the field makes
//! the same (`007` in a number is refused by it, and in a text is `007`); several
//! of one name are an array, typed as PocketBase types them.

pub mod multipart;
pub mod urlencoded;

use serde_json::{Map, Number, Value};

use super::json::{self, Bounds, JsonError};

/// Whose value is JSON, laid over the other values.
const PAYLOAD: &str = "@jsonPayload";
/// Pairs of a form; Go reads as many parts.
pub const MOST_PAIRS: usize = 1000;
/// Bytes of a name: far above any field's, with its modifier.
pub const LONGEST_NAME: usize = 300;

/// Why a body is no form that is taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It can't be split into pairs, or not in one way only.
    #[error("the form is refused: {0}")]
    Form(&'static str),
    /// One of its values.
    #[error("the form's value \"{name}\" is refused: {problem}")]
    Value {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file, for an operation that takes none.
    #[error("the form's value \"{name}\" is a file, and the operation takes none")]
    File {
        /// The part's name.
        name: String,
    },
    /// The value of `@jsonPayload` is no JSON that is taken.
    #[error("the form's value \"@jsonPayload\" is refused: {0}")]
    Payload(#[from] JsonError),
}

/// Makes an object of a form's pairs.
///
/// PocketBase lays every `@jsonPayload` over what is there, and since 0.40 an
/// object within it over an object; `null` takes all other values away. So here
/// each is an object, and has no key in common with another or with the form. The
/// SDK sends one for each list and each object that comes with a file.
///
/// # Errors
///
/// A form that has two meanings, by the name of its value.
pub fn object(pairs: Vec<(String, String)>) -> Result<Map<String, Value>, FormError> {
    let mut values: Map<String, Value> = Map::new();
    let mut payload = Map::new();
    for (name, text) in pairs {
        if name == PAYLOAD {
            lay(&mut payload, &text)?;
            continue;
        }
        match values.get_mut(&name) {
            None => {
                values.insert(name, Value::String(text));
            }
            Some(Value::Array(several)) => several.push(typed(text)),
            Some(one) => {
                let first = match one.take() {
                    Value::String(first) => typed(first),
                    other => other,
                };
                *one = Value::Array(vec![first, typed(text)]);
            }
        }
    }
    for (key, value) in payload {
        if values.contains_key(&key) {
            return refuse(&key, "it is in @jsonPayload as well");
        }
        values.insert(key, value);
    }
    Ok(values)
}

/// Adds one payload to those before it.
fn lay(payload: &mut Map<String, Value>, text: &str) -> Result<(), FormError> {
    let Value::Object(more) = json::parse(text.as_bytes(), Bounds::default())? else {
        return refuse(PAYLOAD, "it is no object");
    };
    for (key, value) in more {
        if payload.contains_key(&key) {
            return refuse(&key, "it is in @jsonPayload twice");
        }
        payload.insert(key, value);
    }
    Ok(())
}

/// A value as PocketBase types it: a flag, a number in the one spelling that Go
/// would write it in, or a text.
pub(super) fn typed(text: String) -> Value {
    match text.as_str() {
        "true" => return true.into(),
        "false" => return false.into(),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return text.into();
    }
    match text.parse::<f64>() {
        // Never with an exponent, in Rust and in Go alike.
        Ok(float) if float.to_string() == text => {
            Number::from_f64(float).map_or(Value::Null, Value::from)
        }
        _ => text.into(),
    }
}

fn refuse<T>(name: &str, problem: &'static str) -> Result<T, FormError> {
    Err(FormError::Value {
        name: name.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: Result<Value, &str>) {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = object(owned.collect()).map(Value::from);
        let found = found.map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{pairs:?}");
    }

    #[test]
    fn a_value_alone_is_a_text() {
        check(&[], Ok(json!({})));
        check(
            &[("a", ""), ("b", "1.50"), ("c", "true"), ("n+", "1")],
            Ok(json!({"a": "", "b": "1.50", "c": "true", "n+": "1"})),
        );
    }

    #[test]
    fn several_of_one_name_are_an_array_of_typed_values() {
        check(
            &[("a", "1"), ("b", "x"), ("a", "true"), ("a", "x")],
            Ok(json!({"a": [1.0, true, "x"], "b": "x"})),
        );
    }

    #[test]
    fn values_are_typed_as_go_would_write_them() {
        for (text, expected) in [
            ("true", json!(true)),
            ("false", json!(false)),
            ("0", json!(0.0)),
            ("-0", json!(-0.0)),
            ("-1.5", json!(-1.5)),
            ("0.0000001", json!(1e-7)),
            ("100000000000000000000000", json!(1e23)),
            ("9007199254740992", json!(9_007_199_254_740_992.0)),
        ] {
            assert_eq!(typed(text.to_owned()), expected, "{text}");
        }
        for text in [
            "",
            "x",
            "True",
            "1.50",
            "007",
            "1.",
            ".5",
            "-.5",
            "-",
            "1e3",
            "+1",
            "1_000",
            "0x10",
            " 1",
            "9007199254740993",
            "NaN",
            "inf",
            "-inf",
            "Infinity",
            "null",
            "\u{663}",
        ] {
            assert_eq!(typed(text.to_owned()), json!(text), "{text}");
        }
        let digits = "9".repeat(400);
        assert_eq!(typed(digits.clone()), json!(digits));
    }

    #[test]
    fn a_payload_is_laid_over_the_form_and_meets_none_of_it() {
        check(
            &[
                ("@jsonPayload", "{\"a\": [1, {}], \"b\": \"1\"}"),
                ("c", "x"),
            ],
            Ok(json!({"a": [1, {}], "b": "1", "c": "x"})),
        );
        let refused =
            |problem: &str| format!("the form's value \"@jsonPayload\" is refused: {problem}");
        check(
            &[
                ("@jsonPayload", "{\"a\": []}"),
                ("c", "x"),
                ("@jsonPayload", "{\"b\": null}"),
            ],
            Ok(json!({"a": [], "b": null, "c": "x"})),
        );
        check(
            &[
                ("@jsonPayload", "{\"a\": {\"b\": 1}}"),
                ("@jsonPayload", "{\"a\": {\"c\": 2}}"),
            ],
            Err("the form's value \"a\" is refused: it is in @jsonPayload twice"),
        );
        for payload in ["null", "[]", "1", "\"{}\""] {
            check(
                &[("@jsonPayload", payload), ("a", "1")],
                Err(&refused("it is no object")),
            );
        }
        check(
            &[("@jsonPayload", "{\"a\":1,\"a\":2}")],
            Err(&refused("the key /a is there twice")),
        );
        check(
            &[("@jsonPayload", "{} x")],
            Err(&refused("no valid JSON at line 1, column 4")),
        );
        check(
            &[("@jsonPayload", "")],
            Err(&refused("no valid JSON at line 1, column 0")),
        );
        check(
            &[("a", "1"), ("@jsonPayload", "{\"a\":1}")],
            Err("the form's value \"a\" is refused: it is in @jsonPayload as well"),
        );
    }
}
