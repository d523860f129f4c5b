//! Writes a word into the decision log in every hook: `before`, `reveal` and `after` with the setting
//! `word` as their value.

use hapta_rule::{Document, Hook, Manifest, Request, Response, Rule, SettingsError, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
struct Noter {
    /// What to write; `noted` if nothing is said.
    #[serde(default = "noted")]
    word: String,
}

fn noted() -> String {
    "noted".to_owned()
}

impl Rule for Noter {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before, Hook::Reveal, Hook::After])
    }

    fn before(&self, request: &Request) -> Verdict {
        request.note("before", &self.word);
        Ok(())
    }

    fn reveal(&self, request: &Request, _record: &Document) -> Verdict {
        request.note("reveal", &self.word);
        Ok(())
    }

    fn after(&self, request: &Request, _response: &Response) -> Verdict {
        request.note("after", &self.word);
        Ok(())
    }
}

hapta_rule::export!(Noter);
