//! Denies the records in which a field has a value, declared or not.

use hapta_rule::{Denial, Document, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// What to drop: `{"field": "status", "value": "hidden", "declare": false}`.
#[derive(Deserialize)]
struct DropRecords {
    /// The field to look at.
    field: String,
    /// The text that it must not have.
    value: String,
    /// Whether to say in the manifest that records may be dropped; so if nothing is said.
    #[serde(default = "yes")]
    declare: bool,
}

fn yes() -> bool {
    true
}

impl Rule for DropRecords {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        let manifest = Manifest::hooks([Hook::Reveal]);
        if self.declare {
            manifest.drops()
        } else {
            manifest
        }
    }

    fn reveal(&self, _request: &Request, record: &Document) -> Verdict {
        let place = format!("/{}", self.field);
        if record.str(&place).as_ref() == Some(&self.value) {
            return Err(Denial::not_found("dropped", "There is no such record."));
        }
        Ok(())
    }
}

hapta_rule::export!(DropRecords);
