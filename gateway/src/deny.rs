//! What an operator closes in an emergency: a collection, a user, an address.
//!
//! Written `collection:NAME`, `user:COLLECTION/ID`, `address:IP` or
//! `address:NETWORK/BITS`, in commands, in files and in the log.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::network::Network;

/// One thing that is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Deny {
    /// By name; case does not matter, so that a slip does not leave it open.
    Collection(String),
    /// A record of an auth collection, superusers included.
    User {
        /// By name; case does not matter.
        collection: String,
        /// As PocketBase has it.
        id: String,
    },
    /// One address, or all of a network.
    Address(Network),
}

/// All that is closed, for a quick look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denies {
    /// In lower case.
    collections: HashSet<String>,
    /// The collection in lower case, and the id.
    users: HashSet<(String, String)>,
    networks: Vec<Network>,
}

/// It says nothing that could be closed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is nothing that can be denied: write collection:NAME, user:COLLECTION/ID, address:IP or address:NETWORK/BITS"
)]
pub struct DenyError(pub String);

impl Deny {
    /// The word in front: `collection`, `user` or `address`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Collection(_) => "collection",
            Self::User { .. } => "user",
            Self::Address(_) => "address",
        }
    }
}

impl Denies {
    /// Gathers what is closed.
    pub fn of<'a>(denies: impl IntoIterator<Item = &'a Deny>) -> Self {
        let mut all = Self::default();
        for deny in denies {
            match deny {
                Deny::Collection(name) => {
                    all.collections.insert(name.to_ascii_lowercase());
                }
                Deny::User { collection, id } => {
                    let user = (collection.to_ascii_lowercase(), id.clone());
                    all.users.insert(user);
                }
                Deny::Address(network) => all.networks.push(*network),
            }
        }
        all
    }

    /// Whether a collection is closed that is not with these.
    #[must_use]
    pub fn reopens(&self, newer: &Self) -> bool {
        !self.collections.is_subset(&newer.collections)
    }

    /// Whether nothing is closed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What closes this address.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> Option<Deny> {
        let address = address.to_canonical();
        let mut networks = self.networks.iter();
        networks
            .find(|network| network.has(address))
            .map(|network| Deny::Address(*network))
    }

    /// What closes this collection.
    #[must_use]
    pub fn collection(&self, name: &str) -> Option<Deny> {
        (!self.collections.is_empty() && self.collections.contains(&name.to_ascii_lowercase()))
            .then(|| Deny::Collection(name.to_owned()))
    }

    /// What closes this user.
    #[must_use]
    pub fn user(&self, collection: &str, id: &str) -> Option<Deny> {
        let is_closed = || {
            let user = (collection.to_ascii_lowercase(), id.to_owned());
            self.users.contains(&user)
        };
        (!self.users.is_empty() && is_closed()).then(|| Deny::User {
            collection: collection.to_owned(),
            id: id.to_owned(),
        })
    }
}

/// A word that could be the name of a collection, or the id of a record.
fn is_word(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

impl FromStr for Deny {
    type Err = DenyError;

    fn from_str(text: &str) -> Result<Self, DenyError> {
        let parse = || match text.split_once(':')? {
            ("collection", name) if is_word(name) => Some(Self::Collection(name.to_owned())),
            ("user", user) => {
                let (collection, id) = user.split_once('/')?;
                (is_word(collection) && is_word(id)).then(|| Self::User {
                    collection: collection.to_owned(),
                    id: id.to_owned(),
                })
            }
            ("address", place) => place.parse().ok().map(Self::Address),
            _ => None,
        };
        parse().ok_or_else(|| DenyError(text.to_owned()))
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collection(name) => write!(f, "collection:{name}"),
            Self::User { collection, id } => write!(f, "user:{collection}/{id}"),
            Self::Address(network) => write!(f, "address:{network}"),
        }
    }
}

impl TryFrom<String> for Deny {
    type Error = DenyError;

    fn try_from(text: String) -> Result<Self, DenyError> {
        text.parse()
    }
}

impl From<Deny> for String {
    fn from(deny: Deny) -> Self {
        deny.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_can_be_denied_is_written_one_way() {
        for (text, told) in [
            ("collection:posts", "collection:posts"),
            ("user:users/abc123", "user:users/abc123"),
            ("user:_superusers/abc123", "user:_superusers/abc123"),
            ("address:192.0.2.7", "address:192.0.2.7"),
            ("address:192.0.2.7/24", "address:192.0.2.0/24"),
            ("address:0.0.0.0/0", "address:0.0.0.0/0"),
            ("address:::ffff:192.0.2.7", "address:192.0.2.7"),
            ("address:::ffff:192.0.2.7/120", "address:192.0.2.0/24"),
            ("address:2001:db8::1/32", "address:2001:db8::/32"),
            ("address:::/0", "address:::/0"),
        ] {
            assert_eq!(text.parse::<Deny>().unwrap().to_string(), told);
        }
        for text in [
            "",
            "posts",
            "collection:",
            "collection:a b",
            "user:users",
            "user:users/",
            "user:/abc",
            "address:",
            "address:192.0.2",
            "address:192.0.2.7/33",
            "address:192.0.2.7/",
            "address:::ffff:192.0.2.7/95",
            "address:2001:db8::/129",
            "everybody:all",
        ] {
            assert_eq!(text.parse::<Deny>(), Err(DenyError(text.to_owned())));
        }
    }

    #[test]
    fn what_is_denied_is_found_and_nothing_else() {
        let denies = [
            "collection:Posts",
            "user:users/abc",
            "address:192.0.2.0/24",
            "address:2001:db8::1",
        ];
        let denies: Vec<Deny> = denies.iter().map(|deny| deny.parse().unwrap()).collect();
        let denies = Denies::of(&denies);
        assert!(denies.collection("posts").is_some() && denies.collection("users").is_none());
        assert!(denies.user("Users", "abc").is_some());
        assert!(denies.user("users", "ABC").is_none() && denies.user("staff", "abc").is_none());
        let closed = |address: &str| denies.address(address.parse().unwrap()).is_some();
        for address in [
            "192.0.2.0",
            "192.0.2.255",
            "::ffff:192.0.2.9",
            "2001:db8::1",
        ] {
            assert!(closed(address), "{address}");
        }
        for address in ["192.0.3.0", "192.0.1.255", "2001:db8::2", "::192.0.2.9"] {
            assert!(!closed(address), "{address}");
        }
        let nothing = Denies::default();
        assert!(nothing.address("192.0.2.1".parse().unwrap()).is_none());
    }

    proptest! {
        #[test]
        fn a_network_has_what_it_was_made_of(address in any::<IpAddr>(), bits in 0..=32_u8) {
            let address = address.to_canonical();
            let deny: Deny = format!("address:{address}/{bits}").parse().unwrap();
            prop_assert!(Denies::of([&deny]).address(address).is_some());
            prop_assert_eq!(deny.to_string().parse::<Deny>().unwrap(), deny);
        }
    }
}
