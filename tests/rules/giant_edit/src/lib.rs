//! Writes very large texts into the field `title` of a body: the bound on edits must refuse them.

use hapta_rule::{Denial, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// How much to write: `{"megabytes": 4, "times": 100}`.
#[derive(Deserialize)]
struct GiantEdit {
    /// The size of each text, in units of 1024 x 1024 bytes; 4 if nothing is said.
    #[serde(default = "four")]
    megabytes: usize,
    /// How often to write it; 100 if nothing is said.
    #[serde(default = "hundred")]
    times: u32,
}

fn four() -> usize {
    4
}

fn hundred() -> u32 {
    100
}

impl Rule for GiantEdit {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    /// Denies with the gateway's own words for why an edit was refused.
    fn before(&self, request: &Request) -> Verdict {
        let Some(body) = request.body() else {
            return Ok(());
        };
        let giant = "x".repeat(self.megabytes * 1024 * 1024);
        for _ in 0..self.times {
            body.set("/title", &giant)
                .map_err(|error| Denial::forbidden("edit_refused", error.to_string()))?;
        }
        Ok(())
    }
}

hapta_rule::export!(GiantEdit);
