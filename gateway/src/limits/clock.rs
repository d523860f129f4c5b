//! The time that limits go by: nanoseconds since the station began.

use governor::clock;
use governor::nanos::Nanos;
use tokio::time::Instant;

/// Tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        let began = Instant::now();
        Self { began }
    }

    /// Nanoseconds: enough of them for 584 years.
    pub(super) fn nanos(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.nanos())
    }
}
