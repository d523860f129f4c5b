//! Who asks: a guest, or a record that PocketBase has vouched for.
//!
//! `Principal::vouched` makes every principal that is no guest, and only
//! `sessions` may call it: the test of the house sees to that.

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
}

/// A token of PocketBase. It never shows itself in a log or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

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
        Self(token.into())
    }

    /// The token itself, for the one who sends or checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}
