//! Who listens to what: people, their classes, and the lines that bring events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, Weak};

use super::class::{Class, Membership, Person, Watched};
use super::line::{Ear, Line};
use super::outbox::Outbox;
use super::{Identity, Mode, RealtimeError};
use crate::operation::Fields;
use crate::principal::Principal;

/// Who listens to what.
#[derive(Debug)]
pub(super) struct Hub {
    mode: Mode,
    /// How many lines and classes there may be.
    most: Most,
    classes: HashMap<Key, Arc<Class>>,
    people: HashMap<Identity, Counted>,
    /// Of each identity mostly one; of guests as many as their topics need.
    lines: HashMap<Identity, Vec<Arc<Line>>>,
    gateway: Option<Arc<Line>>,
    /// Not yet run by anybody.
    begun: Vec<Arc<Line>>,
}

/// How many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Lines to PocketBase.
    pub lines: usize,
    /// Classes of equal subscribers.
    pub classes: usize,
}

/// What makes subscribers equal.
type Key = (Identity, Arc<str>);

/// A person with the number of their classes.
#[derive(Debug)]
struct Counted {
    person: Arc<Person>,
    classes: usize,
    /// The topic that tells of changes of their account; none for guests.
    account: Option<Arc<str>>,
}

/// A subscription to be.
#[derive(Debug)]
pub struct Want {
    /// As the client spelled the topic: the name of its events.
    pub spelling: Arc<str>,
    /// What the client wants of each record.
    pub fields: Option<Fields>,
    /// The topic in PocketBase's one spelling.
    pub topic: Arc<str>,
    /// What it leads to.
    pub watched: Watched,
}

/// Who wants it.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Who it is.
    pub identity: Identity,
    /// As PocketBase vouched for it just now.
    pub principal: Principal,
    /// The id of its auth collection; none for guests.
    pub account: Option<String>,
    /// The generation of rules that permitted it.
    pub generation: u64,
}

/// How much there is of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubCounts {
    /// Classes of equal subscribers.
    pub classes: usize,
    /// Lines to PocketBase.
    pub lines: usize,
    /// People who listen, guests being one.
    pub people: usize,
}

impl Hub {
    pub(super) fn new(mode: Mode, most: Most) -> Self {
        Self {
            mode,
            most,
            classes: HashMap::new(),
            people: HashMap::new(),
            lines: HashMap::new(),
            gateway: None,
            begun: Vec::new(),
        }
    }

    /// Gives a stream a place in the class of those who want the same.
    pub(super) fn join(
        &mut self,
        listener: &Listener,
        want: Want,
        outbox: &Arc<Outbox>,
        own: Weak<Mutex<Self>>,
    ) -> Result<Membership, RealtimeError> {
        let Want {
            spelling,
            fields,
            topic,
            watched,
        } = want;
        let key = (listener.identity.clone(), Arc::clone(&topic));
        let class = match self.classes.get(&key) {
            Some(class) => Arc::clone(class),
            None => self.begin(listener, topic, watched)?,
        };
        Ok(class.join((spelling, fields), outbox, listener.generation, own))
    }

    /// The lines that nobody runs yet, once.
    pub(super) fn take_begun(&mut self) -> Vec<Arc<Line>> {
        std::mem::take(&mut self.begun)
    }

    /// Everybody who listens and is no guest.
    pub(super) fn people(&self) -> Vec<Arc<Person>> {
        let people = self.people.values();
        let people = people.filter(|counted| counted.account.is_some());
        people.map(|counted| Arc::clone(&counted.person)).collect()
    }

    pub(super) fn person(&self, identity: &Identity) -> Option<Arc<Person>> {
        let counted = self.people.get(identity);
        counted.map(|counted| Arc::clone(&counted.person))
    }

    /// The line on which it is told what becomes of an account, and as what; none for
    /// guests, and for who does not listen.
    pub(super) fn account(&self, identity: &Identity) -> Option<(Arc<Line>, Arc<str>)> {
        let account = self.people.get(identity)?.account.as_ref()?;
        Some((Arc::clone(self.gateway.as_ref()?), Arc::clone(account)))
    }

    /// The lines of an identity, which are to be opened anew.
    pub(super) fn renew(&self, identity: &Identity) {
        for line in self.lines.get(identity).into_iter().flatten() {
            line.renew();
        }
    }

    /// All of them.
    pub(super) fn classes(&self) -> Vec<Arc<Class>> {
        self.classes.values().cloned().collect()
    }

    pub(super) fn counts(&self) -> HubCounts {
        let lines: usize = self.lines.values().map(Vec::len).sum();
        HubCounts {
            classes: self.classes.len(),
            lines: lines + usize::from(self.gateway.is_some()),
            people: self.people.len(),
        }
    }

