//! Who asks: a guest, or a record that PocketBase has vouched for.
//!
//! `Principal::vouched` makes every principal that is no guest, and only
//! `sessions` may call it, and the laboratory, where nothing goes anywhere: the test of the
//! house sees to that.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// Who asks.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Nobody that is known: no token was sent, or none is looked at for the operation.
    Guest,
    /// A record of an auth collection, superusers included.
    Record(Arc<Vouched>),
}

/// An identity as PocketBase confirmed it.
#[derive(Debug)]
pub struct Vouched {
    /// The record's id.
    pub id: String,
    /// The name of the auth collection, as the schema spells it.
    pub collection: String,
    /// Whether that collection is `_superusers`.
    pub superuser: bool,
    /// The auth record as its owner sees it.
    pub record: Arc<Value>,
    /// What the principal's own requests carry upstream.
    pub token: Token,
    /// The gateway's own session behind it; none where clients hold PocketBase's tokens.
    pub session: Option<SessionId>,
}

/// A session of the gateway's own. Whoever knows it can do nothing with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 16]);

/// SHA-256 of a client's public key (RFC 7638): proves nothing by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

/// A token of PocketBase. It never shows itself in a log or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: Arc<str>,
    session: Option<SessionId>,
}

impl Principal {
    /// Makes a principal of an identity that PocketBase confirmed just now.
    pub(crate) fn vouched(vouched: Vouched) -> Self {
        Self::Record(Arc::new(vouched))
    }

    /// The identity, if there is one.
    #[must_use]
    pub fn record(&self) -> Option<&Arc<Vouched>> {
        match self {
            Self::Guest => None,
            Self::Record(vouched) => Some(vouched),
        }
    }

    /// Whether PocketBase lets this principal do everything.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.record().is_some_and(|vouched| vouched.superuser)
    }
}

impl Token {
    /// Takes the bare token, without `Bearer`; checks nothing.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self {
            text: token.into(),
            session: None,
        }
    }

    /// The same for one that a session of the gateway's own stands before.
    #[must_use]
    pub fn of_session(token: &str, session: SessionId) -> Self {
        Self {
            text: token.into(),
            session: Some(session),
        }
    }

    /// The session that stands before it, where there is one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// The token itself, for the one who sends or checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl SessionId {
    /// Reads what its `Display` writes: 32 digits of lower-case hex.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let is_hex = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 32 || !digits.iter().all(is_hex) {
            return None;
        }
        let number = u128::from_str_radix(text, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[thumbprint]")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}

#[cfg(test)]
mod tests {
    use super::SessionId;

    #[test]
    fn a_session_has_one_spelling() {
        let id = SessionId([0xab; 16]);
        assert_eq!(SessionId::parse(&id.to_string()), Some(id));
        for other in ["", "ab", &"AB".repeat(16), &format!("+{}", "a".repeat(31))] {
            assert_eq!(SessionId::parse(other), None, "{other}");
        }
    }
}
