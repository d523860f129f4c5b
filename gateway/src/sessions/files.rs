//! The file tokens that were handed out, and the login behind each.
//!
//! PocketBase can't be asked whether a file token is good: it looks at one when a
//! protected file is asked for, and takes a bad one for none. So the gateway goes
//! by those that it saw PocketBase make, and asks about the token of the login
//! behind one, as it does for every request. What ends a login ends its file
//! tokens with it, so nothing is forgotten here before its time: a login of the
//! same person by mail, say, must not take the pictures from a page.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Key, SessionError};
use crate::exchange::token;
use crate::principal::{Token, Vouched};

/// All that are good, by what they are the hash of.
pub(super) struct FileTokens {
    /// The bound on how many.
    most: usize,
    issued: Mutex<Issued>,
}

/// One that was handed out.
pub(super) struct FileToken {
    /// Whose it is.
    pub(super) holder: Holder,
    /// As it says itself.
    pub(super) ends: SystemTime,
    /// What its holder asked for it with.
    pub(super) login: Token,
    /// What PocketBase takes in its place; none: the token itself.
    pub(super) inner: Option<Token>,
}

/// A record of an auth collection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Holder {
    /// By name, as the schema spells it.
    pub(super) collection: String,
    pub(super) id: String,
}

/// How many file tokens there are, and what came of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileTokenCounts {
    /// Those that are good at this moment.
    pub held: usize,
    /// Not handed out for want of room.
    pub refused: u64,
    /// Given up for a newer one of the same record.
    pub displaced: u64,
}

#[derive(Default)]
struct Issued {
    by_key: HashMap<Key, FileToken>,
    /// The oldest first.
    by_holder: HashMap<Holder, VecDeque<Key>>,
    by_end: BTreeSet<(SystemTime, Key)>,
    refused: u64,
    displaced: u64,
}

/// File tokens of one record at once; an older one gives way. PocketBase makes no
/// two different ones in a second, and an application needs one for a whole page.
const MOST_OF_ONE: usize = 64;

impl Holder {
    pub(super) fn of(record: &Vouched) -> Self {
        Self {
            collection: record.collection.clone(),
            id: record.id.clone(),
        }
    }
}

impl FileTokens {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            issued: Mutex::default(),
        }
    }

    /// Keeps a token for its time.
    ///
    /// # Errors
    ///
    /// [`SessionError::Full`]: those of others are not given up for it.
    pub(super) fn put(
        &self,
        key: Key,
        mut token: FileToken,
        now: SystemTime,
    ) -> Result<(), SessionError> {
        let mut issued = self.lock();
        issued.expire(now);
        // PocketBase makes the same one for whatever logins of a record ask in a second.
        let former = issued.remove(&key).map(|former| former.login);
        if let Some(former) = former.filter(|former| expiry(former) > expiry(&token.login)) {
            token.login = former;
        }
        let own = issued.by_holder.get(&token.holder);
        let oldest = own
            .filter(|own| own.len() >= MOST_OF_ONE.min(self.most))
            .and_then(|own| own.front().copied());
        if let Some(oldest) = oldest {
            issued.remove(&oldest);
            issued.displaced += 1;
        }
        if issued.by_key.len() >= self.most {
            issued.refused += 1;
            return Err(SessionError::Full);
        }
        issued.insert(key, token);
        Ok(())
    }

    /// What PocketBase takes in the place of a file token; none: the token itself, or nothing.
    pub(super) fn inner(&self, key: &Key, now: SystemTime) -> Option<Token> {
        let mut issued = self.lock();
        issued.expire(now);
        issued.by_key.get(key).and_then(|token| token.inner.clone())
    }

    /// The token of the login behind a file token; none: it is none of those that are good.
    pub(super) fn login(&self, key: &Key, now: SystemTime) -> Option<Token> {
        let mut issued = self.lock();
        issued.expire(now);
        issued.by_key.get(key).map(|token| token.login.clone())
    }

    pub(super) fn counts(&self, now: SystemTime) -> FileTokenCounts {
        let mut issued = self.lock();
        issued.expire(now);
        FileTokenCounts {
            held: issued.by_key.len(),
            refused: issued.refused,
            displaced: issued.displaced,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued {
    fn insert(&mut self, key: Key, token: FileToken) {
        self.by_end.insert((token.ends, key));
        let own = self.by_holder.entry(token.holder.clone()).or_default();
        own.push_back(key);
        self.by_key.insert(key, token);
    }

    fn remove(&mut self, key: &Key) -> Option<FileToken> {
        let token = self.by_key.remove(key)?;
        self.by_end.remove(&(token.ends, *key));
        if let Some(own) = self.by_holder.get_mut(&token.holder) {
            own.retain(|other| other != key);
            if own.is_empty() {
                self.by_holder.remove(&token.holder);
            }
        }
        Some(token)
    }

    fn expire(&mut self, now: SystemTime) {
        while let Some((_, key)) = self
            .by_end
            .first()
            .filter(|(ends, _)| *ends <= now)
            .copied()
        {
            self.remove(&key);
        }
    }
}

fn expiry(token: &Token) -> Option<SystemTime> {
    token::expiry(token.expose())
}

#[cfg(test)]
mod tests;
