//! What was told of a record last, so that nothing older is told after it.
//!
//! PocketBase sends each event from a task of its own, so two that follow one another
//! may arrive the other way round, and while one connection to it takes over from
//! another the same event comes by both.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::operation::RecordAction;

/// Events that are remembered; with one more the oldest is forgotten.
const EVENTS: usize = 256;

/// For how long; by then whatever was on its way has arrived.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How long events of one record may be out of order where it has no stamp, or where its
/// stamps were seen to be wrong.
const UNSURE: Duration = Duration::from_secs(5);

/// What was told of records lately.
#[derive(Debug, Default)]
pub(super) struct Order {
    last: HashMap<u64, Last>,
    /// By the time of the telling; those told again since stand here twice.
    told: VecDeque<(Instant, u64)>,
}

/// What was told of one record last.
#[derive(Debug)]
struct Last {
    stamp: Option<String>,
    digest: u64,
    is_deleted: bool,
    /// Whether its creation was told.
    is_created: bool,
    at: Instant,
    /// Until then nothing but PocketBase's word counts.
    unsure_until: Option<Instant>,
}

/// A state of a record, as an event brings it.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The record's.
    pub id: &'a str,
    /// When it was changed last, in a form that sorts; none where it does not say.
    pub stamp: Option<&'a str>,
    /// What was done to it.
    pub action: RecordAction,
    /// Of all of it.
    pub digest: u64,
}

/// Whether an event may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the newest.
    Next,
    /// It was told already.
    Repeated,
    /// A newer one was told already.
    Overtaken,
    /// It may be older than what was told, or is the late word of a beginning or an end:
    /// PocketBase has to be asked what is true now.
    Unclear,
}

/// Tells states of a record apart.
#[must_use]
pub fn digest(record: &Value) -> u64 {
    hash(&record.to_string())
}

impl Order {
    /// Whether an event may be told; one that may is taken for told.
    pub(super) fn turn(&mut self, sighting: Sighting<'_>, now: Instant) -> Turn {
        self.forget(now);
        let is_delete = sighting.action == RecordAction::Delete;
        let turn = match self.last.get(&hash(sighting.id)) {
            None => Turn::Next,
            Some(last) if last.is_deleted && is_delete => Turn::Repeated,
            Some(last) if last.has_begun(&sighting) => Turn::Repeated,
            Some(last) if last.is_update_of(&sighting) => Turn::Repeated,
            Some(last) if last.unsure_until.is_some_and(|until| now < until) => Turn::Unclear,
            Some(last) => match (last.stamp.as_deref(), sighting.stamp) {
                (Some(last_stamp), Some(stamp)) if stamp > last_stamp => Turn::Next,
                // It ends with what it was last.
                (Some(last_stamp), Some(stamp)) if is_delete && stamp == last_stamp => Turn::Next,
                (Some(last_stamp), Some(stamp))
                    if stamp < last_stamp && sighting.action == RecordAction::Update =>
                {
                    Turn::Overtaken
                }
                (Some(_), Some(_)) => Turn::Unclear,
                _ if is_delete || now - last.at > UNSURE => Turn::Next,
                _ => Turn::Unclear,
            },
        };
        if turn == Turn::Next {
            self.put(sighting, None, now);
        }
        turn
    }

    /// Takes what PocketBase was asked for as told; whether it is news. It is newer than
    /// every event that had come before it was asked, whatever its stamp.
    pub(super) fn settle(&mut self, sighting: Sighting<'_>, now: Instant) -> bool {
        let is_delete = sighting.action == RecordAction::Delete;
        let last = self.last.get(&hash(sighting.id));
        // Who was told of a change first still has to be told that it is new.
        let is_new = sighting.action == RecordAction::Create;
        let is_news = last.is_none_or(|last| {
            last.is_deleted != is_delete
                || (is_new && !last.is_created)
                || (!is_delete && last.digest != sighting.digest)
        });
        let known = last.and_then(|last| last.unsure_until);
        // Then stamps say nothing about this record for now.
        let is_older = last.is_some_and(|last| sighting.stamp < last.stamp.as_deref());
        let unsure_until = if is_news && is_older {
            Some(now + UNSURE)
        } else {
            known
        };
        self.put(sighting, unsure_until, now);
        is_news
    }

    fn put(&mut self, sighting: Sighting<'_>, unsure_until: Option<Instant>, now: Instant) {
        let key = hash(sighting.id);
        let is_deleted = sighting.action == RecordAction::Delete;
        let before = self.last.get(&key).is_some_and(|last| last.is_created);
        let is_created = !is_deleted && (before || sighting.action == RecordAction::Create);
        let last = Last {
            stamp: sighting.stamp.map(str::to_owned),
            digest: sighting.digest,
            is_deleted,
            is_created,
            at: now,
            unsure_until,
        };
        self.last.insert(key, last);
        self.told.push_back((now, key));
        while self.told.len() > EVENTS {
            self.forget_oldest();
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, _)) = self.told.front()
            && now - *at > REMEMBERED
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, key)) = self.told.pop_front() else {
            return;
        };
        if self.last.get(&key).is_some_and(|last| last.at == at) {
            self.last.remove(&key);
        }
    }
}

