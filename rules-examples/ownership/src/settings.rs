//! What the operator may set.

use hapta_rule::SettingsError;
use serde::Deserialize;

/// The settings. What is not said is as in the first Hapta's README.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The collection of those who can own. A record of it is its own owner.
    pub(crate) users: String,
    /// The field of any other collection's records that holds the owner's id.
    pub(crate) owner_field: String,
    /// The fields of one's own record in `users` that one may not change.
    pub(crate) protected: Vec<String>,
    /// Whether users may change `others_fields` of each other's records in `users`.
    pub(crate) others_may_update: bool,
    /// The fields that they may change then.
    pub(crate) others_fields: Vec<String>,
    /// Whether one must be the owner of what one creates, and may not create a user with a
    /// protected field. The README judges no creation.
    pub(crate) creators_are_owners: bool,
    /// The fields to take out of records that are not one's own, in every collection.
    pub(crate) hide: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            users: "users".to_owned(),
            owner_field: "author".to_owned(),
            protected: list(&[
                "validVerified",
                "postr_plus",
                "followers",
                "postr_subscriber_since",
            ]),
            others_may_update: false,
            others_fields: list(&[
                "username",
                "email",
                "verified",
                "validVerified",
                "postr_plus",
                "following",
                "bio",
                "postr_subscriber_since",
            ]),
            creators_are_owners: false,
            hide: Vec::new(),
        }
    }
}

impl Settings {
    /// Whether all names can be names in PocketBase. A name that can't be would guard nothing.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let lists = [
            ("users", std::slice::from_ref(&self.users)),
            ("owner_field", std::slice::from_ref(&self.owner_field)),
            ("protected", &self.protected),
            ("others_fields", &self.others_fields),
            ("hide", &self.hide),
        ];
        for (key, names) in lists {
            if let Some(name) = names.iter().find(|name| !is_name(name)) {
                return Err(SettingsError::at(key, format_args!("{name:?} is no name")));
            }
        }
        // Without these nobody could tell any more whose the record is.
        let needed = ["id", "collectionId", "collectionName"];
        match self
            .hide
            .iter()
            .find(|name| needed.contains(&name.as_str()))
        {
            Some(name) => Err(SettingsError::at("hide", format_args!("{name} must stay"))),
            None => Ok(()),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|one| one.is_ascii_alphanumeric() || one == b'_')
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
