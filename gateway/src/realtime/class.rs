//! Equal subscribers: whoever asks as the same identity about the same topic sees
//! the same events, so each is judged once and its bytes are made once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::hub::Hub;
use super::line::Line;
use super::order::{Order, Sighting, Turn};
use super::outbox::Outbox;
use super::shown::{Had, Shown};
use super::{Identity, lock};
use crate::operation::{Fields, Operation};
use crate::principal::Principal;
use crate::schema::Collection;
use crate::surface::Surface;

/// How often at most a class is told that it may have missed something.
const RESYNC_EVERY: Duration = Duration::from_secs(1);

/// The same where it is told for what it does not know itself.
const RESYNC_UNSURE_EVERY: Duration = Duration::from_secs(10);

/// Somebody who listens, whatever by: all streams of an identity share it.
#[derive(Debug)]
pub struct Person {
    /// Who it is.
    pub identity: Identity,
    /// As PocketBase vouched for it last.
    principal: Mutex<Principal>,
}

/// What a class listens to.
#[derive(Debug)]
pub struct Watched {
    /// As it was when somebody subscribed.
    pub collection: Arc<Collection>,
    /// The [`Operation::Watch`], as rules narrowed it.
    pub operation: Operation,
    /// The collections that its expand leads to.
    pub expanded: Vec<Arc<Collection>>,
    /// What was served beside records then.
    pub surface: Arc<Surface>,
}

/// Equal subscribers.
#[derive(Debug)]
pub struct Class {
    /// Who they are.
    pub person: Arc<Person>,
    /// In PocketBase's one spelling; with the identity, what makes them equal.
    pub topic: Arc<str>,
    /// What they listen to.
    pub watched: Watched,
    /// On which PocketBase tells of it.
    pub(super) line: Arc<Line>,
    is_live: watch::Sender<bool>,
    /// By their spelling.
    members: Mutex<HashMap<Arc<str>, Group>>,
    order: Mutex<Order>,
    shown: Mutex<Shown>,
    resynced: Mutex<Resynced>,
}

/// When a class was told that it may have missed something.
#[derive(Debug, Default)]
struct Resynced {
    last: Option<Instant>,
    /// When it will be told again.
    due: Option<Instant>,
}

/// Those who spell a topic alike, and so want the same fields.
#[derive(Debug)]
struct Group {
    fields: Option<Fields>,
    /// By the address of the outbox.
    streams: HashMap<usize, Member>,
}

#[derive(Debug)]
struct Member {
    outbox: Arc<Outbox>,
    /// While a stream changes its topics it may be here twice, and is told once.
    places: usize,
    /// The generation of rules that permitted it last.
    generation: u64,
}

/// A spelling, the fields that it asks for, and who spells it so.
type Told = (Arc<str>, Option<Fields>, Vec<Arc<Outbox>>);

/// A place of a stream in a class, given up when it is dropped.
#[derive(Debug)]
pub struct Membership {
    class: Arc<Class>,
    spelling: Arc<str>,
    outbox: usize,
    hub: Weak<Mutex<Hub>>,
}

impl Person {
    pub(super) fn new(identity: Identity, principal: Principal) -> Self {
        Self {
            identity,
            principal: Mutex::new(principal),
        }
    }

    /// As PocketBase vouched for it last.
    #[must_use]
    pub fn principal(&self) -> Principal {
        lock(&self.principal).clone()
    }

    /// What PocketBase says of it now.
    pub fn is_now(&self, principal: Principal) {
        *lock(&self.principal) = principal;
    }
}

impl Class {
    pub(super) fn new(
        person: Arc<Person>,
        topic: Arc<str>,
        watched: Watched,
        line: Arc<Line>,
    ) -> Self {
        Self {
            person,
            topic,
            watched,
            line,
            is_live: watch::Sender::new(false),
            members: Mutex::default(),
            order: Mutex::default(),
            shown: Mutex::default(),
            resynced: Mutex::default(),
        }
    }

