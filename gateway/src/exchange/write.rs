//! The body of a create or an update: whose fields it sets, and how.

use std::fmt;

use serde_json::{Map, Value};

use super::{Upload, value};
use crate::schema::{Collection, CollectionKind, FieldKind};

/// A key of a body: a field's name and what is done to the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldKey<'a> {
    /// The field's name.
    pub base: &'a str,
    /// What is done to it.
    pub modifier: Modifier,
}

/// What a key does to its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// `field`: replaces the value.
    Set,
    /// `field+`: adds a number, or values at the end.
    Append,
    /// `+field`: adds values at the beginning.
    Prepend,
    /// `field-`: subtracts a number, or takes values away.
    Remove,
    /// `field:autogenerate`: lets PocketBase make a value.
    Autogenerate,
}

/// Why a body is no change to a record.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No field of the collection has that name.
    #[error("the collection {collection} has no field for the key \"{key}\"")]
    UnknownField {
        /// As the schema spells it.
        collection: String,
        /// As sent.
        key: String,
    },
    /// The field can't be changed in that way.
    #[error("the key \"{key}\" has a modifier that its field does not take")]
    Modifier {
        /// As sent.
        key: String,
    },
    /// The value has no spelling that PocketBase is sure to store as it is meant.
    #[error("the key \"{key}\" takes only {expected}")]
    Value {
        /// As sent.
        key: String,
        /// What the field takes.
        expected: &'static str,
    },
    /// Two keys change one field: PocketBase applies them in the order of
    /// their length, and no rule could tell what comes out.
    #[error("the field \"{field}\" is changed by more than one key")]
    Ambiguous {
        /// The field's name.
        field: String,
    },
}

/// Sent along by PocketBase with each record, and so sent back by clients;
/// PocketBase ignores them. No field can have such a name.
const IGNORED: [&str; 3] = ["collectionId", "collectionName", "expand"];
/// Of auth collections, beside their fields.
const PASSWORD_KEYS: [&str; 2] = ["passwordConfirm", "oldPassword"];

/// Checks every key against the collection's fields, drops those that
/// PocketBase ignores, and spells each value as PocketBase stores it. Hidden fields stay: rules are to see them, and
/// PocketBase drops them for all but superusers. A key that is no field stays as it is
/// where `admits` lets it in: PocketBase's rules and hooks see it.
///
/// # Errors
/// A key that PocketBase would not apply, or not alone, or not as it stands.
pub fn check_record_body(
    body: Map<String, Value>,
    collection: &Collection,
    admits: &mut dyn FnMut(&str) -> bool,
) -> Result<Map<String, Value>, WriteError> {
    let mut kept = Map::new();
    for (key, value) in body {
        let kind = match kind(&key, collection) {
            Ok(Some(kind)) => kind,
            Ok(None) => continue,
            Err(WriteError::UnknownField { .. }) if admits(&key) => {
                kept.insert(key, value);
                continue;
            }
            Err(error) => return Err(error),
        };
        match value::normalise(kind, value) {
            Ok(value) => kept.insert(key, value),
            Err(expected) => return Err(WriteError::Value { key, expected }),
        };
    }
    let mut bases: Vec<&str> = kept.keys().map(|key| FieldKey::parse(key).base).collect();
    bases.sort_unstable();
    match bases
        .iter()
        .zip(bases.iter().skip(1))
        .find(|(one, next)| one == next)
    {
        Some((field, _)) => Err(WriteError::Ambiguous {
            field: (*field).to_owned(),
        }),
        None => Ok(kept),
    }
}

/// The bare names of the fields that a body and its files change, sorted, each once.
#[must_use]
pub fn changes(body: Option<&Map<String, Value>>, uploads: &[Upload]) -> Vec<String> {
    let keys = body.into_iter().flat_map(Map::keys);
    let bases = keys.map(|key| FieldKey::parse(key).base);
    let bases = bases.chain(uploads.iter().map(Upload::field));
    let mut names: Vec<String> = bases.map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl<'a> FieldKey<'a> {
    /// Takes the modifier off a key; one at most, so that `+f+` names no field.
    #[must_use]
    pub fn parse(key: &'a str) -> Self {
        let (base, modifier) = if let Some(base) = key.strip_suffix(":autogenerate") {
            (base, Modifier::Autogenerate)
        } else if let Some(base) = key.strip_suffix('+') {
            (base, Modifier::Append)
        } else if let Some(base) = key.strip_suffix('-') {
            (base, Modifier::Remove)
        } else if let Some(base) = key.strip_prefix('+') {
            (base, Modifier::Prepend)
        } else {
            (key, Modifier::Set)
        };
        Self { base, modifier }
    }
}

impl fmt::Display for FieldKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.modifier {
            Modifier::Set => f.write_str(self.base),
            Modifier::Append => write!(f, "{}+", self.base),
            Modifier::Prepend => write!(f, "+{}", self.base),
            Modifier::Remove => write!(f, "{}-", self.base),
            Modifier::Autogenerate => write!(f, "{}:autogenerate", self.base),
        }
    }
}

