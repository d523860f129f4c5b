//! Counts in `before`, by who asks, and denies beyond a number.

use std::time::Duration;

use hapta_rule::{Denial, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// `{"most": 2, "seconds": 60}`.
#[derive(Deserialize)]
struct Counter {
    /// More than this are denied, `too_many` (429).
    most: i64,
    /// How long a counter lasts.
    seconds: u64,
}

impl Rule for Counter {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        let who = request.principal_id().unwrap_or_default();
        let total = request.add(&who, 1, Duration::from_secs(self.seconds))?;
        request.note("total", &total.to_string());
        match total > self.most {
            true => Err(Denial::new(
                429,
                "too_many",
                format!("This is number {total}."),
            )),
            false => Ok(()),
        }
    }
}

hapta_rule::export!(Counter);
