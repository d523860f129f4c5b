//! A case taken through the calls of production.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::answer::Response;
use super::case::Case;
use super::file::Tests;
use super::load::Loaded;
use crate::operation::OperationKind;
use crate::record::{Records, Shape};
use crate::rules::{Cost, Dossier, Generation, Leaving, Notes, RuleError, Scene, Trace};

/// What came of a case.
pub struct Trial {
    /// What was said.
    pub verdict: Verdict,
    /// As it would go to PocketBase; none where the request has none, or does not go.
    pub body: Option<Value>,
    /// By what a list was narrowed, as printed.
    pub narrowed: Option<String>,
    /// What would leave; none where nothing is told of an answer, or nothing leaves.
    pub answer: Option<Value>,
    /// Whether it is a list that has no totals, since the rule may drop records.
    pub untotalled: bool,
    /// For the decision log.
    pub notes: Notes,
    /// What the rule did.
    pub trace: Arc<Trace>,
    /// What it took.
    pub costs: Vec<Cost>,
    /// What it asked for and nobody told, and other reasons why nothing of this counts.
    pub missing: Vec<String>,
    /// By the clock.
    pub took: Duration,
    /// What its counters have afterwards, by the keys that somebody named.
    pub counted: BTreeMap<String, i64>,
}

/// What was said to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Allow,
    /// The rule says no.
    Deny {
        /// In which moment.
        moment: Moment,
        /// In its own words.
        denial: crate::rules::Denial,
    },
    /// No verdict that counts.
    Fault {
        /// In which moment.
        moment: Moment,
        /// What the client is told.
        code: String,
        /// What the log is told.
        cause: String,
    },
    /// The rule does not accept the settings, in its own words.
    Refused(String),
}

/// When a rule is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Of a request.
    Before,
    /// Of a record.
    Reveal,
    /// Of the whole answer.
    After,
}

impl Moment {
    const ALL: [Self; 3] = [Self::Before, Self::Reveal, Self::After];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Reveal => "reveal",
            Self::After => "after",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| moment.as_str() == word)
    }
}

impl Verdict {
    /// The verdict as a matrix writes it: `deny CODE`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Allow => "allow".to_owned(),
            Self::Deny { denial, .. } => format!("deny {}", denial.code),
            Self::Fault { code, .. } => format!("fault {code}"),
            Self::Refused(_) => "refuse".to_owned(),
        }
    }
}

impl Case {
    /// Takes the case through the rule.
    pub async fn attempt(&self, loaded: &Loaded, tests: &Tests) -> Trial {
        let generation = match loaded {
            Loaded::Rule(generation) => generation,
            Loaded::Refused(words) => return Trial::of(Verdict::Refused(words.clone())),
        };
        let scene = Arc::new(self.scene(tests));
        let rule = generation.rules().next();
        let name = rule.map(|rule| rule.name.clone()).unwrap_or_default();
        for (key, amount) in &self.counters {
            scene.count(&name, key, *amount);
        }
        let trace = Arc::<Trace>::default();
        let mut trial = {
            let dossier = generation.dossier_of(&scene, Some(Arc::clone(&trace)));
            let dossier = Arc::new(dossier);
            let start = Instant::now();
            let mut trial = self.through(generation, (&dossier, &trace)).await;
            trial.took = start.elapsed();
            trial.notes = dossier.take_notes();
            trial.costs = dossier.costs();
            trial
        };
        // Only now is given back what was counted for a request that was not done.
        let named = self
            .expect
            .as_ref()
            .and_then(|expect| expect.counted.as_ref());
        let named = self
            .counters
            .keys()
            .chain(named.into_iter().flat_map(BTreeMap::keys));
        trial.counted = named
            .map(|key| (key.clone(), scene.counted(&name, key)))
            .collect();
        trial.missing.extend(scene.missing());
        let collection = self.exchange.collection.as_ref();
        let is_for = |name: &str| rule.is_some_and(|rule| rule.manifest.is_for(name));
        if let Some(other) = collection.filter(|collection| !is_for(&collection.name)) {
            trial.missing.push(format!(
                "the rule says that it is not for \"{}\"; a configuration that names it there does not start",
                other.name
            ));
        }
        trial.trace = trace;
        trial
    }

    /// What there is around the request.
    pub(super) fn scene(&self, tests: &Tests) -> Scene {
        Scene::of(
            tests.known.clone(),
            self.stored.clone(),
            self.records.clone(),
        )
    }

