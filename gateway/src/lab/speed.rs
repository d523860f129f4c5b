//! How long a rule takes, called as in production: each call in an instance of its own.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::answer::Response;
use super::case::Case;
use super::error::LabError;
use super::file::Tests;
use super::load::{Laboratory, Loaded};
use super::trial::Verdict;
use crate::record::Records;
use crate::rules::{Dossier, Generation, Leaving, RuleError, Step};

/// How long one kind of call is measured at most, so that interpreters come to an end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Calls before any counts: the pool's memory is mapped by then.
const WARMING: u32 = 20;

/// Fewer say nothing of the hundredth.
const FEWEST: usize = 100;

/// How many instances are made ahead, for calls that find one.
const AHEAD: u32 = 8;

/// How long is waited for an instance that is made ahead.
const MAKING: Duration = Duration::from_secs(5);

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Calls of each kind, unless time runs out first.
    pub calls: u32,
}

/// What was measured of one rule.
#[derive(Clone, Debug, Serialize)]
pub struct Speed {
    /// The rule's file.
    pub rule: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Reading, checking, configuring and compiling it, with no cache, in microseconds.
    pub load_micros: u64,
    /// The most linear memory of a call, in bytes.
    pub memory: usize,
    /// Host calls of one `before`.
    pub host_calls: u32,
    /// A fresh `before`; none where the rule is not asked then.
    pub before: Option<Quantiles>,
    /// The same from an instance that was made ahead.
    pub before_ahead: Option<Quantiles>,
    /// The reveals and `after` of the answer, in a fresh instance; none without an answer.
    pub release: Option<Quantiles>,
}

/// Of many calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many.
    pub calls: usize,
    /// The middle one, in microseconds.
    pub p50: f64,
    /// The one that one in a hundred is slower than.
    pub p99: f64,
}

/// Measures a case.
///
/// # Errors
///
/// A rule that doesn't load, and a case in which it fails.
pub async fn measure(
    laboratory: &Laboratory,
    tests: &Tests,
    case: &Case,
    plan: Plan,
) -> Result<Speed, LabError> {
    let meaningless = |problem: String| LabError::Meaningless {
        case: case.name.clone(),
        problem,
    };
    let start = Instant::now();
    let loaded = laboratory.load_anew(tests, &case.settings, 0).await?;
    let load = start.elapsed();
    let trial = case.attempt(&loaded, tests).await;
    if let Verdict::Fault { cause, .. } | Verdict::Refused(cause) = &trial.verdict {
        return Err(meaningless(format!("fails: {cause}")));
    }
    if let Some(missing) = trial.missing.first() {
        return Err(meaningless(format!("tells too little: {missing}")));
    }
    let Loaded::Rule(fresh) = loaded else {
        return Err(meaningless("has settings that the rule refuses".to_owned()));
    };
    let ahead = match laboratory.load_anew(tests, &case.settings, AHEAD).await? {
        Loaded::Rule(ahead) => ahead,
        Loaded::Refused(words) => return Err(meaningless(format!("fails: {words}"))),
    };
    let probe = Probe { case, tests };
    let (steps, _) = trial.trace.steps();
    let asked = |name: &str| {
        steps
            .iter()
            .any(|step| matches!(step, Step::Called { moment, .. } if *moment == name))
    };
    let (mut before, mut before_ahead, mut release) = (None, None, None);
    if asked("before") {
        before = Some(probe.befores(&fresh, plan, Instances::Fresh).await);
        before_ahead = Some(probe.befores(&ahead, plan, Instances::Waiting).await);
    }
    if asked("reveal") || asked("after") {
        release = probe.releases(&fresh, plan).await;
    }
    if before.is_none() && release.is_none() {
        let problem = "never asks the rule, which does not judge such a request";
        return Err(meaningless(problem.to_owned()));
    }
    let cost = trial.costs.first();
    Ok(Speed {
        rule: laboratory.rule.display().to_string(),
        bytes: std::fs::metadata(&laboratory.rule).map_or(0, |about| about.len()),
        load_micros: u64::try_from(load.as_micros()).unwrap_or(u64::MAX),
        memory: cost.map(|cost| cost.memory).unwrap_or_default(),
        host_calls: cost.map(|cost| cost.host_calls).unwrap_or_default(),
        before,
        before_ahead,
        release,
    })
}

