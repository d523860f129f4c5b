//! A name that PocketBase's own surface does not have, and the line that would let it in.

use std::fmt;

use http::{HeaderName, Method};

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
            Self::Route { method, segments } => format!("{method} /{}", segments.join("/")),
            Self::Query { key } => key.clone(),
            Self::Header { name } => name.to_string(),
            Self::Body { collection, key } | Self::Answer { collection, key } => {
                format!("{collection}.{key}")
            }
        }
    }

    /// Whether `[compat]` could name it: a plain name, which no version of
    /// PocketBase reads as something else.
    #[must_use]
    pub fn can_be_named(&self) -> bool {
        match self {
            Self::Route { segments, .. } => segments.iter().all(|segment| {
                segment.len() <= LONGEST
                    && segment
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~@".contains(&byte))
            }),
            Self::Query { key } | Self::Body { key, .. } | Self::Answer { key, .. } => {
                is_plain(key)
            }
            Self::Header { .. } => true,
        }
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
        check(&route("api/a b"), "routes = [\"POST /api/a b\"]", false);
    }
}
