//! What was let in only because the gateway observes: each name with how often,
//! and the `[compat]` that would let all of them in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::surface::Unnamed;

/// Names that are kept of each section; a client can make up any number.
const MOST: usize = 200;

/// The names seen so far, within a bound.
#[derive(Default)]
pub struct Observed {
    /// By the section of `[compat]` and the name that would stand there.
    seen: Mutex<BTreeMap<(&'static str, String), u64>>,
}

/// What became of a name that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// For the first time.
    First,
    /// Once more.
    Again,
    /// Not: there are too many names.
    Full,
}

impl Observed {
    /// Counts a name.
    pub fn note(&self, name: &Unnamed) -> Noted {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.section(), name.name());
        if let Some(count) = seen.get_mut(&key) {
            *count += 1;
            return Noted::Again;
        }
        let of_section = seen.keys().filter(|(section, _)| *section == key.0);
        if of_section.count() >= MOST {
            return Noted::Full;
        }
        seen.insert(key, 1);
        Noted::First
    }

    /// The `[compat]` of everything that was seen, each with how often: to be
    /// read, thinned out and put into the configuration.
    #[must_use]
    pub fn compat(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_empty() {
            return "# Nothing was let in that [compat] does not name.\n".to_owned();
        }
        let mut text = "[compat]\n".to_owned();
        let mut open = None;
        for ((section, name), count) in &*seen {
            if open != Some(section) {
                text.push_str(if open.is_some() { "]\n" } else { "" });
                // Writing to a string can't fail.
                let _ = writeln!(text, "{section} = [");
                open = Some(section);
            }
            let _ = writeln!(text, "    \"{name}\", # {count}");
        }
        text.push_str("]\n");
        let _ = writeln!(text, "# Of each list, {MOST} names are kept at most.");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(key: &str) -> Unnamed {
        Unnamed::Query {
            key: key.to_owned(),
        }
    }

    #[test]
    fn what_was_seen_is_told_as_a_configuration() {
        let observed = Observed::default();
        assert_eq!(observed.note(&query("tenant")), Noted::First);
        assert_eq!(observed.note(&query("tenant")), Noted::Again);
        observed.note(&query("debug"));
        observed.note(&Unnamed::Body {
            collection: "posts".to_owned(),
            key: "captcha".to_owned(),
        });
        let expected = "[compat]\nbody = [\n    \"posts.captcha\", # 1\n]\nquery = [\n    \"debug\", # 1\n    \"tenant\", # 2\n]\n# Of each list, 200 names are kept at most.\n";
        assert_eq!(observed.compat(), expected);
    }

    #[test]
    fn names_beyond_the_bound_are_not_kept() {
        let observed = Observed::default();
        for n in 0..MOST {
            assert_eq!(observed.note(&query(&format!("k{n}"))), Noted::First);
        }
        assert_eq!(observed.note(&query("one_more")), Noted::Full);
        assert_eq!(observed.note(&query("k0")), Noted::Again);
        // Whoever floods one list does not blind the others.
        let header = Unnamed::Header {
            name: http::header::IF_MATCH,
        };
        assert_eq!(observed.note(&header), Noted::First);
    }
}
