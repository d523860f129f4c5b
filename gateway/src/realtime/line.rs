//! What one identity wants to be told by PocketBase, on connections of its own.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::class::{Class, Person};
use super::lock;

/// The topics that PocketBase lets one connection have.
pub(super) const TOPICS: usize = 1_000;

/// As whom PocketBase tells.
#[derive(Clone, Debug)]
pub enum Ear {
    /// As somebody who listens, guest or not.
    Person(Arc<Person>),
    /// As the gateway itself, past PocketBase's rules: nothing that is told so leaves.
    Gateway,
}

/// Topics that PocketBase is to tell of, and who is to hear of each.
#[derive(Debug)]
pub struct Line {
    /// As whom.
    pub ear: Ear,
    topics: Mutex<HashMap<Arc<str>, Topic>>,
    changed: Notify,
    has_ended: AtomicBool,
    /// Something was told that nobody could take.
    overrun: AtomicBool,
    overran: Notify,
    /// Its connections are somebody else's by now.
    outdated: AtomicBool,
    /// The topics that PocketBase tells of, and since when.
    told: watch::Sender<HashMap<Arc<str>, Instant>>,
}

#[derive(Debug, Default)]
struct Topic {
    classes: Vec<Arc<Class>>,
    /// Those of them that nobody took down as told yet.
    waiting: Vec<Arc<Class>>,
    /// People of the collection who listen: their accounts are watched.
    people: usize,
}

impl Line {
    pub(super) fn new(ear: Ear) -> Self {
        Self {
            ear,
            topics: Mutex::default(),
            changed: Notify::new(),
            has_ended: AtomicBool::new(false),
            overrun: AtomicBool::new(false),
            overran: Notify::new(),
            outdated: AtomicBool::new(false),
            told: watch::Sender::default(),
        }
    }

    /// All topics, in no order.
    #[must_use]
    pub fn topics(&self) -> Vec<Arc<str>> {
        lock(&self.topics).keys().cloned().collect()
    }

    /// Who is to hear what is told of a topic.
    #[must_use]
    pub fn classes(&self, topic: &str) -> Vec<Arc<Class>> {
        let topics = lock(&self.topics);
        topics
            .get(topic)
            .map(|topic| topic.classes.clone())
            .unwrap_or_default()
    }

    /// Everybody on the line.
    #[must_use]
    pub fn all_classes(&self) -> Vec<Arc<Class>> {
        let topics = lock(&self.topics);
        let classes = topics.values().flat_map(|topic| &topic.classes);
        classes.cloned().collect()
    }

    /// Those who wait to hear of these topics, once.
    #[must_use]
    pub fn take_waiting(&self, told: &HashSet<Arc<str>>) -> Vec<Arc<Class>> {
        let mut topics = lock(&self.topics);
        let topics = topics.iter_mut();
        let topics =
            topics.filter(|(name, topic)| !topic.waiting.is_empty() && told.contains(*name));
        topics
            .flat_map(|(_, topic)| std::mem::take(&mut topic.waiting))
            .collect()
    }

    /// Whether people of this topic's collection listen.
    #[must_use]
    pub fn watches_people(&self, topic: &str) -> bool {
        lock(&self.topics)
            .get(topic)
            .is_some_and(|topic| topic.people > 0)
    }

    /// Waits for a change of its topics, or its end; one that came since the last wait counts.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether nobody is to hear anything any more. Nothing begins on it again.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Takes down that something was told which nobody could take.
    pub fn overrun(&self) {
        self.overrun.store(true, Ordering::Release);
        self.overran.notify_one();
    }

    /// Whether that happened since the last look.
    pub fn was_overrun(&self) -> bool {
        self.overrun.swap(false, Ordering::AcqRel)
    }

    /// Waits until something was told that nobody could take.
    pub async fn overran(&self) {
        self.overran.notified().await;
    }

    /// Its connections have to be opened anew, and what they told last does not count.
    pub fn renew(&self) {
        self.outdated.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether that was asked for since the last look.
    pub fn is_to_be_renewed(&self) -> bool {
        self.outdated.swap(false, Ordering::AcqRel)
    }

    /// Takes down what PocketBase tells of now.
    pub fn tells(&self, topics: &HashSet<Arc<str>>, now: Instant) {
        self.told.send_if_modified(|told| {
            let before = told.len();
            told.retain(|topic, _| topics.contains(topic));
            let is_less = told.len() < before;
            let kept = told.len();
            for topic in topics {
                told.entry(Arc::clone(topic)).or_insert(now);
            }
            is_less || told.len() > kept
        });
    }

    /// Waits until PocketBase tells of a topic, and tells since when it does.
    pub async fn told(&self, topic: &str) -> Instant {
        let mut told = self.told.subscribe();
        // It is its own sender, so this can't fail.
        let told = told.wait_for(|told| told.contains_key(topic)).await;
        let since = told.ok().and_then(|told| told.get(topic).copied());
        since.unwrap_or_else(Instant::now)
    }

    pub(super) fn has_room(&self) -> bool {
        lock(&self.topics).len() < TOPICS
    }

    pub(super) fn add(&self, topic: &Arc<str>, class: &Arc<Class>) {
        self.with(topic, |topic| {
            topic.classes.push(Arc::clone(class));
            topic.waiting.push(Arc::clone(class));
        });
    }

    pub(super) fn remove(&self, topic: &Arc<str>, class: &Arc<Class>) {
        self.with(topic, |topic| {
            topic.classes.retain(|other| !Arc::ptr_eq(other, class));
            topic.waiting.retain(|other| !Arc::ptr_eq(other, class));
        });
    }

    pub(super) fn add_person(&self, topic: &Arc<str>) {
        self.with(topic, |topic| topic.people += 1);
    }

    pub(super) fn remove_person(&self, topic: &Arc<str>) {
        self.with(topic, |topic| topic.people -= 1);
    }

    /// Whether nothing is left; then it has ended.
    pub(super) fn end_if_empty(&self) -> bool {
        let is_empty = lock(&self.topics).is_empty();
        if is_empty {
            self.has_ended.store(true, Ordering::Release);
            self.changed.notify_one();
        }
        is_empty
    }

    fn with(&self, topic: &Arc<str>, change: impl FnOnce(&mut Topic)) {
        let mut topics = lock(&self.topics);
        let own = topics.entry(Arc::clone(topic)).or_default();
        change(own);
        if own.classes.is_empty() && own.people == 0 {
            topics.remove(topic);
        }
        drop(topics);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
