//! What is told of sessions: to their owners, to operators, to metrics.

use std::net::IpAddr;

use super::family::Family;
use crate::principal::SessionId;

/// A session, without what could be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Names it.
    pub id: SessionId,
    /// The name that its collection had at the login.
    pub collection: String,
    /// The id of its record.
    pub record: String,
    /// When somebody logged in: milliseconds since 1970, as the next two.
    pub created_ms: u64,
    /// When it was used last.
    pub used_ms: u64,
    /// When it ends if nothing is refreshed.
    pub expires_ms: u64,
    /// Where the login came from.
    pub address: IpAddr,
    /// By what browser or program, in its own words.
    pub user_agent: String,
}

/// Some of the sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// One.
    One(SessionId),
    /// Those of a record.
    Record {
        /// The id of its collection.
        collection_id: String,
        /// Its id.
        record: String,
    },
    /// The same, as an operator names it.
    Of {
        /// The collection, by its id or by the name that it had at the login.
        collection: String,
        /// The record's id.
        record: String,
    },
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its owner logged out.
    LoggedOut,
    /// Its owner ended it, from another session or with all of them.
    Revoked,
    /// An operator ended it.
    Operator,
    /// A token was shown again that a newer one had replaced.
    Reused,
    /// PocketBase takes its token no more.
    Refused,
    /// Nobody refreshed it.
    Expired,
    /// A newer login of the same person took its place.
    Displaced,
}

/// A session that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub session: SessionId,
    /// The name that its collection had at the login.
    pub collection: String,
    /// The id of its record.
    pub record: String,
    /// Why.
    pub why: Ending,
    /// Of the request that ended it, if it was one.
    pub address: Option<IpAddr>,
}

/// How many sessions there are, and what became of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Those that live.
    pub live: usize,
    /// Logins.
    pub made: u64,
    /// Tokens that were replaced by newer ones.
    pub rolled: u64,
    /// Refreshes that were given the newest token once more.
    pub repeated: u64,
    /// In the order of [`Ending::ALL`].
    pub ended: [u64; Ending::ALL.len()],
    /// Changes that wait to be written.
    pub queued: usize,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LoggedOut,
        Self::Revoked,
        Self::Operator,
        Self::Reused,
        Self::Refused,
        Self::Expired,
        Self::Displaced,
    ];

    /// As metrics have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Revoked => "revoked",
            Self::Operator => "operator",
            Self::Reused => "reused",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Displaced => "displaced",
        }
    }
}

impl Which {
    /// Whether a session is one of them.
    pub(super) fn has(&self, family: &Family) -> bool {
        match self {
            Self::All => true,
            Self::One(id) => family.id == *id,
            Self::Record {
                collection_id,
                record,
            } => *family.owner.collection_id == **collection_id && *family.owner.id == **record,
            Self::Of { collection, record } => {
                let is_of = *family.owner.collection_id == **collection
                    || *family.collection == **collection;
                is_of && *family.owner.id == **record
            }
        }
    }
}

impl Listed {
    pub(super) fn of(family: &Family) -> Self {
        Self {
            id: family.id,
            collection: family.collection.to_string(),
            record: family.owner.id.to_string(),
            created_ms: family.created_ms,
            used_ms: family.used_ms,
            expires_ms: family.chain.expires.saturating_mul(1_000),
            address: family.from.address,
            user_agent: family.from.user_agent.to_string(),
        }
    }
}
