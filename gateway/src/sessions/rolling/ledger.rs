//! The sessions of a gateway, for a command beside it: it writes the same database, and the
//! gateway looks again when it is told.

use std::collections::{BTreeSet, HashSet};

use super::database::{Change, Database};
use super::family::Family;
use super::ring::RingKey;
use super::told::{Listed, Which};
use super::{StoreError, keeping, now_ms};
use crate::state::State;

/// The sessions of a gateway, whether or not it runs.
pub struct Ledger(Database);

impl Ledger {
    /// Those in a state folder; none where no gateway has kept any.
    ///
    /// # Errors
    ///
    /// A database that can't be used.
    pub fn find(state: &State) -> Result<Option<Self>, StoreError> {
        Ok(Database::find(state)?.map(Self))
    }

    /// Whether all of it is as it was written.
    ///
    /// # Errors
    ///
    /// A database that can't be used.
    pub fn check(&self) -> Result<(), StoreError> {
        self.0.check()?;
        self.0.sessions()?;
        self.0.keys().map(drop)
    }

    /// These of them, the one that was used last first.
    ///
    /// # Errors
    ///
    /// A database that can't be used.
    pub fn list(&self, which: &Which) -> Result<Vec<Listed>, StoreError> {
        let now = now_ms() / 1_000;
        let sessions = self.0.sessions()?;
        // Whoever has a session from under that name is meant with all of his.
        let named = sessions.iter().filter(|family| which.has(family));
        let named: HashSet<_> = named.map(|family| &family.owner).collect();
        let is_meant = |family: &Family| match which {
            Which::Of { .. } => named.contains(&family.owner),
            Which::All | Which::One(_) | Which::Record { .. } => which.has(family),
        };
        let live = sessions
            .iter()
            .filter(|family| family.chain.expires > now && is_meant(family));
        let mut listed: Vec<_> = live.map(Listed::of).collect();
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.used_ms));
        Ok(listed)
    }

    /// In which collections a record of this id has sessions: their ids and the names that they
    /// had at the logins, once each.
    ///
    /// # Errors
    ///
    /// A database that can't be used.
    pub fn collections_of(&self, record: &str) -> Result<BTreeSet<(String, String)>, StoreError> {
        let sessions = self.0.sessions()?;
        let own = sessions.iter().filter(|family| *family.owner.id == *record);
        let own = own.map(|family| {
            let id = family.owner.collection_id.to_string();
            (id, family.collection.to_string())
        });
        Ok(own.collect())
    }

    /// Ends these, and tells how many those were.
    ///
    /// # Errors
    ///
    /// A database that can't be used.
    pub fn end(&self, which: &Which) -> Result<usize, StoreError> {
        let ended = self.list(which)?;
        let changes: Vec<_> = ended.iter().map(|ended| Change::End(ended.id)).collect();
        self.0.write(&[&changes])?;
        Ok(ended.len())
    }

    /// Has another key sign from now on; those before it verify what they signed.
    ///
    /// # Errors
    ///
    /// A database that can't be used.
    pub fn rotate(&self) -> Result<(), StoreError> {
        let now = now_ms();
        let last = self.0.last_expiry()?.saturating_mul(1_000);
        let keys = self.0.keys()?;
        let newest = keys.into_iter().find(|key| key.until_ms.is_none());
        let mut changes = vec![Change::PutKey(Box::new(RingKey::make(now)?))];
        changes.extend(newest.map(|before| keeping::retire(before, last, now)));
        self.0.write(&[&changes]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{client, home, login};
    use super::*;

    #[tokio::test]
    async fn a_command_finds_who_logged_in_under_another_name_too() {
        let (home, client) = (home(), client());
        let rolling = home.open();
        rolling.make(login("alice", &client)).await.unwrap();
        let mut later = login("alice", &client);
        later.collection = "people";
        rolling.make(later).await.unwrap();
        let named = |collection: &str| Which::Of {
            collection: collection.to_owned(),
            record: "alice".to_owned(),
        };
        let ledger = home.ledger();
        for name in ["users", "people", "c1"] {
            assert_eq!(ledger.list(&named(name)).unwrap().len(), 2);
        }
        assert!(ledger.list(&named("posts")).unwrap().is_empty());
        let known = ledger.collections_of("alice").unwrap().into_iter();
        let known: Vec<_> = known.map(|(id, name)| format!("{id} {name}")).collect();
        assert_eq!(known, ["c1 people", "c1 users"]);
    }
}
