//! Who has how much on disk.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Bound, Settings, SpoolError};
use crate::network;

/// Whose files are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A record, by its collection and its id.
    Record(String, String),
    /// All guests of an address. Whoever has one address of IPv6 has its whole
    /// network of 64 bits.
    Guest(IpAddr),
}

/// What there is and what was, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes on disk, or about to be.
    pub bytes: u64,
    /// Requests whose files wait.
    pub open: usize,
    /// How often each bound refused, in the order of [`Bound::ALL`].
    pub refused: [u64; Bound::ALL.len()],
}

/// The accounts.
#[derive(Default)]
pub(super) struct Ledger {
    accounts: Mutex<Accounts>,
}

#[derive(Default)]
struct Accounts {
    counts: Counts,
    /// Of those who have any; so there are no more than requests with files.
    of: HashMap<Owner, Account>,
}

#[derive(Clone, Copy, Default)]
struct Account {
    bytes: u64,
    open: usize,
}

/// A place for the files of one request. Its drop gives it back, with all that
/// was reserved for it.
pub(super) struct Place {
    ledger: Arc<Ledger>,
    owner: Owner,
    bytes: u64,
}

impl Ledger {
    pub(super) fn open(
        self: &Arc<Self>,
        owner: Owner,
        settings: &Settings,
    ) -> Result<Place, SpoolError> {
        let mut accounts = self.accounts();
        if accounts.account(&owner).open >= settings.open_principal {
            return Err(accounts.full(Bound::OpenPrincipal, &settings.open_principal));
        }
        // Addresses are cheap: a part of the places is for those who are known.
        let most = match owner {
            Owner::Guest(_) => settings.open - settings.open / 4,
            Owner::Record(..) => settings.open,
        };
        if accounts.counts.open >= most {
            return Err(accounts.full(Bound::Open, &settings.open));
        }
        accounts.counts.open += 1;
        accounts.of.entry(owner.clone()).or_default().open += 1;
        Ok(Place {
            ledger: Arc::clone(self),
            owner,
            bytes: 0,
        })
    }

    pub(super) fn refused(&self, bound: Bound) {
        self.accounts().refused(bound);
    }

    pub(super) fn counts(&self) -> Counts {
        self.accounts().counts
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    fn account(&self, owner: &Owner) -> Account {
        self.of.get(owner).copied().unwrap_or_default()
    }

    fn refused(&mut self, bound: Bound) {
        let all = Bound::ALL.iter().zip(&mut self.counts.refused);
        for (_, count) in all.filter(|(other, _)| **other == bound) {
            *count += 1;
        }
    }

    fn full(&mut self, bound: Bound, most: &dyn ToString) -> SpoolError {
        self.refused(bound);
        SpoolError::Full {
            bound,
            most: most.to_string(),
        }
    }
}

impl Place {
    /// Makes sure of room for so many bytes more, before they are written.
    pub(super) fn reserve(&mut self, bytes: u64, settings: &Settings) -> Result<(), SpoolError> {
        let mut accounts = self.ledger.accounts();
        let own = accounts.account(&self.owner).bytes.saturating_add(bytes);
        if own > settings.max_principal.as_u64() {
            return Err(accounts.full(Bound::MaxPrincipal, &settings.max_principal));
        }
        let total = accounts.counts.bytes.saturating_add(bytes);
        if total > settings.max_total.as_u64() {
            return Err(accounts.full(Bound::MaxTotal, &settings.max_total));
        }
        accounts.counts.bytes = total;
        if let Some(account) = accounts.of.get_mut(&self.owner) {
            account.bytes = own;
        }
        self.bytes += bytes;
        Ok(())
    }

    /// A refusal by one of the request's own bounds, counted.
    pub(super) fn full(&self, bound: Bound, most: &dyn ToString) -> SpoolError {
        self.ledger.accounts().full(bound, most)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut accounts = self.ledger.accounts();
        accounts.counts.bytes -= self.bytes;
        accounts.counts.open -= 1;
        if let Some(account) = accounts.of.get_mut(&self.owner) {
            account.bytes -= self.bytes;
            account.open -= 1;
            if account.open == 0 {
                accounts.of.remove(&self.owner);
            }
        }
    }
}

impl Owner {
    /// A record that PocketBase vouched for.
    #[must_use]
    pub fn record(collection: &str, id: &str) -> Self {
        Self::Record(collection.to_owned(), id.to_owned())
    }

    /// Whoever has this address and no token.
    #[must_use]
    pub fn guest(address: IpAddr) -> Self {
        Self::Guest(network::subscriber(address))
    }
}
