//! `[collections.NAME]` → who judges what is exposed.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ConfigError, invalid, raw};
use crate::rules::{Exposed, OTHERS};
use crate::schema::SUPERUSERS;

pub(super) fn resolve(
    raw: BTreeMap<String, raw::Collection>,
    folder: Option<&Path>,
    superusers: &raw::Superusers,
) -> Result<BTreeMap<String, Exposed>, ConfigError> {
    let mut exposed = BTreeMap::new();
    for (name, collection) in raw {
        let key = format!("collections.{name}");
        let how = judges(&key, collection.rules)?;
        if name == OTHERS && how == Exposed::Folder {
            return Err(invalid(
                key,
                "cannot say \"folder\"; name rules, or \"pocketbase\"",
            ));
        }
        if how == Exposed::Folder && folder.is_none() {
            return Err(invalid(key, "says \"folder\", but rules.folder is not set"));
        }
        exposed.insert(name, how);
    }
    if superusers.routes == raw::Switch::On {
        // Where superusers are served, they can log in.
        exposed
            .entry(SUPERUSERS.to_owned())
            .or_insert(Exposed::PocketBase);
    } else if exposed.contains_key(SUPERUSERS) {
        return Err(invalid(
            "collections._superusers",
            "is exposed while superusers.routes is \"off\"; set it to \"on\", or take the collection out",
        ));
    }
    Ok(exposed)
}

fn judges(key: &str, judges: Option<raw::Judges>) -> Result<Exposed, ConfigError> {
    const CHOICES: &str = "rules = [\"a-rule\", …], rules = \"folder\" for the rules folder, or rules = \"pocketbase\" for PocketBase's own rules alone";
    match judges {
        None => Err(invalid(
            key,
            format!("does not say who judges it; write {CHOICES}"),
        )),
        Some(raw::Judges::Word(word)) => match word.as_str() {
            "folder" => Ok(Exposed::Folder),
            "pocketbase" => Ok(Exposed::PocketBase),
            other => Err(invalid(
                key,
                format!("rules = \"{other}\" is none of the choices: {CHOICES}"),
            )),
        },
        Some(raw::Judges::Names(names)) if names.is_empty() => {
            Err(invalid(key, format!("names no rule; write {CHOICES}")))
        }
        Some(raw::Judges::Names(names)) => Ok(Exposed::Rules(names)),
    }
}
