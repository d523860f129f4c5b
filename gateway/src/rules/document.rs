//! JSON as a rule reads and edits it: RFC 6901 pointers into a value that the
//! gateway holds, secrets masked, edits counted.
//!
//! The semantics are written in `wit/json.wit`; this is the one implementation
//! behind every document a rule can get hold of.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::exchange::json;

/// What a masked value reads as.
pub(super) const MASK: &str = "[masked]";

/// A document in the hands of a rule.
#[derive(Debug)]
pub(super) struct Document {
    content: Content,
    /// Keys of the top level whose values are secrets.
    masked: Arc<[String]>,
    /// The top-level keys that edits have touched, for holding a rule to its manifest.
    touched: Vec<String>,
}

#[derive(Debug)]
enum Content {
    ReadOnly(Arc<Value>),
    Editable(Value),
}

/// Why an edit was not taken; `edit-error` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EditError {
    ReadOnly,
    BadPointer,
    NoSuchPlace,
    BadJson,
    Masked,
}

impl Document {
    pub(super) fn read_only(value: Arc<Value>) -> Self {
        Self {
            content: Content::ReadOnly(value),
            masked: Arc::default(),
            touched: Vec::new(),
        }
    }

    pub(super) fn editable(value: Value) -> Self {
        Self {
            content: Content::Editable(value),
            masked: Arc::default(),
            touched: Vec::new(),
        }
    }

    /// Hides the values of these top-level keys.
    pub(super) fn masking(mut self, keys: Arc<[String]>) -> Self {
        self.masked = keys;
        self
    }

    pub(super) fn value(&self) -> &Value {
        match &self.content {
            Content::ReadOnly(value) => value,
            Content::Editable(value) => value,
        }
    }

    /// The value, edits and all, and the top-level keys that were touched.
    pub(super) fn into_parts(self) -> (Value, Vec<String>) {
        let value = match self.content {
            Content::ReadOnly(value) => Arc::unwrap_or_clone(value),
            Content::Editable(value) => value,
        };
        (value, self.touched)
    }

