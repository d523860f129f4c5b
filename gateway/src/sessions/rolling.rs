//! Sessions of the gateway's own: clients hold its tokens, and PocketBase's never leave it.
//!
//! A login begins a session, a *family* of tokens: [`Chain`](chain::Chain) says which of them
//! is good. All sessions are in memory ([`Families`](families::Families)) and in a database
//! ([`Store`](store::Store)), which is what counts: nothing is answered before it is written.

mod chain;
mod database;
mod error;
mod families;
mod family;
mod keeping;
mod ledger;
mod login;
mod ring;
mod seal;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod told;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::ring::rand::SystemRandom;
use arc_swap::ArcSwap;
use http::header;
use tokio::sync::Notify;

pub use error::StoreError;
pub(super) use keeping::Due;
pub use ledger::Ledger;
pub(super) use login::Login;
pub use told::{Ended, Ending, Listed, SessionCounts, Which};

use self::chain::{Clock, Standing};
use self::database::Change;
use self::families::Families;
use self::family::{Family, Inner};
use self::ring::Ring;
use self::store::Store;
use self::token::{Claims, Kind};
use super::SessionError;
use crate::exchange::Client;
use crate::exchange::token::{TokenError, TokenKind};
use crate::network::subscriber;
use crate::principal::{SessionId, Token};

/// What sessions may do, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a token outlives the first use of its successor.
    pub grace: Duration,
    /// How long a token is good; none: as long as PocketBase's.
    pub token_for: Option<Duration>,
    /// How long a session lives after the login, whatever is refreshed.
    pub session_for: Duration,
    /// How often another key signs.
    pub rotate_keys: Duration,
    /// Sessions of one record; the one that was used longest ago gives way.
    pub per_user: usize,
    /// Sessions over all.
    pub most: usize,
    /// What a session is bound to.
    pub bind: Bind,
}

/// What a session is bound to, beside the key of a client that has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// The address of the login; of IPv6, the first 64 bits.
    pub address: bool,
    /// The `User-Agent` of the login.
    pub user_agent: bool,
}

/// The sessions.
pub(super) struct Rolling {
    settings: Settings,
    ring: ArcSwap<Ring>,
    held: Mutex<Held>,
    store: Store,
    random: SystemRandom,
    /// Told when there is something in `Held::ended`.
    pub(super) has_ended: Notify,
    /// Tells file tokens of one second apart.
    files: AtomicU32,
    /// When the last of all file tokens expires: seconds since 1970. None outlives a start.
    last_file: AtomicU64,
    tally: Tally,
}

#[derive(Default)]
struct Held {
    families: Families,
    /// Those that were used, and the database does not know it yet.
    dirty: HashSet<SessionId>,
    /// Those that have ended, and are not known to be out of the database. Whoever ends one may
    /// be gone before it is: then it is taken out in the background.
    unwritten: HashSet<SessionId>,
    /// For whoever ends what belongs to them.
    ended: Vec<Ended>,
}

#[derive(Default)]
struct Tally {
    made: AtomicU64,
    rolled: AtomicU64,
    repeated: AtomicU64,
    ended: [AtomicU64; Ending::ALL.len()],
}

/// How often a use is taken down: milliseconds.
const USED_EVERY: u64 = 60_000;

/// The longest `User-Agent` that is kept, in characters.
const USER_AGENT: usize = 256;

impl Rolling {
    /// The session whose token this is, as the token of PocketBase that it stands for.
    pub(super) async fn show(
        &self,
        token: &str,
        kind: TokenKind,
        client: &Client,
    ) -> Result<Token, SessionError> {
        let now = now_ms();
        let (claims, id) = match self.read(token, kind, now) {
            Err(SessionError::Token(TokenError::Expired)) if kind == TokenKind::Auth => {
                return Err(self.late(token, client, now).await);
            }
            read => read?,
        };
        let clock = self.clock(now);
        let shown = {
            let mut held = self.lock();
            let Held {
                families, dirty, ..
            } = &mut *held;
            families.change(id, |family| {
                self.check_place(family, client)?;
                let standing = match kind {
                    TokenKind::Auth => {
                        check_key(family, client)?;
                        family.chain.show(claims.seq, clock)
                    }
                    // It is found among those that were handed out. What shows a picture
                    // can't sign for it.
                    TokenKind::File => Standing::Good,
                };
                if matches!(standing, Standing::First | Standing::Good) {
                    family.used_ms = now;
                    if standing == Standing::First || now > family.saved_ms + USED_EVERY {
                        dirty.insert(id);
                    }
                }
                Ok::<_, SessionError>((standing, family.inner.token.clone()))
            })
        };
        match shown.ok_or(SessionError::Ended)?? {
            (Standing::First | Standing::Good, token) => Ok(token),
            (Standing::Unknown, _) => Err(SessionError::Ended),
            (Standing::Reused, _) => Err(self.stolen(id, client).await),
        }
    }

