//! A request to try a rule with.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

use serde_json::{Map, Value as Json};

use crate::memory::{self, Document, Narrowed};
use crate::{Fault, Level, Operation, Request, Upload};

/// A request that never was: built step by step, given to a rule, and then asked what the rule did.
///
/// It is a [`Request`] as well, so what a rule can ask of that a test can: its
/// [`body`](Request::body) shows the edits.
pub struct TestRequest(Request);

impl TestRequest {
    /// A guest's request, from 127.0.0.1, at time 0, with no body and no stored record.
    #[must_use]
    pub fn new(operation: Operation, collection: &str) -> Self {
        Self(Request(memory::Request {
            operation,
            collection: collection.to_owned(),
            record_id: None,
            principal: None,
            is_superuser: false,
            client_ip: "127.0.0.1".to_owned(),
            headers: Vec::new(),
            query: Vec::new(),
            time: 0,
            batch_index: None,
            body: None,
            uploads: Vec::new(),
            stored: Ok(None),
            narrowed: RefCell::default(),
            notes: RefCell::default(),
            records: Vec::new(),
            found: Vec::new(),
            counters: RefCell::default(),
            lines: RefCell::default(),
        }))
    }

    /// [`Operation::List`].
    #[must_use]
    pub fn list(collection: &str) -> Self {
        Self::new(Operation::List, collection)
    }

    /// [`Operation::View`] of one record.
    #[must_use]
    pub fn view(collection: &str, id: &str) -> Self {
        Self::new(Operation::View, collection).of_record(id)
    }

    /// [`Operation::Create`].
    #[must_use]
    pub fn create(collection: &str) -> Self {
        Self::new(Operation::Create, collection)
    }

    /// [`Operation::Update`] of one record.
    #[must_use]
    pub fn update(collection: &str, id: &str) -> Self {
        Self::new(Operation::Update, collection).of_record(id)
    }

    /// [`Operation::Delete`] of one record.
    #[must_use]
    pub fn delete(collection: &str, id: &str) -> Self {
        Self::new(Operation::Delete, collection).of_record(id)
    }

    /// About the record of this id.
    #[must_use]
    pub fn of_record(mut self, id: &str) -> Self {
        self.0.0.record_id = Some(id.to_owned());
        self
    }

    /// Asked by this auth record, of a collection that can log in.
    ///
    /// # Panics
    ///
    /// When the JSON is not an object.
    #[track_caller]
    #[must_use]
    pub fn by(mut self, collection: &str, mut record: Json) -> Self {
        object(&mut record).insert("collectionName".to_owned(), collection.into());
        self.0.0.principal = Some(Document::read_only(record));
        self
    }

    /// Asked by a superuser, whose auth record may be given with [`by`](Self::by).
    #[must_use]
    pub fn by_superuser(mut self) -> Self {
        self.0.0.is_superuser = true;
        self
    }

    /// From this address.
    #[must_use]
    pub fn from_ip(mut self, address: &str) -> Self {
        address.clone_into(&mut self.0.0.client_ip);
        self
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.0.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With one more query parameter.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.0.0.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// At this time, in milliseconds since 1970.
    #[must_use]
    pub fn at(mut self, milliseconds: u64) -> Self {
        self.0.0.time = milliseconds;
        self
    }

    /// As this part of a batch, from 0.
    #[must_use]
    pub fn in_batch(mut self, index: u32) -> Self {
        self.0.0.batch_index = Some(index);
        self
    }

    /// With one more record that the rule may get by its id.
    ///
    /// # Panics
    ///
    /// When the JSON is not an object.
    #[track_caller]
    #[must_use]
    pub fn with_record(mut self, collection: &str, mut record: Json) -> Self {
        object(&mut record).insert("collectionName".to_owned(), collection.into());
        let record = Document::read_only(record);
        self.0.0.records.push((collection.to_owned(), record));
        self
    }

    /// With what a filter, written just so, finds in a collection.
    #[must_use]
    pub fn finding(
        mut self,
        collection: &str,
        filter: &str,
        records: impl IntoIterator<Item = Json>,
    ) -> Self {
        let records = records.into_iter().map(Document::read_only).collect();
        let found = (collection.to_owned(), filter.to_owned(), records);
        self.0.0.found.push(found);
        self
    }

    /// With this total in a counter of the rule.
    #[must_use]
    pub fn with_counter(self, key: &str, total: i64) -> Self {
        self.0.0.counters.borrow_mut().insert(key.to_owned(), total);
        self
    }

    /// With this body.
    #[must_use]
    pub fn with_body(mut self, json: Json) -> Self {
        self.0.0.body = Some(Document::editable(json));
        self
    }

    /// Lets the body take no more than so many bytes of edits; there is no bound else. To be said
    /// after [`with_body`](Self::with_body).
    #[must_use]
    pub fn with_edit_bound(self, bytes: usize) -> Self {
        if let Some(body) = &self.0.0.body {
            body.bound_edits(bytes);
        }
        self
    }

    /// With one more file.
    #[must_use]
    pub fn with_upload(mut self, upload: Upload) -> Self {
        self.0.0.uploads.push(upload);
        self
    }

    /// With this record in PocketBase. Without a record's id there is none to be had
    /// ([`Fault::NotHere`]).
    #[must_use]
    pub fn with_stored(mut self, record: Json) -> Self {
        self.0.0.stored = Ok(Some(Document::read_only(record)));
        self
    }

    /// With a PocketBase that fails when asked for the stored record.
    #[must_use]
    pub fn with_stored_fault(mut self, fault: Fault) -> Self {
        self.0.0.stored = Err(fault);
        self
    }

    /// The filters by which the rule narrowed the list or the subscription.
    #[must_use]
    pub fn narrowed(&self) -> Vec<Narrowed> {
        self.0.0.narrowed.borrow().clone()
    }

    /// The words that the rule wrote for the decision log.
    #[must_use]
    pub fn notes(&self) -> Vec<(String, String)> {
        self.0.0.notes.borrow().clone()
    }

    /// The total of a counter of the rule; none: nothing was ever added.
    #[must_use]
    pub fn counter(&self, key: &str) -> Option<i64> {
        self.0.0.counters.borrow().get(key).copied()
    }

    /// The lines that the rule wrote to the operator's log.
    #[must_use]
    pub fn lines(&self) -> Vec<(Level, String)> {
        self.0.0.lines.borrow().clone()
    }

    /// Lets the body be edited, as in `before`, or not, as later.
    pub(super) fn allow_edits(&self, allow: bool) {
        if let Some(body) = &self.0.0.body {
            body.allow_edits(allow);
        }
    }
}

impl Deref for TestRequest {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.0
    }
}

impl fmt::Debug for TestRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The object that a record must be.
#[track_caller]
#[allow(clippy::panic, reason = "a test that is written wrongly has to fail")]
pub(super) fn object(json: &mut Json) -> &mut Map<String, Json> {
    match json {
        Json::Object(object) => object,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            panic!("a record is a JSON object")
        }
    }
}
