//! How often somebody may ask: by class of operation, by account, by address.
//!
//! Nobody is let through more often than a limit says, in whichever stretch of its
//! time: half of it may be used at once, the other half comes again steadily. Who is
//! refused too often is kept out for a while. All that is remembered is bounded, and
//! is given up when it is worth nothing any more.

mod bans;
mod cells;
mod class;
mod clock;
mod error;
mod question;
mod subject;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

pub use class::Class;
pub use error::{LimitError, Noted, whole_seconds};
pub use question::{Question, Turn};
pub use subject::Subject;
pub use table::{Kind, Policy, Standing};

use self::bans::Bans;
use self::cells::Store;
use self::subject::Subjects;
use self::table::{Limit, Maker, Table};
use crate::principal::Principal;

/// What is limited, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether anything is.
    pub mode: Mode,
    /// Of each class.
    pub classes: BTreeMap<Class, Rate>,
    /// In place of those, in a collection, by its name.
    pub collections: BTreeMap<String, BTreeMap<Class, Rate>>,
    /// Logins of one account, wherever they come from.
    pub account: Rate,
    /// Everything that one address asks.
    pub address: Rate,
    /// Questions about tokens that turn out not to be good, by address.
    pub bad_token: Rate,
    /// Requests of one principal, or of the guests of one address, under way at once.
    pub running: usize,
    /// How many cells are kept, over all limits.
    pub keys: usize,
}

/// Whether limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They do.
    On,
    /// Nothing is limited, and nobody is kept out.
    Off,
}

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Times, in any stretch of `every`.
    pub limit: NonZeroU32,
    /// Whole seconds, at least one.
    pub every: Duration,
    /// Refusals within `every` after which who asks is kept out; 0: never.
    pub max_uses: u32,
    /// For how long.
    pub ban_for: Duration,
}

/// What is asked, as limits see it.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Anything, by an address.
    Anything,
    /// An operation, in the collection of this name.
    Operation(Class, Option<&'a str>),
    /// To log in as this account.
    Account(Subject),
}

/// The limits and who has used how much of them.
#[derive(Debug)]
pub struct Limits {
    maker: Maker,
    table: ArcSwap<Table>,
    subjects: Subjects,
    bans: Bans,
    running: Mutex<HashMap<Subject, usize>>,
    /// Admitted and limited, in the order of [`Kind::ALL`].
    decisions: [[AtomicU64; 2]; Kind::ALL.len()],
    banned: AtomicU64,
    crowded: AtomicU64,
}

/// A place among the requests of somebody that are under way, until it is dropped.
#[derive(Debug)]
pub struct Running {
    limits: Arc<Limits>,
    who: Subject,
}

/// What is remembered, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitCounts {
    /// How often each limit admitted and refused, in the order of [`Kind::ALL`].
    pub decisions: [[u64; 2]; Kind::ALL.len()],
    /// Requests refused because who asks is kept out, since the start.
    pub banned: u64,
    /// Requests refused because too many were under way, since the start.
    pub running: u64,
    /// Cells that are kept.
    pub keys: usize,
    /// Decisions for which there was no room for a cell, since the start.
    pub crowded: u64,
    /// Those who are kept out.
    pub bans: usize,
}

