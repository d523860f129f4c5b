//! The body of a login by password: of one fixed shape.
//!
//! PocketBase takes `IDENTITY` for `identity`; two spellings of one key could
//! name two accounts, one for the limits and one for the login.

use std::fmt;

use serde_json::{Map, Value};

/// A login by password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// A user name, an e-mail address or whatever the collection takes.
    pub identity: String,
    /// The password.
    pub password: String,
    /// Which field the identity is a value of; PocketBase tries all without it.
    pub identity_field: Option<String>,
    /// The first of two steps, when this is the second.
    pub mfa_id: Option<String>,
    /// Keys that the configuration lets in.
    pub also: Map<String, Value>,
}

/// Why a body is no login.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The body is no object.
    #[error("expected an object with identity and password")]
    NoObject,
    /// A key that a login does not have, or not in this spelling.
    #[error("a login has no key \"{key}\"")]
    UnknownKey {
        /// As sent.
        key: String,
    },
    /// A key that a login can't do without.
    #[error("a login needs the key \"{key}\"")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value that is no text, or too long a one.
    #[error("the value of \"{key}\" is no text of at most {LONGEST} bytes")]
    NoText {
        /// The key.
        key: String,
    },
}

/// Its own keys.
const KEYS: [&str; 4] = ["identity", "password", "identityField", "mfaId"];

/// More than PocketBase takes of any of them, whatever the characters.
const LONGEST: usize = 4 * 255;

impl Login {
    /// Reads a parsed body. `admits` says which keys beside its own are let in;
    /// none that PocketBase reads as one of those.
    ///
    /// # Errors
    /// Any other shape.
    pub fn parse(body: Value, admits: &mut dyn FnMut(&str) -> bool) -> Result<Self, LoginError> {
        let Value::Object(body) = body else {
            return Err(LoginError::NoObject);
        };
        let (mut identity, mut password, mut identity_field, mut mfa_id) = (None, None, None, None);
        let mut also = Map::new();
        for (key, value) in body {
            let place = match key.as_str() {
                "identity" => &mut identity,
                "password" => &mut password,
                "identityField" => &mut identity_field,
                "mfaId" => &mut mfa_id,
                other if !is_own(other) && admits(other) => {
                    also.insert(key, value);
                    continue;
                }
                _ => return Err(LoginError::UnknownKey { key }),
            };
            match value {
                Value::String(text) if text.len() <= LONGEST => *place = Some(text),
                _ => return Err(LoginError::NoText { key }),
            }
        }
        Ok(Self {
            identity: identity.ok_or(LoginError::Missing { key: "identity" })?,
            password: password.ok_or(LoginError::Missing { key: "password" })?,
            identity_field,
            mfa_id,
            also,
        })
    }

    /// The body for PocketBase.
    #[must_use]
    pub fn to_body(&self) -> Value {
        let mut body = self.also.clone();
        body.insert("identity".to_owned(), self.identity.clone().into());
        body.insert("password".to_owned(), self.password.clone().into());
        for (key, value) in [
            ("identityField", &self.identity_field),
            ("mfaId", &self.mfa_id),
        ] {
            if let Some(value) = value {
                body.insert(key.to_owned(), value.clone().into());
            }
        }
        Value::Object(body)
    }
}

/// Whether PocketBase would read it as one of a login's own keys: it looks at
/// neither case, nor, since 0.40, `_` and `-` (`identity_field`).
fn is_own(key: &str) -> bool {
    let key = key.replace(['_', '-'], "");
    KEYS.iter().any(|own| own.eq_ignore_ascii_case(&key))
}

/// Neither who logs in nor how: this may end in a log.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[login]")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operation::{OperationKind, Route, Takes};

    #[track_caller]
    fn check(body: &Value, expected: Result<(), &str>) {
        let found = Login::parse(body.clone(), &mut |_| false).map_err(|error| error.to_string());
        assert_eq!(
            found.as_ref().map(|_| ()).map_err(String::as_str),
            expected,
            "{body}"
        );
        if let Ok(login) = found {
            assert_eq!(login.to_body(), *body);
        }
    }

    #[test]
    fn a_login_is_written_as_it_was_read() {
        check(&json!({"identity": "ann", "password": "x"}), Ok(()));
        check(
            &json!({"identity": "", "password": "", "identityField": "email", "mfaId": "m"}),
            Ok(()),
        );
    }

    #[test]
    fn any_other_shape_is_refused_by_name() {
        check(
            &json!([]),
            Err("expected an object with identity and password"),
        );
        check(
            &json!(null),
            Err("expected an object with identity and password"),
        );
        check(
            &json!({"identity": "a", "password": "x", "IDENTITY": "b"}),
            Err("a login has no key \"IDENTITY\""),
        );
        check(
            &json!({"identity": "a", "password": "x", "role": "b"}),
            Err("a login has no key \"role\""),
        );
        check(
            &json!({"password": "x"}),
            Err("a login needs the key \"identity\""),
        );
        check(
            &json!({"identity": "a"}),
            Err("a login needs the key \"password\""),
        );
        check(
            &json!({"identity": 1, "password": "x"}),
            Err("the value of \"identity\" is no text of at most 1020 bytes"),
        );
        check(
            &json!({"identity": "a", "password": "x", "mfaId": null}),
            Err("the value of \"mfaId\" is no text of at most 1020 bytes"),
        );
    }

    #[test]
    fn another_spelling_of_its_own_key_is_never_let_in() {
        let body = |key: &str| json!({"identity": "a", "password": "x", key: 1});
        let login = Login::parse(body("remember"), &mut |_| true).unwrap();
        assert_eq!(login.to_body(), body("remember"));
        for key in [
            "IDENTITY",
            "mfaid",
            "identity_field",
            "identity-Field",
            "mfa_id",
            "pass_word_",
        ] {
            assert!(Login::parse(body(key), &mut |_| true).is_err(), "{key}");
        }
    }

    #[test]
    fn its_keys_are_those_of_the_table_of_routes() {
        let route = Route::of(OperationKind::AuthWithPassword).unwrap();
        assert_eq!(route.body, Takes::Keys(&KEYS));
    }

    #[test]
    fn it_shows_no_password() {
        let body = json!({"identity": "ann", "password": "secret"});
        let login = Login::parse(body, &mut |_| false).unwrap();
        assert_eq!(format!("{login:?}"), "[login]");
    }
}
