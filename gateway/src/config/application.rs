//! `[application]` → from which applications requests are taken.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{ConfigError, Environment, invalid, raw, secret, within};
use crate::application::{Application, Keys, Needed, Signing};
use crate::operation::OperationKind;
use crate::secret::Key;

/// Each takes some eighty bytes while it is remembered.
const PROOFS: RangeInclusive<usize> = 1_000..=10_000_000;

/// All of them are looked at with each request.
const MOST_KEYS: usize = 64;

const VARIABLE: &str = "HAPTA_APP_KEYS";
const FILE: &str = "application.keys_file";

/// What a browser asks for by itself, when no script can give it a header, or what
/// has to answer to anybody.
const WITHOUT: [OperationKind; 8] = [
    OperationKind::Health,
    OperationKind::OAuth2Redirect,
    OperationKind::Realtime,
    OperationKind::Download,
    OperationKind::Dashboard,
    OperationKind::AuthPage,
    OperationKind::Static,
    // Nobody asks for one.
    OperationKind::Event,
];

/// What the gateway's own pages do for people whom a mail led there. Its token is their proof.
const OF_MAILS: [OperationKind; 3] = [
    OperationKind::ConfirmVerification,
    OperationKind::ConfirmPasswordReset,
    OperationKind::ConfirmEmailChange,
];

/// What is another way to the same: who names the first means the second as well.
const SAME: [(OperationKind, OperationKind); 6] = [
    (OperationKind::Create, OperationKind::Batch),
    (OperationKind::Update, OperationKind::Batch),
    (OperationKind::Delete, OperationKind::Batch),
    (OperationKind::Create, OperationKind::AuthWithOAuth2),
    (OperationKind::List, OperationKind::Subscribe),
    (OperationKind::View, OperationKind::Subscribe),
];

pub(super) fn resolve(
    (raw, sessions): (&raw::Application, &raw::Sessions),
    folder: &Path,
    environment: &Environment,
) -> Result<Application, ConfigError> {
    if raw.dpop == raw::Dpop::Required && sessions.mode != raw::SessionMode::Rolling {
        let problem = "is \"required\", and PocketBase's own tokens can't be bound to a key; set sessions.mode to \"rolling\" as well";
        return Err(invalid("application.dpop", problem));
    }
    within("application.proofs", raw.proofs, &PROOFS)?;
    // What is not used now is to be good when it is.
    let known = keys(raw, folder, environment)?;
    let needed = needed(raw)?;
    let keys = match raw.keys {
        raw::AppKeys::Off => None,
        raw::AppKeys::Required if known.is_empty() => {
            let problem = format!(
                "is \"required\", but there are no keys; set {VARIABLE}, or {FILE} to a file with lines like app:KEY"
            );
            return Err(invalid("application.keys", problem));
        }
        raw::AppKeys::Required => Some(Keys { known, needed }),
    };
    Ok(Application {
        keys,
        proofs: match raw.dpop {
            raw::Dpop::Off => Signing::Off,
            raw::Dpop::Optional => Signing::Optional,
            raw::Dpop::Required => Signing::Required,
        },
        remembered: raw.proofs,
    })
}

/// The file that counts, so that it can be followed.
pub(super) fn keys_file(raw: &raw::Application, folder: &Path) -> Option<PathBuf> {
    raw.keys_file.as_ref().map(|file| folder.join(file))
}

/// The keys of the environment, else those of the file.
fn keys(
    raw: &raw::Application,
    folder: &Path,
    environment: &Environment,
) -> Result<Vec<(Arc<str>, Key)>, ConfigError> {
    if let Some(text) = &environment.app_keys {
        return read(VARIABLE, text);
    }
    let Some(file) = keys_file(raw, folder) else {
        return Ok(Vec::new());
    };
    let text = std::fs::read_to_string(&file)
        .map_err(|problem| invalid(FILE, format!("cannot read {}: {problem}", file.display())))?;
    read(FILE, &text)
}

/// `name:key`, with commas or ends of lines between. No message repeats any of it.
fn read(place: &str, text: &str) -> Result<Vec<(Arc<str>, Key)>, ConfigError> {
    let entries = text.split([',', '\n']).map(str::trim);
    let entries = entries.filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
    let (mut keys, mut seen) = (Vec::new(), HashSet::new());
    for (at, entry) in entries.enumerate() {
        let wrong = |problem: &str| invalid(place, format!("entry {}: {problem}", at + 1));
        let Some((name, key)) = entry.split_once(':').filter(|(name, _)| is_name(name)) else {
            return Err(wrong(
                "expected NAME:KEY, the name of up to 64 letters, digits, - and _",
            ));
        };
        secret::check(place, Some(key))?;
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "the key must be of letters, digits and signs of ASCII",
            ));
        }
        if !seen.insert(key) {
            return Err(wrong("the key is there twice"));
        }
        let key = Key::new(key).ok_or_else(|| wrong("the system has no randomness"))?;
        keys.push((Arc::from(name), key));
    }
    if keys.len() > MOST_KEYS {
        return Err(invalid(place, format!("has more than {MOST_KEYS} keys")));
    }
    Ok(keys)
}

fn is_name(name: &str) -> bool {
    let is_of_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_of_one)
}

/// The operations that need a key: all that can have one, or those that are named, whatever
/// leads to the same with them.
fn needed(raw: &raw::Application) -> Result<Needed, ConfigError> {
    let Some(named) = &raw.operations else {
        return Ok(Needed::But(WITHOUT.into_iter().chain(OF_MAILS).collect()));
    };
    if let Some(kind) = named.iter().find(|kind| WITHOUT.contains(kind)) {
        let problem = format!("\"{kind}\" can't need a key: browsers ask for it without headers");
        return Err(invalid("application.operations", problem));
    }
    let also = SAME.iter().filter(|(one, _)| named.contains(one));
    let also = also.map(|(_, other)| *other);
    Ok(Needed::For(named.iter().copied().chain(also).collect()))
}

#[cfg(test)]
mod tests;
