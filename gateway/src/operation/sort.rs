//! `sort`: by which fields, in which direction.

use std::fmt;

use super::OperationError;

/// As many as PocketBase takes.
const MOST_KEYS: usize = 8;
/// Bytes of one key, as PocketBase takes them.
const LONGEST_KEY: usize = 255;

/// The order of a list; empty for PocketBase's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sort(Vec<SortKey>);

/// One key of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// A field, a path through relations, `@random` or `@rowid`.
    pub path: String,
    /// From the largest down.
    pub descending: bool,
}

impl Sort {
    /// Reads a comma list of keys, each with `+`, `-` or nothing before it.
    ///
    /// # Errors
    /// A key that is empty, too long or no identifier, or too many of them.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        let keys: Vec<SortKey> = text
            .split(',')
            .map(SortKey::parse)
            .collect::<Result<_, _>>()?;
        if keys.len() > MOST_KEYS {
            return Err(OperationError::Query {
                key: "sort".to_owned(),
                problem: "it has more than 8 keys",
            });
        }
        Ok(Self(keys))
    }

    /// The keys, the first one counting most.
    #[must_use]
    pub fn keys(&self) -> &[SortKey] {
        &self.0
    }

    /// Whether the order is PocketBase's own.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl SortKey {
    fn parse(text: &str) -> Result<Self, OperationError> {
        // A raw `+` arrives as a space, and PocketBase trims it.
        let text = text.trim_matches(' ');
        let (path, descending) = match text.strip_prefix('-') {
            Some(path) => (path, true),
            None => (text.strip_prefix('+').unwrap_or(text), false),
        };
        let refuse = |problem| {
            Err(OperationError::Part {
                key: "sort",
                part: text.to_owned(),
                problem,
            })
        };
        if text.len() > LONGEST_KEY {
            return refuse("it is longer than 255 bytes");
        }
        let clean = path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:".contains(&byte));
        if path.is_empty() || !(clean || path == "@random" || path == "@rowid") {
            return refuse("expected the name of a field, @random or @rowid");
        }
        Ok(Self {
            path: path.to_owned(),
            descending,
        })
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, key) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{key}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.descending { "-" } else { "" };
        write!(f, "{sign}{}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let printed = Sort::parse(text).ok().map(|sort| sort.to_string());
        assert_eq!(printed.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn keys_are_printed_in_one_spelling() {
        check("title", Some("title"));
        check("-created,+title", Some("-created,title"));
        check(" created, -title", Some("created,-title"));
        check(
            "author.name,title:lower,@random",
            Some("author.name,title:lower,@random"),
        );
        check("-@rowid", Some("-@rowid"));
        check("a,b,c,d,e,f,g,h", Some("a,b,c,d,e,f,g,h"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "a,",
            "-",
            "++a",
            "-+a",
            "a b",
            "a;b",
            "@request.auth.id",
            "@RANDOM",
            "a'",
            "\u{e9}",
        ] {
            check(text, None);
        }
        check("a,b,c,d,e,f,g,h,i", None);
        check(&"a".repeat(256), None);
        assert_eq!(
            Sort::parse("title,a b").map_err(|error| error.to_string()),
            Err("the query parameter \"sort\" is refused at \"a b\": expected the name of a field, @random or @rowid"
                .to_owned())
        );
    }
}
