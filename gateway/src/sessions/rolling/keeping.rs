//! What goes on beside the requests: sessions expire, uses are taken down, keys change, and
//! the database is looked at again when a command has changed it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use ring::rand::SystemRandom;
use tokio::sync::Notify;

use super::database::{Change, Database};
use super::ring::{Ring, RingKey};
use super::store::{Present, Store};
use super::{Ending, Held, Rolling, Settings, StoreError, Tally, millis, now_ms};
use crate::principal::{SessionId, Token};
use crate::state::State;

/// A token of PocketBase that gets old while nobody asks.
pub(in crate::sessions) struct Due {
    pub(in crate::sessions) session: SessionId,
    /// Of its record.
    pub(in crate::sessions) collection_id: String,
    pub(in crate::sessions) token: Token,
}

/// What is written in one go.
const GROUP: usize = 256;

/// What ends at one time, and what is renewed.
const EXPIRE: usize = 1_000;
const RENEW: usize = 64;

/// How long nobody tries again to renew a token: seconds.
const PAUSE: u64 = 60;

/// How long a key verifies after it signed last, at least.
const LINGER: u64 = 60 * 60 * 1_000;

impl Rolling {
    /// Reads what outlived the gateway before.
    ///
    /// # Errors
    ///
    /// A database that can't be used.
    pub(in crate::sessions) fn open(settings: Settings, state: &State) -> Result<Self, StoreError> {
        let database = Database::open(state)?;
        database.check()?;
        let now = now_ms();
        let mut held = Held::default();
        let mut over = Vec::new();
        for family in database.sessions()? {
            if family.chain.expires > now / 1_000 {
                held.families.insert(family);
            } else {
                over.push(Change::End(family.id));
            }
        }
        database.write(&[&over])?;
        let ring = match ring(database.keys()?) {
            Some(ring) => ring,
            None => first(&database, now)?,
        };
        Ok(Self {
            settings,
            ring: ArcSwap::from_pointee(ring),
            held: Mutex::new(held),
            store: Store::new(database)?,
            random: SystemRandom::new(),
            has_ended: Notify::new(),
            files: AtomicU32::new(0),
            last_file: AtomicU64::new(0),
            tally: Tally::default(),
        })
    }

    /// Ends what is over, and writes what was only noted. To be called now and then, and at
    /// the end.
    pub(in crate::sessions) async fn tend(&self) -> Result<(), StoreError> {
        let over = self.lock().families.over(now_ms() / 1_000, EXPIRE);
        self.forget(&over, Ending::Expired, None);
        let ended = self.lock().unwritten.iter().copied().collect();
        self.unwrite(ended).await?;
        self.write_uses().await
    }

    /// Has another key sign when it is time, and throws out those that verify nothing more.
    pub(in crate::sessions) async fn tend_keys(&self) -> Result<(), StoreError> {
        let now = now_ms();
        let ring = self.ring.load_full();
        if now
            >= ring
                .newest
                .made_ms
                .saturating_add(millis(self.settings.rotate_keys))
        {
            let next = RingKey::make(now)?;
            let last = self.last_expiry();
            let before = retire(ring.newest.clone(), last, now);
            let changes = vec![Change::PutKey(Box::new(next)), before];
            self.store.write(changes).await?;
            return self.look_again().await;
        }
        let over = ring.older.iter();
        let over = over.filter(|key| key.until_ms.is_some_and(|until| until <= now));
        let over: Vec<_> = over.map(|key| Change::EndKey(key.kid.clone())).collect();
        if over.is_empty() {
            return Ok(());
        }
        self.store.write(over).await?;
        self.look_again().await
    }

