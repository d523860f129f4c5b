//! `hapta.toml` as it is written. What stands over sections and keys here is what the
//! [reference](super::reference) tells of them, word for word as in `hapta.example.toml`.

mod application;
mod limits;
mod live;
mod log;
mod logins;
mod pocketbase;
mod rules;
mod server;
mod sessions;
mod surface;
mod uploads;
mod writes;
pub(super) mod written;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use application::{AppKeys, Application, Dpop};
pub(super) use limits::{Limits, Rate};
pub(super) use live::{Live, LiveMode};
pub(super) use log::{Log, Telling};
pub(super) use logins::{Logins, ProviderTokens, TakenEmail};
pub(super) use pocketbase::{PocketBase, Superuser, Untested};
pub(super) use rules::{GoBack, Group, Isolation, Rule, Rules, Watching};
pub(super) use server::{Server, Tls};
pub(super) use sessions::{BadToken, Bound, Rolling, SessionMode, Sessions};
pub(super) use surface::{Collection, Compat, Expand, Judges, Mode, Pages, Strict};
pub(super) use uploads::Uploads;
pub(super) use writes::{Batch, Writes};

/// Every setting of Hapta. An unknown key stops the start. Durations are texts like "250ms", "30s"
/// or "5m", sizes like "64KiB" or "2MiB"; paths are relative to the file's folder.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) server: Server,
    pub(super) admin: Option<Admin>,
    #[serde(default)]
    pub(super) pocketbase: PocketBase,
    #[serde(default)]
    pub(super) sessions: Sessions,
    #[serde(default)]
    pub(super) application: Application,
    #[serde(default)]
    pub(super) logins: Logins,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) live: Live,
    #[serde(default)]
    pub(super) uploads: Uploads,
    #[serde(default)]
    pub(super) writes: Writes,
    #[serde(default)]
    pub(super) batch: Batch,
    #[serde(default)]
    pub(super) superusers: Superusers,
    #[serde(default)]
    pub(super) rules: Rules,
    #[serde(default)]
    pub(super) rule: Vec<Rule>,
    #[serde(default)]
    pub(super) group: Vec<Group>,
    #[serde(default)]
    pub(super) collections: BTreeMap<String, Collection>,
    #[serde(default)]
    pub(super) expand: Expand,
    #[serde(default)]
    pub(super) pages: Pages,
    #[serde(default)]
    pub(super) compat: Compat,
    #[serde(default)]
    pub(super) strict: Strict,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) state: State,
}

/// The listener for operators: /healthz, /readyz, /status, /metrics, /compat. In clear text, so
/// keep it on loopback or a private network. Without this section there is none. All but the first
/// two want the environment's HAPTA_ADMIN_KEY (at least 16 characters, and none that others would
/// try). Ten wrong ones from an address within a minute, and it is answered with 429.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    /// Where operators connect: address and port; no default.
    #[schemars(with = "written::Address")]
    pub(super) listen: SocketAddr,
}

/// Superusers of PocketBase, who pass all of PocketBase's own rules.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Superusers {
    /// "on": superusers may log in and ask through the gateway, and PocketBase's own routes for
    /// them (collections, settings, logs, backups, SQL…) are served, to them alone. "off": their
    /// tokens, their login and their routes are refused. All or nothing. The dashboard itself is a
    /// matter of [pages].
    pub(super) routes: Switch,
    /// Whether rules judge superusers as everyone; a rule can ask whether it is one. false: rules
    /// are not asked about superusers, who may then filter, sort and expand by everything that
    /// PocketBase lets them.
    pub(super) judged: bool,
}

/// `"on"` or `"off"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Switch {
    On,
    Off,
}

/// The folder where the gateway keeps what outlives it: the last generations of rules, what was
/// pinned, removed or denied by its commands, and a key by which it knows its own files.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct State {
    /// Made if it is not there, for the gateway's user alone. If the default can't be made or
    /// written, the gateway says so and goes without: no history, no going back, no denying. A
    /// folder that is named here must work, or the start is refused. One gateway has it at a time.
    pub(super) folder: Option<PathBuf>,
    /// How many generations are kept, from 1 to 1000; a pinned one always.
    pub(super) generations: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            folder: None,
            generations: 10,
        }
    }
}

impl Default for Superusers {
    fn default() -> Self {
        Self {
            routes: Switch::Off,
            judged: true,
        }
    }
}
