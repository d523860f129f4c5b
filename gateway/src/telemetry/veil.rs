//! Whether a log tells who asked and from where, or only that it was the same one.
//!
//! A hash is keyed (HMAC-SHA256), so that nobody who has the log can try out
//! addresses and names; equal ones stay equal, within what one key made.

use std::fmt::Write as _;
use std::net::IpAddr;

use ring::{hmac, rand};

/// How something that points to a person is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// As it is.
    #[default]
    Tell,
    /// As a keyed hash.
    Hash,
    /// Not at all.
    Omit,
}

/// What may be told of people.
pub struct Veil {
    address: Telling,
    principal: Telling,
    /// Without randomness there is none, and what is to be hashed is left out.
    key: Option<hmac::Key>,
}

/// Bytes of a hash that are told: enough that no two of a log are alike.
const TOLD: usize = 8;

/// Keeps these hashes apart from whatever else a given key is for.
const PURPOSE: &[u8] = b"hapta: names in logs";

impl Veil {
    /// With the key of a gateway that has one, or one of this process alone.
    #[must_use]
    pub fn new(address: Telling, principal: Telling, key: Option<[u8; 32]>) -> Self {
        let key = match key {
            Some(key) => {
                let given = hmac::Key::new(hmac::HMAC_SHA256, &key);
                let own = hmac::sign(&given, PURPOSE);
                Some(hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()))
            }
            None => hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok(),
        };
        Self {
            address,
            principal,
            key,
        }
    }

    /// A client's address.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> Option<String> {
        match self.address {
            Telling::Tell => Some(address.to_string()),
            Telling::Hash => self.hash("address", &[&address.to_string()]),
            Telling::Omit => None,
        }
    }

    /// A record that somebody can log in with: `COLLECTION/ID`.
    #[must_use]
    pub fn principal(&self, collection: &str, id: &str) -> Option<String> {
        Some(format!("{collection}/{}", self.person(collection, id)?))
    }

    /// The id of such a record, beside which its collection is told.
    #[must_use]
    pub fn person(&self, collection: &str, id: &str) -> Option<String> {
        match self.principal {
            Telling::Tell => Some(id.to_owned()),
            Telling::Hash => self.hash("principal", &[collection, id]),
            Telling::Omit => None,
        }
    }

    /// What somebody typed to log in. It is never told as it is: people type
    /// their password there, too.
    #[must_use]
    pub fn identity(&self, collection: &str, identity: &str) -> Option<String> {
        match self.principal {
            // PocketBase compares e-mail addresses without their case.
            Telling::Tell | Telling::Hash => {
                self.hash("identity", &[collection, &identity.to_lowercase()])
            }
            Telling::Omit => None,
        }
    }

    fn hash(&self, kind: &str, parts: &[&str]) -> Option<String> {
        let mut code = hmac::Context::with_key(self.key.as_ref()?);
        code.update(kind.as_bytes());
        for part in parts {
            code.update(&[0]);
            code.update(part.as_bytes());
        }
        let code = code.sign();
        let mut told = String::with_capacity(2 * TOLD);
        for byte in code.as_ref().iter().take(TOLD) {
            // Writing to a string can't fail.
            let _ = write!(told, "{byte:02x}");
        }
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    fn veil(telling: Telling, key: Option<[u8; 32]>) -> Veil {
        Veil::new(telling, telling, key)
    }

    #[test]
    fn what_is_told_is_told_as_it_is_but_for_identities() {
        let veil = veil(Telling::Tell, None);
        assert_eq!(veil.address(HERE).as_deref(), Some("192.0.2.7"));
        assert_eq!(veil.principal("users", "ann").as_deref(), Some("users/ann"));
        let identity = veil.identity("users", "Ann@example.com").unwrap();
        assert!(
            identity.len() == 2 * TOLD && !identity.contains("nn"),
            "{identity}"
        );
        assert_eq!(veil.identity("users", "ann@EXAMPLE.com"), Some(identity));
    }

    #[test]
    fn a_hash_is_the_same_for_the_same_and_with_the_same_key_alone() {
        let key = Some([7; 32]);
        let (one, other) = (veil(Telling::Hash, key), veil(Telling::Hash, key));
        let hash = one.principal("users", "ann").unwrap();
        assert!(
            hash.starts_with("users/") && !hash.contains("ann"),
            "{hash}"
        );
        assert_eq!(other.principal("users", "ann").as_ref(), Some(&hash));
        assert_ne!(one.principal("users", "bob").as_ref(), Some(&hash));
        assert_ne!(one.person("staff", "ann"), one.person("users", "ann"));
        assert_ne!(
            one.address(HERE),
            veil(Telling::Hash, Some([8; 32])).address(HERE)
        );
        let of_process = veil(Telling::Hash, None);
        assert_eq!(of_process.address(HERE), of_process.address(HERE));
        assert_ne!(
            of_process.address(HERE),
            veil(Telling::Hash, None).address(HERE)
        );
    }

    #[test]
    fn what_is_left_out_is_not_there() {
        let veil = veil(Telling::Omit, Some([7; 32]));
        assert_eq!(veil.address(HERE), None);
        assert_eq!(veil.principal("users", "ann"), None);
        assert_eq!(veil.identity("users", "ann"), None);
    }
}
