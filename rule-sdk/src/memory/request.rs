//! A request and a response in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Document;
use crate::records::Question;
use crate::{Fault, Level, Operation, Standing, Upload, Value};

/// Headers that rules are never told.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// A request, as far as a rule can see it, and what a rule did to it.
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) collection: String,
    pub(crate) record_id: Option<String>,
    pub(crate) principal: Option<Document>,
    pub(crate) is_superuser: bool,
    pub(crate) client_ip: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) time: u64,
    pub(crate) batch_index: Option<u32>,
    pub(crate) body: Option<Document>,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) stored: Result<Option<Document>, Fault>,
    pub(crate) narrowed: RefCell<Vec<Narrowed>>,
    pub(crate) notes: RefCell<Vec<(String, String)>>,
    /// By collection.
    pub(crate) records: Vec<(String, Document)>,
    /// What filters find, by collection and filter.
    pub(crate) found: Vec<(String, String, Vec<Document>)>,
    pub(crate) counters: RefCell<BTreeMap<String, i64>>,
    pub(crate) lines: RefCell<Vec<(Level, String)>>,
}

/// A filter that a rule narrowed a list or a subscription by.
#[derive(Clone, Debug, PartialEq)]
pub struct Narrowed {
    /// The filter as the rule wrote it.
    pub filter: String,
    /// What it bound, by name.
    pub parameters: Vec<(String, Value)>,
}

impl Request {
    pub(crate) fn operation(&self) -> Operation {
        self.operation
    }

    pub(crate) fn collection(&self) -> String {
        self.collection.clone()
    }

    pub(crate) fn record_id(&self) -> Option<String> {
        self.record_id.clone()
    }

    pub(crate) fn principal(&self) -> Option<Document> {
        self.principal.clone()
    }

    pub(crate) fn is_superuser(&self) -> bool {
        self.is_superuser
    }

