//! Runs the user's rules, each in a sandbox of its own, and keeps the set of
//! rules in force.
//!
//! Three moments: [`Generation::before`], then for the reply
//! [`Generation::release`], which reveals every record and asks `after`. A
//! failure of any kind refuses: see [`RuleError`].

mod answers;
mod bindings;
mod cache;
mod call;
mod chain;
mod component;
mod convert;
mod counters;
mod document;
mod dossier;
mod engine;
mod fault;
mod folder;
mod history;
mod host;
mod instance;
mod lane;
mod look;
mod manifest;
mod powers;
mod problem;
mod ready;
mod release;
mod scene;
mod set;
mod shadow;
mod snapshot;
mod store;
mod tally;
mod trace;
mod watch;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use chain::{Chain, Group, Joined, POCKETBASE, Scope};
pub use component::{Rule, Source};
pub use dossier::{Cost, Dossier};
pub use engine::{Engine, EngineError, MEMORY_CEILING};
pub use fault::{Denial, Fault, FieldError, RuleError};
pub use folder::DroppedIn;
pub use history::{History, HistoryError, Kept, KeptRule, Listed, Module};
pub use host::{DocumentHandle, RequestHandle, ResponseHandle};
pub use look::{Import, Loaded, Look, Needs, look};
pub use manifest::{Hooks, Manifest, Removal};
pub use powers::{PowerError, Powers};
pub use problem::{LoadError, LoadProblem};
pub use release::{Leaving, Released};
pub use scene::{Known, Scene, Stored};
pub use set::{Generation, GenerationError, OTHERS};
pub use tally::{Tallies, Tally, Told};
pub use trace::{Came, HostCall, Step, Trace};
pub use watch::{Watch, WatchError, Watching};

use self::call::Before;
use self::chain::{Ballot, Link, Seat};
use self::document::Document;
use self::host::{CallState, Voice};
use crate::exchange::Exchange;
use crate::filter::Filter;

/// What rules said for the decision log, in order.
pub type Notes = Vec<(String, String)>;

/// Which rules there are and what they judge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The rules with an entry of their own, in the order of the configuration.
    pub sources: Vec<Source>,
    /// Rules of those that are heard as one.
    pub groups: Vec<Group>,
    /// Other records that the rules of one request may ask for, together.
    pub reads: u32,
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
    /// These rules and groups, in this order; [`POCKETBASE`] among them if its
    /// own rules are enough.
    Rules(Vec<String>),
}

/// Whether what a rule keeps in its memory may reach another request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Never: each call has an instance of its own.
    #[default]
    Call,
    /// An instance serves so many calls, unless one of them fails.
    Reuse {
        /// At least 1.
        calls: u32,
    },
}

/// On what terms a rule is called.
#[derive(Debug)]
struct Terms {
    name: Arc<str>,
    limits: Limits,
    powers: Powers,
    isolation: Isolation,
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
        for link in self.links(chain, &exchange.principal) {
            match link {
                Link::Rule(place) => {
                    let Some(seat) = self.asked(*place, exchange) else {
                        continue;
                    };
                    if seat.shadow {
                        let dossier = self.shadow_dossier(dossier);
                        let body = passed.body.clone();
                        shadow::before(&self.engine, seat, exchange, dossier, body);
                        continue;
                    }
                    self.one_before(seat, (exchange, dossier), &mut passed)
                        .await?;
                }
                Link::Group { how, members } => {
                    let seats = members
                        .iter()
                        .filter_map(|place| self.asked(*place, exchange));
                    let ballot = Ballot::new(*how);
                    self.group_before((ballot, seats), (exchange, dossier), &mut passed)
                        .await?;
                }
            }
        }
        Ok(passed)
    }

    /// The rule in this place, if its `before` judges this exchange.
    fn asked(&self, place: usize, exchange: &Exchange) -> Option<&Arc<Seat>> {
        let collection = exchange.collection.as_ref()?;
        let kind = exchange.operation.kind();
        self.seat(place)
            .filter(|seat| seat.rule.manifest.hooks.before && seat.judges(kind, &collection.name))
    }

    async fn one_before(
        &self,
        seat: &Arc<Seat>,
        (exchange, dossier): (&Arc<Exchange>, &Arc<Dossier>),
        passed: &mut Passed,
    ) -> Result<(), RuleError> {
        let room = call::enter(&self.engine, &[seat]).await?;
        let terms = &seat.rule.terms;
        let state = CallState::new(Arc::clone(exchange), Arc::clone(dossier), terms);
        let body = passed.body.take().map(Document::editable);
        let said = call::before(&self.engine, seat, room, state, body).await?;
        let Before { body, narrowing } = said.map_err(|denial| seat.rule.denied(denial))?;
        passed.body = body;
        passed.narrowing = match (passed.narrowing.take(), narrowing) {
            (Some(already), Some(more)) => {
                let both = already.and(more);
                Some(both.map_err(|error| seat.rule.bad_edit(&error))?)
            }
            (already, more) => already.or(more),
        };
        Ok(())
    }

    /// Asks the members of a group, who see the body and don't change it.
    async fn group_before<'a>(
        &self,
        (mut ballot, seats): (Ballot<RuleError>, impl Iterator<Item = &'a Arc<Seat>>),
        (exchange, dossier): (&Arc<Exchange>, &Arc<Dossier>),
        passed: &mut Passed,
    ) -> Result<(), RuleError> {
        let shared = passed.body.take().map(Arc::new);
        let mut said = None;
        for seat in seats {
            let room = call::enter(&self.engine, &[seat]).await?;
            let terms = &seat.rule.terms;
            let mut state = CallState::new(Arc::clone(exchange), Arc::clone(dossier), terms);
            state.voice = Voice::Member;
            let read = shared.as_ref().map(Arc::clone).map(Document::read_only);
            let verdict = call::before(&self.engine, seat, room, state, read).await?;
            let denied = verdict.err().map(|denial| seat.rule.denied(denial));
            if let ControlFlow::Break(decided) = ballot.hear(denied) {
                said = Some(decided);
                break;
            }
        }
        passed.body = shared.map(Arc::unwrap_or_clone);
        match said.unwrap_or_else(|| ballot.end()) {
            Some(denied) => Err(denied),
            None => Ok(()),
        }
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