/// What a key sets; nothing where PocketBase ignores it.
fn kind<'a>(key: &str, collection: &'a Collection) -> Result<Option<&'a FieldKind>, WriteError> {
    if IGNORED.contains(&key) {
        return Ok(None);
    }
    if collection.kind == CollectionKind::Auth && PASSWORD_KEYS.contains(&key) {
        return Ok(Some(&FieldKind::Password));
    }
    let FieldKey { base, modifier } = FieldKey::parse(key);
    let field = collection.field(base);
    let field = field.ok_or_else(|| WriteError::UnknownField {
        collection: collection.name.clone(),
        key: key.to_owned(),
    })?;
    match &field.kind {
        FieldKind::Autodate { .. } => Ok(None),
        kind if takes(kind, modifier) => Ok(Some(kind)),
        _ => Err(WriteError::Modifier {
            key: key.to_owned(),
        }),
    }
}

/// PocketBase ignores a key with any other modifier, without a word.
fn takes(kind: &FieldKind, modifier: Modifier) -> bool {
    match modifier {
        Modifier::Set => true,
        Modifier::Append | Modifier::Remove => *kind == FieldKind::Number || is_list(kind),
        Modifier::Prepend => is_list(kind),
        Modifier::Autogenerate => *kind == FieldKind::Text,
    }
}

