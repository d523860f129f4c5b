//! All sessions, in memory: by their ids, by whose they are, and by when they end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::family::{Family, Owner};
use super::told::Which;
use crate::principal::SessionId;

/// The sessions.
#[derive(Default)]
pub(super) struct Families {
    all: HashMap<SessionId, Family>,
    /// The oldest login first.
    by_owner: HashMap<Arc<Owner>, Vec<SessionId>>,
    /// By the moment at which the newest token expires, in seconds since 1970.
    by_end: BTreeSet<(u64, SessionId)>,
    /// By the moment at which the token of PocketBase is to be renewed, where it ever is.
    by_renewal: BTreeSet<(u64, SessionId)>,
}

impl Families {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Family> {
        self.all.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Family> {
        self.all.values()
    }

    /// Those of a record.
    pub(super) fn of(&self, owner: &Owner) -> impl Iterator<Item = &Family> {
        let own = self.by_owner.get(owner).into_iter().flatten();
        own.filter_map(|id| self.all.get(id))
    }

    /// These of them.
    pub(super) fn which(&self, which: &Which) -> Vec<&Family> {
        match which {
            Which::One(id) => self.get(*id).into_iter().collect(),
            Which::Record {
                collection_id,
                record,
            } => {
                let owner = Owner {
                    collection_id: collection_id.as_str().into(),
                    id: record.as_str().into(),
                };
                self.of(&owner).collect()
            }
            Which::All | Which::Of { .. } => {
                self.iter().filter(|family| which.has(family)).collect()
            }
        }
    }

    pub(super) fn insert(&mut self, mut family: Family) {
        self.remove(family.id);
        if let Some((owner, own)) = self.by_owner.get_key_value(&family.owner) {
            // One for all of them.
            family.owner = Arc::clone(owner);
            debug_assert!(!own.is_empty());
        }
        self.by_end.insert((family.chain.expires, family.id));
        let renewal = family.renewal().map(|at| (at, family.id));
        self.by_renewal.extend(renewal);
        let own = self.by_owner.entry(Arc::clone(&family.owner)).or_default();
        own.push(family.id);
        self.all.insert(family.id, family);
    }

    /// Changes one; none: there is no such session.
    pub(super) fn change<T>(
        &mut self,
        id: SessionId,
        change: impl FnOnce(&mut Family) -> T,
    ) -> Option<T> {
        let family = self.all.get_mut(&id)?;
        let before = (family.chain.expires, family.renewal());
        let changed = change(family);
        let now = (family.chain.expires, family.renewal());
        if now.0 != before.0 {
            self.by_end.remove(&(before.0, id));
            self.by_end.insert((now.0, id));
        }
        if now.1 != before.1 {
            if let Some(at) = before.1 {
                self.by_renewal.remove(&(at, id));
            }
            self.by_renewal.extend(now.1.map(|at| (at, id)));
        }
        Some(changed)
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Family> {
        let family = self.all.remove(&id)?;
        self.by_end.remove(&(family.chain.expires, id));
        if let Some(at) = family.renewal() {
            self.by_renewal.remove(&(at, id));
        }
        if let Some(own) = self.by_owner.get_mut(&family.owner) {
            own.retain(|other| *other != id);
            if own.is_empty() {
                self.by_owner.remove(&family.owner);
            }
        }
        Some(family)
    }

    /// Some of those that are over at this time in seconds since 1970.
    pub(super) fn over(&self, now: u64, most: usize) -> Vec<SessionId> {
        let over = self.by_end.iter().take_while(|(end, _)| *end <= now);
        over.take(most).map(|(_, id)| *id).collect()
    }

    /// Some of those whose token of PocketBase is to be renewed at this time.
    pub(super) fn due(&self, now: u64, most: usize) -> Vec<SessionId> {
        let due = self.by_renewal.iter().take_while(|(at, _)| *at <= now);
        due.take(most).map(|(_, id)| *id).collect()
    }

    /// When the last of all newest tokens expires: seconds since 1970.
    pub(super) fn last_end(&self) -> u64 {
        self.by_end.last().map_or(0, |(end, _)| *end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::chain::Chain;
    use super::super::family::{From, Inner};
    use super::*;
    use crate::principal::Token;

    fn family(id: u8, owner: u8, expires: u64) -> Family {
        Family {
            id: SessionId([id; 16]),
            owner: Arc::new(Owner {
                collection_id: "c".into(),
                id: owner.to_string().into(),
            }),
            collection: "users".into(),
            chain: Chain::new(0, expires),
            inner: Inner {
                token: Token::new("t"),
                since: 0,
                expires,
                refreshable: true,
            },
            ends: expires,
            created_ms: 0,
            used_ms: 0,
            saved_ms: 0,
            from: From {
                address: [127, 0, 0, 1].into(),
                user_agent: "".into(),
                key: None,
            },
            version: 0,
            is_stored: true,
            renew_after: 0,
        }
    }

    proptest! {
        #[test]
        fn the_three_ways_to_a_session_tell_the_same(
            steps in proptest::collection::vec((0..4_u8, 0..8_u8, 0..3_u8, 1..9_u64), 0..60),
        ) {
            let mut families = Families::default();
            for (what, id, owner, time) in steps {
                match what {
                    0 => families.insert(family(id, owner, time)),
                    1 => drop(families.remove(SessionId([id; 16]))),
                    2 => drop(families.change(SessionId([id; 16]), |family| family.chain.expires = time)),
                    _ => for id in families.over(time, 2) {
                        let over = families.remove(id).unwrap();
                        prop_assert!(over.chain.expires <= time);
                    },
                }
                let by_owner: usize = families.by_owner.values().map(Vec::len).sum();
                prop_assert_eq!(families.len(), by_owner);
                prop_assert_eq!(families.len(), families.by_end.len());
                let renewed = families.iter().filter_map(|family| Some((family.renewal()?, family.id)));
                prop_assert_eq!(renewed.collect::<BTreeSet<_>>(), families.by_renewal.clone());
                for family in families.iter() {
                    prop_assert!(families.by_end.contains(&(family.chain.expires, family.id)));
                    prop_assert!(families.by_owner[&family.owner].contains(&family.id));
                }
            }
        }
    }
}