    /// Asks `before`, unless it is an event, and then the rest about the answer.
    async fn through(
        &self,
        generation: &Arc<Generation>,
        (dossier, trace): (&Arc<Dossier>, &Trace),
    ) -> Trial {
        let mut trial = Trial::of(Verdict::Allow);
        let mut sent = None;
        let name = self.exchange.collection.as_ref();
        let name = name.map(|collection| collection.name.as_str());
        let Some(chain) = generation.chain(name.unwrap_or_default()) else {
            trial
                .missing
                .push("the collection is judged by nobody".to_owned());
            return trial;
        };
        if self.exchange.operation.kind() != OperationKind::Event {
            let asking = generation.before(chain, &self.exchange, dossier, self.body.clone());
            match asking.await {
                Err(error) => {
                    trial.verdict = verdict(error, Moment::Before);
                    return trial;
                }
                Ok(passed) => {
                    trial.narrowed = passed.narrowing.map(|filter| filter.to_string());
                    trial.body.clone_from(&passed.body);
                    sent = passed.body.map(Arc::new);
                }
            }
        }
        dossier.sent();
        let Some(response) = self.response.clone() else {
            return trial;
        };
        let leaving = Leaving {
            exchange: Arc::clone(&self.exchange),
            dossier: Arc::clone(dossier),
            sent,
            status: self.status,
        };
        let name = name.unwrap_or_default();
        trial.untotalled =
            matches!(&response, Response::Records(_, Shape::List)) && generation.may_drop(name);
        match release(generation, leaving, response, name).await {
            Ok(answer) => trial.answer = answer,
            Err(Kept::Rule(error)) => {
                let moment = last_moment(trace).unwrap_or(Moment::Reveal);
                trial.verdict = verdict(error, moment);
            }
            Err(Kept::Shape(problem)) => trial.missing.push(problem),
        }
        trial
    }
}

/// Why an answer does not leave.
enum Kept {
    Rule(RuleError),
    Shape(String),
}

impl From<RuleError> for Kept {
    fn from(error: RuleError) -> Self {
        Self::Rule(error)
    }
}

/// The way out, as the pipeline takes it.
async fn release(
    generation: &Arc<Generation>,
    leaving: Leaving,
    response: Response,
    collection: &str,
) -> Result<Option<Value>, Kept> {
    let released = match response {
        Response::Empty => generation.after(leaving, None).await?,
        Response::Object(body) => generation.after(leaving, Some(body)).await?,
        Response::Records(body, shape) => {
            let records = Records::take(body, shape);
            let records = records.map_err(|error| Kept::Shape(format!("response: {error}")))?;
            if shape == Shape::List && generation.may_drop(collection) {
                // Such a list is filled page by page, and `after` has an instance of its own.
                let revealed = generation.reveal(leaving.clone(), records).await?;
                let mut answer = revealed.answer;
                answer.iter_mut().for_each(untotal);
                generation.after(leaving, answer).await?
            } else {
                generation.release(leaving, records).await?
            }
        }
    };
    Ok(released.answer)
}

/// Takes a list's totals away, as production does where records may be dropped.
pub(super) fn untotal(list: &mut Value) {
    for total in ["totalItems", "totalPages"] {
        if let Some(total) = list.get_mut(total) {
            *total = (-1).into();
        }
    }
}

fn verdict(error: RuleError, moment: Moment) -> Verdict {
    let cause = error.to_string();
    let code = match error {
        RuleError::Denied { denial, .. } => return Verdict::Deny { moment, denial },
        RuleError::Faulted { fault, .. } => fault.code(),
        RuleError::Busy { .. } => "rule_busy",
        RuleError::Chained { .. } => "rule_chained",
        RuleError::Unexposed { .. } => "rule_host",
    };
    Verdict::Fault {
        moment,
        code: code.to_owned(),
        cause,
    }
}

/// The moment of the last call.
fn last_moment(trace: &Trace) -> Option<Moment> {
    trace.last_moment().and_then(Moment::parse)
}

impl Trial {
    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            body: None,
            narrowed: None,
            answer: None,
            untotalled: false,
            notes: Vec::new(),
            trace: Arc::default(),
            costs: Vec::new(),
            missing: Vec::new(),
            took: Duration::ZERO,
            counted: BTreeMap::new(),
        }
    }

    /// Whether the rule was asked anything.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        !self.trace.steps().0.is_empty()
    }
}
