//! The body of a batch: its parts, each an object of known keys.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::surface::Batch;

/// A part as it stands in the body.
#[derive(Debug)]
pub struct RawPart {
    /// As sent.
    pub method: String,
    /// As sent.
    pub address: String,
    /// Those that the configuration lets in.
    pub headers: HeaderMap,
    /// None is an empty one.
    pub body: Map<String, Value>,
}

/// Why a body is no batch.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// PocketBase refuses it too.
    #[error("a batch has at least one request")]
    Empty,
    /// With the bound, `batch.parts`.
    #[error("a batch has at most {0} requests")]
    TooMany(usize),
    /// No part of a batch.
    #[error("a request of a batch is an object with method, url, headers and body")]
    NoObject,
    /// A key that a part does not have, or not in this spelling.
    #[error("a request of a batch has no key \"{0}\", only method, url, headers and body")]
    UnknownKey(String),
    /// A value of another kind.
    #[error("the \"{key}\" of a request of a batch is no {expected}")]
    Value {
        /// Of a part.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// With the header: two spellings of one name.
    #[error("the header {0} is there twice")]
    HeaderTwice(HeaderName),
    /// A file that is none of a part's: with the name of its form's part.
    #[error(
        "\"{0}\" is no file of a request of the batch; expected a name like requests.0.avatar, with a place that there is"
    )]
    File(String),
    /// A delete takes nothing along.
    #[error("a request that deletes takes no body and no files")]
    Unwanted,
}

/// The parts of a batch's body.
///
/// # Errors
///
/// None, or too many.
pub fn parts(body: Value, bounds: &Batch) -> Result<Vec<Value>, BatchError> {
    let parts = match body {
        Value::Object(mut body) => body.remove("requests"),
        _ => None,
    };
    match parts {
        Some(Value::Array(parts)) if parts.len() > bounds.parts => {
            Err(BatchError::TooMany(bounds.parts))
        }
        Some(Value::Array(parts)) if !parts.is_empty() => Ok(parts),
        _ => Err(BatchError::Empty),
    }
}

/// The place of a part and the key in its body, of a file's name in a batch's form:
/// `requests.0.avatar` or `requests[0].avatar`. A place has one spelling.
///
/// # Errors
///
/// Any other name.
pub fn file_key(name: &str) -> Result<(usize, &str), BatchError> {
    let place = || {
        let rest = name.strip_prefix("requests")?;
        let (place, key) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_once('.')?,
            None => rest.strip_prefix('[')?.split_once("].")?,
        };
        let index: usize = place.parse().ok()?;
        (index.to_string() == place && !key.is_empty()).then_some((index, key))
    };
    place().ok_or_else(|| BatchError::File(name.to_owned()))
}

impl RawPart {
    /// Reads a part. Headers that are not let in are dropped: PocketBase's rules would
    /// see them as headers of the request.
    ///
    /// # Errors
    ///
    /// Another shape, or a key in another spelling, which an older `PocketBase` reads.
    pub fn read(part: Value, bounds: &Batch) -> Result<Self, BatchError> {
        let Value::Object(part) = part else {
            return Err(BatchError::NoObject);
        };
        let mut read = Self {
            method: String::new(),
            address: String::new(),
            headers: HeaderMap::new(),
            body: Map::new(),
        };
        for (key, value) in part {
            match (key.as_str(), value) {
                ("method", Value::String(method)) => read.method = method,
                ("url", Value::String(address)) => read.address = address,
                ("headers", Value::Object(headers)) => {
                    read.headers = let_in(headers, &bounds.headers)?;
                }
                ("body", Value::Object(body)) => read.body = body,
                ("headers" | "body", Value::Null) => {}
                ("method", _) => return Err(unfit("method", "text")),
                ("url", _) => return Err(unfit("url", "text")),
                ("headers", _) => return Err(unfit("headers", "object of texts")),
                ("body", _) => return Err(unfit("body", "object")),
                _ => return Err(BatchError::UnknownKey(key)),
            }
        }
        Ok(read)
    }
}

