//! Keeps what no rule should keep: how often its instance was called. Tells it by denying, `kept` (418).

use std::sync::atomic::{AtomicU32, Ordering};

use hapta_rule::{Denial, Hook, Manifest, NoSettings, Request, Rule, SettingsError, Verdict};

static CALLS: AtomicU32 = AtomicU32::new(0);

struct Keeper;

impl Rule for Keeper {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, request: &Request) -> Verdict {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        if request.header("x-trap").is_some() {
            panic!("as asked");
        }
        Err(Denial::new(418, "kept", calls.to_string()))
    }
}

hapta_rule::export!(Keeper);
