//! Paths as the configuration writes them: `/assets/{path...}`, `GET /api/hello/{name}`.

use std::fmt;

use http::Method;

/// A path with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `{name}`: one segment, whatever it is.
    Any(String),
    /// `{name...}`, at the end: any segments, or none.
    Rest(String),
}

/// A route of hooks, or of an application built on PocketBase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomRoute {
    /// None: any method.
    method: Option<Method>,
    pattern: PathPattern,
}

/// A text that is no pattern or no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A route is two words.
    #[error("expected a method and a path, like \"GET /api/hello/{{name}}\"; * is any method")]
    NoRoute,
    /// None that HTTP or PocketBase has.
    #[error("the method must be GET, POST, PUT, PATCH or DELETE, or * for any")]
    Method,
    /// Not one that a request could have.
    #[error(
        "the path must begin with a slash, and have plain segments, {{name}} for any one, or a last {{name...}} for the rest"
    )]
    Path,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// A path that no clean request has.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::Path)?;
        if rest.is_empty() {
            return Ok(Self { parts: Vec::new() });
        }
        let parts = rest
            .split('/')
            .map(Part::parse)
            .collect::<Option<Vec<_>>>()
            .ok_or(PatternError::Path)?;
        let early = parts.iter().rev().skip(1);
        if early.into_iter().any(|part| matches!(part, Part::Rest(_))) {
            return Err(PatternError::Path);
        }
        Ok(Self { parts })
    }

    /// Whether decoded segments fill it.
    #[must_use]
    pub fn matches(&self, segments: &[String]) -> bool {
        let mut rest = segments.iter();
        for part in &self.parts {
            match part {
                Part::Rest(_) => return true,
                Part::Any(_) if rest.next().is_some() => {}
                Part::Literal(literal) if rest.next() == Some(literal) => {}
                Part::Any(_) | Part::Literal(_) => return false,
            }
        }
        rest.next().is_none()
    }

    /// Whether some path fills both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut own, mut others) = (self.parts.iter(), other.parts.iter());
        loop {
            match (own.next(), others.next()) {
                (None, None) | (Some(Part::Rest(_)), _) | (_, Some(Part::Rest(_))) => return true,
                (Some(Part::Literal(one)), Some(Part::Literal(other))) if one != other => {
                    return false;
                }
                (Some(_), Some(_)) => {}
                (Some(_), None) | (None, Some(_)) => return false,
            }
        }
    }
}

impl Part {
    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}')?;
            let (name, part): (&str, fn(String) -> Self) = match inner.strip_suffix("...") {
                Some(name) => (name, Self::Rest),
                None => (inner, Self::Any),
            };
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return is_name.then(|| part(name.to_owned()));
        }
        let is_plain = !text.is_empty()
            && text != "."
            && text != ".."
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"{}/\\%?#;*\"".contains(&byte));
        is_plain.then(|| Self::Literal(text.to_owned()))
    }
}

impl CustomRoute {
    /// Reads a method, or `*`, and a pattern.
    ///
    /// # Errors
    ///
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (method, path) = text.split_once(' ').ok_or(PatternError::NoRoute)?;
        let method = match method {
            "*" => None,
            "GET" => Some(Method::GET),
            "POST" => Some(Method::POST),
            "PUT" => Some(Method::PUT),
            "PATCH" => Some(Method::PATCH),
            "DELETE" => Some(Method::DELETE),
            _ => return Err(PatternError::Method),
        };
        Ok(Self {
            method,
            pattern: PathPattern::parse(path)?,
        })
    }

    /// Whether a request is for it; HEAD is read as GET.
    #[must_use]
    pub fn matches(&self, method: &Method, segments: &[String]) -> bool {
        self.takes(method) && self.pattern.matches(segments)
    }

    /// Whether some request would be for it and for this method and pattern as well.
    #[must_use]
    pub fn overlaps(&self, method: &Method, pattern: &PathPattern) -> bool {
        self.takes(method) && self.pattern.overlaps(pattern)
    }

    fn takes(&self, method: &Method) -> bool {
        self.method.as_ref().is_none_or(|own| own == method)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("/");
        }
        for part in &self.parts {
            match part {
                Part::Literal(text) => write!(f, "/{text}")?,
                Part::Any(name) => write!(f, "/{{{name}}}")?,
                Part::Rest(name) => write!(f, "/{{{name}...}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: bool) {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned)
            .collect();
        let read = PathPattern::parse(pattern).unwrap();
        assert_eq!(read.matches(&segments), expected, "{pattern} {path}");
        assert_eq!(read.to_string(), pattern);
    }

    #[test]
    fn a_pattern_takes_the_paths_that_fill_it() {
        check("/", "/", true);
        check("/", "/a", false);
        check("/index.html", "/index.html", true);
        check("/index.html", "/Index.html", false);
        check("/{path...}", "/", true);
        check("/{path...}", "/a/b/c", true);
        check("/assets/{path...}", "/assets", true);
        check("/assets/{path...}", "/assets/a/b.js", true);
        check("/assets/{path...}", "/other", false);
        check("/api/hello/{name}", "/api/hello/bob", true);
        check("/api/hello/{name}", "/api/hello", false);
        check("/api/hello/{name}", "/api/hello/bob/x", false);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "",
            "a",
            "//",
            "/a/",
            "/a//b",
            "/..",
            "/./a",
            "/{}",
            "/{a b}",
            "/{a...}/b",
            "/a{b}",
            "/a%20b",
            "/a?b",
            "/a*",
            "/é",
            "/a\\b",
        ] {
            assert_eq!(PathPattern::parse(text), Err(PatternError::Path), "{text}");
        }
        assert_eq!(CustomRoute::parse("/a"), Err(PatternError::NoRoute));
        assert_eq!(CustomRoute::parse("get /a"), Err(PatternError::Method));
        assert_eq!(CustomRoute::parse("TRACE /a"), Err(PatternError::Method));
        assert_eq!(CustomRoute::parse("GET  /a"), Err(PatternError::Path));
    }

    #[test]
    fn patterns_overlap_where_a_path_fills_both() {
        for (one, other, expected) in [
            ("/api/a", "/api/a", true),
            ("/api/a", "/api/b", false),
            ("/api/{x}", "/api/b", true),
            ("/api/{x}", "/api/b/c", false),
            ("/api/{x...}", "/api/b/c", true),
            ("/{x...}", "/_/{path...}", true),
            ("/a/{x...}", "/a", true),
            ("/b/{x...}", "/a/{y}", false),
        ] {
            let (one, other) = (
                PathPattern::parse(one).unwrap(),
                PathPattern::parse(other).unwrap(),
            );
            assert_eq!(one.overlaps(&other), expected, "{one} {other}");
            assert_eq!(other.overlaps(&one), expected, "{other} {one}");
        }
    }
}
