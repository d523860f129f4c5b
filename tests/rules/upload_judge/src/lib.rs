//! Refuses files by what their bytes are.

use hapta_rule::{Denial, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// What not to let in: `{"types": ["text/html"]}`.
#[derive(Deserialize)]
struct UploadJudge {
    types: Vec<String>,
}

impl Rule for UploadJudge {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        let uploads = request.uploads();
        let refused = uploads
            .iter()
            .filter(|upload| self.types.contains(&upload.media_type));
        let denied = refused.fold(None, |denied: Option<Denial>, upload| {
            let message = format!("{} is {}.", upload.name, upload.media_type);
            let denied = denied.unwrap_or_else(denial);
            Some(denied.field(&upload.field, "type_refused", message))
        });
        denied.map_or(Ok(()), Err)
    }
}

fn denial() -> Denial {
    Denial::forbidden("type_refused", "Such files are not taken.")
}

hapta_rule::export!(UploadJudge);
