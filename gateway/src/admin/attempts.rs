//! How often somebody may come without the right key: after a few times from an address the others
//! are refused for a while and told of no more. The right key passes all the same.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::network::subscriber;

/// Requests without the right key from one address within [`WINDOW`].
const MOST: u32 = 10;

/// For how long they are remembered, from the first of them on.
const WINDOW: Duration = Duration::from_mins(1);

/// Addresses that are remembered. Beyond them all others share one place.
const ADDRESSES: usize = 10_000;

/// Wrong keys, by address.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<Option<IpAddr>, Wrong>>);

#[derive(Debug)]
struct Wrong {
    count: u32,
    first: Instant,
}

impl Attempts {
    /// For how long who comes from an address without the key is not told of. None: he is.
    pub(super) fn kept_out(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(&wrong, subscriber(address));
        let wrong = wrong.get(&key).filter(|wrong| wrong.count >= MOST)?;
        let left = (wrong.first + WINDOW).saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Takes down a wrong key, or none.
    pub(super) fn note(&self, address: IpAddr, now: Instant) {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |wrong: &Wrong| now.saturating_duration_since(wrong.first) >= WINDOW;
        if wrong.len() >= ADDRESSES {
            wrong.retain(|_, wrong| !is_over(wrong));
            wrong.shrink_to_fit();
        }
        let key = key(&wrong, subscriber(address));
        let fresh = || Wrong {
            count: 0,
            first: now,
        };
        let own = wrong.entry(key).or_insert_with(fresh);
        if is_over(own) {
            *own = fresh();
        }
        own.count = own.count.saturating_add(1);
    }
}

/// The place of an address: its own, or the one that is for all that find no room.
fn key(wrong: &HashMap<Option<IpAddr>, Wrong>, address: IpAddr) -> Option<IpAddr> {
    let has_room = wrong.len() < ADDRESSES || wrong.contains_key(&Some(address));
    has_room.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn so_many_wrong_keys_keep_an_address_out_for_a_while() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..MOST {
            assert_eq!(attempts.kept_out(address(1), now), None);
            attempts.note(address(1), now);
        }
        assert_eq!(attempts.kept_out(address(1), now), Some(WINDOW));
        assert_eq!(attempts.kept_out(address(2), now), None);
        let later = now + WINDOW / 2;
        attempts.note(address(1), later);
        assert_eq!(attempts.kept_out(address(1), later), Some(WINDOW / 2));
        let over = now + WINDOW;
        assert_eq!(attempts.kept_out(address(1), over), None);
        attempts.note(address(1), over);
        assert_eq!(attempts.kept_out(address(1), over), None);
    }

    #[test]
    fn a_spread_of_addresses_is_bounded_and_lets_nobody_guess_on() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let most = u32::try_from(ADDRESSES).unwrap();
        for number in 0..most + MOST {
            attempts.note(address(number), now);
        }
        assert_eq!(attempts.0.lock().unwrap().len(), ADDRESSES + 1);
        // Those that found no room are kept out together, and others are not.
        assert!(attempts.kept_out(address(most + MOST), now).is_some());
        assert_eq!(attempts.kept_out(address(0), now), None);
        attempts.note(address(0), now + WINDOW);
        assert_eq!(attempts.0.lock().unwrap().len(), 1);
    }
}
