//! `[rules]`, `[[rule]]` and `[[group]]` as they are written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;
use crate::gateway::AlarmSettings;
use crate::operation::OperationKind;

/// What applies to every rule.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Rules {
    /// A folder of rules: every .wasm in it is loaded, in the order of the names, without settings,
    /// and judges those of its manifest's collections that say rules = "folder". A file that a
    /// [[rule]] names is not loaded twice. No default.
    pub(in crate::config) folder: Option<PathBuf>,
    /// How many instances of rules there may be at once, over all rules; 1 to 1000, and at least as
    /// many as there are rules. A call holds one for some microseconds, so few are enough. Each
    /// costs address space, and after use up to about a megabyte that is kept for the next call.
    pub(in crate::config) instances: u32,
    /// For lists under a rule that may drop records: how many records may be read to fill one page.
    /// Beyond, the list is refused with the code "sparse_list". It is also the end of what can be
    /// listed there at all: see docs/rules.md.
    pub(in crate::config) list_scan: u32,
    /// How changes of this file and of rules are found. "notify": the system tells (inotify), and
    /// files are looked at every "poll" all the same. "poll": by looking alone, for network file
    /// systems (NFS, shared folders of a virtual machine), where nobody tells what others change;
    /// shorten "poll" there.
    pub(in crate::config) watch: Watching,
    /// Whether a start whose files can't be served (a broken rule, a folder that is away) serves
    /// the generation that they asked for last, if it is kept in the state folder. It then says
    /// that it is degraded, in the log, at /readyz and /status and in hapta status, until a change
    /// that is good. false: such a start is refused. What is wrong with this file always refuses.
    pub(in crate::config) last_good: bool,
    /// Faults of rules within a minute that are an alarm: an error in the log, the metric
    /// hapta_generation_alarm, /status and hapta status. A rule that fails refuses in any case.
    pub(in crate::config) alarm_faults: usize,
    /// Going back by itself to the generation before, when rules fail too often.
    pub(in crate::config) go_back: Option<GoBack>,
    /// A changed file is read when nothing in its folder has changed for so long.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) debounce: Duration,
    /// How often files are looked at all the same, for file systems that notify of nothing.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) poll: Duration,
    /// CPU time of one call, counted in milliseconds. A rule that is over it is refused with the
    /// code "rule_cpu". A call usually takes some microseconds; one that takes longer than about a
    /// millisecond goes on in a thread of low priority. Raise it only for a rule that is known to
    /// be slow.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) cpu: Duration,
    /// Time of one call on the clock, with what it asks of PocketBase (code "rule_deadline"); for
    /// an answer, of all its records together. Also how long a call may wait for an instance (code
    /// "rule_busy").
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) deadline: Duration,
    /// Memory of one instance (code "rule_memory"), at most "256MiB".
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) memory: ByteSize,
    /// How often one call may ask the gateway for something (code "rule_host_calls").
    pub(in crate::config) host_calls: u32,
    /// Bytes of edits, filters and notes in one call. An edit beyond is refused to the rule.
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) edits: ByteSize,
    /// Calls of one rule that may run at once (code "rule_busy"), so that one rule that is slow
    /// leaves instances for the others.
    pub(in crate::config) running: u32,
    /// Other records that all rules of one request may ask PocketBase for together, by the power
    /// "hapta:rule/records". A question asked twice in a request counts once. Beyond, the rule is
    /// told so; with the SDK it refuses then.
    pub(in crate::config) reads: u32,
}

/// `rules.watch`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Watching {
    Notify,
    Poll,
}

/// Going back by itself; without this section, the default, what is in force stays whatever it
/// does. The generation before comes into force, and stays until hapta rules pin --off, when rules
/// failed this often, for this many different users who were logged in, within this time. Guests do
/// not count, and of one user's faults only his share (faults / principals). Whoever can make that
/// many accounts and knows a request at which a rule fails can bring it about.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct GoBack {
    /// So many faults of rules within `within`.
    pub(in crate::config) faults: usize,
    /// Of so many different users who were logged in, at least.
    pub(in crate::config) principals: usize,
    /// How far back faults are counted.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) within: Duration,
}

