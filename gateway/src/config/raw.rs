//! `hapta.toml` as it is written. The comments here are for readers of the
//! code; `hapta.example.toml` has every key with its explanation.

mod application;
mod limits;
mod live;
mod log;
mod logins;
mod server;
mod sessions;
mod uploads;
mod writes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

pub(super) use application::{AppKeys, Application, Dpop};
pub(super) use limits::{Limits, Rate};
pub(super) use live::{Live, LiveMode};
pub(super) use log::{Log, Telling};
pub(super) use logins::{Logins, ProviderTokens, TakenEmail};
pub(super) use server::{Server, Tls};
pub(super) use sessions::{BadToken, Bound, Rolling, SessionMode, Sessions};
pub(super) use uploads::Uploads;
pub(super) use writes::{Batch, Writes};

use crate::gateway::AlarmSettings;
use crate::operation::{ExpandBounds, OperationKind};

/// The whole file.
#[derive(Debug, Deserialize)]
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

/// `[admin]`: the listener for operators.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: SocketAddr,
}

/// `[pocketbase]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PocketBase {
    pub(super) url: Option<String>,
    pub(super) ca: Option<PathBuf>,
    pub(super) run: Option<Run>,
    pub(super) superuser: Option<Superuser>,
    pub(super) untested: Untested,
    pub(super) forwarding_header: String,
    #[serde(with = "humantime_serde")]
    pub(super) timeout: Duration,
    pub(super) max_response: ByteSize,
    #[serde(with = "humantime_serde")]
    pub(super) schema_interval: Duration,
}

/// `"refuse"` or `"allow"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Untested {
    Refuse,
    Allow,
}

/// `[pocketbase] run`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) binary: PathBuf,
    pub(super) data: PathBuf,
    pub(super) listen: SocketAddr,
    #[serde(default)]
    pub(super) args: Vec<String>,
}

/// `[pocketbase] superuser`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Superuser {
    pub(super) email: Option<String>,
    pub(super) password: Option<String>,
    pub(super) token_file: Option<PathBuf>,
}

/// `[superusers]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Superusers {
    pub(super) routes: Switch,
    pub(super) judged: bool,
}

/// `"on"` or `"off"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Switch {
    On,
    Off,
}

/// `[rules]`: the folder, and what applies to every rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    pub(super) folder: Option<PathBuf>,
    pub(super) instances: u32,
    pub(super) list_scan: u32,
    pub(super) watch: Watching,
    pub(super) last_good: bool,
    pub(super) alarm_faults: usize,
    pub(super) go_back: Option<GoBack>,
    #[serde(with = "humantime_serde")]
    pub(super) debounce: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) poll: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) cpu: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) deadline: Duration,
    pub(super) memory: ByteSize,
    pub(super) host_calls: u32,
    pub(super) edits: ByteSize,
    pub(super) running: u32,
    pub(super) reads: u32,
}

/// `rules.watch`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Watching {
    Notify,
    Poll,
}

/// `[rules.go_back]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GoBack {
    pub(super) faults: usize,
    pub(super) principals: usize,
    #[serde(with = "humantime_serde")]
    pub(super) within: Duration,
}

/// `[[rule]]`: a rule with an entry of its own. Limits left out are those of `[rules]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) file: PathBuf,
    #[serde(default)]
    pub(super) settings: toml::Table,
    #[serde(default, with = "humantime_serde::option")]
    pub(super) cpu: Option<Duration>,
    #[serde(default, with = "humantime_serde::option")]
    pub(super) deadline: Option<Duration>,
    pub(super) memory: Option<ByteSize>,
    pub(super) host_calls: Option<u32>,
    pub(super) edits: Option<ByteSize>,
    pub(super) running: Option<u32>,
    #[serde(default)]
    pub(super) grants: Vec<String>,
    #[serde(default)]
    pub(super) reads: Vec<String>,
    pub(super) collections: Option<Vec<String>>,
    pub(super) operations: Option<Vec<OperationKind>>,
    #[serde(default)]
    pub(super) shadow: bool,
    #[serde(default)]
    pub(super) isolation: Isolation,
    pub(super) reuse_calls: Option<u32>,
    #[serde(default)]
    pub(super) ahead: u32,
}

/// `isolation` of a rule.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Isolation {
    #[default]
    Call,
    Reuse,
}

/// `[[group]]`: rules that are heard as one. One of `all` and `any`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) all: Option<Vec<String>>,
    pub(super) any: Option<Vec<String>>,
}

/// `[collections.NAME]`. Without `rules` the start is refused, by us and not by
/// serde, so that the message can say what the choices are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Collection {
    pub(super) rules: Option<Judges>,
}

/// `"folder"`, `"pocketbase"`, or the names of rules.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Judges {
    Word(String),
    Names(Vec<String>),
}

/// `[expand]`: how much an expand may gather.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expand {
    pub(super) paths: usize,
    pub(super) depth: usize,
    pub(super) many: usize,
}

/// `[pages]`: what PocketBase serves to browsers beside its API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pages {
    pub(super) auth: Switch,
    pub(super) dashboard: Switch,
    pub(super) files: Vec<String>,
}

/// `[compat]`: what an application needs beyond PocketBase's own surface.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Compat {
    pub(super) routes: Vec<String>,
    pub(super) query: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<String>,
    pub(super) answer: Vec<String>,
}

/// `[state]`: what outlives the gateway.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct State {
    /// None: the default, and going without where there can't be one.
    pub(super) folder: Option<PathBuf>,
    pub(super) generations: usize,
}

/// `[strict]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Strict {
    pub(super) mode: Mode,
}

/// `strict.mode`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
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

impl Default for GoBack {
    fn default() -> Self {
        Self {
            faults: 50,
            principals: 5,
            within: Duration::from_mins(1),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            folder: None,
            generations: 10,
        }
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

impl Default for PocketBase {
    fn default() -> Self {
        Self {
            url: None,
            ca: None,
            run: None,
            superuser: None,
            untested: Untested::Refuse,
            forwarding_header: "X-Real-IP".to_owned(),
            timeout: Duration::from_secs(30),
            max_response: ByteSize::mib(16),
            schema_interval: Duration::from_secs(30),
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

impl Default for Rules {
    fn default() -> Self {
        let limits = crate::rules::Limits::default();
        Self {
            folder: None,
            instances: 128,
            list_scan: 5_000,
            watch: Watching::Notify,
            last_good: false,
            alarm_faults: AlarmSettings::default().faults,
            go_back: None,
            debounce: Duration::from_millis(100),
            poll: Duration::from_secs(10),
            cpu: limits.cpu,
            deadline: limits.deadline,
            memory: limits.memory,
            host_calls: limits.host_calls,
            edits: limits.edits,
            running: limits.running,
            reads: 16,
        }
    }
}

impl std::fmt::Debug for Superuser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Superuser")
    }
}
