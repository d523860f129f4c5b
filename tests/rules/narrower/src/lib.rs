//! Narrows every list by a filter, with the principal's id as its parameter `me`.

use hapta_rule::{Hook, Manifest, Operation, Request, Rule, SettingsError, Value, Verdict};
use serde::Deserialize;

/// How to narrow: `{"filter": "author = {:me}"}`.
#[derive(Deserialize)]
struct Narrower {
    /// The filter; `author = {:me}` if nothing is said.
    #[serde(default = "mine")]
    filter: String,
    /// What to bind for `me` instead of the principal's id: something with quotes in it, say.
    me: Option<String>,
    /// Narrow in other operations than a list too: a fault, which denies.
    #[serde(default)]
    always: bool,
}

fn mine() -> String {
    "author = {:me}".to_owned()
}

impl Rule for Narrower {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        if request.operation() == Operation::List || self.always {
            let me = self.me.clone().or_else(|| request.principal_id());
            // A guest has no id, and nothing has an empty author.
            request.narrow(&self.filter, [("me", Value::from(me.unwrap_or_default()))])?;
        }
        Ok(())
    }
}

hapta_rule::export!(Narrower);
