//! The gateway's own tokens: what they claim, and how that is written.
//!
//! To clients they look like PocketBase's, so that SDKs take them unchanged. They are good
//! for nothing but this gateway, and only while the session that they name lives.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::exchange::token::{TokenError, TokenKind};
use crate::principal::{SessionId, Thumbprint};

/// What a token claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    /// The record's id.
    pub(super) id: String,
    /// The id of the record's collection.
    #[serde(rename = "collectionId")]
    pub(super) collection_id: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// Seconds since 1970, as the next.
    pub(super) exp: u64,
    pub(super) iat: u64,
    /// Whether a refresh gives another.
    pub(super) refreshable: bool,
    /// The session, in base64url.
    pub(super) sid: String,
    /// Which of the session's tokens it is, from 0; of a file token, which of all of them.
    pub(super) seq: u32,
    /// The key that requests with it must be signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<Confirmation>,
}

/// As RFC 9449 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    jkt: String,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Auth,
    File,
}

/// How far the clocks of two gateways may be apart, in seconds.
const SKEW: u64 = 60;

impl Claims {
    /// Of a session's token; the rest is to be filled in.
    pub(super) fn of(session: SessionId, key: Option<Thumbprint>) -> Self {
        Self {
            id: String::new(),
            collection_id: String::new(),
            kind: Kind::Auth,
            exp: 0,
            iat: 0,
            refreshable: false,
            sid: URL_SAFE_NO_PAD.encode(session.0),
            seq: 0,
            cnf: key.map(|key| Confirmation {
                jkt: URL_SAFE_NO_PAD.encode(key.0),
            }),
        }
    }

    /// The session that it is of.
    pub(super) fn session(&self) -> Option<SessionId> {
        let id = URL_SAFE_NO_PAD.decode(&self.sid).ok()?;
        id.try_into().ok().map(SessionId)
    }

    /// Whether it is good for this, at this time in seconds since 1970.
    pub(super) fn check(&self, kind: TokenKind, now: u64) -> Result<(), TokenError> {
        let is_for = match self.kind {
            Kind::Auth => TokenKind::Auth,
            Kind::File => TokenKind::File,
        };
        if is_for != kind {
            Err(TokenError::Kind)
        } else if self.exp <= now {
            Err(TokenError::Expired)
        } else if self.iat > now + SKEW {
            Err(TokenError::NotYet)
        } else {
            Ok(())
        }
    }
}