impl Limits {
    /// Nobody has used anything yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Arc<Self> {
        let maker = Maker::new(Store::new(settings.keys));
        Arc::new(Self {
            table: ArcSwap::from_pointee(maker.table(settings, None)),
            maker,
            subjects: Subjects::default(),
            bans: Bans::default(),
            running: Mutex::default(),
            decisions: Default::default(),
            banned: AtomicU64::new(0),
            crowded: AtomicU64::new(0),
        })
    }

    /// Goes by other settings from now on. What a limit that stays as it is remembers
    /// stays, too.
    pub fn follow(&self, settings: &Settings) {
        let before = self.table.load();
        let next = self.maker.table(settings, Some(&before));
        self.maker.store.bound(settings.keys);
        self.table.store(Arc::new(next));
        if settings.mode == Mode::Off {
            self.bans.clear();
        }
    }

    /// Who asks: a record, or else whoever is at the address.
    #[must_use]
    pub fn who(&self, principal: &Principal, address: IpAddr) -> Subject {
        self.subjects.of(principal, address)
    }

    /// Whoever is at the address, known or not.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> Subject {
        Subject::of_address(address)
    }

    /// An account, by the id of its collection and what somebody typed.
    #[must_use]
    pub fn account(&self, collection: &str, text: &str) -> Subject {
        self.subjects.account(collection, text)
    }

    /// Refuses who is kept out.
    ///
    /// # Errors
    ///
    /// For how much longer.
    pub fn check(&self, who: Subject) -> Result<(), LimitError> {
        let rest = self.bans.rest(who, self.maker.store.clock.nanos());
        rest.map_or(Ok(()), |rest| {
            self.banned.fetch_add(1, Ordering::Relaxed);
            Err(LimitError::Banned(Duration::from_nanos(rest)))
        })
    }

    /// Counts what somebody asks for, if the limit has room for it. None: it is not
    /// limited.
    ///
    /// # Errors
    ///
    /// It is used up; whoever asked too often for what is used up is kept out then.
    pub fn admit(&self, who: Subject, asked: Asked<'_>) -> Result<Option<Standing>, LimitError> {
        let table = self.table.load();
        let limit = match (table.mode, asked) {
            (Mode::Off, _) => None,
            (Mode::On, Asked::Anything) => Some(&table.address),
            (Mode::On, Asked::Operation(class, collection)) => table.class(class, collection),
            (Mode::On, Asked::Account(_)) => Some(&table.account),
        };
        let Some(limit) = limit else {
            return Ok(None);
        };
        let counted = match asked {
            Asked::Account(account) => account,
            Asked::Anything | Asked::Operation(..) => who,
        };
        let taken = limit.take(counted);
        self.count(limit.kind, usize::from(taken.is_err()));
        let standing = match taken {
            Ok(standing) => return Ok(Some(standing)),
            Err(standing) => standing,
        };
        let noted = self.refused(limit, who, counted);
        Err(LimitError::Limited { standing, noted })
    }

    /// Takes a place among the requests of somebody that are under way. None: there is
    /// no bound.
    ///
    /// # Errors
    ///
    /// All places are taken.
    pub fn enter(self: &Arc<Self>, who: Subject) -> Result<Option<Running>, LimitError> {
        let table = self.table.load();
        if table.mode == Mode::Off {
            return Ok(None);
        }
        let mut running = self.running();
        let own = running.entry(who).or_default();
        if *own >= table.running {
            drop(running);
            self.crowded.fetch_add(1, Ordering::Relaxed);
            return Err(LimitError::Running(table.running));
        }
        *own += 1;
        drop(running);
        let limits = Arc::clone(self);
        Ok(Some(Running { limits, who }))
    }

    /// Takes a place without a bound.
    fn occupy(self: &Arc<Self>, who: Subject) -> Running {
        *self.running().entry(who).or_default() += 1;
        let limits = Arc::clone(self);
        Running { limits, who }
    }

    /// Gives up what is worth nothing any more.
    pub fn sweep(&self) {
        self.maker.store.sweep();
        self.bans.sweep(self.maker.store.clock.nanos());
        let mut running = self.running();
        let needed = running.len() * 2;
        if running.capacity() > needed * 2 {
            running.shrink_to(needed);
        }
    }

    /// What is remembered, and what came of it.
    #[must_use]
    pub fn counts(&self) -> LimitCounts {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LimitCounts {
            decisions: self
                .decisions
                .each_ref()
                .map(|both| both.each_ref().map(count)),
            banned: count(&self.banned),
            running: count(&self.crowded),
            keys: self.maker.store.held(),
            crowded: self.maker.store.crowded(),
            bans: self.bans.held(),
        }
    }

    /// Counts a refusal, and keeps out who has too many: who asks, never an account,
    /// which others could have closed so.
    fn refused(&self, limit: &Limit, who: Subject, counted: Subject) -> Noted {
        let refused = limit.refused(counted);
        let count = if counted == who {
            refused.count
        } else {
            limit.refused(who).count
        };
        let Rate {
            max_uses, ban_for, ..
        } = limit.rate;
        if max_uses > 0 && count >= max_uses {
            let now = self.maker.store.clock.nanos();
            let ban_for = u64::try_from(ban_for.as_nanos()).unwrap_or(u64::MAX);
            let is_new = self.bans.rest(who, now).is_none();
            if self.bans.begin(who, now, now.saturating_add(ban_for)) && is_new {
                return Noted::Banned;
            }
        }
        if refused.is_first {
            Noted::First
        } else {
            Noted::Again
        }
    }

    fn count(&self, kind: Kind, outcome: usize) {
        let all = Kind::ALL.iter().zip(&self.decisions);
        let own = all.filter(|(other, _)| **other == kind);
        for count in own.filter_map(|(_, both)| both.get(outcome)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Subject, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.limits.running();
        if let Some(own) = running.get_mut(&self.who) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                running.remove(&self.who);
            }
        }
    }
}
