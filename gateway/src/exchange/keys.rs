//! Bodies of one fixed shape: of a login, a confirmation and the like.
//!
//! PocketBase takes `IDENTITY` for `identity`; two spellings of one key could
//! name two accounts, one for the limits and one for the login. So each key is
//! taken in one spelling, and what PocketBase would read as one of them never
//! comes in by another. A key that is missing is PocketBase's to miss: it says
//! which, in its own words.

use serde_json::{Map, Value};

use crate::operation::{BodyKey, KeyKind};

/// Why a body has not the shape that its operation takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The body is no object.
    #[error("expected an object with {}", each(.keys))]
    NoObject {
        /// Those that it may have.
        keys: &'static [BodyKey],
    },
    /// A key that such a body does not have, or not in this spelling.
    #[error("the body has no key \"{key}\" here, only {}", each(.keys))]
    UnknownKey {
        /// As sent.
        key: String,
        /// Those that it may have.
        keys: &'static [BodyKey],
    },
    /// A value of another kind, or too long a one.
    #[error("the value of \"{key}\" is no {expected}")]
    Value {
        /// As the table of routes spells it.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// Two keys that PocketBase takes for one another.
    #[error("\"{0}\" and \"{1}\" are two names of one key; send one of them")]
    Twice(&'static str, &'static str),
}

/// The key of a login by OAuth2 with the fields of an account to make.
pub const CREATE_DATA: &str = "createData";

/// More than PocketBase takes of a person's text, whatever the characters.
const LONGEST_TEXT: usize = 4 * 255;
/// Far more than tokens, codes and addresses have.
const LONGEST_LONG: usize = 8 * 1024;
/// As many topics, and as long ones, as PocketBase takes.
const MOST_TEXTS: usize = 1_000;
const LONGEST_OF_TEXTS: usize = 2_500;

/// Two names of one thing, in whose order PocketBase looks at them.
const SAME: [(&str, &str); 1] = [("redirectURL", "redirectUrl")];

/// Holds a body against the keys that it may have. `admits` says which keys
/// beside those are let in; never one that PocketBase reads as one of them. Null
/// is no value, as PocketBase has it, and the fields of a record are not looked
/// at here, but that they are an object.
///
/// # Errors
/// Any other shape.
pub fn check(
    keys: &'static [BodyKey],
    body: Value,
    admits: &mut dyn FnMut(&str) -> bool,
) -> Result<Map<String, Value>, KeysError> {
    let Value::Object(body) = body else {
        return Err(KeysError::NoObject { keys });
    };
    let mut kept = Map::new();
    for (key, value) in body {
        match keys.iter().find(|own| own.name == key) {
            Some(_) if value.is_null() => {}
            Some(own) => match fits(own.kind, &value) {
                None => {
                    kept.insert(key, value);
                }
                Some(expected) => {
                    let key = own.name;
                    return Err(KeysError::Value { key, expected });
                }
            },
            None if !is_own(keys, &key) && admits(&key) => {
                kept.insert(key, value);
            }
            None => return Err(KeysError::UnknownKey { key, keys }),
        }
    }
    for (one, other) in SAME {
        if kept.contains_key(one) && kept.contains_key(other) {
            return Err(KeysError::Twice(one, other));
        }
    }
    Ok(kept)
}

/// Takes the keys that are read out of a body that may have any others beside.
///
/// # Errors
/// No object, or a value of another kind.
pub fn pick(keys: &'static [BodyKey], body: Value) -> Result<Map<String, Value>, KeysError> {
    let Value::Object(mut body) = body else {
        return Err(KeysError::NoObject { keys });
    };
    body.retain(|key, _| keys.iter().any(|own| own.name == key));
    check(keys, Value::Object(body), &mut |_| false)
}

/// What the value should be, if it is something else.
fn fits(kind: KeyKind, value: &Value) -> Option<&'static str> {
    let is_text = |bound| value.as_str().is_some_and(|text| text.len() <= bound);
    let (is_so, expected) = match kind {
        KeyKind::Text => (is_text(LONGEST_TEXT), "text of at most 1020 bytes"),
        KeyKind::Long => (is_text(LONGEST_LONG), "text of at most 8192 bytes"),
        KeyKind::Count => (value.is_u64(), "whole number from 0"),
        KeyKind::Record => (value.is_object(), "object with the fields of a record"),
        KeyKind::Texts => (
            value.as_array().is_some_and(|texts| {
                let is_short = |text: &str| text.len() <= LONGEST_OF_TEXTS;
                texts.len() <= MOST_TEXTS
                    && texts.iter().all(|text| text.as_str().is_some_and(is_short))
            }),
            "list of at most 1000 texts of at most 2500 bytes",
        ),
        KeyKind::Parts => (value.is_array(), "list"),
    };
    (!is_so).then_some(expected)
}

/// Whether PocketBase would read it as one of these keys: it looks at neither
/// case, nor, since 0.40, `_` and `-` (`identity_field`).
fn is_own(keys: &[BodyKey], key: &str) -> bool {
    let key = key.replace(['_', '-'], "");
    keys.iter().any(|own| own.name.eq_ignore_ascii_case(&key))
}

