//! `hapta:rule/json`: documents behind handles.

use serde_json::Value;
use wasmtime::component::Resource;

use super::shown::{of, word_for};
use super::{CallState, DocumentHandle, PLACES, Place};
use crate::rules::bindings::hapta::rule::json::{self, EditError};
use crate::rules::convert;
use crate::rules::document::{self, Document};

impl json::Host for CallState {
    fn parse(
        &mut self,
        text: String,
    ) -> wasmtime::Result<Result<Resource<DocumentHandle>, EditError>> {
        self.count()?;
        let parsed = if self.weigh(text.len()) {
            match document::parse_edit(&text) {
                Ok(own) => Ok(self.hand_out(Document::editable(own))),
                Err(error) => Err(convert::edit_error(error)),
            }
        } else {
            Err(EditError::TooLarge)
        };
        Ok(self.told("json.parse", |_| vec![text.into()], parsed))
    }
}

impl json::HostDocument for CallState {
    fn get(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
    ) -> wasmtime::Result<Option<json::Value>> {
        self.count()?;
        let document = self.behind(&handle);
        let value = document.and_then(|document| document.get(&pointer));
        let value = value.map(convert::seen);
        let asked = |_: &Self| vec![word_for(&handle), pointer.into()];
        Ok(self.told("document.get", asked, value))
    }

    fn keys(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
    ) -> wasmtime::Result<Vec<String>> {
        self.count()?;
        let document = self.behind(&handle);
        let keys = document.map(|document| document.keys(&pointer));
        let asked = |_: &Self| vec![word_for(&handle), pointer.into()];
        Ok(self.told("document.keys", asked, keys.unwrap_or_default()))
    }

    fn length(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
    ) -> wasmtime::Result<Option<u32>> {
        self.count()?;
        let length = self
            .behind(&handle)
            .and_then(|document| document.length(&pointer));
        let length = length.and_then(|length| u32::try_from(length).ok());
        let asked = |_: &Self| vec![word_for(&handle), pointer.into()];
        Ok(self.told("document.length", asked, length))
    }

    fn text(&mut self, handle: Resource<DocumentHandle>) -> wasmtime::Result<String> {
        self.count()?;
        let text = self.behind(&handle).map(Document::text);
        let asked = |_: &Self| vec![word_for(&handle)];
        Ok(self.told("document.text", asked, text.unwrap_or_default()))
    }

    fn set(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
        to: json::Value,
    ) -> wasmtime::Result<Result<(), EditError>> {
        self.count()?;
        let size = pointer.len() + convert::size(&to);
        let shown = self.dossier.trace.is_some().then(|| of(&to));
        let done = if self.weigh(size) {
            self.edit(&handle, |document| {
                let to: Value = convert::value(to)?;
                document.set(&pointer, to)
            })
        } else {
            Err(EditError::TooLarge)
        };
        let asked = |_: &Self| {
            let of = word_for(&handle);
            vec![of, pointer.into(), shown.unwrap_or_default()]
        };
        Ok(self.told("document.set", asked, done))
    }

    fn remove(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
    ) -> wasmtime::Result<Result<(), EditError>> {
        self.count()?;
        let done = self.edit(&handle, |document| document.remove(&pointer));
        let asked = |_: &Self| vec![word_for(&handle), pointer.into()];
        Ok(self.told("document.remove", asked, done))
    }

    fn drop(&mut self, handle: Resource<DocumentHandle>) -> wasmtime::Result<()> {
        // A document with a place belongs to the call; one that was found, to its handle.
        let found = self.found_at(&handle).and_then(|at| self.found.get_mut(at));
        if let Some(found) = found {
            *found = None;
        }
        Ok(())
    }
}

impl CallState {
    pub(super) fn behind(&self, handle: &Resource<DocumentHandle>) -> Option<&Document> {
        let slot = match self.found_at(handle) {
            Some(at) => self.found.get(at),
            None => self.documents.get(usize::try_from(handle.rep()).ok()?),
        };
        slot.and_then(Option::as_ref)
    }

    /// A handle to a document that the rule asked for.
    pub(super) fn hand_out(&mut self, document: Document) -> Resource<DocumentHandle> {
        // As many as a call may make host calls: it fits.
        let number = self.found_before + PLACES + self.found.len();
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.found.push(Some(document));
        Resource::new_own(number)
    }

    /// Where among the documents that were asked for in this call; none for one with a
    /// place, and for one of an earlier call.
    fn found_at(&self, handle: &Resource<DocumentHandle>) -> Option<usize> {
        let number = usize::try_from(handle.rep()).ok()?;
        number.checked_sub(PLACES)?.checked_sub(self.found_before)
    }

    fn edit(
        &mut self,
        handle: &Resource<DocumentHandle>,
        change: impl FnOnce(&mut Document) -> Result<(), document::EditError>,
    ) -> Result<(), EditError> {
        let slot = match self.found_at(handle) {
            Some(at) => self.found.get_mut(at),
            None => usize::try_from(handle.rep())
                .ok()
                .and_then(|at| self.documents.get_mut(at)),
        };
        match slot.and_then(Option::as_mut) {
            Some(document) => change(document).map_err(convert::edit_error),
            // Only the principal of a guest and the like: nothing to edit.
            None => Err(EditError::ReadOnly),
        }
    }
}

/// A handle to one of the call's documents.
pub(super) fn handle(place: Place) -> Resource<DocumentHandle> {
    Resource::new_own(place as u32)
}
