//! What an operator does to a gateway that runs, and what it tells him.

use std::sync::Arc;

use tokio::time::Instant;

use super::alarm::{Seen, Verdict};
use super::{Gateway, now_ms};
use crate::deny::Denies;
use crate::state::{CONTROL, Control, Refused, Report, ReportedRule};
use crate::telemetry::EventOutcome;

impl Gateway {
    /// Counts what became of an event of a record.
    pub(crate) fn count_event(&self, outcome: EventOutcome) {
        self.metrics.events.count(outcome);
    }

    /// What is closed now.
    pub(crate) fn denies(&self) -> arc_swap::Guard<Arc<Denies>> {
        self.keeping.denies()
    }

    /// The same, for longer than a few lines.
    pub(crate) fn denies_now(&self) -> Arc<Denies> {
        Arc::clone(&self.keeping.denies())
    }

    /// The file in which commands say what they ask for; none without a state folder.
    pub(crate) fn control_file(&self) -> Option<std::path::PathBuf> {
        let state = self.keeping.state()?;
        Some(state.folder().join(CONTROL))
    }

    /// Takes what commands ask for: what is closed is closed when this returns.
    pub(crate) async fn take_control(&self) {
        self.keeping.take();
        let taken = self.keeping.asked().digest.clone();
        match self.sessions.look_again().await {
            Ok(()) => self.keeping.standing().sessions = taken,
            Err(error) => {
                tracing::error!(%error, "what commands did to sessions is not known");
            }
        }
        self.say().await;
    }

    /// Waits until a pin or a removal is to be tried.
    pub(crate) async fn to_settle(&self) {
        self.keeping.to_settle.notified().await;
    }

    /// The control that the next reload tries.
    pub(crate) fn control_taken(&self) -> String {
        self.keeping.asked().digest.clone()
    }

    /// Whether what is in force does not follow files.
    pub(crate) fn is_pinned(&self) -> bool {
        self.keeping.asked().control.pinned.is_some()
    }

    /// Takes down what came of a reload, and for which control.
    pub(crate) fn note_reload(&self, failure: Option<String>, control: String) {
        let mut standing = self.keeping.standing();
        standing.settled = control;
        let told = standing.refused.take();
        standing.refused = failure.map(|reason| {
            told.filter(|told| told.reason == reason)
                .unwrap_or_else(|| Refused {
                    reason,
                    at_ms: now_ms(),
                })
        });
    }

    /// Keeps what came into force.
    pub(crate) async fn keep(&self) {
        self.keeping.keep().await;
    }

    /// Counts a fault of a rule, and raises the alarm where it is one too many.
    pub(crate) fn note_fault(&self, seen: &Seen<'_>) {
        let in_force = self.in_force();
        if seen.generation != in_force.generation.number {
            // Of what is on its way out already.
            return;
        }
        let generation = seen.generation;
        match self
            .faults
            .note(&in_force.serving.alarm, seen, Instant::now())
        {
            Verdict::Nothing => return,
            Verdict::Alarm { faults } => tracing::error!(
                generation,
                faults,
                "rules fail too often, and refuse what they can't judge; hapta rules rollback takes back what came into force last"
            ),
            Verdict::GoBack => self.wants_back.notify_one(),
        }
        self.alarmed.notify_one();
    }

    /// Whether rules fail too often, for metrics; takes down what is new.
    pub(crate) async fn look_at_alarm(&self) {
        let generation = self.in_force().generation.number;
        let standing = self.faults.standing(generation, Instant::now());
        let was = self.metrics.generation_alarm.get() != 0;
        self.metrics
            .generation_alarm
            .set(i64::from(standing.is_some()));
        if standing.is_some() && !was {
            self.remember_alarm(generation);
        }
        if standing.is_some() != was {
            self.say().await;
        }
    }

    fn remember_alarm(&self, generation: u64) {
        if let Some(history) = self.keeping.history()
            && let Err(error) = history.alarmed(generation, now_ms())
        {
            tracing::warn!(%error, "the history does not tell that rules failed");
        }
    }

    /// Goes back to what was in force before, since several users met faults; asks
    /// for it as a command would, so that it holds across a start. It waits for the disk.
    pub(crate) fn go_back(&self) {
        let generation = self.in_force().generation.number;
        self.remember_alarm(generation);
        let (Some(history), Some(state)) = (self.keeping.history(), self.keeping.state()) else {
            tracing::error!(generation, "can't go back: there is no state folder");
            return;
        };
        if self.is_pinned() {
            tracing::error!(
                generation,
                "does not go back: a command pinned this generation"
            );
            return;
        }
        let before = match history.list() {
            Ok(listed) => listed.before(generation).cloned(),
            Err(error) => {
                tracing::error!(%error, generation, "can't go back");
                return;
            }
        };
        match before {
            Some(before) if before.alarmed_ms.is_none() => {
                let to = before.number;
                match Control::change(state, |control| control.pinned = Some(to)) {
                    Ok(_) => {
                        tracing::error!(
                            generation,
                            to,
                            "rules failed for several users: going back by itself, and staying there until hapta rules pin --off"
                        );
                    }
                    Err(error) => tracing::error!(%error, generation, to, "can't go back"),
                }
            }
            Some(_) => tracing::error!(
                generation,
                "does not go back: the generation before failed as well"
            ),
            None => tracing::error!(generation, "can't go back: there is no generation before"),
        }
    }

    /// How things stand.
    #[must_use]
    pub fn report(&self) -> Report {
        let in_force = self.in_force();
        let asked = self.keeping.asked();
        let generation = &in_force.generation;
        let alarm = self.faults.standing(generation.number, Instant::now());
        let problems = self.keeping.problems();
        let standing = self.keeping.standing().clone();
        let rules = generation.rules().enumerate();
        Report {
            generation: generation.number,
            digest: generation.digest.clone(),
            since_ms: standing.since_ms,
            rules: rules
                .map(|(place, rule)| ReportedRule {
                    name: rule.name.clone(),
                    digest: rule.digest.clone(),
                    dropped_in: generation.is_dropped_in(place),
                })
                .collect(),
            pinned: asked.control.pinned,
            degraded: standing.degraded,
            refused: standing.refused,
            alarm,
            denies: asked.control.denies.clone(),
            problems,
            followed: standing.followed.name(),
            control: asked.digest.clone(),
            settled: standing.settled,
            sessions: standing.sessions,
        }
    }

    /// Tells commands how things stand, if it is anything new.
    pub(crate) async fn say(&self) {
        self.keeping.say(|| self.report()).await;
    }

    /// Why what is in force is not what files ask for, if so.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        self.keeping.standing().degraded.clone()
    }

    /// Why the last reload was refused, if it was.
    #[must_use]
    pub fn reload_failure(&self) -> Option<String> {
        let standing = self.keeping.standing();
        standing.refused.as_ref().map(|told| told.reason.clone())
    }
}
