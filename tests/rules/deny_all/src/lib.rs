//! Refuses everything before it gets to PocketBase.

use hapta_rule::{Denial, Hook, Manifest, Operation, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// What to answer: `{"status": 418, "field": "title", "operations": ["update"]}`.
#[derive(Deserialize)]
struct DenyAll {
    /// The status to deny with; 403 if nothing is said.
    #[serde(default = "forbidden")]
    status: u16,
    /// A field to name as at fault.
    field: Option<String>,
    /// The operations to be asked about, as the manifest says; all if nothing is said.
    #[serde(default)]
    operations: Vec<String>,
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
        let named = |operation: &Operation| {
            self.operations
                .iter()
                .any(|name| name == operation.as_str())
        };
        Manifest::hooks([Hook::Before]).operations(Operation::ALL.iter().copied().filter(named))
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
