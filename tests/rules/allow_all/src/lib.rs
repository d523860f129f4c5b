//! Allows everything, in every hook. It has no settings.

use hapta_rule::{Hook, Manifest, NoSettings, Rule, SettingsError};

struct AllowAll;

impl Rule for AllowAll {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before, Hook::Reveal, Hook::After])
    }
}

hapta_rule::export!(AllowAll);
