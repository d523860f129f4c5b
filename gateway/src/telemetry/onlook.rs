//! Exchanges as they end, for somebody in this process who looks on: `hapta dev`.
//!
//! He is told what the decision log is told, secrets masked, and what rules changed. Nobody waits
//! for him: what he has no room for is lost to him and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::decisions::{Decision, line};
use super::mask::{MASK, Secrets};

/// Characters of a narrowing.
const NARROWING: usize = 300;

/// Names that are told of one kind of change.
const NAMES: usize = 20;

/// An exchange that ended.
#[derive(Debug, Serialize)]
pub struct Ended {
    /// As the decision log has it.
    #[serde(flatten)]
    pub decision: Decision,
    /// Nothing where nobody looked on when it began.
    #[serde(flatten)]
    pub changes: Changes,
}

/// What rules made of a request and of its answer, by names: values may be secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Keys of the body that `before` set, changed or took out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<String>,
    /// The filter that was joined onto the client's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<String>,
    /// Keys of records that `reveal` or `after` changed or took out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// Records that were left out of a list.
    #[serde(skip_serializing_if = "is_nothing")]
    pub dropped: usize,
}

/// Where somebody looks on.
pub struct Onlooker {
    /// In the order in which exchanges ended.
    pub ended: Receiver<Ended>,
    /// Those for which there was no room, until it is set to nothing again.
    pub lost: Arc<AtomicU64>,
}

/// The place of the one who looks on.
#[derive(Default)]
pub(super) struct Gallery(OnceLock<(Sender<Ended>, Arc<AtomicU64>)>);

impl Changes {
    /// Adds names to a list of them, each once.
    pub fn add(list: &mut Vec<String>, names: impl IntoIterator<Item = String>) {
        for name in names {
            if list.len() < NAMES && !list.contains(&name) {
                list.push(name);
            }
        }
    }

    /// Takes the secrets out.
    fn mask(&mut self, secrets: &Secrets) {
        if let Some(narrowed) = &mut self.narrowed {
            *narrowed = secrets.mask(narrowed, NARROWING);
        }
        if secrets.leak(&line(&*self), String::new) {
            *self = Self {
                narrowed: Some(MASK.to_owned()),
                ..Self::default()
            };
        }
    }
}

impl Gallery {
    /// The one place, with room for so many exchanges that nobody has looked at; none if it is taken.
    pub(super) fn enter(&self, room: usize) -> Option<Onlooker> {
        let (sender, ended) = mpsc::channel(room);
        let lost = Arc::new(AtomicU64::new(0));
        self.0.set((sender, Arc::clone(&lost))).ok()?;
        Some(Onlooker { ended, lost })
    }

    pub(super) fn is_taken(&self) -> bool {
        self.0.get().is_some()
    }

    /// Shows an exchange whose line was masked.
    pub(super) fn show(&self, decision: &Decision, mut changes: Changes, secrets: &Secrets) {
        let Some((sender, lost)) = self.0.get() else {
            return;
        };
        let Ok(place) = sender.try_reserve() else {
            lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        changes.mask(secrets);
        let decision = decision.clone();
        place.send(Ended { decision, changes });
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_nothing(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let gallery = Gallery::default();
        let nothing = || (Decision::default(), Changes::default());
        let show = || {
            let (decision, changes) = nothing();
            gallery.show(&decision, changes, &Secrets::default());
        };
        // Nobody looks on yet, so nothing is lost.
        show();
        let mut onlooker = gallery.enter(2).unwrap();
        assert!(gallery.enter(2).is_none());
        (0..5).for_each(|_| show());
        assert_eq!(onlooker.lost.load(Ordering::Relaxed), 3);
        assert!(onlooker.ended.try_recv().is_ok() && onlooker.ended.try_recv().is_ok());
        assert!(onlooker.ended.try_recv().is_err());
        show();
        assert!(onlooker.ended.try_recv().is_ok());
    }

    #[test]
    fn a_secret_is_in_no_change() {
        let mut secrets = Secrets::default();
        secrets.add("hunter22");
        let mut changes = Changes {
            narrowed: Some("code = \"hunter22\"".to_owned()),
            ..Changes::default()
        };
        changes.mask(&secrets);
        assert_eq!(changes.narrowed.unwrap(), "code = \"[masked]\"");
        let mut changes = Changes {
            edited: vec!["hunter22".to_owned()],
            ..Changes::default()
        };
        changes.mask(&secrets);
        assert_eq!(changes.edited, Vec::<String>::new());
    }
}
