//! `expand`: the relations whose records are to be sent along.

use std::fmt;

use super::OperationError;

/// More paths than any configuration allows.
const MOST_PATHS: usize = 100;
/// Relations in a row, as many as PocketBase follows.
const DEEPEST: usize = 6;

/// How much one request may make PocketBase gather: it has no bound itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpandBounds {
    /// Paths.
    pub paths: usize,
    /// Relations in a row; up to 6.
    pub depth: usize,
    /// Relations on one path that may lead from one record to several.
    pub many: usize,
}

impl Default for ExpandBounds {
    fn default() -> Self {
        Self {
            paths: 32,
            depth: DEEPEST,
            many: 2,
        }
    }
}

/// Paths through relations, in the one spelling that has no second reading.
///
/// PocketBase removes spaces, trims dots and takes the old `comments(post)` as
/// well: all of these name a relation in a way that a look-up of names misses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expand(Vec<Vec<String>>);

impl Expand {
    /// Reads a comma list of dot paths like `author,comments_via_post.author`.
    ///
    /// # Errors
    /// A path that is not clean or too deep, or too many of them.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        let mut paths = Vec::new();
        // A space beside a comma has no second reading.
        for part in text.split(',').map(|part| part.trim_matches(' ')) {
            let path: Vec<String> = part.split('.').map(str::to_owned).collect();
            let refuse = |problem| {
                Err(OperationError::Part {
                    key: "expand",
                    part: part.to_owned(),
                    problem,
                })
            };
            if !path.iter().all(|name| is_name(name)) {
                return refuse("expected names of relations with single dots between them");
            }
            if path.len() > DEEPEST {
                return refuse("it is more than 6 relations deep");
            }
            if paths.contains(&path) {
                continue;
            }
            if paths.len() == MOST_PATHS {
                return refuse("there are more than 100 paths");
            }
            paths.push(path);
        }
        Ok(Self(paths))
    }

    /// Each path, relation by relation.
    #[must_use]
    pub fn paths(&self) -> &[Vec<String>] {
        &self.0
    }

    /// Whether nothing is to be sent along.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Expand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, path) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}", path.join("."))?;
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let printed = Expand::parse(text).ok().map(|expand| expand.to_string());
        assert_eq!(printed.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn clean_paths_are_kept() {
        check("author", Some("author"));
        check(
            "author.team,comments_via_post.author",
            Some("author.team,comments_via_post.author"),
        );
        check("author,tags,author", Some("author,tags"));
        check("a.b.c.d.e.f", Some("a.b.c.d.e.f"));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "a,",
            ",a",
            "a u",
            "a,, b",
            "a.",
            ".a",
            "a..b",
            "comments(post)",
            "a:b",
            "*",
            "\u{e9}",
        ] {
            check(text, None);
        }
        check("a.b.c.d.e.f.g", None);
    }

    #[test]
    fn paths_are_counted() {
        let paths = |count: usize| {
            (0..count)
                .map(|n| format!("r{n}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert!(Expand::parse(&paths(MOST_PATHS)).is_ok());
        assert!(Expand::parse(&paths(MOST_PATHS + 1)).is_err());
    }
}
