//! Why it is not known who asks, or not allowed.

use std::sync::Arc;

use super::rolling::StoreError;
use crate::exchange::token::TokenError;
use crate::upstream::UpstreamError;

/// Why it is not known who asks, or not allowed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// To a guest the operation means nothing.
    #[error("the operation needs a token")]
    Missing,
    /// Of two, PocketBase might go by another than the gateway.
    #[error("the Authorization header is sent twice, or is no token")]
    Header,
    /// Its form alone rules it out.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No collection of that id, or not one of users.
    #[error("the token is of no auth collection")]
    Collection,
    /// PocketBase said no, or its record is another than the token names.
    #[error("PocketBase does not accept the token")]
    Refused,
    /// Nobody may ask PocketBase about it now.
    #[error("it is not known whether the token is good, and not asked now")]
    Unasked,
    /// PocketBase may know it, but it was not handed out here, or is forgotten.
    #[error("the file token is none that was handed out here")]
    Unknown,
    /// The file token is one record's, the Authorization header another's.
    #[error("the file token and the Authorization header are of two people")]
    TwoPeople,
    /// With the bound, [`Settings::file_tokens`](super::Settings::file_tokens).
    #[error("there are too many file tokens at once")]
    Full,
    /// The token may be good; it is not asked about.
    #[error("superusers are not served here")]
    Superuser,
    /// It was logged out, revoked, or is too old.
    #[error("the session has ended; log in again")]
    Ended,
    /// A token that was replaced was shown again: it may be stolen, so nobody has the session any more.
    #[error(
        "the session has ended, since a token of it was shown again that a newer one had replaced; log in again"
    )]
    Reused,
    /// From another address, or by another browser, than it is bound to.
    #[error("the session belongs to another place than this request comes from")]
    Elsewhere,
    /// It is bound to a key with which this request was not signed.
    #[error("the session is bound to a key with which this request is not signed")]
    Unproven,
    /// With the bound, `sessions.rolling.most`.
    #[error("there are too many sessions")]
    SessionsFull,
    /// Sessions can't be kept, so none is begun or changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// PocketBase said neither yes nor no.
    #[error("{0}")]
    Upstream(Arc<UpstreamError>),
}

impl SessionError {
    /// Whether it is the token that is not good, and nothing else.
    pub(super) fn is_of_the_token(&self) -> bool {
        match self {
            Self::Header
            | Self::Token(_)
            | Self::Collection
            | Self::Refused
            | Self::Unknown
            | Self::Ended => true,
            // A superuser is refused, not demoted; and two that are good are not none. What
            // may be stolen is nobody's.
            Self::Superuser
            | Self::TwoPeople
            | Self::Unasked
            | Self::Missing
            | Self::Full
            | Self::Reused
            | Self::Elsewhere
            | Self::Unproven
            | Self::SessionsFull
            | Self::Store(_)
            | Self::Upstream(_) => false,
        }
    }

    /// Whether a login may go on as if no such token had been sent along.
    pub(super) fn is_of_former(&self) -> bool {
        match self {
            // A superuser who is not served is nobody here, and may log in as somebody.
            Self::Superuser | Self::Reused | Self::Elsewhere | Self::Unproven => true,
            other => other.is_of_the_token(),
        }
    }
}
