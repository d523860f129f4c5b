//! What outlives the gateway, as far as the gateway itself is concerned: the
//! generations that were in force, and what its operator's commands ask for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{BuildError, now_ms};
use crate::deny::Denies;
use crate::rules::{
    DroppedIn, Generation, GenerationError, History, HistoryError, Kept, Module, Settings,
};
use crate::state::{self, Asked, Control, Refused, Removed, Report, State, StateError};

/// Without a state folder nothing is kept, and nobody can ask for anything.
pub(crate) struct Keeping {
    /// Only one that this gateway holds.
    state: Option<Arc<State>>,
    history: Option<History>,
    /// As taken last.
    asked: ArcSwap<Asked>,
    denies: ArcSwap<Denies>,
    standing: Mutex<Standing>,
    /// In force, and not on the disk yet.
    to_keep: Mutex<Option<(Kept, Vec<Module>)>>,
    /// As written last.
    said: tokio::sync::Mutex<Option<Report>>,
    /// A pin or a removal waits to be tried.
    pub(super) to_settle: Notify,
}

/// How things stand, beside what is in force.
#[derive(Clone, Default)]
pub(super) struct Standing {
    /// When what is in force came into force.
    pub(super) since_ms: u64,
    /// Why it is not what files ask for, if the start went back to it.
    pub(super) degraded: Option<String>,
    /// Why the last candidate was refused.
    pub(super) refused: Option<Refused>,
    /// What files asked for last.
    pub(super) followed: Followed,
    /// The control whose pin and removals have been tried.
    pub(super) settled: String,
    /// The control for which sessions were looked at again.
    pub(super) sessions: String,
    /// Why commands are not heard.
    control_problem: Option<String>,
    /// Why commands are not told how things stand.
    report_problem: Option<String>,
    /// Why generations are not kept.
    history_problem: Option<String>,
    /// What was found damaged among them at the start.
    damaged: Option<String>,
}

/// What files asked for last, whether or not it is in force.
#[derive(Clone, Default)]
pub(super) struct Followed {
    number: u64,
    /// By content.
    digest: String,
    /// Since when.
    at_ms: u64,
    /// What lay in the folder.
    dropped_in: DroppedIn,
}

impl Followed {
    /// Tells it from all that files asked for at other times: the same rules, gone
    /// and come back, are to be missed again.
    pub(super) fn name(&self) -> String {
        format!("{}@{}", self.digest, self.at_ms)
    }
}

impl Keeping {
    /// Reads what commands ask for; a folder that is only visited is none.
    pub(super) fn open(
        state: Option<&Arc<State>>,
        settings: &state::Settings,
    ) -> Result<Self, StateError> {
        let state = state.filter(|state| state.is_ours()).map(Arc::clone);
        let asked = match &state {
            Some(state) => Control::load(state)?,
            None => Asked::default(),
        };
        let history = state
            .as_ref()
            .map(|state| History::new(Arc::clone(state), settings.generations));
        Ok(Self {
            state,
            history,
            denies: ArcSwap::from_pointee(Denies::of(&asked.control.denies)),
            standing: Mutex::new(Standing {
                settled: asked.digest.clone(),
                ..Standing::default()
            }),
            asked: ArcSwap::from_pointee(asked),
            to_keep: Mutex::default(),
            said: tokio::sync::Mutex::default(),
            to_settle: Notify::new(),
        })
    }

    pub(super) fn state(&self) -> Option<&Arc<State>> {
        self.state.as_ref()
    }

    pub(super) fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    pub(super) fn asked(&self) -> Arc<Asked> {
        self.asked.load_full()
    }