    /// Why a token is not good whose time is over. One that was replaced for good tells of a
    /// thief then too: else a thief who refreshes first would only have to wait.
    async fn late(&self, token: &str, client: &Client, now: u64) -> SessionError {
        let claims = self.ring.load().read(token).ok();
        let shown = claims.and_then(|claims| Some((claims.session()?, claims.seq)));
        let stolen = shown.filter(|(id, number)| {
            let held = self.lock();
            let family = held.families.get(*id);
            family.is_some_and(|family| {
                self.check_place(family, client).is_ok()
                    && check_key(family, client).is_ok()
                    && family.chain.standing(*number, now) == Standing::Reused
            })
        });
        match stolen {
            Some((id, _)) => self.stolen(id, client).await,
            None => TokenError::Expired.into(),
        }
    }

    /// The token of PocketBase that a session stands for, if it lives.
    pub(super) fn current(&self, id: SessionId) -> Option<Token> {
        let held = self.lock();
        held.families.get(id).map(|own| own.inner.token.clone())
    }

    /// Whether a session lives that nothing but its client's key opens.
    pub(super) fn is_bound(&self, id: SessionId) -> bool {
        let held = self.lock();
        let family = held.families.get(id);
        family.is_some_and(|family| family.from.key.is_some())
    }

    /// A file token for a session, good as long as PocketBase's.
    pub(super) fn file_token(&self, id: SessionId, expires: u64) -> Result<String, SessionError> {
        let held = self.lock();
        let family = held.families.get(id).ok_or(SessionError::Ended)?;
        let claims = Claims {
            id: family.owner.id.to_string(),
            collection_id: family.owner.collection_id.to_string(),
            kind: Kind::File,
            exp: expires,
            iat: now_ms() / 1_000,
            seq: self.files.fetch_add(1, Ordering::Relaxed),
            ..Claims::of(id, None)
        };
        drop(held);
        self.last_file.fetch_max(expires, Ordering::Relaxed);
        Ok(self.ring.load().sign(&claims))
    }

    /// Takes a newer token of PocketBase's for a session, if the one it has gets old.
    pub(super) fn renew(&self, id: SessionId, token: &str, expires: u64) {
        let now = now_ms() / 1_000;
        let mut held = self.lock();
        let is_new = held.families.change(id, |family| {
            let is_newer = family.inner.is_old(now) && expires > family.inner.expires;
            if is_newer {
                family.inner = Inner {
                    token: Token::of_session(token, id),
                    since: now,
                    expires,
                    refreshable: true,
                };
                family.renew_after = 0;
            }
            is_newer
        });
        if is_new == Some(true) {
            held.dirty.insert(id);
        }
    }

    /// Ends these, if they are there, and tells how many were.
    pub(super) async fn end(
        &self,
        which: &Which,
        why: Ending,
        address: Option<IpAddr>,
    ) -> Result<usize, StoreError> {
        let ids: Vec<SessionId> = {
            let held = self.lock();
            let ended = held.families.which(which);
            ended.into_iter().map(|family| family.id).collect()
        };
        let ended = self.forget(&ids, why, address);
        self.unwrite(ended.clone()).await?;
        Ok(ended.len())
    }

