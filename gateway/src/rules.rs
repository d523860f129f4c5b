//! Runs the user's rules, each in a sandbox of its own, and keeps the set of
//! rules in force.
//!
//! Three moments: [`Generation::before`], then for the reply
//! [`Generation::release`], which reveals every record and asks `after`. A
//! failure of any kind refuses: see [`RuleError`].

mod bindings;
mod call;
mod component;
mod convert;
mod document;
mod dossier;
mod engine;
mod fault;
mod folder;
mod history;
mod host;
mod lane;
mod manifest;
mod problem;
mod release;
mod set;
mod snapshot;
mod store;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use component::{Rule, Source};
pub use dossier::Dossier;
pub use engine::{Engine, EngineError, MEMORY_CEILING};
pub use fault::{Denial, Fault, FieldError, RuleError};
pub use folder::DroppedIn;
pub use history::{History, HistoryError, Kept, KeptRule, Listed, Module};
pub use host::{DocumentHandle, RequestHandle, ResponseHandle};
pub use manifest::{Hooks, Manifest, Removal};
pub use problem::{LoadError, LoadProblem};
pub use release::{Leaving, Released};
pub use set::{Chain, Generation, GenerationError, OTHERS};
pub use watch::{Watch, WatchError};

use self::host::CallState;
use crate::exchange::Exchange;
use crate::filter::Filter;

/// What rules said for the decision log, in order.
pub type Notes = Vec<(String, String)>;

/// Which rules there are and what they judge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The rules with an entry of their own, in the order of the configuration.
    pub sources: Vec<Source>,
    /// Where rules can be dropped in.
    pub folder: Option<PathBuf>,
    /// What lies there; none: to be looked at when it is built.
    pub dropped_in: Option<Vec<Source>>,
    /// For rules that were dropped in.
    pub limits: Limits,
    /// The exposed collections, as the schema spells them.
    pub exposed: BTreeMap<String, Exposed>,
    /// Whether rules judge superusers as everyone.
    pub judge_superusers: bool,
}

/// Who judges a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exposed {
    /// PocketBase's own rules alone.
    PocketBase,
    /// The rules in the folder whose manifest names the collection.
    Folder,
    /// These, in this order.
    Rules(Vec<String>),
}

/// What one call of a rule may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time of the guest.
    pub cpu: Duration,
    /// Wall time of a call with its host calls; of all reveals and `after` of a reply together.
    pub deadline: Duration,
    /// Linear memory.
    #[serde(with = "exact")]
    pub memory: ByteSize,
    /// Host calls in one call.
    pub host_calls: u32,
    /// Bytes of edits and notes in one call.
    #[serde(with = "exact")]
    pub edits: ByteSize,
    /// Calls that may run at once.
    pub running: u32,
}

/// Sizes as numbers: as text they would be rounded.
mod exact {
    use bytesize::ByteSize;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(super) fn serialize<S: Serializer>(size: &ByteSize, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(size.as_u64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ByteSize, D::Error> {
        u64::deserialize(from).map(ByteSize::b)
    }
}

/// What the rules let pass.
#[derive(Debug, Default)]
pub struct Passed {
    /// As the rules left it; none where the request has none.
    pub body: Option<Value>,
    /// To be joined by `&&` onto the client's own filter.
    pub narrowing: Option<Filter>,
}

impl Generation {
    /// Asks the rules of a collection, in order, whether a request may go to
    /// PocketBase, and lets them edit its body or narrow it.
    ///
    /// # Errors
    ///
    /// The first denial, and any failure to have an opinion.
    pub async fn before(
        &self,
        chain: &Chain,
        exchange: &Arc<Exchange>,
        dossier: &Arc<Dossier>,
        body: Option<Value>,
    ) -> Result<Passed, RuleError> {
        let mut passed = Passed {
            body,
            narrowing: None,
        };
        for rule in self.admitting(chain, exchange) {
            let state = CallState::new(Arc::clone(exchange), Arc::clone(dossier), rule.limits());
            let left = call::before(&self.engine, rule, state, passed.body.take()).await?;
            passed.body = left.body;
            passed.narrowing = match (passed.narrowing.take(), left.narrowing) {
                (Some(already), Some(more)) => {
                    Some(already.and(more).map_err(|error| rule.bad_edit(&error))?)
                }
                (already, more) => already.or(more),
            };
        }
        Ok(passed)
    }
}

impl Limits {
    /// CPU time in ticks, at least one.
    fn cpu_ticks(&self) -> u32 {
        let ticks = self.cpu.as_micros().div_ceil(engine::TICK.as_micros());
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }

    fn memory_bytes(&self) -> usize {
        usize::try_from(self.memory.as_u64())
            .unwrap_or(usize::MAX)
            .min(engine::MEMORY_CEILING)
    }

    fn edit_bytes(&self) -> usize {
        usize::try_from(self.edits.as_u64()).unwrap_or(usize::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(10),
            deadline: Duration::from_secs(1),
            memory: ByteSize::mib(16),
            host_calls: 10_000,
            edits: ByteSize::mib(1),
            running: 64,
        }
    }
}