    /// The value at a place, for a reader that must not see secrets.
    pub(super) fn get(&self, pointer: &str) -> Option<Seen<'_>> {
        let first = first_key(pointer);
        if first.as_deref().is_some_and(|key| self.masks(key)) {
            // Whether it is there may be known, what it is may not.
            return find(self.value(), pointer).map(|_| Seen::Masked);
        }
        let value = find(self.value(), pointer)?;
        if first.is_none() && self.hides_any() {
            return Some(Seen::Printed(self.text()));
        }
        Some(Seen::Plain(value))
    }

    pub(super) fn keys(&self, pointer: &str) -> Vec<String> {
        match self.container(pointer) {
            Some(Value::Object(map)) => map.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn length(&self, pointer: &str) -> Option<usize> {
        match self.container(pointer)? {
            Value::Array(items) => Some(items.len()),
            Value::Object(map) => Some(map.len()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }

    /// What is at a place, for looking at its keys and length; nothing within a secret.
    fn container(&self, pointer: &str) -> Option<&Value> {
        let is_secret = first_key(pointer).is_some_and(|key| self.masks(&key));
        if is_secret {
            None
        } else {
            find(self.value(), pointer)
        }
    }

    /// The whole, printed, secrets masked.
    pub(super) fn text(&self) -> String {
        if !self.hides_any() {
            return self.value().to_string();
        }
        let mut copy = self.value().clone();
        if let Value::Object(map) = &mut copy {
            for (key, value) in map.iter_mut() {
                if self.masks(key) {
                    *value = Value::from(MASK);
                }
            }
        }
        copy.to_string()
    }

    /// Puts a value at a place, as the contract says.
    pub(super) fn set(&mut self, pointer: &str, to: Value) -> Result<(), EditError> {
        let Some(first) = self.editable_key(pointer)? else {
            // The whole: secrets would be lost, and a record is always an object.
            if self.hides_any() {
                return Err(EditError::Masked);
            }
            if !to.is_object() {
                return Err(EditError::NoSuchPlace);
            }
            let before = std::mem::take(self.root_mut()?);
            self.touch_all(&before, &to);
            *self.root_mut()? = to;
            return Ok(());
        };
        let (parent, last) = split_last(pointer);
        let root = self.root_mut()?;
        match root.pointer_mut(parent).ok_or(EditError::NoSuchPlace)? {
            Value::Object(map) => {
                map.insert(last.into_owned(), to);
            }
            Value::Array(items) => {
                let at = if last == "-" {
                    items.len()
                } else {
                    index(&last)?
                };
                if at == items.len() {
                    items.push(to);
                } else {
                    *items.get_mut(at).ok_or(EditError::NoSuchPlace)? = to;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(EditError::NoSuchPlace);
            }
        }
        self.touch(first);
        Ok(())
    }

    /// Takes the value at a place out. What isn't there is no error.
    pub(super) fn remove(&mut self, pointer: &str) -> Result<(), EditError> {
        let Some(first) = self.editable_key(pointer)? else {
            return Err(EditError::NoSuchPlace);
        };
        let (parent, last) = split_last(pointer);
        let removed = match self.root_mut()?.pointer_mut(parent) {
            Some(Value::Object(map)) => map.remove(&*last).is_some(),
            Some(Value::Array(items)) => match index(&last)? {
                at if at < items.len() => {
                    items.remove(at);
                    true
                }
                _ => false,
            },
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
                false
            }
        };
        if removed {
            self.touch(first);
        }
        Ok(())
    }

    /// The first key of a pointer that may be edited; none for the whole document.
    fn editable_key<'a>(&self, pointer: &'a str) -> Result<Option<Cow<'a, str>>, EditError> {
        if matches!(self.content, Content::ReadOnly(_)) {
            return Err(EditError::ReadOnly);
        }
        if !is_pointer(pointer) {
            return Err(EditError::BadPointer);
        }
        match first_key(pointer) {
            Some(key) if self.masks(&key) => Err(EditError::Masked),
            first => Ok(first),
        }
    }

    fn root_mut(&mut self) -> Result<&mut Value, EditError> {
        match &mut self.content {
            Content::ReadOnly(_) => Err(EditError::ReadOnly),
            Content::Editable(value) => Ok(value),
        }
    }

    fn masks(&self, key: &str) -> bool {
        self.masked.iter().any(|masked| masked == key)
    }

    /// Whether a masked key is really there, so that the common body is printed without a copy.
    fn hides_any(&self) -> bool {
        self.masked
            .iter()
            .any(|key| self.value().get(key).is_some())
    }

    fn touch(&mut self, key: Cow<'_, str>) {
        if !self.touched.iter().any(|touched| *touched == key) {
            self.touched.push(key.into_owned());
        }
    }

    fn touch_all(&mut self, before: &Value, after: &Value) {
        let keys = [before, after]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(serde_json::Map::keys);
        for key in keys {
            if before.get(key) != after.get(key) {
                self.touch(key.into());
            }
        }
    }
}

/// What a rule gets to see at a place.
#[derive(Debug, PartialEq)]
pub(super) enum Seen<'a> {
    Plain(&'a Value),
    /// A secret.
    Masked,
    /// A whole document with secrets in it, printed without them.
    Printed(String),
}

/// Parses what a rule hands over as JSON text, as strictly as a client's body.
pub(super) fn parse_edit(text: &str) -> Result<Value, EditError> {
    json::parse(text.as_bytes(), json::Bounds::default()).map_err(|_| EditError::BadJson)
}

/// What [`Value::pointer`] finds, but without a copy of each key on the way.
fn find<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() {
        return Some(root);
    }
    let mut keys = pointer.strip_prefix('/')?.split('/').map(unescape);
    keys.try_fold(root, |value, key| match value {
        Value::Object(map) => map.get(&*key),
        Value::Array(items) => items.get(index(&key).ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn is_pointer(pointer: &str) -> bool {
    let is_escaped_well = || !has_escape(pointer) || !has_bad_escape(pointer);
    pointer.is_empty() || (pointer.starts_with('/') && is_escaped_well())
}

fn has_escape(pointer: &str) -> bool {
    pointer.as_bytes().contains(&b'~')
}

/// `~` may stand only before `0` or `1`.
fn has_bad_escape(pointer: &str) -> bool {
    pointer
        .split('~')
        .skip(1)
        .any(|rest| !rest.starts_with(['0', '1']))
}

fn first_key(pointer: &str) -> Option<Cow<'_, str>> {
    pointer
        .strip_prefix('/')
        .map(|rest| unescape(rest.split('/').next().unwrap_or_default()))
}

fn split_last(pointer: &str) -> (&str, Cow<'_, str>) {
    let (parent, last) = pointer.rsplit_once('/').unwrap_or_default();
    (parent, unescape(last))
}

/// Hardly a key has an escape, so hardly a one is copied.
fn unescape(key: &str) -> Cow<'_, str> {
    if has_escape(key) {
        key.replace("~1", "/").replace("~0", "~").into()
    } else {
        key.into()
    }
}

/// An array index as RFC 6901 writes it: no sign, no leading zero.
fn index(text: &str) -> Result<usize, EditError> {
    let plain = text == "0"
        || (!text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    if plain {
        text.parse().map_err(|_| EditError::NoSuchPlace)
    } else {
        Err(EditError::NoSuchPlace)
    }
}
