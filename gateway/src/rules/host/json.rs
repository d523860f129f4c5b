//! `hapta:rule/json`: documents behind handles.

use serde_json::Value;
use wasmtime::component::Resource;

use super::{CallState, DocumentHandle, PLACES, Place};
use crate::rules::bindings::hapta::rule::json::{self, EditError};
use crate::rules::convert;
use crate::rules::document::{self, Document};

impl json::Host for CallState {}

impl json::HostDocument for CallState {
    fn get(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
    ) -> wasmtime::Result<Option<json::Value>> {
        self.count()?;
        Ok(self
            .behind(&handle)
            .and_then(|document| document.get(&pointer))
            .map(convert::seen))
    }

    fn keys(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
    ) -> wasmtime::Result<Vec<String>> {
        self.count()?;
        Ok(self
            .behind(&handle)
            .map(|document| document.keys(&pointer))
            .unwrap_or_default())
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
        Ok(length.and_then(|length| u32::try_from(length).ok()))
    }

    fn text(&mut self, handle: Resource<DocumentHandle>) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.behind(&handle).map(Document::text).unwrap_or_default())
    }

    fn set(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
        to: json::Value,
    ) -> wasmtime::Result<Result<(), EditError>> {
        self.count()?;
        let size = pointer.len() + convert::size(&to);
        if !self.weigh(size) {
            return Ok(Err(EditError::TooLarge));
        }
        Ok(self.edit(&handle, |document| {
            let to: Value = convert::value(to)?;
            document.set(&pointer, to)
        }))
    }

    fn remove(
        &mut self,
        handle: Resource<DocumentHandle>,
        pointer: String,
    ) -> wasmtime::Result<Result<(), EditError>> {
        self.count()?;
        Ok(self.edit(&handle, |document| document.remove(&pointer)))
    }

    fn drop(&mut self, handle: Resource<DocumentHandle>) -> wasmtime::Result<()> {
        // A document with a place belongs to the call; one that was found, to its handle.
        let found = found_at(&handle).and_then(|at| self.found.get_mut(at));
        if let Some(found) = found {
            *found = None;
        }
        Ok(())
    }
}

impl CallState {
    fn behind(&self, handle: &Resource<DocumentHandle>) -> Option<&Document> {
        let slot = match found_at(handle) {
            Some(at) => self.found.get(at),
            None => self.documents.get(usize::try_from(handle.rep()).ok()?),
        };
        slot.and_then(Option::as_ref)
    }

    /// A handle to a record that the rule asked for.
    pub(super) fn hand_out(&mut self, document: Document) -> Resource<DocumentHandle> {
        // As many as the call may make host calls: it fits.
        let number = u32::try_from(PLACES + self.found.len()).unwrap_or(u32::MAX);
        self.found.push(Some(document));
        Resource::new_own(number)
    }

    fn edit(
        &mut self,
        handle: &Resource<DocumentHandle>,
        change: impl FnOnce(&mut Document) -> Result<(), document::EditError>,
    ) -> Result<(), EditError> {
        let slot = match found_at(handle) {
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

/// Where among the records that were asked for; none for a document with a place.
fn found_at(handle: &Resource<DocumentHandle>) -> Option<usize> {
    usize::try_from(handle.rep()).ok()?.checked_sub(PLACES)
}

/// A handle to one of the call's documents.
pub(super) fn handle(place: Place) -> Resource<DocumentHandle> {
    Resource::new_own(place as u32)
}
