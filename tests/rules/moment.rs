//! A rule that behaves until its moment comes. The crates beside this file say what it does then, in
//! a function `misbehave`.

use hapta_rule::{Document, Hook, Manifest, Request, Response, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// When to misbehave: `{"in": "reveal", "when_header": "x-misbehave"}`.
#[derive(Deserialize)]
pub(crate) struct Misbehaving {
    /// In which call; in `before` if nothing is said.
    #[serde(rename = "in", default)]
    moment: Moment,
    /// Only for requests with this header. `configure` knows of no request.
    when_header: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Moment {
    Configure,
    #[default]
    Before,
    Reveal,
    After,
}

impl Misbehaving {
    fn pass(&self, now: Moment, request: &Request) -> Verdict {
        let asked = |name: &String| request.header(name).is_some();
        if self.moment == now && self.when_header.as_ref().is_none_or(asked) {
            crate::misbehave();
        }
        Ok(())
    }
}

impl Rule for Misbehaving {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        if settings.moment == Moment::Configure {
            crate::misbehave();
        }
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before, Hook::Reveal, Hook::After])
    }

    fn before(&self, request: &Request) -> Verdict {
        self.pass(Moment::Before, request)
    }

    fn reveal(&self, request: &Request, _record: &Document) -> Verdict {
        self.pass(Moment::Reveal, request)
    }

    fn after(&self, request: &Request, _response: &Response) -> Verdict {
        self.pass(Moment::After, request)
    }
}
