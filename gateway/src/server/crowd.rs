//! How many connections each address has. Whoever opens more than his share takes none of the
//! places of others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::network::subscriber;

/// The connections that there are, by address; of IPv6 by its first 64 bits.
pub(super) struct Crowd {
    most: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// One of the connections, given up when dropped.
pub(super) struct Counted {
    crowd: Arc<Crowd>,
    /// None: it is not counted.
    address: Option<IpAddr>,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            by_address: Mutex::default(),
        })
    }

    /// Counts one more. None: it is one too many.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let address = subscriber(address);
        let mut by_address = self.lock();
        let count = by_address.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Counted {
            crowd: Arc::clone(self),
            address: Some(address),
        })
    }

    /// Lets one in who has no bound of his own.
    pub(super) fn let_in(self: &Arc<Self>) -> Counted {
        Counted {
            crowd: Arc::clone(self),
            address: None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(address) = self.address else {
            return;
        };
        if let Entry::Occupied(mut count) = self.crowd.lock().entry(address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_share_and_gives_it_back() {
        let crowd = Crowd::new(2);
        let enter = |address: &str| crowd.enter(address.parse().unwrap());
        let first = enter("2001:db8::1");
        let second = enter("2001:db8::ffff:1");
        assert!(first.is_some() && second.is_some());
        assert!(enter("2001:db8::2").is_none());
        let other = enter("2001:db8:0:1::1");
        let mapped = [enter("192.0.2.1"), enter("::ffff:192.0.2.1")];
        assert!(other.is_some() && mapped.iter().all(Option::is_some));
        assert!(enter("192.0.2.1").is_none() && enter("192.0.2.2").is_some());
        drop(first);
        assert!(enter("2001:db8::2").is_some());
        drop((second, other, mapped));
        assert!(crowd.lock().is_empty());
    }
}
