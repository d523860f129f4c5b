//! Refuses everything before it gets to PocketBase.

use hapta_rule::{Denial, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// What to answer: `{"status": 418, "field": "title"}`.
#[derive(Deserialize)]
struct DenyAll {
    /// The status to deny with; 403 if nothing is said.
    #[serde(default = "forbidden")]
    status: u16,
    /// A field to name as at fault.
    field: Option<String>,
}

fn forbidden() -> u16 {
    403
}

impl Rule for DenyAll {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, _request: &Request) -> Verdict {
        let denial = Denial::new(self.status, "deny_all", "Everything is denied.");
        Err(match &self.field {
            Some(field) => denial.field(field, "deny_all_field", "This field too."),
            None => denial,
        })
    }
}

hapta_rule::export!(DenyAll);
