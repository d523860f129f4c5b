//! What `hapta dev` tells, in order: an object a line with `--json`, else lines for people.

use serde::Serialize;

use crate::telemetry::Ended;

/// Something to tell.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum News {
    /// All is up.
    Ready(Ready),
    /// A rule was saved, built, refused.
    Build(Build),
    /// A request was answered.
    Request(Box<Request>),
    /// A line of a rule's, of no request that ended soon after.
    Says(Said),
    /// A line of PocketBase's.
    PocketBase { line: String },
    /// Which collections are served changed.
    Serving(Serving),
    /// The gateway has something to say of itself.
    Log {
        level: &'static str,
        message: String,
    },
    /// There was no room for these.
    Lost { requests: u64, lines: u64 },
    /// It is over.
    Ended { reason: String },
}

/// Where everything is.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    /// For clients.
    pub(super) url: String,
    /// PocketBase's own.
    pub(super) dashboard: String,
    /// Made for development; none where there is one already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) superuser: Option<Superuser>,
    #[serde(flatten)]
    pub(super) serving: Serving,
}

/// Who opens the dashboard.
#[derive(Debug, Serialize)]
pub(super) struct Superuser {
    pub(super) email: String,
    /// Where the password is kept.
    pub(super) file: String,
    /// Told once, to people: what is read by machines is kept.
    #[serde(skip)]
    pub(super) password: Option<String>,
}

/// Who judges what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Serving {
    pub(super) rules: Vec<Judge>,
    /// Collections under PocketBase's own rules alone.
    pub(super) alone: Vec<String>,
}

/// A rule that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Judge {
    pub(super) name: String,
    pub(super) collections: Vec<String>,
}

/// How a build goes.
#[derive(Debug, Serialize)]
pub(super) struct Build {
    pub(super) rule: String,
    #[serde(flatten)]
    pub(super) state: State,
}

/// What came of a build.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(super) enum State {
    /// It has begun.
    Begun,
    /// It made what serves already.
    Unchanged,
    /// It serves, as a rule of this generation.
    Serves {
        generation: u64,
        took_ms: u64,
        /// What tools had to say all the same.
        output: String,
    },
    /// The tools failed, in their own words.
    Failed { output: String },
    /// The gateway would not have it.
    Refused { reason: String },
    /// It was put in its place and did not come into force.
    Waits,
    /// What the cases written beside it came to.
    Tested { passed: bool, output: String },
}

/// A request, and what rules said meanwhile.
#[derive(Debug, Serialize)]
pub(super) struct Request {
    #[serde(flatten)]
    pub(super) ended: Ended,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) log: Vec<Said>,
}

/// A line that a rule wrote or printed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Said {
    pub(super) rule: String,
    #[serde(rename = "request.id")]
    pub(super) request: String,
    pub(super) level: &'static str,
    pub(super) message: String,
}