fn each(keys: &[BodyKey]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operation::{OperationKind, Route, Takes};

    #[track_caller]
    fn keys(kind: OperationKind) -> &'static [BodyKey] {
        match Route::of(kind).unwrap().body {
            Takes::Keys(keys) => keys,
            other => panic!("{kind} takes {other:?}"),
        }
    }

    #[track_caller]
    fn check(kind: OperationKind, body: &Value, expected: Result<&Value, &str>) {
        let found = super::check(keys(kind), body.clone(), &mut |_| false);
        let found = found.map(Value::from).map_err(|error| error.to_string());
        assert_eq!(found.as_ref().map_err(String::as_str), expected, "{body}");
    }

    const PASSWORD: OperationKind = OperationKind::AuthWithPassword;
    const OAUTH2: OperationKind = OperationKind::AuthWithOAuth2;

    #[test]
    fn what_fits_goes_on_as_it_is() {
        for body in [
            json!({}),
            json!({"identity": "ann", "password": "x"}),
            json!({"identity": "", "password": "", "identityField": "email", "mfaId": "m"}),
        ] {
            check(PASSWORD, &body, Ok(&body));
        }
        let body = json!({"provider": "p", "code": "c", "createData": {"a": [1]}});
        check(OAUTH2, &body, Ok(&body));
        let null = json!({"identity": "ann", "password": "x", "mfaId": null});
        check(
            PASSWORD,
            &null,
            Ok(&json!({"identity": "ann", "password": "x"})),
        );
        let body = json!({"duration": 3});
        check(OperationKind::Impersonate, &body, Ok(&body));
        let body = json!({"clientId": "c", "subscriptions": ["@oauth2"]});
        check(OperationKind::Subscribe, &body, Ok(&body));
    }

    #[test]
    fn any_other_shape_is_refused_by_name() {
        let object = "expected an object with identity, password, identityField, mfaId";
        check(PASSWORD, &json!([]), Err(object));
        check(PASSWORD, &json!(null), Err(object));
        let only = "only identity, password, identityField, mfaId";
        for key in ["IDENTITY", "role"] {
            let body = json!({"identity": "a", "password": "x", key: "b"});
            let message = format!("the body has no key \"{key}\" here, {only}");
            check(PASSWORD, &body, Err(&message));
        }
        check(
            PASSWORD,
            &json!({"identity": 1, "password": "x"}),
            Err("the value of \"identity\" is no text of at most 1020 bytes"),
        );
        check(
            OAUTH2,
            &json!({"createData": "{}"}),
            Err("the value of \"createData\" is no object with the fields of a record"),
        );
        check(
            OAUTH2,
            &json!({"redirectURL": "a", "redirectUrl": "a"}),
            Err("\"redirectURL\" and \"redirectUrl\" are two names of one key; send one of them"),
        );
        for duration in [json!(-1), json!(1.5), json!("3")] {
            let message = "the value of \"duration\" is no whole number from 0";
            let body = json!({"duration": duration});
            check(OperationKind::Impersonate, &body, Err(message));
        }
    }

    #[test]
    fn a_value_is_as_long_as_its_bound_and_no_longer() {
        let code = |length: usize| json!({"code": "c".repeat(length)});
        check(OAUTH2, &code(8192), Ok(&code(8192)));
        let message = "the value of \"code\" is no text of at most 8192 bytes";
        check(OAUTH2, &code(8193), Err(message));
        let topics =
            |count: usize, length: usize| json!({"subscriptions": vec!["t".repeat(length); count]});
        let most = topics(1000, 2500);
        check(OperationKind::Subscribe, &most, Ok(&most));
        let message =
            "the value of \"subscriptions\" is no list of at most 1000 texts of at most 2500 bytes";
        for beyond in [
            topics(1001, 1),
            topics(1, 2501),
            json!({"subscriptions": [1]}),
        ] {
            check(OperationKind::Subscribe, &beyond, Err(message));
        }
    }

    #[test]
    fn another_spelling_of_its_own_key_is_never_let_in() {
        let body = |key: &str| json!({"identity": "a", "password": "x", key: 1});
        let found = super::check(keys(PASSWORD), body("remember"), &mut |_| true);
        assert_eq!(found.map(Value::from), Ok(body("remember")));
        for key in [
            "IDENTITY",
            "mfaid",
            "identity_field",
            "identity-Field",
            "mfa_id",
            "pass_word_",
        ] {
            let found = super::check(keys(PASSWORD), body(key), &mut |_| true);
            assert!(found.is_err(), "{key}");
        }
    }

    #[test]
    fn of_a_return_only_what_is_read_is_kept() {
        let Some(Takes::Among(keys)) = crate::operation::ROUTES
            .iter()
            .find(|row| row.operation == "oauth2Redirect" && row.method == "POST")
            .map(|row| row.body)
        else {
            panic!("no such row");
        };
        let body = json!({"state": "s", "code": "c", "user": "{}", "STATE": "t", "id_token": 1});
        let found = pick(keys, body).map(Value::from);
        assert_eq!(found, Ok(json!({"state": "s", "code": "c"})));
        assert!(pick(keys, json!({"state": 1})).is_err());
        assert!(pick(keys, json!([])).is_err());
    }
}
