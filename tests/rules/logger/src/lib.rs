//! Writes lines to the operator's log in `before`.

use hapta_rule::{Hook, Level, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// `{"message": "seen", "times": 1}`.
#[derive(Deserialize)]
struct Logger {
    message: String,
    times: u32,
}

impl Rule for Logger {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        for time in 1..=self.times {
            request.log(Level::Warn, &format!("{} {time}", self.message));
        }
        Ok(())
    }
}

hapta_rule::export!(Logger);
