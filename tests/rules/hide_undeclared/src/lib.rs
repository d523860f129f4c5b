//! Takes a field out of every record without having declared it: a fault.

use hapta_rule::{Document, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// What to take out: `{"field": "title", "by": "remove"}`.
#[derive(Deserialize)]
struct HideUndeclared {
    /// The field; `title` if nothing is said.
    #[serde(default = "title")]
    field: String,
    /// How to go about it; `remove` if nothing is said.
    #[serde(default)]
    by: By,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    /// Take the field out.
    #[default]
    Remove,
    /// Put another value in its place.
    Set,
}

fn title() -> String {
    "title".to_owned()
}

impl Rule for HideUndeclared {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Reveal])
    }

    /// Goes on as if nothing was wrong if the edit is refused: it must not matter.
    fn reveal(&self, _request: &Request, record: &Document) -> Verdict {
        let place = format!("/{}", self.field);
        let _refused = match self.by {
            By::Remove => record.remove(&place),
            By::Set => record.set(&place, "hidden"),
        };
        Ok(())
    }
}

hapta_rule::export!(HideUndeclared);