    /// Whether PocketBase tells of it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        *self.is_live.borrow()
    }

    /// From now on PocketBase tells of it.
    pub fn set_live(&self) {
        self.is_live.send_replace(true);
    }

    /// Whether nobody is left in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        lock(&self.members).is_empty()
    }

    /// Waits until PocketBase tells of it.
    pub async fn live(&self) {
        // It is its own sender, so this can't fail.
        let _ = self.is_live.subscribe().wait_for(|is_live| *is_live).await;
    }

    /// Whether an event may be told; one that may is taken for told.
    pub fn turn(&self, sighting: Sighting<'_>) -> Turn {
        lock(&self.order).turn(sighting, Instant::now())
    }

    /// Whether what PocketBase was asked for is news; then it is taken for told.
    pub fn settle(&self, sighting: Sighting<'_>) -> bool {
        lock(&self.order).settle(sighting, Instant::now())
    }

    /// Tells all of them of `{action, record}`, as it has come through the rules of this
    /// generation. Whom another one permitted is not told it, but that there was something:
    /// they ask again, or have just done so. Gives others a turn between some and some.
    pub async fn deliver(self: &Arc<Self>, event: &Value, generation: u64) {
        if self.has_members_of_other(generation) {
            self.resync();
        }
        let mut told = 0;
        let is_delete = event.get("action").is_some_and(|action| action == "delete");
        for (spelling, fields, streams) in self.groups(|member| member.generation == generation) {
            let bytes = match fields {
                // What names a record that is gone is never left out.
                Some(fields) if !is_delete => {
                    let mut event = event.clone();
                    if let Some(record) = event.get_mut("record") {
                        fields.pick(record);
                    }
                    write(&spelling, &event)
                }
                _ => write(&spelling, event),
            };
            for outbox in streams {
                outbox.push(bytes.clone());
                told += 1;
                if told % AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Tells all of them that they may have missed something; not more often than
    /// every so often, but always once more for what came meanwhile.
    pub fn resync(self: &Arc<Self>) {
        Self::resync_all(std::slice::from_ref(self));
    }

    /// The same where it is only not known whether it concerns them.
    pub fn resync_unsure(self: &Arc<Self>) {
        if self.resyncs_now(RESYNC_UNSURE_EVERY) {
            tell_resync([self]);
        }
    }

    /// The same for many at once: a stream is told of all its topics in one event.
    pub fn resync_all(classes: &[Arc<Self>]) {
        let now = classes
            .iter()
            .filter(|class| class.resyncs_now(RESYNC_EVERY));
        tell_resync(now);
    }

    /// Whether it is to be told now; else it will be later.
    fn resyncs_now(self: &Arc<Self>, every: Duration) -> bool {
        let now = Instant::now();
        let mut resynced = lock(&self.resynced);
        let next = resynced.last.map_or(now, |last| last + every);
        if now >= next {
            resynced.last = Some(now);
            return true;
        }
        let is_due = resynced.due.is_some_and(|due| due <= next);
        if !is_due {
            resynced.due = Some(next);
            drop(resynced);
            let class = Arc::downgrade(self);
            tokio::spawn(async move {
                tokio::time::sleep_until(next).await;
                if let Some(class) = class.upgrade() {
                    class.resync_due(next);
                }
            });
        }
        false
    }

    fn resync_due(self: &Arc<Self>, at: Instant) {
        {
            let mut resynced = lock(&self.resynced);
            // Else it was told before.
            if resynced.due != Some(at) {
                return;
            }
            *resynced = Resynced {
                last: Some(Instant::now()),
                due: None,
            };
        }
        tell_resync([self]);
    }

    /// Takes down which records it may read as it begins to listen, and whether there may be more.
    pub fn seed(&self, ids: &[String], is_partial: bool) {
        lock(&self.shown).seed(ids, is_partial);
    }

    /// Takes down that it may have records of which nothing is known here.
    pub fn has_more(&self) {
        lock(&self.shown).has_more();
    }

    /// What it may have of a record, where the rules of this generation judge.
    #[must_use]
    pub fn had(&self, id: &str, generation: u64) -> Had {
        lock(&self.shown).had(id, generation)
    }

    /// Takes down that it has a record now, by the rules of this generation.
    pub fn has(&self, id: &str, generation: u64) {
        lock(&self.shown).has(id, generation);
    }

    /// Takes down that it has no such record any more.
    pub fn has_no_more(&self, id: &str) {
        lock(&self.shown).has_no_more(id);
    }

    fn has_members_of_other(&self, generation: u64) -> bool {
        let members = lock(&self.members);
        let mut members = members.values().flat_map(|group| group.streams.values());
        members.any(|member| member.generation != generation)
    }

    fn groups(&self, is: impl Fn(&Member) -> bool) -> Vec<Told> {
        let members = lock(&self.members);
        let groups = members.iter().map(|(spelling, group)| {
            let streams = group.streams.values().filter(|member| is(member));
            let streams = streams.map(|member| Arc::clone(&member.outbox)).collect();
            (Arc::clone(spelling), group.fields.clone(), streams)
        });
        groups.collect()
    }

    pub(super) fn join(
        self: &Arc<Self>,
        (spelling, fields): (Arc<str>, Option<Fields>),
        outbox: &Arc<Outbox>,
        generation: u64,
        hub: Weak<Mutex<Hub>>,
    ) -> Membership {
        let key = Arc::as_ptr(outbox).addr();
        let mut members = lock(&self.members);
        let shared = members.get_key_value(&spelling);
        let shared = shared.map_or(spelling, |(shared, _)| Arc::clone(shared));
        let group = members.entry(Arc::clone(&shared)).or_insert_with(|| Group {
            fields,
            streams: HashMap::new(),
        });
        let member = group.streams.entry(key).or_insert_with(|| Member {
            outbox: Arc::clone(outbox),
            places: 0,
            generation,
        });
        member.places += 1;
        member.generation = generation;
        drop(members);
        Membership {
            class: Arc::clone(self),
            spelling: shared,
            outbox: key,
            hub,
        }
    }

    /// Takes one place out; whether nobody is left.
    fn leave(&self, spelling: &str, outbox: usize) -> bool {
        let mut members = lock(&self.members);
        if let Some(group) = members.get_mut(spelling)
            && let Some(member) = group.streams.get_mut(&outbox)
        {
            member.places -= 1;
            if member.places == 0 {
                group.streams.remove(&outbox);
            }
            if group.streams.is_empty() {
                members.remove(spelling);
            }
        }
        members.is_empty()
    }
}

/// Tells every stream of these classes, once, of which of its topics it may have missed something.
fn tell_resync<'a>(classes: impl IntoIterator<Item = &'a Arc<Class>>) {
    let mut streams: HashMap<usize, (Arc<Outbox>, Vec<Arc<str>>)> = HashMap::new();
    for class in classes {
        for (spelling, _, outboxes) in class.groups(|_| true) {
            for outbox in outboxes {
                let key = Arc::as_ptr(&outbox).addr();
                let (_, topics) = streams.entry(key).or_insert_with(|| (outbox, Vec::new()));
                topics.push(Arc::clone(&spelling));
            }
        }
    }
    for (outbox, topics) in streams.into_values() {
        let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        outbox.push(write("resync", &json!({ "topics": topics })));
    }
}

impl Membership {
    /// Of which class.
    #[must_use]
    pub fn class(&self) -> &Arc<Class> {
        &self.class
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else {
            return;
        };
        // Nobody joins meanwhile: that is done under the same lock.
        let mut hub = hub.lock().unwrap_or_else(PoisonError::into_inner);
        if self.class.leave(&self.spelling, self.outbox) {
            hub.remove(&self.class);
        }
    }
}

/// Streams that are told before others get a turn.
const AT_ONCE: usize = 2_048;

/// JSON has no line breaks in its texts, and a spelling is of printable letters:
/// neither can pose as another field or event.
fn write(name: &str, data: &Value) -> Bytes {
    let mut event = format!("event:{name}\ndata:").into_bytes();
    // Texts can always be written to memory.
    let _ = serde_json::to_writer(&mut event, data);
    event.extend_from_slice(b"\n\n");
    event.into()
}

#[cfg(test)]
mod tests;
