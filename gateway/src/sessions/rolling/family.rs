//! A session: its tokens, whose it is, and the token of PocketBase that it stands for.

use std::net::IpAddr;
use std::sync::Arc;

use super::chain::Chain;
use crate::principal::{SessionId, Thumbprint, Token};

/// A session.
#[derive(Clone, Debug)]
pub(super) struct Family {
    pub(super) id: SessionId,
    pub(super) owner: Arc<Owner>,
    /// The name that the collection had at the login.
    pub(super) collection: Box<str>,
    /// The tokens that clients were given.
    pub(super) chain: Chain,
    /// What PocketBase gave for it, and nobody else is told.
    pub(super) inner: Inner,
    /// Not a moment longer, whatever is refreshed: seconds since 1970.
    pub(super) ends: u64,
    /// Milliseconds since 1970, as the next.
    pub(super) created_ms: u64,
    pub(super) used_ms: u64,
    /// The same as the database has it.
    pub(super) saved_ms: u64,
    /// Where the login came from.
    pub(super) from: From,
    /// Counts its changes, so that none is written over a newer one.
    pub(super) version: u64,
    /// Whether it is in the database yet.
    pub(super) is_stored: bool,
    /// Not before it the token of PocketBase is renewed where nobody asks: seconds since 1970.
    pub(super) renew_after: u64,
}

/// A record of an auth collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// By its id, which outlives another name.
    pub(super) collection_id: Box<str>,
    pub(super) id: Box<str>,
}

/// A token of PocketBase.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) token: Token,
    /// When it came, and when it expires: seconds since 1970.
    pub(super) since: u64,
    pub(super) expires: u64,
    /// Whether PocketBase gives another for it.
    pub(super) refreshable: bool,
}

/// Where a login came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct From {
    pub(super) address: IpAddr,
    pub(super) user_agent: Box<str>,
    /// What requests of the session must be signed with.
    pub(super) key: Option<Thumbprint>,
}

impl Family {
    /// When the token of PocketBase is to be renewed, in seconds since 1970; none: the
    /// gateway's own is good no longer than that one.
    pub(super) fn renewal(&self) -> Option<u64> {
        let outlives = self.inner.refreshable && self.chain.expires > self.inner.expires;
        outlives.then(|| self.inner.old_from().max(self.renew_after))
    }

    /// Whether it is counted together with another of the same record: what an operator was
    /// given by impersonation does not give way to the person's own logins.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.inner.refreshable == other.inner.refreshable
    }
}

impl Inner {
    /// The first second in which [`Inner::is_old`].
    fn old_from(&self) -> u64 {
        let life = self.expires.saturating_sub(self.since);
        self.expires
            .saturating_sub(life.div_ceil(2))
            .saturating_add(1)
    }

    /// Whether less than half of its life is left.
    pub(super) fn is_old(&self, now: u64) -> bool {
        let life = self.expires.saturating_sub(self.since);
        self.refreshable && self.expires.saturating_sub(now) < life.div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_pocketbase_is_old_when_half_its_life_is_over() {
        let mut inner = Inner {
            token: Token::new("t"),
            since: 100,
            expires: 200,
            refreshable: true,
        };
        assert!(!inner.is_old(150));
        assert!(inner.is_old(151) && inner.is_old(500));
        assert_eq!(inner.old_from(), 151);
        inner.refreshable = false;
        assert!(!inner.is_old(199));
    }
}
