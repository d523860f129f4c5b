//! A document in memory.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::Value as Json;

use super::{place, strict};
use crate::value::number_to_json;
use crate::{EditError, Value};

/// What stands where a password or token is.
const MASK: &str = "[masked]";

/// The keys whose values no rule sees or touches.
const MASKED: [&str; 5] = [
    "password",
    "passwordConfirm",
    "oldPassword",
    "token",
    "tokenKey",
];

/// A handle; its clones are handles of the same document.
#[derive(Clone)]
pub(crate) struct Document(Rc<Shared>);

struct Shared {
    json: RefCell<Json>,
    editable: Cell<bool>,
    /// Whether passwords and tokens are kept from the rule: not in a document of its own.
    masks: bool,
    /// How many bytes may yet be written.
    left: Cell<usize>,
}

impl Document {
    pub(crate) fn editable(json: Json) -> Self {
        Self(Rc::new(Shared {
            json: RefCell::new(json),
            editable: Cell::new(true),
            masks: true,
            left: Cell::new(usize::MAX),
        }))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, EditError> {
        let json = strict::parse(text).ok_or(EditError::BadJson)?;
        Ok(Self(Rc::new(Shared {
            json: RefCell::new(json),
            editable: Cell::new(true),
            masks: false,
            left: Cell::new(usize::MAX),
        })))
    }

    pub(crate) fn read_only(json: Json) -> Self {
        let document = Self::editable(json);
        document.allow_edits(false);
        document
    }

    pub(crate) fn allow_edits(&self, allow: bool) {
        self.0.editable.set(allow);
    }

    pub(crate) fn bound_edits(&self, bytes: usize) {
        self.0.left.set(bytes);
    }

    /// The whole, with nothing masked: for those who test, not for rules.
    pub(crate) fn bare(&self) -> Json {
        self.0.json.borrow().clone()
    }

    pub(crate) fn get(&self, pointer: &str) -> Option<Value> {
        let found = place::find(&self.masked(), &place::steps(pointer)?)?.clone();
        Some(found.into())
    }

    pub(crate) fn keys(&self, pointer: &str) -> Vec<String> {
        let masked = self.masked();
        place::steps(pointer)
            .and_then(|steps| place::find(&masked, &steps)?.as_object())
            .map(|object| object.keys().cloned().collect())
            .unwrap_or_default()
    }

    pub(crate) fn length(&self, pointer: &str) -> Option<u32> {
        let masked = self.masked();
        let length = match place::find(&masked, &place::steps(pointer)?)? {
            Json::Array(array) => array.len(),
            Json::Object(object) => object.len(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return None,
        };
        u32::try_from(length).ok()
    }

    pub(crate) fn text(&self) -> String {
        self.masked().to_string()
    }

    pub(crate) fn set(&self, pointer: &str, to: Value) -> Result<(), EditError> {
        self.check(pointer)?;
        let steps = place::steps(pointer).ok_or(EditError::BadPointer)?;
        let to = match to {
            Value::Number(number) => number_to_json(number).ok_or(EditError::BadJson)?.into(),
            Value::Json(text) => strict::parse(&text).ok_or(EditError::BadJson)?,
            Value::Null => Json::Null,
            Value::Bool(value) => value.into(),
            Value::Text(text) => text.into(),
        };
        if steps.is_empty() && self.0.masks && has_masked(&to) {
            return Err(EditError::Masked);
        }
        let left = self.0.left.get().checked_sub(to.to_string().len());
        let left = left.ok_or(EditError::TooLarge)?;
        place::set(&mut self.0.json.borrow_mut(), &steps, to)?;
        self.0.left.set(left);
        Ok(())
    }

    pub(crate) fn remove(&self, pointer: &str) -> Result<(), EditError> {
        self.check(pointer)?;
        let steps = place::steps(pointer).ok_or(EditError::BadPointer)?;
        place::remove(&mut self.0.json.borrow_mut(), &steps)
    }

    /// Whether there may be an edit at a place.
    fn check(&self, pointer: &str) -> Result<(), EditError> {
        if !self.0.editable.get() {
            return Err(EditError::ReadOnly);
        }
        let steps = place::steps(pointer).ok_or(EditError::BadPointer)?;
        let masked = match steps.first() {
            Some(key) => MASKED.contains(&key.as_str()),
            None => has_masked(&self.0.json.borrow()),
        };
        if masked && self.0.masks {
            Err(EditError::Masked)
        } else {
            Ok(())
        }
    }

    fn masked(&self) -> Json {
        let mut json = self.bare();
        if !self.0.masks {
            return json;
        }
        if let Some(object) = json.as_object_mut() {
            for (key, value) in object {
                if MASKED.contains(&key.as_str()) {
                    *value = MASK.into();
                }
            }
        }
        json
    }
}

fn has_masked(json: &Json) -> bool {
    MASKED.iter().any(|key| json.get(key).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Document;
    use crate::{EditError, Value};

    #[test]
    fn a_document_answers_what_it_is_asked() {
        let document = Document::editable(json!({"a": [1, {"b": null}], "t": "x", "n": 2}));
        assert_eq!(document.get("/t"), Some(Value::from("x")));
        assert_eq!(document.get("/n"), Some(Value::from(2)));
        assert_eq!(document.get("/a/1/b"), Some(Value::Null));
        assert_eq!(document.get("/a/1/c"), None);
        assert_eq!(
            document.get("/a"),
            Some(Value::Json(r#"[1,{"b":null}]"#.into()))
        );
        assert_eq!(document.keys("/a/1"), ["b"]);
        assert!(document.keys("/t").is_empty());
        assert_eq!(document.length("/a"), Some(2));
        assert_eq!(document.length(""), Some(3));
        assert_eq!(document.length("/t"), None);
    }

    #[test]
    fn secrets_are_neither_seen_nor_touched() {
        let document = Document::editable(json!({"password": "secret", "name": "Ada"}));
        assert_eq!(document.get("/password"), Some(Value::from("[masked]")));
        assert!(!document.text().contains("secret"));
        assert_eq!(
            document.set("/password", "x".into()),
            Err(EditError::Masked)
        );
        assert_eq!(document.set("/token", "x".into()), Err(EditError::Masked));
        assert_eq!(document.remove("/password"), Err(EditError::Masked));
        assert_eq!(
            document.set("", Value::Json("{}".into())),
            Err(EditError::Masked)
        );
        assert_eq!(document.bare()["password"], "secret");
    }

    #[test]
    fn a_document_of_the_rules_own_has_no_secrets() {
        let document = Document::parse(r#"{"token": "plain"}"#).unwrap();
        assert_eq!(document.get("/token"), Some(Value::from("plain")));
        assert_eq!(document.text(), r#"{"token":"plain"}"#);
        document.set("/password", "x".into()).unwrap();
        document
            .set("", Value::Json(r#"{"oldPassword":1}"#.into()))
            .unwrap();
        document.remove("/oldPassword").unwrap();
        assert_eq!(document.text(), "{}");
        assert_eq!(
            Document::parse(r#"{"a":1,"a":2}"#).err(),
            Some(EditError::BadJson)
        );
    }

    #[test]
    fn what_must_not_be_edited_is_as_it_was() {
        #[track_caller]
        fn check(pointer: &str, to: Value, expected: EditError) {
            let document = Document::editable(json!({"a": 1}));
            document.bound_edits(5);
            assert_eq!(document.set(pointer, to), Err(expected));
            assert_eq!(document.bare(), json!({"a": 1}));
        }
        check("a", Value::Null, EditError::BadPointer);
        check("/b/c", Value::Null, EditError::NoSuchPlace);
        check("/b", Value::Json("{".into()), EditError::BadJson);
        check(
            "/b",
            Value::Json(r#"{"a":1,"a":1}"#.into()),
            EditError::BadJson,
        );
        check("/b", Value::Number(f64::NAN), EditError::BadJson);
        check("/b", "long".into(), EditError::TooLarge);
        let document = Document::read_only(json!({"a": 1}));
        assert_eq!(document.set("/a", Value::Null), Err(EditError::ReadOnly));
        assert_eq!(document.remove("/a"), Err(EditError::ReadOnly));
    }

    #[test]
    fn the_bound_is_on_all_edits_together() {
        let document = Document::editable(json!({}));
        document.bound_edits(5);
        assert_eq!(document.set("/a", "x".into()), Ok(()));
        assert_eq!(document.set("/a", "x".into()), Err(EditError::TooLarge));
    }
}
