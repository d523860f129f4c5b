//! Refuses every answer when it is about to leave. A write that it denies has happened.

use hapta_rule::{
    Denial, Hook, Manifest, NoSettings, Request, Response, Rule, SettingsError, Verdict,
};

struct AfterDenier;

impl Rule for AfterDenier {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::After])
    }

    fn after(&self, _request: &Request, response: &Response) -> Verdict {
        let message = format!("An answer with status {} is denied.", response.status());
        Err(Denial::forbidden("denied_after", message))
    }
}

hapta_rule::export!(AfterDenier);
