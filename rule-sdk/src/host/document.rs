//! A document behind a handle of the gateway.

use crate::bindings::hapta::rule::json;
use crate::{EditError, Value};

/// A handle of the contract, in our terms.
#[repr(transparent)]
pub(crate) struct Document(pub(super) json::Document);

impl Document {
    /// A handle that the gateway lent for the time of a call.
    #[allow(unsafe_code, reason = "a reference to another type takes a cast")]
    pub(super) fn wrap(lent: &json::Document) -> &crate::Document {
        // SAFETY: both types around it are `repr(transparent)`, so the three have one layout.
        unsafe { &*std::ptr::from_ref(lent).cast::<crate::Document>() }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, EditError> {
        json::parse(text).map(Self).map_err(Into::into)
    }

    pub(crate) fn get(&self, pointer: &str) -> Option<Value> {
        self.0.get(pointer).map(Into::into)
    }

    pub(crate) fn keys(&self, pointer: &str) -> Vec<String> {
        self.0.keys(pointer)
    }

    pub(crate) fn length(&self, pointer: &str) -> Option<u32> {
        self.0.length(pointer)
    }

    pub(crate) fn text(&self) -> String {
        self.0.text()
    }

    pub(crate) fn set(&self, pointer: &str, to: Value) -> Result<(), EditError> {
        self.0.set(pointer, &to.into()).map_err(Into::into)
    }

    pub(crate) fn remove(&self, pointer: &str) -> Result<(), EditError> {
        self.0.remove(pointer).map_err(Into::into)
    }
}