    /// These of them, the one that was used last first.
    pub(super) fn list(&self, which: &Which) -> Vec<Listed> {
        let held = self.lock();
        let all = held.families.which(which).into_iter();
        let all = all.filter(|family| family.is_stored);
        let mut listed: Vec<_> = all.map(Listed::of).collect();
        drop(held);
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.used_ms));
        listed
    }

    /// Those that ended since this was asked last.
    pub(super) fn take_ended(&self) -> Vec<Ended> {
        std::mem::take(&mut self.lock().ended)
    }

    pub(super) fn counts(&self) -> SessionCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.tally;
        SessionCounts {
            live: self.lock().families.len(),
            made: count(&tally.made),
            rolled: count(&tally.rolled),
            repeated: count(&tally.repeated),
            ended: tally.ended.each_ref().map(count),
            queued: self.store.queued(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self, now: u64) -> Clock {
        Clock {
            now,
            grace: millis(self.settings.grace),
        }
    }

    /// What a token claims, if it is one of ours and good now.
    fn read(
        &self,
        token: &str,
        kind: TokenKind,
        now: u64,
    ) -> Result<(Claims, SessionId), SessionError> {
        let claims = self.ring.load().read(token)?;
        claims.check(kind, now / 1_000)?;
        let id = claims.session().ok_or(TokenError::Form)?;
        Ok((claims, id))
    }

    /// Whether a request comes from where its session is at home. Before anything else:
    /// whoever has nothing but a token of it can't end it either.
    fn check_place(&self, family: &Family, client: &Client) -> Result<(), SessionError> {
        let Bind {
            address,
            user_agent,
        } = self.settings.bind;
        let from = &family.from;
        let is_elsewhere = (address && subscriber(from.address) != subscriber(client.address))
            || (user_agent && *from.user_agent != *agent(client));
        if is_elsewhere {
            return Err(SessionError::Elsewhere);
        }
        Ok(())
    }

    /// Ends a session of which somebody has a token who should not.
    async fn stolen(&self, id: SessionId, client: &Client) -> SessionError {
        let ended = self.forget(&[id], Ending::Reused, Some(client.address));
        if let Err(error) = self.unwrite(ended).await {
            tracing::error!(%error, session = %id, "a stolen session is ended, but not in the database yet");
        }
        SessionError::Reused
    }

    /// The newest token of a session.
    fn sign(&self, family: &Family) -> String {
        let claims = Claims {
            id: family.owner.id.to_string(),
            collection_id: family.owner.collection_id.to_string(),
            exp: family.chain.expires,
            iat: family.chain.issued,
            refreshable: family.inner.refreshable,
            seq: family.chain.newest,
            ..Claims::of(family.id, family.from.key)
        };
        self.ring.load().sign(&claims)
    }

    /// Takes sessions out of memory, has ended what belongs to them, and tells which were there.
    fn forget(&self, ids: &[SessionId], why: Ending, address: Option<IpAddr>) -> Vec<SessionId> {
        let mut held = self.lock();
        let mut gone = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(family) = held.families.remove(*id) else {
                continue;
            };
            held.dirty.remove(id);
            held.unwritten.insert(*id);
            held.ended.push(Ended {
                session: *id,
                collection: family.collection.into(),
                record: family.owner.id.to_string(),
                why,
                address,
            });
            gone.push(*id);
        }
        drop(held);
        if let Some(at) = Ending::ALL.iter().position(|other| *other == why)
            && let Some(counter) = self.tally.ended.get(at)
        {
            counter.fetch_add(gone.len() as u64, Ordering::Relaxed);
        }
        if !gone.is_empty() {
            self.has_ended.notify_one();
        }
        gone
    }

    /// Takes sessions out of the database; what fails is tried again.
    async fn unwrite(&self, ids: Vec<SessionId>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.lock().unwritten.extend(ids.iter().copied());
        let changes = ids.iter().map(|id| Change::End(*id)).collect();
        self.store.write(changes).await?;
        let mut held = self.lock();
        for id in &ids {
            held.unwritten.remove(id);
        }
        Ok(())
    }
}

/// Whether a request was signed with the key that its session is bound to.
fn check_key(family: &Family, client: &Client) -> Result<(), SessionError> {
    if family.from.key.is_some() && family.from.key != client.key {
        return Err(SessionError::Unproven);
    }
    Ok(())
}

/// What a client calls itself, cut.
fn agent(client: &Client) -> &str {
    let value = client.headers.get(header::USER_AGENT);
    let text = value.and_then(|value| value.to_str().ok());
    let text = text.unwrap_or_default();
    text.get(..USER_AGENT).unwrap_or(text)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, millis)
}
