//! Strict JSON: what has one meaning, or nothing.
//!
//! PocketBase before 0.40 takes the last of two equal keys and replaces broken
//! text, and every version ignores what follows the first value. A rule and
//! PocketBase might then see two different bodies, so all of that is refused.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How far a body may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Arrays and objects within each other; up to 127.
    pub depth: usize,
    /// Values in all: each takes some forty bytes, however few it was written with.
    pub values: usize,
}

/// Why bytes are no JSON that is taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It breaks the grammar, is no UTF-8, has a number beyond all bounds, or
    /// goes on after its end.
    #[error("no valid JSON at line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In bytes.
        column: usize,
    },
    /// An object has a key twice.
    #[error("the key {place} is there twice")]
    Duplicate {
        /// The key, as a JSON Pointer.
        place: String,
    },
    /// Values beyond the bound.
    #[error("there are more than {most} values")]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// Arrays and objects within each other beyond the bound.
    #[error("the value at \"{place}\" is nested too deep")]
    TooDeep {
        /// The value, as a JSON Pointer.
        place: String,
    },
}

/// A value about to be read.
#[derive(Clone, Copy)]
struct Node<'a> {
    /// How many levels it may have.
    depth: usize,
    place: Place<'a>,
    /// How many values were read so far, and how many there may be.
    read: &'a Cell<usize>,
    most: usize,
    /// Where the reason goes, which serde's errors would flatten to text.
    refused: &'a RefCell<Option<JsonError>>,
}

/// Where a value is, as a chain on the stack: it is spelled out for errors only.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

/// Reads one value that fills the bytes.
///
/// # Errors
/// Whatever has two meanings or breaks a bound. No bytes are no value.
pub fn parse(bytes: &[u8], bounds: Bounds) -> Result<Value, JsonError> {
    let refused = RefCell::new(None);
    let read = Cell::new(0);
    let root = Node {
        depth: bounds.depth,
        place: Place::Root,
        read: &read,
        most: bounds.values,
        refused: &refused,
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = root
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        let syntax = JsonError::Syntax {
            line: error.line(),
            column: error.column(),
        };
        refused.take().unwrap_or(syntax)
    })
}

impl Bounds {
    /// For what PocketBase answers: a record holds what a client once sent,
    /// within the answer of a list and an expand or two.
    #[must_use]
    pub const fn upstream() -> Self {
        Self {
            depth: 127,
            values: 1_000_000,
        }
    }
}

/// For what a client sends.
impl Default for Bounds {
    fn default() -> Self {
        Self {
            depth: 64,
            values: 100_000,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(parent, key) => {
                write!(f, "{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

impl Node<'_> {
    fn refuse<E: de::Error>(&self, reason: JsonError) -> E {
        self.refused.replace(Some(reason));
        E::custom("refused")
    }

    /// The levels left for what is inside.
    fn inside<E: de::Error>(&self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| {
            self.refuse(JsonError::TooDeep {
                place: self.place.to_string(),
            })
        })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.read.replace(self.read.get() + 1) >= self.most {
            return Err(self.refuse(JsonError::TooMany { most: self.most }));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let depth = self.inside()?;
        let mut items = Vec::new();
        loop {
            let place = Place::Index(&self.place, items.len());
            match seq.next_element_seed(Node {
                depth,
                place,
                ..self
            })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let depth = self.inside()?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let place = Place::Key(&self.place, &key);
            if object.contains_key(&key) {
                return Err(self.refuse(JsonError::Duplicate {
                    place: place.to_string(),
                }));
            }
            let value = map.next_value_seed(Node {
                depth,
                place,
                ..self
            })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: impl AsRef<[u8]>, expected: Result<Value, &str>) {
        let found = parse(
            text.as_ref(),
            Bounds {
                depth: 3,
                values: 12,
            },
        )
        .map_err(|error| error.to_string());
        assert_eq!(
            found,
            expected.map_err(str::to_owned),
            "{:?}",
            String::from_utf8_lossy(text.as_ref())
        );
    }

    #[test]
    fn clean_json_is_read() {
        check("null", Ok(json!(null)));
        check(
            " { \"a\" : [ 1 , -2.5e3 , true , \"\\u00e9\" ] } \n",
            Ok(json!({"a": [1, -2500.0, true, "\u{e9}"]})),
        );
        check("{\"a\":{\"a\":{}}}", Ok(json!({"a": {"a": {}}})));
        check("9007199254740993", Ok(json!(9_007_199_254_740_993_u64)));
        check("\"\\ud83d\\ude00\"", Ok(json!("\u{1f600}")));
    }

    #[test]
    fn a_key_that_is_there_twice_is_named() {
        check("{\"a\":1,\"a\":1}", Err("the key /a is there twice"));
        check("{\"n\":1,\"\\u006e\":2}", Err("the key /n is there twice"));
        check(
            "{\"a/b\":[0,{\"~\":1,\"~\":2}]}",
            Err("the key /a~1b/1/~0 is there twice"),
        );
    }

    #[test]
    fn depth_is_bounded() {
        check("[[[]]]", Ok(json!([[[]]])));
        check(
            "[0,[[{}]]]",
            Err("the value at \"/1/0/0\" is nested too deep"),
        );
        let deep = "[".repeat(100_000);
        check(&deep, Err("the value at \"/0/0/0\" is nested too deep"));
        assert!(
            parse(
                deep.as_bytes(),
                Bounds {
                    depth: usize::MAX,
                    values: usize::MAX
                }
            )
            .is_err()
        );
        let deepest = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(deepest(127).as_bytes(), Bounds::upstream()).is_ok());
        assert!(parse(deepest(128).as_bytes(), Bounds::upstream()).is_err());
    }

    #[test]
    fn values_are_counted() {
        check(
            "[0,0,0,0,0,0,0,0,0,0,0]",
            Ok(json!([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        );
        check(
            "[0,0,0,0,0,0,0,0,0,0,0,0]",
            Err("there are more than 12 values"),
        );
    }

    #[test]
    fn what_has_two_meanings_is_refused() {
        check("", Err("no valid JSON at line 1, column 0"));
        check(
            "{\"a\":1}{\"b\":2}",
            Err("no valid JSON at line 1, column 8"),
        );
        check("{} junk", Err("no valid JSON at line 1, column 4"));
        check(b"\"\xff\"", Err("no valid JSON at line 1, column 2"));
        check("\"\\ud800\"", Err("no valid JSON at line 1, column 8"));
        check("\"\\udc00x\"", Err("no valid JSON at line 1, column 7"));
        check("1e999", Err("no valid JSON at line 1, column 5"));
        for text in [
            "NaN",
            "+1",
            "01",
            ".5",
            "1.",
            "'a'",
            "{a:1}",
            "[1,]",
            "{\"a\":1,}",
            "\u{feff}{}",
            "\"a\nb\"",
        ] {
            assert!(parse(text.as_bytes(), Bounds::default()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_never_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&bytes, Bounds::default());
        }

        #[test]
        fn what_it_reads_serde_reads_alike(text in "[\\[\\]{},: 0-9.eE\"ab\\\\u-]{0,12}") {
            if let Ok(value) = parse(text.as_bytes(), Bounds::default()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
            }
        }
    }
}