/// A rule with an entry of its own; as many as there are. In a collection's list they are named in
/// the order in which they are to judge.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rule {
    /// How collections, logs and metrics name it; no default, no spaces, no name twice.
    pub(in crate::config) name: String,
    /// The component, or the core module that a compiler made; no default. A file may serve several
    /// entries with different settings.
    pub(in crate::config) file: PathBuf,
    /// What the rule lets operators set; {} by default. The rule refuses what it does not know.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub(in crate::config) settings: toml::Table,
    /// CPU time of one call, where that of [rules] does not fit.
    #[serde(default, with = "written::duration::option")]
    #[schemars(with = "Option<written::Duration>")]
    pub(in crate::config) cpu: Option<Duration>,
    /// Time of one call on the clock, in place of rules.deadline.
    #[serde(default, with = "written::duration::option")]
    #[schemars(with = "Option<written::Duration>")]
    pub(in crate::config) deadline: Option<Duration>,
    /// Memory of one instance, in place of rules.memory; at most "256MiB".
    #[serde(default, with = "written::size::option")]
    #[schemars(with = "Option<written::Size>")]
    pub(in crate::config) memory: Option<ByteSize>,
    /// How often one call may ask the gateway for something, in place of rules.host_calls.
    pub(in crate::config) host_calls: Option<u32>,
    /// Bytes of edits, filters and notes in one call, in place of rules.edits.
    #[serde(default, with = "written::size::option")]
    #[schemars(with = "Option<written::Size>")]
    pub(in crate::config) edits: Option<ByteSize>,
    /// Calls of this rule that may run at once, in place of rules.running.
    pub(in crate::config) running: Option<u32>,
    /// What it may reach beyond the request; nothing by default, and a rule that imports what it
    /// was not granted is not loaded. "hapta:rule/records": other records. "hapta:rule/counters":
    /// counts that outlive a request. "hapta:rule/log": lines in the log. "wasi", or a package or
    /// interface of it: clocks, randomness and printing to the log, for guests whose runtime needs
    /// it; never files, network or environment.
    #[serde(default)]
    pub(in crate::config) grants: Vec<String>,
    /// Collections that it may read as the gateway, past PocketBase's rules; none by default. For
    /// "hapta:rule/records". Those of PocketBase itself, whose names begin with _, can't be read.
    #[serde(default)]
    pub(in crate::config) reads: Vec<String>,
    /// The collections to which the entry is limited; by default to none but what the rule says of
    /// itself.
    pub(in crate::config) collections: Option<Vec<String>>,
    /// The operations to which before and after are limited; by default all that the rule says it
    /// is for. reveal is not limited: what is hidden stays hidden in every answer.
    pub(in crate::config) operations: Option<Vec<OperationKind>>,
    /// true: the rule runs and is counted, and nothing that it says reaches an answer. For trying
    /// it on what really is asked. A collection needs somebody else to judge it, or "pocketbase".
    #[serde(default)]
    pub(in crate::config) shadow: bool,
    /// "call": each call has an instance of its own. "reuse": an instance serves up to reuse_calls
    /// calls, so what the rule keeps in its memory reaches other requests. For interpreters, where
    /// ahead is not enough; warned about.
    #[serde(default)]
    pub(in crate::config) isolation: Isolation,
    /// How many calls an instance serves at most with isolation = "reuse"; 256 when left out.
    pub(in crate::config) reuse_calls: Option<u32>,
    /// How many instances are made before they are asked for, at most 32; each serves one call. For
    /// rules whose start is dear: JavaScript, Python. All rules together keep at most 64, and 256
    /// MiB of memory.
    #[serde(default)]
    pub(in crate::config) ahead: u32,
}

/// `isolation` of a rule.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Isolation {
    #[default]
    Call,
    Reuse,
}

/// Rules that are heard as one; as many as there are. The group's name stands among the rules of a
/// collection. any: one of them must let pass. all: every one must. A member that fails refuses in
/// either case. Members judge and change nothing: an edit is refused to them, and a rule that takes
/// fields out of records can't be one.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Group {
    /// How collections name it; no default, and no rule has the same.
    pub(in crate::config) name: String,
    /// Every one of these rules must let pass; either this or any. No default.
    pub(in crate::config) all: Option<Vec<String>>,
    /// One of these rules must let pass; either this or all. No default.
    pub(in crate::config) any: Option<Vec<String>>,
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
