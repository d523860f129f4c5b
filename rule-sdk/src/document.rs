//! JSON that the gateway holds and a rule reads through a handle.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{EditError, ShapeError, Value, backend};

/// A JSON document: a body, a record, the principal.
///
/// Places in it are JSON Pointers (RFC 6901): `""` is the whole, `/author` a key, `/tags/0` an
/// item; `~` and `/` within a key are written `~0` and `~1`. Nothing is copied into the rule but
/// what it asks for. Passwords and tokens read as the text `[masked]`.
#[repr(transparent)]
pub struct Document(pub(crate) backend::Document);

impl Document {
    /// A document of the rule's own, of a text: a field that holds JSON as text. It is parsed as
    /// strictly as a body, may be edited, and goes nowhere.
    ///
    /// # Errors
    ///
    /// [`EditError::BadJson`]; [`EditError::TooLarge`], as the text counts as an edit.
    pub fn parse(text: &str) -> Result<Self, EditError> {
        backend::Document::parse(text).map(Self)
    }

    /// The value at a place; none where there is nothing (a JSON `null` is [`Value::Null`]).
    #[must_use]
    pub fn get(&self, pointer: &str) -> Option<Value> {
        self.0.get(pointer)
    }

    /// Whether there is anything at a place, if only `null`.
    #[must_use]
    pub fn has(&self, pointer: &str) -> bool {
        self.get(pointer).is_some()
    }

    /// The text at a place; none where there is anything else.
    #[must_use]
    pub fn str(&self, pointer: &str) -> Option<String> {
        match self.get(pointer)? {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Json(_) => None,
        }
    }

    /// The truth value at a place; none where there is anything else.
    #[must_use]
    pub fn bool(&self, pointer: &str) -> Option<bool> {
        self.get(pointer)?.as_bool()
    }

    /// The number at a place; none where there is anything else.
    #[must_use]
    pub fn number(&self, pointer: &str) -> Option<f64> {
        self.get(pointer)?.as_number()
    }

    /// The value at a place as a type of one's own. Where there is nothing, it is read as `null`,
    /// which an [`Option`] takes.
    ///
    /// # Errors
    ///
    /// A value of another shape. `?` makes a denial of it.
    pub fn to<T: DeserializeOwned>(&self, pointer: &str) -> Result<T, ShapeError> {
        self.get(pointer)
            .unwrap_or(Value::Null)
            .into_serde()
            .and_then(T::deserialize)
            .map_err(|cause| ShapeError {
                pointer: pointer.to_owned(),
                cause,
            })
    }

    /// The keys of the object at a place; empty where there is no object.
    #[must_use]
    pub fn keys(&self, pointer: &str) -> Vec<String> {
        self.0.keys(pointer)
    }

    /// How many items an array, or keys an object, has; none for anything else.
    #[must_use]
    pub fn length(&self, pointer: &str) -> Option<u32> {
        self.0.length(pointer)
    }

    /// The whole document, printed as JSON.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.text()
    }

    /// Puts a value at a place: replaces it, adds a key to an object, or appends to an array at its
    /// length (or at `-`).
    ///
    /// # Errors
    ///
    /// [`EditError`] says why not; `?` makes a denial of it.
    pub fn set(&self, pointer: &str, to: impl Into<Value>) -> Result<(), EditError> {
        self.0.set(pointer, to.into())
    }

    /// Takes the value at a place out. Removing what isn't there is no error.
    ///
    /// # Errors
    ///
    /// [`EditError`] says why not; `?` makes a denial of it.
    pub fn remove(&self, pointer: &str) -> Result<(), EditError> {
        self.0.remove(pointer)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}