    pub(super) fn denies(&self) -> arc_swap::Guard<Arc<Denies>> {
        self.denies.load()
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every rule that files asked for last is still there, or may be gone.
    pub(super) fn still_there(&self, settings: &Settings) -> Result<(), GenerationError> {
        let asked = self.asked();
        let followed = self.standing().followed.clone();
        let from = followed.name();
        let removed = &asked.control.removed;
        followed.dropped_in.still_there(settings, |rule| {
            let is_this = |removed: &Removed| removed.rule == rule && removed.from == from;
            removed.iter().any(is_this)
        })
    }

    /// Takes what commands ask for: what is closed is closed at once.
    pub(super) fn take(&self) {
        let Some(state) = &self.state else {
            return;
        };
        let before = self.asked();
        let asked = match Control::load(state) {
            Ok(asked) => asked,
            Err(error) => {
                let problem = Some(error.to_string());
                let mut standing = self.standing();
                if standing.control_problem != problem {
                    tracing::error!(%error, "commands are not heard; what they asked for before stays");
                    standing.control_problem = problem;
                }
                return;
            }
        };
        self.standing().control_problem = None;
        if asked.digest == before.digest {
            return;
        }
        let (now, then) = (&asked.control, &before.control);
        for deny in now.denies.iter().filter(|deny| !then.denies.contains(deny)) {
            tracing::warn!(%deny, "denied from now on");
        }
        for deny in then.denies.iter().filter(|deny| !now.denies.contains(deny)) {
            tracing::warn!(%deny, "no longer denied");
        }
        self.denies.store(Arc::new(Denies::of(&now.denies)));
        let is_settled = (now.pinned, &now.removed) == (then.pinned, &then.removed)
            && self.standing().settled == before.digest;
        if is_settled {
            self.standing().settled.clone_from(&asked.digest);
        }
        self.asked.store(Arc::new(asked));
        if !is_settled {
            self.to_settle.notify_one();
        }
    }

    /// Gives a generation that files ask for its number.
    pub(super) fn number(&self, generation: &mut Generation) {
        {
            let followed = &self.standing().followed;
            if followed.digest == generation.digest {
                generation.number = followed.number;
                return;
            }
        }
        if let Some(history) = &self.history {
            match history.number(&generation.digest) {
                Ok(number) => generation.number = number,
                Err(error) => self.not_kept(&error),
            }
        }
    }

    /// Takes down what files ask for now; [`Keeping::keep`] is to keep it.
    pub(super) fn follow(&self, generation: &Generation, settings: Settings, modules: Vec<Module>) {
        let mut standing = self.standing();
        if standing.followed.digest == generation.digest {
            return;
        }
        let at_ms = now_ms();
        standing.followed = Followed {
            number: generation.number,
            digest: generation.digest.clone(),
            at_ms,
            dropped_in: settings.names_of_dropped_in(),
        };
        let kept = Kept::new(generation, settings, &modules, at_ms);
        *self.lock_to_keep() = Some((kept, modules));
    }

    /// Keeps what is to be kept. The disk is slow, so this comes when all else is
    /// done; what can't be kept is in force all the same.
    pub(super) async fn keep(&self) {
        let to_keep = self.lock_to_keep().take();
        let (Some(history), Some((kept, modules))) = (self.history.clone(), to_keep) else {
            return;
        };
        let pinned = self.asked().control.pinned;
        let keep = move || history.keep(kept, &modules, pinned);
        match tokio::task::spawn_blocking(keep).await {
            Ok(Ok(())) => self.standing().history_problem = None,
            Ok(Err(error)) => self.not_kept(&error),
            Err(error) => self.not_kept(&error),
        }
    }

    fn lock_to_keep(&self) -> MutexGuard<'_, Option<(Kept, Vec<Module>)>> {
        self.to_keep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What files asked for last, of the gateways before this one.
    pub(super) fn remember(&self) -> Option<Kept> {
        let newest = match self.history.as_ref()?.list() {
            Ok(listed) => {
                for error in &listed.broken {
                    tracing::error!(%error, "the history of generations is not whole");
                    self.standing().damaged = Some(error.to_string());
                }
                listed.newest().cloned()?
            }
            Err(error) => {
                self.not_kept(&error);
                return None;
            }
        };
        let dropped_in = newest.settings.names_of_dropped_in();
        self.standing().followed = Followed {
            number: newest.number,
            digest: newest.digest.clone(),
            at_ms: newest.followed_ms,
            dropped_in,
        };
        Some(newest)
    }

    fn not_kept(&self, error: &dyn std::fmt::Display) {
        let problem = Some(error.to_string());
        let mut standing = self.standing();
        if standing.history_problem != problem {
            tracing::error!(%error, "generations are not kept");
            standing.history_problem = problem;
        }
    }

    /// A generation as it is kept, and what to build it of.
    pub(super) async fn kept(&self, number: u64) -> Result<(Kept, Settings), BuildError> {
        let Some(history) = self.history.clone() else {
            return Err(HistoryError::NotKept(number).into());
        };
        let look = move || {
            let kept = history.get(number)?;
            let settings = history.settings(&kept)?;
            Ok::<_, HistoryError>((kept, settings))
        };
        let found = tokio::task::spawn_blocking(look).await;
        Ok(found.map_err(GenerationError::from)??)
    }

    /// What is wrong with the state folder.
    pub(super) fn problems(&self) -> Vec<String> {
        let standing = self.standing();
        let problems = [
            &standing.control_problem,
            &standing.report_problem,
            &standing.history_problem,
            &standing.damaged,
        ];
        problems.into_iter().flatten().cloned().collect()
    }

    /// Writes a report, unless it says nothing new. It is made when its turn has
    /// come: else an older one could be written over a newer.
    pub(super) async fn say(&self, report: impl FnOnce() -> Report) {
        let Some(state) = self.state.clone() else {
            return;
        };
        let mut said = self.said.lock().await;
        let report = report();
        // How many faults there are now is told at the next occasion.
        let mut known = said.clone().unwrap_or_default();
        if let (Some(known), Some(now)) = (&mut known.alarm, &report.alarm) {
            known.faults = now.faults;
        }
        if said.is_some() && known == report {
            return;
        }
        let saving = report.clone();
        let problem = match tokio::task::spawn_blocking(move || saving.save(&state)).await {
            Ok(Ok(())) => {
                *said = Some(report);
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let mut standing = self.standing();
        if let Some(problem) = problem
            .as_ref()
            .filter(|_| standing.report_problem != problem)
        {
            tracing::error!(problem, "commands are not told how things stand");
        }
        standing.report_problem = problem;
    }
}
