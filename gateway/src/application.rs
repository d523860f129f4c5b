//! From which applications requests are taken: what they show besides who asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::exchange::proof::ProofError;
use crate::operation::OperationKind;
use crate::secret::Key;

/// The header that carries the key of an application.
pub const KEY_HEADER: HeaderName = HeaderName::from_static("x-hapta-key");

/// What requests must show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// None: nobody needs one.
    pub keys: Option<Keys>,
    /// Whether clients sign their requests.
    pub proofs: Signing,
    /// How many proofs are remembered at once.
    pub remembered: usize,
}

/// The keys of applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// One application may have some, while a new one takes the place of an old one.
    pub known: Vec<(Arc<str>, Key)>,
    /// What can't be asked without.
    pub needed: Needed,
}

/// The operations that need the key of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// All but these.
    But(BTreeSet<OperationKind>),
    /// These alone.
    For(BTreeSet<OperationKind>),
}

/// Whether clients prove with each request that they hold their key (`DPoP`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// A proof that is sent means nothing.
    #[default]
    Off,
    /// A proof that is sent must be good.
    Optional,
    /// And nobody logs in without, or is anybody who did.
    Required,
}

/// Why a request is not taken, whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// A browser says from which page it comes, and that is none of those that may ask.
    #[error("pages of this origin may not ask here")]
    Origin,
    /// None, or two.
    #[error("the request must have the key of one application, in X-Hapta-Key")]
    NoKey,
    /// Of no application.
    #[error("the key in X-Hapta-Key is not known here")]
    UnknownKey,
    /// Whoever took its token could use it.
    #[error("the request must be signed, in DPoP, and so must the login before it")]
    Unproven,
    /// Not of this request, or not of its key.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Keys {
    /// Whose key a request has. It is taken out: nobody else is to see it.
    ///
    /// # Errors
    ///
    /// One that is missing where it is needed; a wrong one, wherever it is sent.
    pub fn admit(
        &self,
        kind: OperationKind,
        headers: &mut HeaderMap,
    ) -> Result<Option<Arc<str>>, ApplicationError> {
        let given: Vec<HeaderValue> = headers.get_all(KEY_HEADER).iter().cloned().collect();
        headers.remove(KEY_HEADER);
        match given.as_slice() {
            [] if self.needed.is_for(kind) => Err(ApplicationError::NoKey),
            [] => Ok(None),
            [given] => {
                let found = self.find(given.as_bytes());
                found.map(Some).ok_or(ApplicationError::UnknownKey)
            }
            _ => Err(ApplicationError::NoKey),
        }
    }

    /// All of them are looked at, so that the time tells nothing of which it was.
    fn find(&self, given: &[u8]) -> Option<Arc<str>> {
        self.known.iter().fold(None, |found, (name, key)| {
            if key.opens(given) {
                Some(Arc::clone(name))
            } else {
                found
            }
        })
    }
}

impl Needed {
    fn is_for(&self, kind: OperationKind) -> bool {
        match self {
            Self::But(free) => !free.contains(&kind),
            Self::For(named) => named.contains(&kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let key = |name: &str, secret| (Arc::from(name), Key::new(secret).unwrap());
        Keys {
            known: vec![key("app", "old"), key("app", "new"), key("other", "third")],
            needed: Needed::For([OperationKind::Create].into()),
        }
    }

    #[track_caller]
    fn check(
        kind: OperationKind,
        given: &[&'static str],
        expected: Result<Option<&str>, ApplicationError>,
    ) {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(KEY_HEADER, HeaderValue::from_static(value));
        }
        let found = keys().admit(kind, &mut headers);
        let found = found.as_ref().map(Option::as_deref);
        assert_eq!(found, expected.as_ref().copied());
        assert!(headers.is_empty());
    }

    #[test]
    fn a_key_is_needed_where_it_is_and_must_be_good_wherever_it_is_sent() {
        let (create, list) = (OperationKind::Create, OperationKind::List);
        check(create, &["old"], Ok(Some("app")));
        check(create, &["new"], Ok(Some("app")));
        check(list, &["third"], Ok(Some("other")));
        check(list, &[], Ok(None));
        check(create, &[], Err(ApplicationError::NoKey));
        check(create, &["old", "old"], Err(ApplicationError::NoKey));
        for kind in [create, list] {
            for wrong in ["", "ol", "old ", "OLD", "app:old"] {
                check(kind, &[wrong], Err(ApplicationError::UnknownKey));
            }
        }
    }

    #[test]
    fn all_but_some_need_a_key_or_some_and_no_others() {
        let (create, list) = (OperationKind::Create, OperationKind::List);
        let (but, only) = (Needed::But([list].into()), Needed::For([list].into()));
        assert!(but.is_for(create) && !but.is_for(list));
        assert!(!only.is_for(create) && only.is_for(list));
    }
}
