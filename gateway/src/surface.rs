//! What is served beside PocketBase's records: routes, pages and names that the
//! operator let in, and what becomes of a name that nobody let in.
//!
//! Names only: a spelling with two readings (a key twice, a bad escape, an
//! unclean path) is refused whatever stands here.

mod batch;
mod headers;
mod logins;
mod pattern;
mod unnamed;

use std::collections::BTreeSet;

use http::HeaderName;

pub use batch::Batch;
pub use headers::{is_forwarding, is_ours};
pub use logins::{Logins, ProviderTokens, TakenEmail};
pub use pattern::{CustomRoute, PathPattern, PatternError};
pub use unnamed::{Unnamed, is_plain};

/// What is served beside PocketBase's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// What `[compat]` lets in by name.
    pub compat: Compat,
    /// What becomes of a name that is not there.
    pub mode: Mode,
    /// Whether PocketBase's dashboard is served, below `/_/`.
    pub dashboard: bool,
    /// Whether the gateway shows its own pages where mails lead to the dashboard's.
    pub auth_pages: bool,
    /// Whether people see and end their own sessions: where those are the gateway's own.
    pub sessions: bool,
    /// What logins tell, and where they lead.
    pub logins: Logins,
    /// What a batch may have.
    pub batch: Batch,
    /// The paths of PocketBase's public folder that are served.
    pub files: Vec<PathPattern>,
}

/// What an application needs beyond what PocketBase documents, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compat {
    /// Routes of hooks or of an application built on PocketBase.
    pub routes: Vec<CustomRoute>,
    /// Parameters of the query, which PocketBase's rules see as `@request.query`.
    pub query: BTreeSet<String>,
    /// Headers, which PocketBase's rules see as `@request.headers`.
    pub headers: Vec<HeaderName>,
    /// Keys of bodies that are no fields, as `collection.key`.
    pub body: BTreeSet<String>,
    /// Keys of records in answers that are no fields, as `collection.key`.
    pub answer: BTreeSet<String>,
    /// Collections of which not all fields are known, so that any key of a body may be one:
    /// those of the laboratory. No configuration names them.
    pub sketched: BTreeSet<String>,
}

/// What becomes of a name that nobody let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is let through and counted: for moving an application in.
    Observe,
}

impl Surface {
    /// Whether a name is let in. One that is so only because the mode is
    /// [`Mode::Observe`] goes to `seen`.
    #[must_use]
    pub fn admits(&self, name: Unnamed, seen: &mut Vec<Unnamed>) -> bool {
        if self.compat.names(&name) {
            return true;
        }
        let observed = self.mode == Mode::Observe && name.can_be_named();
        if observed {
            seen.push(name);
        }
        observed
    }
}

impl Compat {
    /// Whether a name is let in, whatever the mode.
    #[must_use]
    pub fn names(&self, name: &Unnamed) -> bool {
        match name {
            Unnamed::Route { method, segments } => self
                .routes
                .iter()
                .any(|route| route.matches(method, segments)),
            Unnamed::Query { key } => self.query.contains(key),
            Unnamed::Header { name } => self.headers.contains(name),
            Unnamed::Body { collection, key } => {
                self.sketched.contains(collection)
                    || self.body.contains(&format!("{collection}.{key}"))
            }
            Unnamed::Answer { collection, key } => {
                self.answer.contains(&format!("{collection}.{key}"))
            }
        }
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
    fn what_is_named_is_let_in_and_the_rest_is_not() {
        let surface = Surface {
            compat: Compat {
                query: BTreeSet::from(["tenant".to_owned()]),
                body: BTreeSet::from(["posts.captcha".to_owned()]),
                ..Compat::default()
            },
            ..Surface::default()
        };
        let body = |collection: &str| Unnamed::Body {
            collection: collection.to_owned(),
            key: "captcha".to_owned(),
        };
        let mut seen = Vec::new();
        assert!(surface.admits(query("tenant"), &mut seen));
        assert!(!surface.admits(query("Tenant"), &mut seen));
        assert!(surface.admits(body("posts"), &mut seen));
        assert!(!surface.admits(body("users"), &mut seen));
        assert_eq!(seen, []);
    }

    #[test]
    fn an_observer_lets_in_what_could_be_named_and_tells() {
        let surface = Surface {
            mode: Mode::Observe,
            ..Surface::default()
        };
        let mut seen = Vec::new();
        assert!(surface.admits(query("tenant"), &mut seen));
        assert!(!surface.admits(query("@jsonPayload"), &mut seen));
        assert!(!surface.admits(query("a b"), &mut seen));
        assert_eq!(seen, [query("tenant")]);
    }
}