fn is_list(kind: &FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::Select { .. } | FieldKind::Relation { .. } | FieldKind::File { .. }
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Field;

    fn users() -> Collection {
        let field = |name: &str, kind| Field {
            name: name.to_owned(),
            kind,
            hidden: false,
        };
        Collection {
            id: "_pb_users_auth_".to_owned(),
            name: "users".to_owned(),
            kind: CollectionKind::Auth,
            system: false,
            masked: std::sync::Arc::default(),
            masked_of_logins: std::sync::Arc::default(),
            fields: vec![
                field("id", FieldKind::Text),
                field("password", FieldKind::Password),
                Field {
                    hidden: true,
                    ..field("tokenKey", FieldKind::Text)
                },
                field("email", FieldKind::Email),
                field("n", FieldKind::Number),
                field(
                    "avatar",
                    FieldKind::File {
                        protected: false,
                        multiple: false,
                        limits: crate::schema::FileLimits::default(),
                    },
                ),
                field(
                    "friends",
                    FieldKind::Relation {
                        collection: "_pb_users_auth_".to_owned(),
                        multiple: true,
                    },
                ),
                field("created", FieldKind::Autodate { on_update: false }),
            ],
        }
    }

    #[track_caller]
    fn check(body: &Value, expected: Result<&[&str], &str>) {
        let body = body.as_object().cloned().unwrap_or_default();
        let found = check_record_body(body, &users(), &mut |_| false);
        let keys = found
            .map(|kept| kept.keys().cloned().collect::<Vec<_>>())
            .map_err(|error| error.to_string());
        let expected =
            expected.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(keys, expected.map_err(str::to_owned));
    }

    #[test]
    fn a_key_has_one_modifier_at_most() {
        for (key, base, modifier) in [
            ("f", "f", Modifier::Set),
            ("f+", "f", Modifier::Append),
            ("+f", "f", Modifier::Prepend),
            ("f-", "f", Modifier::Remove),
            ("f:autogenerate", "f", Modifier::Autogenerate),
            ("-f", "-f", Modifier::Set),
            ("+f+", "+f", Modifier::Append),
            ("f:unsaved", "f:unsaved", Modifier::Set),
        ] {
            assert_eq!(FieldKey::parse(key), FieldKey { base, modifier }, "{key}");
            assert_eq!(FieldKey::parse(key).to_string(), key);
        }
    }

    #[test]
    fn fields_are_kept_and_ignored_keys_dropped() {
        check(&json!({}), Ok(&[]));
        check(
            &json!({"id": "x", "email": "a@b.co", "tokenKey": "k"}),
            Ok(&["email", "id", "tokenKey"]),
        );
        check(
            &json!({"password": "p", "passwordConfirm": "p", "oldPassword": "o"}),
            Ok(&["oldPassword", "password", "passwordConfirm"]),
        );
        check(
            &json!({"collectionId": "c", "collectionName": "n", "expand": {}, "created": "now"}),
            Ok(&[]),
        );
        check(
            &json!({"n+": 1, "avatar-": "a.png", "+friends": "id", "id:autogenerate": ""}),
            Ok(&["+friends", "avatar-", "id:autogenerate", "n+"]),
        );
    }

    #[test]
    fn an_unknown_key_is_named() {
        for key in [
            "role",
            "Email",
            "email ",
            "@jsonPayload",
            "-n",
            "+n+",
            "n:each",
            "avatar:unsaved",
            "",
            "passwordConfirm+",
        ] {
            let message = format!("the collection users has no field for the key \"{key}\"");
            check(&json!({ key: 1 }), Err(&message));
        }
    }

    #[test]
    fn a_modifier_must_fit_and_stand_alone() {
        for key in [
            "password+",
            "friends:autogenerate",
            "n:autogenerate",
            "+n",
            "id+",
            "+id",
            "id-",
            "email:autogenerate",
            "email+",
        ] {
            let message = format!("the key \"{key}\" has a modifier that its field does not take");
            check(&json!({ key: "x" }), Err(&message));
        }
        check(
            &json!({"n": 1, "n+": 1}),
            Err("the field \"n\" is changed by more than one key"),
        );
        check(
            &json!({"+friends": "a", "friends-": "b"}),
            Err("the field \"friends\" is changed by more than one key"),
        );
    }

    #[test]
    fn a_value_is_spelled_as_it_is_stored_or_refused_by_its_key() {
        let body = json!({
            "n-": "1.50", "friends+": "a", "email": null, "avatar": ["a.png"], "id:autogenerate": true,
        });
        let body = body.as_object().cloned().unwrap_or_default();
        let kept = check_record_body(body, &users(), &mut |_| false);
        assert_eq!(
            kept.map(Value::from),
            Ok(json!({
                "n-": 1.5, "friends+": ["a"], "email": "", "avatar": "a.png", "id:autogenerate": "true",
            }))
        );
        for (key, value, expected) in [
            ("n", json!("12abc"), "a number"),
            ("n+", json!([1]), "a number"),
            ("friends-", json!([[]]), "an array of texts"),
            ("avatar", json!(["a", "b"]), "one text"),
            ("oldPassword", json!(1), "a text"),
        ] {
            let message = format!("the key \"{key}\" takes only {expected}");
            check(&json!({ key: value }), Err(&message));
        }
    }

    #[test]
    fn password_keys_are_for_auth_collections_only() {
        let posts = Collection {
            kind: CollectionKind::Base,
            name: "posts".to_owned(),
            ..users()
        };
        let body = json!({"passwordConfirm": "p"});
        let body = body.as_object().cloned().unwrap_or_default();
        assert!(check_record_body(body, &posts, &mut |_| false).is_err());
    }

    #[test]
    fn a_key_that_is_let_in_stays_as_it_is() {
        let body = json!({"captcha": {"a": [1]}, "n": "1"});
        let body = body.as_object().cloned().unwrap_or_default();
        let kept = check_record_body(body, &users(), &mut |key| key == "captcha");
        assert_eq!(
            kept.map(Value::from),
            Ok(json!({"captcha": {"a": [1]}, "n": 1}))
        );
    }

    #[test]
    fn changes_are_bare_names() {
        let body = json!({"n+": 1, "b": 2, "+a": 3, "n": 4});
        let file = |key: &str| Upload {
            key: key.to_owned(),
            name: "a.png".to_owned(),
            size: 1,
            media_type: "image/png".to_owned(),
        };
        let uploads = [file("photos+"), file("+b")];
        let changed = changes(body.as_object(), &uploads);
        assert_eq!(changed, ["a", "b", "n", "photos"]);
        assert_eq!(changes(None, &[]), [""; 0]);
    }
}