impl Last {
    /// Whether it was told of this beginning: under one id a record may begin twice.
    fn has_begun(&self, sighting: &Sighting<'_>) -> bool {
        let is_newer = self.stamp.as_deref() < sighting.stamp;
        let is_create = sighting.action == RecordAction::Create;
        is_create && self.is_created && sighting.stamp.is_some() && !is_newer
    }

    /// Whether an event tells what was told.
    fn is_update_of(&self, sighting: &Sighting<'_>) -> bool {
        sighting.action == RecordAction::Update
            && !self.is_deleted
            && self.digest == sighting.digest
    }
}

/// Keyed anew with each start, so that nobody can look for two texts of one hash.
pub(super) fn hash(text: &str) -> u64 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEY.hash_one(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events of one record in the order of their coming: `c1a` is a create with the
    /// stamp 1 and the content a; `-` for no stamp.
    #[track_caller]
    fn check(events: &[(&str, Turn)]) {
        let mut order = Order::default();
        for (event, expected) in events {
            assert_eq!(
                order.turn(sighting(event), Instant::now()),
                *expected,
                "{event}"
            );
        }
    }

    fn sighting(event: &str) -> Sighting<'_> {
        let (action, rest) = event.split_at(1);
        let (stamp, content) = rest.split_at(1);
        Sighting {
            id: "a",
            stamp: Some(stamp).filter(|stamp| *stamp != "-"),
            action: match action {
                "c" => RecordAction::Create,
                "u" => RecordAction::Update,
                _ => RecordAction::Delete,
            },
            digest: hash(content),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_newer_is_told_and_what_may_be_older_is_looked_up() {
        use Turn::{Next, Overtaken, Repeated, Unclear};
        check(&[("c1a", Next), ("u2b", Next), ("u3c", Next)]);
        check(&[("u3c", Next), ("u2b", Overtaken), ("c1a", Unclear)]);
        check(&[("u1a", Next), ("c1a", Unclear)]);
        check(&[("u2b", Next), ("u2b", Repeated), ("u3c", Next)]);
        check(&[("u2b", Next), ("u2c", Unclear)]);
        check(&[
            ("u2b", Next),
            ("d2b", Next),
            ("u2b", Unclear),
            ("d2b", Repeated),
        ]);
        // Made again under its id; the end of the one before comes late.
        check(&[("d2b", Next), ("c3a", Next), ("d2b", Unclear)]);
        // That it is new comes late, or twice.
        check(&[("u2b", Next), ("c1a", Unclear)]);
        check(&[("c1a", Next), ("u2b", Next), ("c1a", Repeated)]);
        check(&[("c1a", Next), ("c3a", Next), ("d1a", Unclear)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_looked_up_is_true_whatever_its_stamp() {
        let mut order = Order::default();
        let now = Instant::now();
        assert_eq!(order.turn(sighting("u2a"), now), Turn::Next);
        assert!(order.settle(sighting("u1b"), now));
        assert!(!order.settle(sighting("u1b"), now), "it was told");
        assert!(order.settle(sighting("d1b"), now));
        assert!(!order.settle(sighting("d1b"), now), "it was told");
        assert!(order.settle(sighting("u1b"), now), "it is there again");
        // For a while only what is looked up counts.
        assert_eq!(order.turn(sighting("u3c"), now), Turn::Unclear);
        tokio::time::advance(UNSURE).await;
        assert_eq!(order.turn(sighting("u3c"), Instant::now()), Turn::Next);
    }

    #[tokio::test(start_paused = true)]
    async fn without_stamps_what_comes_close_together_is_looked_up() {
        use Turn::{Next, Repeated, Unclear};
        check(&[
            ("c-a", Next),
            ("u-b", Unclear),
            ("u-a", Repeated),
            ("d-a", Next),
            ("u-a", Unclear),
        ]);
        let mut order = Order::default();
        assert_eq!(order.turn(sighting("c-a"), Instant::now()), Next);
        tokio::time::advance(UNSURE + Duration::from_millis(1)).await;
        assert_eq!(order.turn(sighting("u-b"), Instant::now()), Next);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_events_are_remembered_and_no_more() {
        let mut order = Order::default();
        let ids: Vec<String> = (0..3 * EVENTS).map(|number| number.to_string()).collect();
        for id in &ids {
            let sighting = Sighting {
                id,
                ..sighting("u1a")
            };
            assert_eq!(order.turn(sighting, Instant::now()), Turn::Next);
        }
        assert_eq!((order.last.len(), order.told.len()), (EVENTS, EVENTS));
    }
}
