//! The limits in force, and how each of them stands for somebody.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};

use super::cells::{Cells, Refused, Store};
use super::clock::Clock;
use super::subject::Subject;
use super::{Class, Mode, Rate, Settings};

/// A limit as clients are told of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// That of the configuration; of a collection's own, as `posts:create`.
    pub name: String,
    /// Times.
    pub limit: u32,
    /// Whole seconds.
    pub every: Duration,
}

/// How a limit stands for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub policy: Arc<Policy>,
    /// How many times more at once.
    pub left: u32,
    /// With some left: until no use shows any more. With none: until there is one again.
    pub after: Duration,
}

/// Which limit, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a class, or of that in a collection.
    Class(Class),
    /// Of logins by account.
    Account,
    /// Of everything by address.
    Address,
    /// Of questions about tokens that are not good, by address.
    BadToken,
}

/// One limit, for everybody whom it counts.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) kind: Kind,
    pub(super) policy: Arc<Policy>,
    pub(super) rate: Rate,
    pub(super) period: Duration,
    cells: Cells,
    limiter: RateLimiter<Subject, Cells, Clock, StateInformationMiddleware>,
}

/// All limits in force.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) mode: Mode,
    pub(super) running: usize,
    classes: BTreeMap<Class, Arc<Limit>>,
    /// By the name of the collection.
    collections: HashMap<String, BTreeMap<Class, Arc<Limit>>>,
    pub(super) account: Arc<Limit>,
    pub(super) address: Arc<Limit>,
    pub(super) bad_token: Arc<Limit>,
}

/// Makes limits, none of which has another's cells.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) store: Arc<Store>,
    next: AtomicU32,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Class(Class::List),
        Self::Class(Class::View),
        Self::Class(Class::Create),
        Self::Class(Class::Update),
        Self::Class(Class::Delete),
        Self::Class(Class::Authenticate),
        Self::Class(Class::Refresh),
        Self::Class(Class::Mail),
        Self::Class(Class::Download),
        Self::Class(Class::Subscribe),
        Self::Class(Class::Realtime),
        Self::Class(Class::Superuser),
        Self::Class(Class::Custom),
        Self::Class(Class::Pages),
        Self::Account,
        Self::Address,
        Self::BadToken,
    ];

    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Class(class) => class.as_str(),
            Self::Account => "account",
            Self::Address => "address",
            Self::BadToken => "bad_token",
        }
    }
}

impl Rate {
    /// How many times at once, and how long until one more: together never more than
    /// the limit in any stretch of `every`. In such a stretch there is what may be used
    /// at once, and what comes again meanwhile, which is less than `every / period`.
    fn burst_and_period(&self) -> (NonZeroU32, Duration) {
        let burst = self.limit.get().div_ceil(2);
        let again = u128::from(self.limit.get() - burst) + 1;
        let period = self.every.as_nanos().div_ceil(again);
        let period = u64::try_from(period).unwrap_or(u64::MAX);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        (burst, Duration::from_nanos(period.max(1)))
    }
}

impl Maker {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let next = AtomicU32::new(0);
        Self { store, next }
    }

    /// The limits of some settings. One that is as it was before goes on as it stands.
    pub(super) fn table(&self, settings: &Settings, before: Option<&Table>) -> Table {
        let all = before.map(Table::all).unwrap_or_default();
        let limit = |kind: Kind, collection: Option<&str>, rate: Rate| {
            let name = match collection {
                Some(collection) => format!("{collection}:{}", kind.as_str()),
                None => kind.as_str().to_owned(),
            };
            let is_same = |limit: &&&Arc<Limit>| limit.policy.name == name && limit.rate == rate;
            match all.iter().find(is_same) {
                Some(same) => Arc::clone(same),
                None => Arc::new(self.limit(kind, name, rate)),
            }
        };
        let classes = |rates: &BTreeMap<Class, Rate>, collection: Option<&str>| {
            let each = |(class, rate): (&Class, &Rate)| {
                (*class, limit(Kind::Class(*class), collection, *rate))
            };
            rates.iter().map(each).collect()
        };
        let of_collection = |(name, rates): (&String, &BTreeMap<Class, Rate>)| {
            (name.clone(), classes(rates, Some(name)))
        };
        Table {
            mode: settings.mode,
            running: settings.running,
            classes: classes(&settings.classes, None),
            collections: settings.collections.iter().map(of_collection).collect(),
            account: limit(Kind::Account, None, settings.account),
            address: limit(Kind::Address, None, settings.address),
            bad_token: limit(Kind::BadToken, None, settings.bad_token),
        }
    }

    fn limit(&self, kind: Kind, name: String, rate: Rate) -> Limit {
        let cells = Cells::new(&self.store, self.next.fetch_add(1, Ordering::Relaxed));
        let (burst, period) = rate.burst_and_period();
        // A period is more than nothing.
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let quota = quota.allow_burst(burst);
        Limit {
            kind,
            policy: Arc::new(Policy {
                name,
                limit: rate.limit.get(),
                every: rate.every,
            }),
            rate,
            period,
            limiter: RateLimiter::new(quota, cells.clone(), self.store.clock),
            cells,
        }
    }
}

impl Table {
    /// The limit of a class in a collection: the collection's own, else that of all.
    pub(super) fn class(&self, class: Class, collection: Option<&str>) -> Option<&Arc<Limit>> {
        let own = collection.and_then(|name| self.collections.get(name)?.get(&class));
        own.or_else(|| self.classes.get(&class))
    }

    fn all(&self) -> Vec<&Arc<Limit>> {
        let own = self.collections.values().flat_map(BTreeMap::values);
        let others = [&self.account, &self.address, &self.bad_token];
        self.classes.values().chain(own).chain(others).collect()
    }
}

impl Limit {
    /// Counts one use, if there is one left.
    ///
    /// # Errors
    ///
    /// None is left, and how long it takes.
    pub(super) fn take(&self, subject: Subject) -> Result<Standing, Standing> {
        let standing = |left, after| Standing {
            policy: Arc::clone(&self.policy),
            left,
            after,
        };
        match self.limiter.check_key(&subject) {
            Ok(now) => {
                let left = now.remaining_burst_capacity();
                let used = now.quota().burst_size().get().saturating_sub(left);
                Ok(standing(left, self.period.saturating_mul(used)))
            }
            Err(until) => {
                let now = governor::clock::Clock::now(self.limiter.clock());
                Err(standing(0, until.wait_time_from(now)))
            }
        }
    }

    /// Has some of the time that a use costs not have been used.
    pub(super) fn give_back(&self, subject: Subject, time: Duration) {
        self.cells.give_back(subject, time);
    }

    /// Counts a refusal.
    pub(super) fn refused(&self, subject: Subject) -> Refused {
        self.cells.refused(subject, self.rate.every)
    }
}