    pub(crate) fn client_ip(&self) -> String {
        self.client_ip.clone()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        if CREDENTIALS.iter().any(|one| one.eq_ignore_ascii_case(name)) {
            return None;
        }
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(one, _)| one.eq_ignore_ascii_case(name))?;
        Some(value.clone())
    }

    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, value) = self.query.iter().find(|(one, _)| one == name)?;
        Some(value.clone())
    }

    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    pub(crate) fn batch_index(&self) -> Option<u32> {
        self.batch_index
    }

    pub(crate) fn body(&self) -> Option<Document> {
        self.body.clone()
    }

    pub(crate) fn changes(&self) -> Vec<String> {
        let mut changes = Vec::new();
        if !matches!(self.operation, Operation::Create | Operation::Update) {
            return changes;
        }
        let keys = self.body.as_ref().map(|body| body.keys(""));
        let uploads = self.uploads.iter().map(|upload| upload.field.clone());
        for key in keys.unwrap_or_default().into_iter().chain(uploads) {
            let field = bare(&key).to_owned();
            if !changes.contains(&field) {
                changes.push(field);
            }
        }
        changes
    }

    pub(crate) fn uploads(&self) -> Vec<Upload> {
        self.uploads.clone()
    }

    pub(crate) fn stored(&self) -> Result<Option<Document>, Fault> {
        if self.record_id.is_none() {
            return Err(Fault::NotHere);
        }
        self.stored.clone()
    }

    pub(crate) fn narrow(
        &self,
        filter: &str,
        parameters: Vec<(String, Value)>,
    ) -> Result<(), Fault> {
        if !matches!(self.operation, Operation::List | Operation::Subscribe) {
            return Err(Fault::NotHere);
        }
        if filter.trim().is_empty() {
            return Err(Fault::BadFilter("it is empty".to_owned()));
        }
        // Whether the filter parses only the gateway can tell.
        for name in placeholders(filter) {
            if !parameters.iter().any(|(one, _)| one == name) {
                return Err(Fault::BadFilter(format!("{name} has no value")));
            }
        }
        self.narrowed.borrow_mut().push(Narrowed {
            filter: filter.to_owned(),
            parameters,
        });
        Ok(())
    }

    pub(crate) fn get(
        &self,
        standing: Standing,
        collection: &str,
        id: &str,
    ) -> Result<Option<Document>, Fault> {
        not_of_pocketbase(standing, collection)?;
        let found = self.records.iter().find(|(of, record)| {
            of == collection && record.bare().get("id").is_some_and(|one| one == id)
        });
        Ok(found.map(|(_, record)| record.clone()))
    }

    pub(crate) fn first(
        &self,
        standing: Standing,
        question: &Question<'_>,
    ) -> Result<Option<Document>, Fault> {
        let found = self.find(standing, question)?;
        Ok(found.first().cloned())
    }

    pub(crate) fn count(&self, standing: Standing, question: &Question<'_>) -> Result<u64, Fault> {
        let found = self.find(standing, question)?;
        Ok(found.len() as u64)
    }

    /// What a filter finds only a gateway can tell, so the test says it beforehand.
    fn find(&self, standing: Standing, question: &Question<'_>) -> Result<&[Document], Fault> {
        not_of_pocketbase(standing, question.collection)?;
        for name in placeholders(question.filter) {
            if !question.parameters.iter().any(|(one, _)| one == name) {
                return Err(Fault::BadFilter(format!("{name} has no value")));
            }
        }
        let mut keys = question.sort.split(',');
        if !question.sort.is_empty() && keys.any(|key| key.trim().is_empty()) {
            let problem = "an order has a key that is empty";
            return Err(Fault::BadFilter(problem.to_owned()));
        }
        let found = self.found.iter().find(|(collection, filter, _)| {
            collection == question.collection && filter == question.filter
        });
        match found {
            Some((_, _, records)) => Ok(records),
            None => Err(Fault::NotGranted(format!(
                "the test does not say what \"{}\" finds in {}: see TestRequest::finding",
                question.filter, question.collection
            ))),
        }
    }

    pub(crate) fn add(&self, key: &str, amount: i64, seconds: u64) -> Result<i64, Fault> {
        if seconds == 0 {
            let problem = "a counter lasts for at least a second".to_owned();
            return Err(Fault::NotGranted(problem));
        }
        let mut counters = self.counters.borrow_mut();
        let total = counters.entry(key.to_owned()).or_default();
        *total = total.saturating_add(amount);
        Ok(*total)
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.lines.borrow_mut().push((level, message.to_owned()));
    }

    pub(crate) fn note(&self, key: &str, value: &str) {
        self.notes
            .borrow_mut()
            .push((key.to_owned(), value.to_owned()));
    }
}

fn not_of_pocketbase(standing: Standing, collection: &str) -> Result<(), Fault> {
    if standing == Standing::Gateway && collection.starts_with('_') {
        let problem = format!("{collection} is PocketBase's own");
        return Err(Fault::NotGranted(problem));
    }
    Ok(())
}

/// The field that a key of a body changes, without PocketBase's modifiers.
fn bare(key: &str) -> &str {
    let key = key.split_once(':').map_or(key, |(field, _)| field);
    let key = key.strip_prefix('+').unwrap_or(key);
    key.strip_suffix(['+', '-']).unwrap_or(key)
}

/// The names in `{:name}`.
fn placeholders(filter: &str) -> impl Iterator<Item = &str> {
    let after = filter.split("{:").skip(1);
    after.filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// A response, as far as a rule can see it.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Option<Document>,
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn body(&self) -> Option<Document> {
        self.body.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn modifiers_are_no_part_of_a_field() {
        for key in ["votes", "votes+", "+votes", "votes-", "votes:autogenerate"] {
            assert_eq!(bare(key), "votes");
        }
        assert_eq!(bare("a-b"), "a-b");
    }
}
