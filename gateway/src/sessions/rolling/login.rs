//! Tokens of PocketBase on their way to clients: a session begins, or goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::chain::{Chain, Rolled, Standing};
use super::database::Change;
use super::family::{Family, From, Inner, Owner};
use super::{Ending, Rolling, StoreError, agent, check_key, millis, now_ms, seal};
use crate::exchange::Client;
use crate::exchange::token::TokenError;
use crate::principal::{SessionId, Token};
use crate::sessions::SessionError;

/// A token of PocketBase that is on its way to somebody.
pub(in crate::sessions) struct Login<'a> {
    /// Of the record that logged in.
    pub(in crate::sessions) collection_id: &'a str,
    pub(in crate::sessions) collection: &'a str,
    pub(in crate::sessions) id: &'a str,
    /// What PocketBase gave, and when that expires: seconds since 1970.
    pub(in crate::sessions) token: &'a str,
    pub(in crate::sessions) expires: u64,
    pub(in crate::sessions) refreshable: bool,
    /// Who is to have the gateway's.
    pub(in crate::sessions) client: &'a Client,
}

impl Rolling {
    /// Begins a session for whoever logged in; what is answered is its token.
    pub(in crate::sessions) async fn make(
        self: &Arc<Self>,
        login: Login<'_>,
    ) -> Result<String, SessionError> {
        let family = self.family(&login, now_ms())?;
        let token = self.sign(&family);
        self.put(family.clone())?;
        let own = Arc::clone(self);
        // It goes on to its end though its client is gone: no session is there by half.
        let begun = tokio::spawn(async move { own.begin(family).await });
        begun.await.map_err(|_| StoreError::Stopped)??;
        Ok(token)
    }

    /// Writes a session that begins; what has to make room for it ends after that.
    async fn begin(&self, family: Family) -> Result<(), SessionError> {
        let id = family.id;
        let insert = vec![Change::Insert(Box::new(family))];
        if let Err(error) = self.store.write(insert).await {
            self.lock().families.remove(id);
            return Err(error.into());
        }
        let Some(displaced) = self.displaced(id) else {
            // Somebody has ended it meanwhile.
            self.unwrite(vec![id]).await?;
            return Err(SessionError::Ended);
        };
        self.tally.made.fetch_add(1, Ordering::Relaxed);
        let displaced = self.forget(&displaced, Ending::Displaced, None);
        if let Err(error) = self.unwrite(displaced).await {
            tracing::error!(%error, "a session is ended, but not in the database yet");
        }
        Ok(())
    }

    /// Replaces the token of a session by a newer one, where PocketBase gave a newer one of
    /// its own; whoever asks twice gets the same twice. The one that is shown was good when the
    /// request came, and that counts: what takes PocketBase long is no theft.
    pub(in crate::sessions) async fn roll(
        &self,
        shown: &str,
        login: Login<'_>,
    ) -> Result<String, SessionError> {
        let now = now_ms();
        let claims = self.ring.load().read(shown)?;
        let id = claims.session().ok_or(TokenError::Form)?;
        let clock = self.clock(now);
        let rolled = self.lock().families.change(id, |family| {
            self.check_place(family, login.client)?;
            check_key(family, login.client)?;
            let inner = inner(&login, id, now / 1_000);
            let expires = self.expiry(&inner, family.ends, now / 1_000);
            let rolled = if inner.refreshable {
                family.chain.roll(claims.seq, expires, clock)
            } else {
                // PocketBase gives the same again.
                match family.chain.show(claims.seq, clock) {
                    Standing::First | Standing::Good | Standing::Reused => Rolled::Again,
                    Standing::Unknown => Rolled::Unknown,
                }
            };
            if rolled != Rolled::Unknown {
                family.inner = inner;
                family.renew_after = 0;
                family.used_ms = now;
                family.saved_ms = now;
                family.version += 1;
            }
            Ok::<_, SessionError>((rolled, family.clone()))
        });
        let (rolled, family) = rolled.ok_or(SessionError::Ended)??;
        let counter = match rolled {
            Rolled::Next => &self.tally.rolled,
            Rolled::Again | Rolled::Reused => &self.tally.repeated,
            Rolled::Unknown => return Err(SessionError::Ended),
        };
        let token = self.sign(&family);
        let is_there = self.store.write(vec![Change::Save(Box::new(family))]);
        if !is_there.await? {
            // A command took it away.
            self.forget(&[id], Ending::Operator, None);
            return Err(SessionError::Ended);
        }
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(token)
    }

    /// A session that begins.
    fn family(&self, login: &Login<'_>, now: u64) -> Result<Family, SessionError> {
        let id = SessionId(seal::random(&self.random)?);
        let inner = inner(login, id, now / 1_000);
        let ends = if inner.refreshable {
            now.saturating_add(millis(self.settings.session_for)) / 1_000
        } else {
            inner.expires
        };
        let expires = self.expiry(&inner, ends, now / 1_000);
        Ok(Family {
            id,
            owner: Arc::new(Owner {
                collection_id: login.collection_id.into(),
                id: login.id.into(),
            }),
            collection: login.collection.into(),
            chain: Chain::new(now / 1_000, expires),
            inner,
            ends,
            created_ms: now,
            used_ms: now,
            saved_ms: now,
            from: From {
                address: login.client.address,
                user_agent: agent(login.client).into(),
                key: login.client.key,
            },
            version: 0,
            is_stored: false,
            renew_after: 0,
        })
    }

    /// Finds a place for a session that begins.
    fn put(&self, family: Family) -> Result<(), SessionError> {
        let mut held = self.lock();
        let own = held.families.of(&family.owner);
        let own = own.filter(|own| own.is_like(&family)).count();
        let over = (own + 1).saturating_sub(self.settings.per_user).min(own);
        if held.families.len() + 1 - over > self.settings.most {
            return Err(SessionError::SessionsFull);
        }
        held.families.insert(family);
        Ok(())
    }

    /// Takes down that a session is in the database now, and tells which others of its record
    /// have to make room for it. None: it has ended meanwhile.
    fn displaced(&self, id: SessionId) -> Option<Vec<SessionId>> {
        let mut held = self.lock();
        held.families.change(id, |family| family.is_stored = true)?;
        let family = held.families.get(id)?;
        let own = held.families.of(&family.owner);
        let others = own.filter(|own| own.id != id && own.is_stored && own.is_like(family));
        let mut others: Vec<_> = others.map(|own| (own.used_ms, own.id)).collect();
        others.sort_unstable();
        let over = (others.len() + 1).saturating_sub(self.settings.per_user);
        Some(others.into_iter().take(over).map(|(_, id)| id).collect())
    }

    /// When a token expires that is given now: seconds since 1970.
    fn expiry(&self, inner: &Inner, ends: u64, now: u64) -> u64 {
        let own = match self.settings.token_for {
            Some(time) if inner.refreshable => now.saturating_add(time.as_secs()),
            Some(_) | None => inner.expires,
        };
        own.min(ends)
    }
}

fn inner(login: &Login<'_>, id: SessionId, now: u64) -> Inner {
    Inner {
        token: Token::of_session(login.token, id),
        since: now,
        expires: login.expires,
        refreshable: login.refreshable,
    }
}