fn let_in(headers: Map<String, Value>, named: &[HeaderName]) -> Result<HeaderMap, BatchError> {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        let Value::String(value) = value else {
            return Err(unfit("headers", "object of texts"));
        };
        let Some(name) = named
            .iter()
            .find(|own| own.as_str().eq_ignore_ascii_case(&name))
        else {
            continue;
        };
        let value = HeaderValue::from_str(&value);
        let value = value.map_err(|_| unfit("headers", "object of texts"))?;
        if kept.insert(name.clone(), value).is_some() {
            return Err(BatchError::HeaderTwice(name.clone()));
        }
    }
    Ok(kept)
}

fn unfit(key: &'static str, expected: &'static str) -> BatchError {
    BatchError::Value { key, expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn bounds() -> Batch {
        Batch {
            parts: 2,
            headers: vec![HeaderName::from_static("x-tenant")],
        }
    }

    #[track_caller]
    fn refuses(part: Value, expected: &str) {
        let refused = RawPart::read(part, &bounds()).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn a_batch_has_parts_within_its_bound() {
        assert_eq!(parts(json!({}), &bounds()), Err(BatchError::Empty));
        assert_eq!(
            parts(json!({ "requests": [] }), &bounds()),
            Err(BatchError::Empty)
        );
        let three = json!({ "requests": [1, 2, 3] });
        assert_eq!(parts(three, &bounds()), Err(BatchError::TooMany(2)));
        let two = json!({ "requests": [1, 2] });
        assert_eq!(parts(two, &bounds()), Ok(vec![json!(1), json!(2)]));
    }

    #[test]
    fn a_part_has_four_keys_in_one_spelling() {
        let part = json!({
            "method": "POST", "url": "/x", "body": { "a": 1 },
            "headers": { "X-TENANT": "t", "Authorization": "a.b.c", "x-role": "admin" },
        });
        let read = RawPart::read(part, &bounds()).unwrap();
        assert_eq!(
            (read.method.as_str(), read.address.as_str()),
            ("POST", "/x")
        );
        assert_eq!(read.headers.len(), 1);
        assert_eq!(read.headers.get("x-tenant").unwrap(), "t");
        assert_eq!(Value::from(read.body), json!({ "a": 1 }));
        let empty = RawPart::read(json!({ "body": null, "headers": null }), &bounds());
        assert!(empty.unwrap().body.is_empty());
        let shape = "a request of a batch is an object with method, url, headers and body";
        for part in [json!(null), json!([]), json!("POST")] {
            refuses(part, shape);
        }
        refuses(
            json!({ "Method": "POST" }),
            "a request of a batch has no key \"Method\", only method, url, headers and body",
        );
        refuses(
            json!({ "url": 1 }),
            "the \"url\" of a request of a batch is no text",
        );
        refuses(
            json!({ "body": [] }),
            "the \"body\" of a request of a batch is no object",
        );
        for headers in [
            json!([]),
            json!({ "x-tenant": 1 }),
            json!({ "x-tenant": "\n" }),
        ] {
            refuses(
                json!({ "headers": headers }),
                "the \"headers\" of a request of a batch is no object of texts",
            );
        }
        refuses(
            json!({ "headers": { "X-Tenant": "a", "x-tenant": "b" } }),
            "the header x-tenant is there twice",
        );
    }

    #[test]
    fn a_file_s_name_says_of_which_part_it_is() {
        for (name, expected) in [
            ("requests.0.avatar", (0, "avatar")),
            ("requests[12].photos+", (12, "photos+")),
            ("requests.1.+photos", (1, "+photos")),
        ] {
            assert_eq!(file_key(name), Ok(expected));
        }
        for name in [
            "avatar",
            "requests",
            "requests.0",
            "requests.0.",
            "requests.00.a",
            "requests.+1.a",
            "requests.-1.a",
            "requests[0.a",
            "requests[0]a",
            "requests[].a",
            "Requests.0.a",
            "requests.99999999999999999999.a",
        ] {
            assert_eq!(file_key(name), Err(BatchError::File(name.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic_and_a_place_is_spelled_one_way(
            name in "(requests)?[.\\[]?[0-9+é]{0,3}[.\\]]{0,2}[a-z+.]{0,4}"
        ) {
            if let Ok((index, key)) = file_key(&name) {
                let spellings = [
                    format!("requests.{index}.{key}"),
                    format!("requests[{index}].{key}"),
                ];
                prop_assert!(spellings.contains(&name));
            }
        }
    }
}