    fn begin(
        &mut self,
        listener: &Listener,
        topic: Arc<str>,
        watched: Watched,
    ) -> Result<Arc<Class>, RealtimeError> {
        let counted = self.people.get(&listener.identity);
        let person = counted.map_or_else(
            || {
                Arc::new(Person::new(
                    listener.identity.clone(),
                    listener.principal.clone(),
                ))
            },
            |counted| Arc::clone(&counted.person),
        );
        let told = match self.mode {
            Mode::Classes => Arc::clone(&topic),
            Mode::Feed => of_collection(&watched.collection.id),
        };
        if self.classes.len() >= self.most.classes {
            return Err(RealtimeError::Classes);
        }
        let account = listener.account.as_deref().map(of_collection);
        self.has_room(&person, account.is_some())?;
        let line = match self.mode {
            Mode::Classes => self.line(&person),
            Mode::Feed => self.gateway_line(),
        };
        if let (Some(account), false) = (&account, self.people.contains_key(&listener.identity)) {
            self.gateway_line().add_person(account);
        }
        let key = (listener.identity.clone(), Arc::clone(&topic));
        let class = Arc::new(Class::new(
            Arc::clone(&person),
            topic,
            watched,
            Arc::clone(&line),
        ));
        line.add(&told, &class);
        self.classes.insert(key, Arc::clone(&class));
        let counted = self.people.entry(listener.identity.clone());
        let counted = counted.or_insert(Counted {
            person,
            classes: 0,
            account,
        });
        counted.classes += 1;
        Ok(class)
    }

    /// Takes out a class that nobody is left in.
    pub(super) fn remove(&mut self, class: &Arc<Class>) {
        let identity = &class.person.identity;
        let key = (identity.clone(), Arc::clone(&class.topic));
        // Another of the same name may have begun since.
        match self.classes.entry(key) {
            Entry::Occupied(own) if Arc::ptr_eq(own.get(), class) => own.remove(),
            _ => return,
        };
        let told = match self.mode {
            Mode::Classes => Arc::clone(&class.topic),
            Mode::Feed => of_collection(&class.watched.collection.id),
        };
        class.line.remove(&told, class);
        if let Entry::Occupied(mut counted) = self.people.entry(identity.clone()) {
            counted.get_mut().classes -= 1;
            if counted.get().classes == 0
                && let Some(account) = counted.remove().account
                && let Some(gateway) = &self.gateway
            {
                gateway.remove_person(&account);
            }
        }
        if let Some(lines) = self.lines.get_mut(identity) {
            lines.retain(|line| !line.end_if_empty());
            if lines.is_empty() {
                self.lines.remove(identity);
            }
        }
        if self
            .gateway
            .as_ref()
            .is_some_and(|line| line.end_if_empty())
        {
            self.gateway = None;
        }
    }

    /// Whether there may be all the lines that a class of this person needs.
    fn has_room(&self, person: &Person, has_account: bool) -> Result<(), RealtimeError> {
        let is_feed = self.mode == Mode::Feed;
        let own = self.lines.get(&person.identity);
        let has_own = own.into_iter().flatten().any(|line| line.has_room());
        let own = usize::from(!is_feed && !has_own);
        let gateway = match &self.gateway {
            Some(line) if (is_feed || has_account) && !line.has_room() => {
                return Err(RealtimeError::Lines);
            }
            Some(_) => 0,
            None => usize::from(is_feed || has_account),
        };
        let needed = own + gateway;
        if needed > 0 && self.counts().lines + needed > self.most.lines {
            return Err(RealtimeError::Lines);
        }
        Ok(())
    }

    fn line(&mut self, person: &Arc<Person>) -> Arc<Line> {
        let own = self.lines.get(&person.identity);
        if let Some(line) = own.into_iter().flatten().find(|line| line.has_room()) {
            return Arc::clone(line);
        }
        let line = self.new_line(Ear::Person(Arc::clone(person)));
        let own = self.lines.entry(person.identity.clone()).or_default();
        own.push(Arc::clone(&line));
        line
    }

    fn gateway_line(&mut self) -> Arc<Line> {
        if let Some(line) = &self.gateway {
            return Arc::clone(line);
        }
        let line = self.new_line(Ear::Gateway);
        self.gateway = Some(Arc::clone(&line));
        line
    }

    fn new_line(&mut self, ear: Ear) -> Arc<Line> {
        let line = Arc::new(Line::new(ear));
        self.begun.push(Arc::clone(&line));
        line
    }
}

/// The topic of all records of a collection, by its id: that outlives another name.
fn of_collection(id: &str) -> Arc<str> {
    format!("{id}/*").into()
}

#[cfg(test)]
mod tests;
