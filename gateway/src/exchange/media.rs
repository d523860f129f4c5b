//! What a body says it is: the `Content-Type` header, read in one way.
//!
//! PocketBase takes the first of two headers and any type that only begins like
//! one it knows (`application/jsonfoo`), and Go's reader of parameters knows
//! `boundary*=`, continuations and escapes. Here there is one header, one of
//! three types, and each parameter once.

use http::{HeaderMap, header};

/// A type of body that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`
    Urlencoded,
    /// `multipart/form-data`
    Multipart {
        /// What stands between the parts, without the dashes before it.
        boundary: String,
    },
}

/// Why a body is of no type that is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// No header.
    #[error("a body needs a Content-Type")]
    Missing,
    /// Two headers, alike or not.
    #[error("there is more than one Content-Type")]
    Twice,
    /// No `type/subtype; name=value`, or a parameter twice.
    #[error("the Content-Type can't be read")]
    Malformed,
    /// Another type.
    #[error(
        "a body must be application/json, application/x-www-form-urlencoded or multipart/form-data, not \"{0}\""
    )]
    Unknown(String),
    /// A parameter that the type does not have, or a value that is not taken.
    #[error("the parameter \"{0}\" of the Content-Type is not taken")]
    Parameter(String),
    /// None, or one that has characters that no boundary has.
    #[error("a multipart body needs a boundary of 1 to 70 characters")]
    Boundary,
}

/// A header's value: a word, and `name=value` pairs after it.
pub(super) struct Valued<'a> {
    pub(super) word: &'a str,
    /// Names as written, each once in whatever case.
    pub(super) parameters: Vec<(&'a str, &'a str)>,
}

impl Media {
    /// Reads the header of a body that is not empty.
    ///
    /// # Errors
    ///
    /// Any other type, or this one in a spelling that could be read otherwise.
    pub fn of(headers: &HeaderMap) -> Result<Self, MediaError> {
        let mut values = headers.get_all(header::CONTENT_TYPE).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Err(MediaError::Missing),
            (Some(value), None) => value,
            (Some(_), Some(_)) => return Err(MediaError::Twice),
        };
        let text = value.to_str().map_err(|_| MediaError::Malformed)?;
        Self::parse(text)
    }

    fn parse(text: &str) -> Result<Self, MediaError> {
        let Valued { word, parameters } = Valued::parse(text).ok_or(MediaError::Malformed)?;
        let mut boundary = None;
        for (name, value) in parameters {
            // In lower case, as everybody writes them: not all readers fold them.
            match name {
                "charset" if is_utf8(value) => {}
                "boundary" => boundary = Some(value),
                _ => return Err(MediaError::Parameter(name.to_owned())),
            }
        }
        let media = match word.to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Urlencoded,
            "multipart/form-data" => {
                let boundary = boundary.filter(|boundary| is_boundary(boundary));
                return Ok(Self::Multipart {
                    boundary: boundary.ok_or(MediaError::Boundary)?.to_owned(),
                });
            }
            _ => return Err(MediaError::Unknown(word.to_owned())),
        };
        match boundary {
            None => Ok(media),
            Some(_) => Err(MediaError::Parameter("boundary".to_owned())),
        }
    }
}

impl<'a> Valued<'a> {
    /// `None`: not of this form, or a name twice. A value may stand in quotes, but
    /// there are no escapes in them: readers differ about those.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (word, mut rest) = split(text);
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        while let Some(text) = rest {
            let (name, text) = text.trim_start_matches(SPACE).split_once('=')?;
            let value;
            (value, rest) = if let Some(quoted) = text.strip_prefix('"') {
                let (value, after) = quoted.split_once('"')?;
                let ("", rest) = split(after) else {
                    return None;
                };
                (is_quotable(value).then_some(value)?, rest)
            } else {
                let (value, rest) = split(text);
                (is_token(value).then_some(value)?, rest)
            };
            let same = |(other, _): &(&str, &str)| other.eq_ignore_ascii_case(name);
            if !is_token(name) || parameters.iter().any(same) {
                return None;
            }
            parameters.push((name, value));
        }
        let is_word = word.split('/').all(is_token);
        is_word.then_some(Self { word, parameters })
    }
}

/// White space between the parts of a header's value.
const SPACE: [char; 2] = [' ', '\t'];