/// Where instances come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instances {
    Fresh,
    Waiting,
}

/// One case, again and again.
struct Probe<'a> {
    case: &'a Case,
    tests: &'a Tests,
}

impl Probe<'_> {
    /// What rules of a call share; without a trace, as in production.
    fn dossier(&self, generation: &Generation) -> Arc<Dossier> {
        let scene = Arc::new(self.case.scene(self.tests));
        Arc::new(generation.dossier_of(&scene, None))
    }

    async fn befores(
        &self,
        generation: &Arc<Generation>,
        plan: Plan,
        instances: Instances,
    ) -> Quantiles {
        let mut samples = Samples::begin(plan);
        while samples.go_on() {
            let dossier = self.dossier(generation);
            let body = self.case.body.clone();
            if instances == Instances::Waiting && !one_waits(generation).await {
                break;
            }
            let start = Instant::now();
            // What it says is known from the trial.
            let said = self.before(generation, &dossier, body).await;
            samples.push(start.elapsed());
            drop(said);
        }
        samples.quantiles()
    }

    async fn before(
        &self,
        generation: &Arc<Generation>,
        dossier: &Arc<Dossier>,
        body: Option<serde_json::Value>,
    ) -> Result<(), RuleError> {
        let exchange = &self.case.exchange;
        let collection = exchange.collection.as_ref();
        let name = collection.map(|collection| collection.name.as_str());
        match generation.chain(name.unwrap_or_default()) {
            Some(chain) => generation
                .before(chain, exchange, dossier, body)
                .await
                .map(drop),
            None => Ok(()),
        }
    }

    /// None where the answer has no shape.
    async fn releases(&self, generation: &Arc<Generation>, plan: Plan) -> Option<Quantiles> {
        let mut samples = Samples::begin(plan);
        while samples.go_on() {
            let leaving = Leaving {
                exchange: Arc::clone(&self.case.exchange),
                dossier: self.dossier(generation),
                sent: self.case.body.clone().map(Arc::new),
                status: self.case.status,
            };
            let response = self.case.response.clone()?;
            let start;
            let said = match response {
                Response::Empty => {
                    start = Instant::now();
                    generation.after(leaving, None).await
                }
                Response::Object(body) => {
                    start = Instant::now();
                    generation.after(leaving, Some(body)).await
                }
                Response::Records(body, shape) => {
                    let records = Records::take(body, shape).ok()?;
                    start = Instant::now();
                    generation.release(leaving, records).await
                }
            };
            samples.push(start.elapsed());
            drop(said);
        }
        Some(samples.quantiles())
    }
}

/// Whether an instance that was made ahead waits, or comes to wait within some time.
async fn one_waits(generation: &Generation) -> bool {
    let until = Instant::now() + MAKING;
    while Instant::now() < until {
        if generation.waiting().any(|(_, waiting)| waiting > 0) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    false
}

/// How long calls took.
struct Samples {
    taken: Vec<Duration>,
    warming: u32,
    calls: usize,
    until: Instant,
}

impl Samples {
    fn begin(plan: Plan) -> Self {
        Self {
            taken: Vec::new(),
            warming: WARMING,
            calls: usize::try_from(plan.calls).unwrap_or(usize::MAX),
            until: Instant::now() + PATIENCE,
        }
    }

    fn go_on(&self) -> bool {
        let enough = self.taken.len() >= FEWEST.min(self.calls);
        self.taken.len() < self.calls && !(enough && Instant::now() >= self.until)
    }

    fn push(&mut self, took: Duration) {
        match self.warming.checked_sub(1) {
            Some(left) => self.warming = left,
            None => self.taken.push(took),
        }
    }

    fn quantiles(mut self) -> Quantiles {
        self.taken.sort_unstable();
        let at = |hundredths: usize| {
            let last = self.taken.len().saturating_sub(1);
            let place = last * hundredths / 100;
            let took = self.taken.get(place).copied().unwrap_or_default();
            took.as_secs_f64() * 1e6
        };
        Quantiles {
            calls: self.taken.len(),
            p50: at(50),
            p99: at(99),
        }
    }
}
