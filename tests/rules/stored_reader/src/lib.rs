//! Reads the stored record of whatever is about one record, and lets its owner pass only.

use hapta_rule::{Denial, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// Where the owner's id is: `{"owner_field": "author"}`.
#[derive(Deserialize)]
struct StoredReader {
    /// The field; `author` if nothing is said.
    #[serde(default = "author")]
    owner_field: String,
    /// Ask even where there can be no stored record, as for a list: a fault, which denies.
    #[serde(default)]
    always: bool,
}

fn author() -> String {
    "author".to_owned()
}

impl Rule for StoredReader {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        if request.record_id().is_none() && !self.always {
            return Ok(());
        }
        let stored = request
            .stored()?
            .ok_or_else(|| Denial::not_found("no_record", "There is no such record."))?;
        let owner = stored.str(&format!("/{}", self.owner_field));
        if owner.is_none() || owner != request.principal_id() {
            return Err(Denial::forbidden("not_owner", "It is somebody else's."));
        }
        Ok(())
    }
}

hapta_rule::export!(StoredReader);