/// What stands before the first semicolon, and what after it if there is one.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(';') {
        Some((one, rest)) => (one.trim_end_matches(SPACE), Some(rest)),
        None => (text.trim_end_matches(SPACE), None),
    }
}

/// Whether this names the one charset that is taken.
pub(super) fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8")
}

/// RFC 9110's token. A star is none here: it marks the values that are encoded
/// once more (`boundary*=`).
fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

fn is_quotable(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || c == '\\')
}

/// RFC 2046's, without the space.
fn is_boundary(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Media, &str>) {
        let found = Media::parse(text).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{text:?}");
    }

    #[track_caller]
    fn multipart(text: &str, boundary: &str) {
        let boundary = boundary.to_owned();
        check(text, Ok(Media::Multipart { boundary }));
    }

    #[test]
    fn three_types_are_taken() {
        check("application/json", Ok(Media::Json));
        check("Application/JSON ;\tcharset=UTF-8", Ok(Media::Json));
        check("application/json; charset=\"utf-8\"", Ok(Media::Json));
        check("application/x-www-form-urlencoded", Ok(Media::Urlencoded));
        multipart("multipart/form-data; boundary=x", "x");
        multipart("multipart/form-data; boundary=\"a:b=c\"", "a:b=c");
        multipart(
            "multipart/form-data;charset=utf-8;boundary=----WebKitFormBoundary7MA4YWxk",
            "----WebKitFormBoundary7MA4YWxk",
        );
    }

    #[test]
    fn another_type_is_named() {
        let other = |word: &str| {
            format!(
                "a body must be application/json, application/x-www-form-urlencoded or multipart/form-data, not \"{word}\""
            )
        };
        for word in ["application/jsonfoo", "text/plain", "text/xml", "json"] {
            check(word, Err(&other(word)));
        }
        check(
            "multipart/mixed; boundary=x",
            Err(&other("multipart/mixed")),
        );
    }

    #[test]
    fn a_parameter_is_known_and_there_once() {
        let refused =
            |name: &str| format!("the parameter \"{name}\" of the Content-Type is not taken");
        check("application/json; charset=utf-16", Err(&refused("charset")));
        check("application/json; boundary=x", Err(&refused("boundary")));
        check("application/json; q=1", Err(&refused("q")));
        check("application/json; Charset=utf-8", Err(&refused("Charset")));
        let malformed = "the Content-Type can't be read";
        for text in [
            "",
            ";",
            "application/json;",
            "application/json; charset",
            "application/json; charset=utf-8; charset=utf-8",
            "application/json, application/json",
            "application/json charset=utf-8",
            "multipart/form-data; boundary=a; boundary=b",
            "multipart/form-data; boundary=a; BOUNDARY=a",
            "multipart/form-data; boundary*=utf-8''a",
            "multipart/form-data; boundary*0=a",
            "multipart/form-data; boundary=\"a\"b",
            "multipart/form-data; boundary=\"a\\\"b\"",
            "multipart/form-data; boundary=\"a",
            "multipart/form-data; boundary=a:b",
            "multipart/form-data; boundary= a",
            "multipart/form-data; boundary =a",
            "multipart/form-data; boundary=",
        ] {
            check(text, Err(malformed));
        }
    }

    #[test]
    fn a_boundary_has_characters_of_a_boundary() {
        let refused = "a multipart body needs a boundary of 1 to 70 characters";
        check("multipart/form-data", Err(refused));
        check("multipart/form-data; boundary=\"\"", Err(refused));
        check("multipart/form-data; boundary=\"a b\"", Err(refused));
        check("multipart/form-data; boundary=\"é\"", Err(refused));
        let long = |length| format!("multipart/form-data; boundary={}", "x".repeat(length));
        multipart(&long(70), &"x".repeat(70));
        check(&long(71), Err(refused));
    }

    #[test]
    fn there_is_one_header() {
        let of = |values: &[&'static str]| {
            let values = values.iter().map(|value| {
                let value = HeaderValue::from_static(value);
                (header::CONTENT_TYPE, value)
            });
            Media::of(&values.collect())
        };
        assert_eq!(of(&["application/json"]), Ok(Media::Json));
        assert_eq!(of(&[]), Err(MediaError::Missing));
        assert_eq!(
            of(&["application/json", "application/json"]),
            Err(MediaError::Twice)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(application/json|multipart/form-data)?[a-z;=\"*, \\\\é]{0,20}") {
            let _ = Media::parse(&text);
        }
    }
}
