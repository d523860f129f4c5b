//! Writes a word into the decision log in every hook: `before`, `reveal` and `after` with the setting
//! `word` as their value. In `before` it also notes what it is told to look for in the request.

use hapta_rule::{Document, Hook, Manifest, Request, Response, Rule, SettingsError, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
struct Noter {
    /// What to write; `noted` if nothing is said.
    #[serde(default = "noted")]
    word: String,
    /// Headers to note, under their names.
    #[serde(default)]
    headers: Vec<String>,
    /// Query parameters to note, under their names.
    #[serde(default)]
    query: Vec<String>,
    /// Texts of the body to note, under their JSON Pointers.
    #[serde(default)]
    body: Vec<String>,
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
        for name in &self.headers {
            request.note(name, &request.header(name).unwrap_or_default());
        }
        for name in &self.query {
            request.note(name, &request.query(name).unwrap_or_default());
        }
        if let Some(body) = request.body() {
            for pointer in &self.body {
                request.note(pointer, &body.str(pointer).unwrap_or_default());
            }
        }
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
