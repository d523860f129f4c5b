//! How long a request may take: a bound that files move, since they take as long as
//! their client's connection does.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The moment when a request has taken too long.
pub(super) struct Allowance {
    until: Mutex<Instant>,
}

impl Allowance {
    /// From now on.
    pub(super) fn new(within: Duration) -> Self {
        Self {
            until: Mutex::new(Instant::now() + within),
        }
    }

    /// So much more.
    pub(super) fn add(&self, more: Duration) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) += more;
    }

    /// Waits for the moment, wherever it has moved.
    pub(super) async fn over(&self) {
        loop {
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_over_when_it_was_said_unless_more_was_allowed() {
        let begun = Instant::now();
        let allowance = Allowance::new(Duration::from_mins(1));
        tokio::join!(allowance.over(), async {
            tokio::time::sleep(Duration::from_secs(59)).await;
            allowance.add(Duration::from_mins(10));
        });
        assert_eq!(begun.elapsed(), Duration::from_mins(11));
    }
}
