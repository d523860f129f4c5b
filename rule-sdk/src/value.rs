//! One JSON value.

use serde::Serialize;

/// One JSON value, as a document gives and takes it.
///
/// ```
/// use hapta_rule::{Value, json};
///
/// assert_eq!(Value::from("Ada"), Value::Text("Ada".into()));
/// assert_eq!(Value::from(36), Value::Number(36.0));
/// assert_eq!(Value::from(None::<bool>), Value::Null);
/// assert_eq!(Value::from(json!([1, 2])), Value::Json("[1,2]".into()));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any JSON number, as the double that PocketBase would store.
    Number(f64),
    /// A text, unescaped.
    Text(String),
    /// An object or an array, printed as JSON.
    Json(String),
}

impl Value {
    /// A value of one's own, printed as JSON.
    ///
    /// # Errors
    ///
    /// What can't be JSON: a map with keys that are no texts.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_value(value).map(Self::from)
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Json(_) => None,
        }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Null | Self::Number(_) | Self::Text(_) | Self::Json(_) => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::Json(_) => None,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same as serde's own type, from which any type of one's own can be read.
    pub(crate) fn into_serde(self) -> serde_json::Result<serde_json::Value> {
        Ok(match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => value.into(),
            Self::Number(number) => number_to_json(number).into(),
            Self::Text(text) => text.into(),
            Self::Json(text) => return serde_json::from_str(&text),
        })
    }
}

/// The largest whole number up to which every double is exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A number as JSON would be written by hand, `5` and not `5.0`, so that it can be read into whole
/// numbers as well. None where JSON has no such number.
pub(crate) fn number_to_json(number: f64) -> Option<serde_json::Number> {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[allow(clippy::cast_possible_truncation, reason = "whole and within bounds")]
        return Some((number as i64).into());
    }
    serde_json::Number::from_f64(number)
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => {
                Self::Number(number.as_f64().unwrap_or(f64::INFINITY))
            }
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                Self::Json(value.to_string())
            }
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

macro_rules! from_number {
    ($($number:ty)*) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::Number(number.into())
            }
        })*
    };
}

from_number!(f64 f32 i32 u32 i16 u16 i8 u8);

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, number_to_json};

    #[test]
    fn each_kind_answers_to_its_own_question_only() {
        assert_eq!(Value::from("a").as_str(), Some("a"));
        assert_eq!(Value::from("a").as_number(), None);
        assert_eq!(Value::from(true).as_bool(), Some(true));
        assert_eq!(Value::from(1.5).as_number(), Some(1.5));
        assert!(Value::from(None::<&str>).is_null());
    }

    #[test]
    fn whole_numbers_are_printed_as_such() {
        #[track_caller]
        fn check(number: f64, expected: Option<&str>) {
            let printed = number_to_json(number).map(|one| one.to_string());
            assert_eq!(printed.as_deref(), expected);
        }
        check(5.0, Some("5"));
        check(-0.5, Some("-0.5"));
        check(1e300, Some("1e+300"));
        check(f64::NAN, None);
        check(f64::INFINITY, None);
    }

    #[test]
    fn a_value_of_ones_own_is_printed() {
        let value = Value::json(&vec![Some(1), None]).unwrap();
        assert_eq!(value, Value::Json("[1,null]".into()));
        assert_eq!(Value::json("text").unwrap(), Value::from("text"));
    }
}
