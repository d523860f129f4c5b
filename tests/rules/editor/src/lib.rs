//! Puts a text into a field of every body, `title` unless the settings' `field` says another: the
//! settings' `title`, else the variable `MARK` of the build's environment, else `edited`. So that builds
//! can be told apart.

use hapta_rule::{Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
struct Editor {
    title: Option<String>,
    /// The field.
    #[serde(default = "title")]
    field: String,
}

fn title() -> String {
    "title".to_owned()
}

impl Rule for Editor {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        if let Some(body) = request.body() {
            let title = self.title.as_deref().or(option_env!("MARK"));
            body.set(&format!("/{}", self.field), title.unwrap_or("edited"))?;
        }
        Ok(())
    }
}

hapta_rule::export!(Editor);
