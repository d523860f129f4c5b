//! Who is counted: a record, or, where nobody is known, an address.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use serde_json::Value;

use crate::network::subscriber;
use crate::principal::Principal;

/// Who, or what, is counted: small, of one size, and telling nobody's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    kind: Kind,
    bits: [u8; 16],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Record,
    Network4,
    Network6,
    Tokens,
    Account,
}

/// Makes subjects. What others choose is hashed under keys of this process, so that
/// nobody can look for two that are one.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    first: RandomState,
    second: RandomState,
}

impl Subjects {
    /// A principal by its record, whatever token it has and wherever it is; a guest by
    /// its address.
    pub(super) fn of(&self, principal: &Principal, address: IpAddr) -> Subject {
        let Some(vouched) = principal.record() else {
            return Subject::of_address(address);
        };
        let collection = vouched.record.get("collectionId").and_then(Value::as_str);
        let collection = collection.unwrap_or(&vouched.collection);
        self.hashed(Kind::Record, (collection, &vouched.id))
    }

    /// What somebody wants to log in as. Its case counts only where PocketBase's does: beyond
    /// ASCII two are two.
    pub(super) fn account(&self, collection: &str, text: &str) -> Subject {
        let text = text.trim().to_ascii_lowercase();
        self.hashed(Kind::Account, (collection, &text))
    }

    fn hashed(&self, kind: Kind, of: (&str, &str)) -> Subject {
        let halves = (self.first.hash_one(of), self.second.hash_one(of));
        let bits = u128::from(halves.0) << 64 | u128::from(halves.1);
        let bits = bits.to_le_bytes();
        Subject { kind, bits }
    }
}

impl Subject {
    /// Whoever has one address of IPv6 has its whole network of 64 bits. An address of
    /// IPv4 is one, in whichever clothes.
    pub(super) fn of_address(address: IpAddr) -> Self {
        let (kind, bits) = match subscriber(address) {
            IpAddr::V4(address) => (Kind::Network4, u128::from(u32::from(address))),
            IpAddr::V6(address) => (Kind::Network6, u128::from(address) >> 64),
        };
        let bits = bits.to_le_bytes();
        Self { kind, bits }
    }

    /// Those who show tokens at an address of which it is not known that they are good.
    /// To keep them out keeps nobody else out.
    pub(super) fn of_tokens(address: IpAddr) -> Self {
        let Self { kind, bits } = Self::of_address(address);
        // No network has so many bits.
        let family = u128::from(kind == Kind::Network4) << 127;
        let bits = (u128::from_le_bytes(bits) | family).to_le_bytes();
        Self {
            kind: Kind::Tokens,
            bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::principal::{Token, Vouched};

    fn record(collection: (&str, &str), id: &str, token: &str) -> Principal {
        Principal::Record(Arc::new(Vouched {
            id: id.to_owned(),
            collection: collection.1.to_owned(),
            superuser: false,
            record: Arc::new(json!({ "collectionId": collection.0 })),
            token: Token::new(token),
            session: None,
        }))
    }

    fn address(text: &str) -> Subject {
        Subject::of_address(text.parse().unwrap())
    }

    #[test]
    fn who_spreads_over_a_network_of_ipv6_is_one() {
        assert_eq!(
            address("2001:db8::1"),
            address("2001:db8::ffff:ffff:ffff:ffff")
        );
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("192.0.2.1"), address("::ffff:192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        // The bits of one family are not those of the other.
        assert_ne!(address("0.0.0.1"), address("0:0:0:1::"));
    }

    #[test]
    fn a_record_is_itself_with_any_token_at_any_address_under_any_name_of_its_collection() {
        let subjects = Subjects::default();
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let one = subjects.of(&record(("c1", "users"), "a", "t1"), here);
        assert_eq!(
            one,
            subjects.of(&record(("c1", "people"), "a", "t2"), there)
        );
        for other in [
            record(("c2", "users"), "a", "t1"),
            record(("c1", "users"), "A", "t1"),
        ] {
            assert_ne!(one, subjects.of(&other, here));
        }
        // Nor does it help to move the border between the two.
        let (left, right) = (record(("ab", "u"), "c", "t"), record(("a", "u"), "bc", "t"));
        assert_ne!(subjects.of(&left, here), subjects.of(&right, here));
        assert_eq!(
            subjects.of(&Principal::Guest, here),
            Subject::of_address(here)
        );
    }

    #[test]
    fn an_account_is_one_however_it_is_spelled() {
        let subjects = Subjects::default();
        let one = subjects.account("c1", "alice@example.com");
        for same in ["Alice@Example.COM", " alice@example.com\t"] {
            assert_eq!(one, subjects.account("c1", same));
        }
        assert_ne!(one, subjects.account("c1", "alice@example.org"));
        assert_ne!(one, subjects.account("c2", "alice@example.com"));
    }
}
