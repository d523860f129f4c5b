//! A request and a response behind handles of the gateway.

use super::Document;
use crate::bindings::hapta::rule::{counters, json, log, records, types};
use crate::records::Question;
use crate::{Fault, Level, Operation, Standing, Upload, Value};

/// A handle of the contract, in our terms.
#[repr(transparent)]
pub(crate) struct Request(types::Request);

/// A handle of the contract, in our terms.
#[repr(transparent)]
pub(crate) struct Response(types::Response);

impl Request {
    /// The handle that the gateway lent for the time of a call.
    #[allow(unsafe_code, reason = "a reference to another type takes a cast")]
    pub(super) fn wrap(lent: &types::Request) -> &crate::Request {
        // SAFETY: both types around it are `repr(transparent)`, so the three have one layout.
        unsafe { &*std::ptr::from_ref(lent).cast::<crate::Request>() }
    }

    pub(crate) fn operation(&self) -> Operation {
        self.0.operation().into()
    }

    pub(crate) fn collection(&self) -> String {
        self.0.collection()
    }

    pub(crate) fn record_id(&self) -> Option<String> {
        self.0.record_id()
    }

    pub(crate) fn principal(&self) -> Option<Document> {
        self.0.principal().map(Document)
    }

    pub(crate) fn is_superuser(&self) -> bool {
        self.0.is_superuser()
    }

    pub(crate) fn client_ip(&self) -> String {
        self.0.client_ip()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.0.header(name)
    }

    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.0.query(name)
    }

    pub(crate) fn time(&self) -> u64 {
        self.0.time()
    }

    pub(crate) fn batch_index(&self) -> Option<u32> {
        self.0.batch_index()
    }

    pub(crate) fn body(&self) -> Option<Document> {
        self.0.body().map(Document)
    }

    pub(crate) fn changes(&self) -> Vec<String> {
        self.0.changes()
    }

    pub(crate) fn uploads(&self) -> Vec<Upload> {
        self.0.uploads().into_iter().map(Into::into).collect()
    }

    pub(crate) fn stored(&self) -> Result<Option<Document>, Fault> {
        Ok(self.0.stored()?.map(Document))
    }

    pub(crate) fn narrow(
        &self,
        filter: &str,
        parameters: Vec<(String, Value)>,
    ) -> Result<(), Fault> {
        let parameters = bound(parameters);
        self.0.narrow(filter, &parameters).map_err(Into::into)
    }

    pub(crate) fn get(
        &self,
        standing: Standing,
        collection: &str,
        id: &str,
    ) -> Result<Option<Document>, Fault> {
        let found = records::get(collection, id, standing.into())?;
        Ok(found.map(Document))
    }

    pub(crate) fn first(
        &self,
        standing: Standing,
        question: Question<'_>,
    ) -> Result<Option<Document>, Fault> {
        let found = records::first(
            question.collection,
            question.filter,
            &bound(question.parameters),
            question.sort,
            standing.into(),
        )?;
        Ok(found.map(Document))
    }

    pub(crate) fn count(&self, standing: Standing, question: Question<'_>) -> Result<u64, Fault> {
        let parameters = bound(question.parameters);
        let (collection, filter) = (question.collection, question.filter);
        Ok(records::count(
            collection,
            filter,
            &parameters,
            standing.into(),
        )?)
    }

    pub(crate) fn add(&self, key: &str, amount: i64, seconds: u64) -> Result<i64, Fault> {
        Ok(counters::add(key, amount, seconds)?)
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        log::write(level.into(), message);
    }

    pub(crate) fn note(&self, key: &str, value: &str) {
        self.0.note(key, value);
    }
}

impl Response {
    /// The handle that the gateway lent for the time of a call.
    #[allow(unsafe_code, reason = "a reference to another type takes a cast")]
    pub(super) fn wrap(lent: &types::Response) -> &crate::Response {
        // SAFETY: both types around it are `repr(transparent)`, so the three have one layout.
        unsafe { &*std::ptr::from_ref(lent).cast::<crate::Response>() }
    }

    pub(crate) fn status(&self) -> u16 {
        self.0.status()
    }

    pub(crate) fn body(&self) -> Option<Document> {
        self.0.body().map(Document)
    }
}

fn bound(parameters: Vec<(String, Value)>) -> Vec<(String, json::Value)> {
    let parameters = parameters.into_iter();
    parameters
        .map(|(name, value)| (name, value.into()))
        .collect()
}