    /// Looks at the database, which a command has changed.
    pub(in crate::sessions) async fn look_again(&self) -> Result<(), StoreError> {
        // Only of what was there before: what is written meanwhile may not be seen.
        let known: Vec<SessionId> = {
            let held = self.lock();
            let stored = held.families.iter().filter(|family| family.is_stored);
            stored.map(|family| family.id).collect()
        };
        let Present { ids, keys } = self.store.look().await?;
        let gone = known.into_iter().filter(|id| !ids.contains(id));
        let gone: Vec<SessionId> = gone.collect();
        self.forget(&gone, Ending::Operator, None);
        let before = self.ring.load_full();
        let Some(ring) = ring(keys) else {
            return Ok(());
        };
        let was_signing = ring.older.iter().find(|key| key.kid == before.newest.kid);
        // What it signed after a command has looked is still to be verified.
        let now = now_ms();
        let last = self.last_expiry().max(now.saturating_add(LINGER));
        let lingers = was_signing.filter(|key| key.until_ms.is_none_or(|until| until < last));
        let lingers = lingers.map(|key| retire(key.clone(), last, now));
        self.ring.store(Arc::new(ring));
        match lingers {
            Some(change) => self.store.write(vec![change]).await.map(drop),
            None => Ok(()),
        }
    }

    /// Some of the tokens of PocketBase that get old while the gateway's own are still good.
    /// One that is told is not told again for a while, whatever comes of it, so that what
    /// fails keeps nothing else waiting.
    pub(in crate::sessions) fn due(&self) -> Vec<Due> {
        let now = now_ms() / 1_000;
        let mut held = self.lock();
        let ids = held.families.due(now, RENEW);
        let due = ids.into_iter().filter_map(|id| {
            let due = held.families.change(id, |family| {
                if family.inner.expires <= now {
                    // PocketBase gives nothing for it any more.
                    family.renew_after = u64::MAX;
                    return None;
                }
                family.renew_after = now.saturating_add(PAUSE);
                // It may be about to be written.
                family.is_stored.then(|| Due {
                    session: id,
                    collection_id: family.owner.collection_id.to_string(),
                    token: family.inner.token.clone(),
                })
            });
            due.flatten()
        });
        due.collect()
    }

    /// Takes down in the database what was used, and which tokens of PocketBase are new.
    async fn write_uses(&self) -> Result<(), StoreError> {
        loop {
            let (ids, changes) = self.take_dirty();
            if changes.is_empty() {
                return Ok(());
            }
            match self.store.write(changes).await {
                Ok(true) => {}
                // A command took some of them away.
                Ok(false) => self.look_again().await?,
                Err(error) => {
                    self.lock().dirty.extend(ids);
                    return Err(error);
                }
            }
        }
    }

    fn take_dirty(&self) -> (Vec<SessionId>, Vec<Change>) {
        let mut held = self.lock();
        let Held {
            families, dirty, ..
        } = &mut *held;
        let ids: Vec<SessionId> = dirty.iter().take(GROUP).copied().collect();
        let mut changes = Vec::with_capacity(ids.len());
        for id in &ids {
            dirty.remove(id);
            let saved = families.change(*id, |family| {
                family.version += 1;
                family.saved_ms = family.used_ms;
                family.clone()
            });
            changes.extend(saved.map(|family| Change::Save(Box::new(family))));
        }
        (ids, changes)
    }

    /// When the last of all tokens expires: milliseconds since 1970.
    fn last_expiry(&self) -> u64 {
        let last = self.lock().families.last_end();
        let files = self.last_file.load(Ordering::Relaxed);
        last.max(files).saturating_mul(1_000)
    }
}

/// What takes down that a key signs no more, and verifies until the last of its tokens has expired.
pub(super) fn retire(mut key: RingKey, last_ms: u64, now_ms: u64) -> Change {
    key.until_ms = Some(last_ms.max(now_ms.saturating_add(LINGER)));
    Change::PutKey(Box::new(key))
}

/// The keys, of which the newest without an end signs; none: there is no such one.
fn ring(mut keys: Vec<RingKey>) -> Option<Ring> {
    let signing = keys.iter().position(|key| key.until_ms.is_none())?;
    let newest = keys.remove(signing);
    let mut seen = HashSet::from([newest.kid.clone()]);
    keys.retain(|key| seen.insert(key.kid.clone()));
    Some(Ring {
        newest,
        older: keys,
    })
}

/// The first key of a state folder.
fn first(database: &Database, now: u64) -> Result<Ring, StoreError> {
    let newest = RingKey::make(now)?;
    database.write(&[&[Change::PutKey(Box::new(newest.clone()))]])?;
    Ok(Ring {
        newest,
        older: Vec::new(),
    })
}
