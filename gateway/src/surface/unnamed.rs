//! A name that PocketBase's own surface does not have, and the line that would let it in.

use std::fmt;

use http::{HeaderName, Method};

use super::{CustomRoute, is_ours};
use crate::operation::Route;

/// Something in a request or an answer that PocketBase's own surface does not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unnamed {
    /// A path that is no route of PocketBase's own.
    Route {
        /// GET for HEAD.
        method: Method,
        /// Decoded.
        segments: Vec<String>,
    },
    /// A parameter of the query.
    Query {
        /// Its name, decoded.
        key: String,
    },
    /// A header that asks for what PocketBase does not do.
    Header {
        /// In lower case.
        name: HeaderName,
    },
    /// A key of a body that is no field of its collection.
    Body {
        /// As the schema spells it.
        collection: String,
        /// As sent.
        key: String,
    },
    /// A key of a record in an answer that is no field, or a hidden one.
    Answer {
        /// As the schema spells it.
        collection: String,
        /// As PocketBase sent it.
        key: String,
    },
}

/// Longer names are nobody's.
const LONGEST: usize = 100;

/// A longer path is nobody's route, in bytes.
const LONGEST_PATH: usize = 200;

/// A longer segment is no word of a route, but somebody's id or token.
const LONGEST_WORD: usize = 24;

impl Unnamed {
    /// The key in `[compat]` under which it would be let in, which is also its
    /// word in metrics.
    #[must_use]
    pub fn section(&self) -> &'static str {
        match self {
            Self::Route { .. } => "routes",
            Self::Query { .. } => "query",
            Self::Header { .. } => "headers",
            Self::Body { .. } => "body",
            Self::Answer { .. } => "answer",
        }
    }

    /// What would stand there.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Route { method, segments } => {
                let parts: Vec<&str> = segments.iter().map(|segment| part(segment)).collect();
                format!("{method} /{}", parts.join("/"))
            }
            Self::Query { key } => key.clone(),
            Self::Header { name } => name.to_string(),
            Self::Body { collection, key } | Self::Answer { collection, key } => {
                format!("{collection}.{key}")
            }
        }
    }

    /// The key, of a body or a record.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Body { key, .. } | Self::Answer { key, .. } | Self::Query { key } => Some(key),
            Self::Route { .. } | Self::Header { .. } => None,
        }
    }

    /// Whether `[compat]` could name it: a plain name, which no version of
    /// PocketBase reads as something else, and no header of the gateway's own.
    #[must_use]
    pub fn can_be_named(&self) -> bool {
        match self {
            Self::Route { segments, .. } => {
                let bytes: usize = segments.iter().map(|segment| segment.len() + 1).sum();
                let route = CustomRoute::parse(&self.name());
                bytes <= LONGEST_PATH
                    && route.is_ok_and(|route| Route::taken_in_by(&route).is_none())
            }
            Self::Query { key } | Self::Body { key, .. } | Self::Answer { key, .. } => {
                is_plain(key)
            }
            Self::Header { name } => !is_ours(name),
        }
    }
}

/// A segment as it stands in a route: what is no word may be an id, an address
/// or a token, differs from request to request, and is nothing for a log.
fn part(segment: &str) -> &str {
    let is_word = segment.len() <= LONGEST_WORD
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b"-_.".contains(&byte))
        && segment.bytes().filter(|byte| *byte == b'.').count() <= 1;
    let is_version = segment.len() <= 3
        && segment.starts_with('v')
        && segment.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    if is_word || is_version {
        segment
    } else {
        "{any}"
    }
}

/// A name without a sign that could mean something: `@jsonPayload`, `title+`, `a b`.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte))
}

/// The line of `[compat]` that would let it in.
impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Plain names have nothing that TOML would want escaped.
        write!(f, "{} = [\"{}\"]", self.section(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unnamed: &Unnamed, line: &str, nameable: bool) {
        assert_eq!(unnamed.to_string(), line);
        assert_eq!(unnamed.can_be_named(), nameable, "{line}");
    }

    #[test]
    fn each_is_a_line_of_the_configuration() {
        let query = |key: &str| Unnamed::Query {
            key: key.to_owned(),
        };
        check(&query("tenant"), "query = [\"tenant\"]", true);
        check(&query("a=b"), "query = [\"a=b\"]", false);
        check(&query(""), "query = [\"\"]", false);
        let body = |key: &str| Unnamed::Body {
            collection: "posts".to_owned(),
            key: key.to_owned(),
        };
        check(&body("captcha"), "body = [\"posts.captcha\"]", true);
        check(&body("title+"), "body = [\"posts.title+\"]", false);
        check(
            &body("@jsonPayload"),
            "body = [\"posts.@jsonPayload\"]",
            false,
        );
        let route = |path: &str| Unnamed::Route {
            method: Method::POST,
            segments: path.split('/').map(str::to_owned).collect(),
        };
        check(&route("api/hello"), "routes = [\"POST /api/hello\"]", true);
        check(
            &route("api/v1/hello"),
            "routes = [\"POST /api/v1/hello\"]",
            true,
        );
        for any in [
            "item17",
            "a b",
            "ann@example.com",
            "eyJhbGciOiJIUzI1NiJ9.e.f",
            "a.b.c",
        ] {
            let line = "routes = [\"POST /api/get/{any}\"]";
            check(&route(&format!("api/get/{any}")), line, true);
        }
        let word = "a".repeat(25);
        check(&route(&word), "routes = [\"POST /{any}\"]", true);
        // What would take in a route of PocketBase's own is no line for it.
        check(
            &route("api/item17"),
            "routes = [\"POST /api/{any}\"]",
            false,
        );
        let path = ["word"; 41].join("/");
        assert!(!route(&path).can_be_named());
    }
}
