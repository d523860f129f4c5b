//! What is served, as it is written: `[collections]`, `[expand]`, `[pages]`, `[compat]`, `[strict]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Switch;
use crate::operation::ExpandBounds;

/// What is served. A collection that has no section here does not exist for clients, not in an
/// expand or a filter either. Names are spelled as PocketBase spells them. Each section says who
/// judges the collection, and one that says nothing stops the start. PocketBase's own rules apply
/// in any case: what it refuses, no rule here can allow. [collections."*"] stands for every
/// collection that has no section, also for one that is new; never for PocketBase's own, whose
/// names begin with _.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Collection {
    /// Who judges the collection: names of rules and groups in their order, "folder" for the rules
    /// of rules.folder whose manifest is for it, or "pocketbase" for PocketBase's own rules alone;
    /// no default.
    pub(in crate::config) rules: Option<Judges>,
}

/// `"folder"`, `"pocketbase"`, or the names of rules.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(untagged)]
pub(in crate::config) enum Judges {
    Word(String),
    Names(Vec<String>),
}

/// How much the expand of one request may gather. PocketBase has no bound: some relations to many
/// in a row, over a few dozen records, are hundreds of megabytes. A request beyond is refused with
/// the code "expand_too_large" before PocketBase is asked.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Expand {
    /// Paths, separated by commas; up to 100.
    pub(in crate::config) paths: usize,
    /// Relations in a row on one path; up to 6, which is as far as PocketBase goes.
    pub(in crate::config) depth: usize,
    /// Relations on one path that may lead from one record to several: those with more than one
    /// value, and all that are followed backwards (comments_via_post). Up to 6.
    pub(in crate::config) many: usize,
}

/// What PocketBase serves to browsers beside its API. Nobody's token goes along.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Pages {
    /// "on": the gateway has pages of its own for what PocketBase's mails and OAuth2 lead to
    /// (/_/#/auth/confirm-password-reset/…), without the dashboard that PocketBase has there. Where
    /// the dashboard is on, it shows its own. "off": for applications that have such pages of their
    /// own.
    pub(in crate::config) auth: Switch,
    /// "on": PocketBase's dashboard, below /_/. It is of use where superusers.routes is "on".
    pub(in crate::config) dashboard: Switch,
    /// Paths of PocketBase's public folder: as they are, or with {name} for one segment and a last
    /// {name...} for the rest. ["/{path...}"]: the whole folder. Never below /api or /_/. Neither
    /// token nor query go along: a route of hooks belongs into compat.routes, and its JSON is
    /// refused here.
    pub(in crate::config) files: Vec<String>,
}

/// What an application needs that is no part of PocketBase: what its hooks add, or what its clients
/// send beyond what PocketBase reads. All of it is refused unless it is named here. What has two
/// readings (a key twice, a bad escape, an unclean path) is refused in any case.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Compat {
    /// Routes of hooks (routerAdd) or of an application built on PocketBase, like "GET
    /// /api/hello/{name}", or "* /api/app/{path...}" for any method below a prefix. The token is
    /// checked as always and goes along; no rule judges them, and body and answer go through as
    /// they come, but for cookies. A route that takes in one of PocketBase's own is refused.
    pub(in crate::config) routes: Vec<String>,
    /// Parameters of the query that PocketBase's rules or hooks look at (@request.query.tenant).
    /// With a body in form encoding they are refused: PocketBase would take them for fields.
    pub(in crate::config) query: Vec<String>,
    /// Headers that PocketBase's rules or hooks look at (@request.headers.x_tenant), like
    /// "X-Tenant"; what is not named does not get there, also while observing. Whoever asks can
    /// send any value in them, and in the options of a topic too. "If-Match" here lets writes with
    /// that condition through, which PocketBase ignores.
    pub(in crate::config) headers: Vec<String>,
    /// Keys of bodies that are no fields, as collection.key, like "posts.captcha": rules here and
    /// PocketBase's rules and hooks (@request.body.captcha) see them.
    pub(in crate::config) body: Vec<String>,
    /// Keys of records in answers that are no fields of their collection, as collection.key: what
    /// hooks add to records when they are told, and hidden fields that hooks unhide.
    pub(in crate::config) answer: Vec<String>,
}

/// For moving an application in.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Strict {
    /// "enforce": what [compat] could name and does not is refused. "observe": it is let through,
    /// counted (the metric hapta_unnamed), and logged once with the line for [compat] that would
    /// let it in; /compat of the admin listener tells all of them together. Nothing else is let
    /// through: collections that are not exposed stay closed, and what has two readings is refused.
    pub(in crate::config) mode: Mode,
}

/// `strict.mode`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Mode {
    #[default]
    Enforce,
    Observe,
}

impl Default for Expand {
    fn default() -> Self {
        let ExpandBounds { paths, depth, many } = ExpandBounds::default();
        Self { paths, depth, many }
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            auth: Switch::On,
            dashboard: Switch::Off,
            files: Vec::new(),
        }
    }
}
