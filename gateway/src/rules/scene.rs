//! What PocketBase would answer about a request that nobody sent, as somebody tells it.
//!
//! What is asked for and was not told is no empty answer: the rule is told that PocketBase
//! is away, and the scene keeps what was missing, for whoever reads the verdict.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::counters::{Counters, Key};
use crate::exchange::Exchange;
use crate::filter::{self, Facts, Unclear};
use crate::operation::{ListQuery, Operation, RecordId};
use crate::schema::{Collection, FieldKind, SUPERUSERS, Schema};
use crate::upstream::{Found, Standing, UpstreamError};

/// What there is.
#[derive(Default)]
pub struct Scene {
    known: Known,
    stored: Stored,
    records: BTreeMap<String, Vec<Arc<Value>>>,
    /// What rules counted.
    pub(super) counters: Arc<Counters>,
    missing: Mutex<Vec<String>>,
}

/// What is known of collections.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Those that are known.
    pub schema: Arc<Schema>,
    /// Whether there are no others, and no other fields.
    pub is_all: bool,
}

/// What is told of the record that a request is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stored {
    /// Nothing: nobody should ask.
    #[default]
    Untold,
    /// There is none.
    Nothing,
    /// PocketBase is away.
    Away,
    /// An object.
    Record(Arc<Value>),
}

/// How long a counter lasts that was there before: longer than any case.
const LASTS: Duration = Duration::from_hours(24);

impl Scene {
    /// Tells of collections, of the record that the request is about, and of those that can be
    /// found, by their collection's name and in PocketBase's own order.
    #[must_use]
    pub fn of(known: Known, stored: Stored, records: BTreeMap<String, Vec<Arc<Value>>>) -> Self {
        Self {
            known,
            stored,
            records,
            ..Self::default()
        }
    }

    /// What was asked for and not told, in words for whoever tells; each once.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Lets a rule have counted before.
    pub fn count(&self, rule: &str, key: &str, amount: i64) {
        // There is room for far more counters than anybody writes down.
        let _ = self
            .counters
            .add(named(rule, key), amount, LASTS, Instant::now());
    }

    /// What a rule has counted.
    #[must_use]
    pub fn counted(&self, rule: &str, key: &str) -> i64 {
        self.counters.would_be(&named(rule, key), 0, Instant::now())
    }

    pub(super) fn stored(&self) -> Result<Option<Arc<Value>>, UpstreamError> {
        match &self.stored {
            Stored::Record(record) => Ok(Some(Arc::clone(record))),
            Stored::Nothing => Ok(None),
            Stored::Away => Err(UpstreamError::Away("it is told to be".to_owned())),
            Stored::Untold => Err(self.lacks(
                "the rule asks for the stored record, of which nothing is told; write stored = { … }, \"none\" or \"fault\"".to_owned(),
            )),
        }
    }

    pub(super) fn collection(&self, name: &str) -> Option<Arc<Collection>> {
        let known = self.known.schema.by_name(name).cloned();
        if known.is_none() && !self.known.is_all {
            self.lacks(unknown(name));
        }
        known
    }

    pub(super) fn read(
        &self,
        standing: Standing,
        collection: &str,
        operation: &Operation,
        exchange: &Exchange,
    ) -> Result<Found, UpstreamError> {
        let Some(records) = self.records.get(collection) else {
            return Err(self.lacks(unknown(collection)));
        };
        match operation {
            Operation::List { query, .. } => {
                if self.refuses(standing, collection, query, exchange) {
                    return Ok(Found::Refused);
                }
                let found = list(standing, records, query, exchange);
                found.map_err(|unclear| self.lacks(format!("{unclear}, in \"{collection}\"")))
            }
            operation => {
                let id = operation.record_id().map(RecordId::as_str);
                let is_it = |record: &&Arc<Value>| record.get("id").and_then(Value::as_str) == id;
                Ok(Found::Record(records.iter().find(is_it).cloned()))
            }
        }
    }

    /// Whether PocketBase takes no such filter from who asks: one for a field that is
    /// hidden, or, where all fields are known, that is none.
    fn refuses(
        &self,
        standing: Standing,
        collection: &str,
        query: &ListQuery,
        exchange: &Exchange,
    ) -> bool {
        let Some(collection) = self.known.schema.by_name(collection) else {
            return false;
        };
        let sees_all = standing == Standing::Gateway || exchange.principal.is_superuser();
        let named = query.filter.iter().flat_map(filter::Filter::identifiers);
        let sorted = query.sort.keys().iter().map(|key| key.path.as_str());
        named.chain(sorted).any(|name| {
            let name = name.split([':', '.']).next().unwrap_or_default();
            if let Some(field) = collection.field(name) {
                field.kind == FieldKind::Password || (field.hidden && !sees_all)
            } else {
                let is_word = ["null", "true", "false"]
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(name));
                self.known.is_all && !name.starts_with('@') && !is_word
            }
        })
    }

    fn lacks(&self, what: String) -> UpstreamError {
        let away = UpstreamError::Away(what.clone());
        let mut missing = self.lock();
        if !missing.contains(&what) {
            missing.push(what);
        }
        away
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(collection: &str) -> String {
    format!(
        "the rule asks for records of \"{collection}\", of which nothing is told; write [records] {collection} = [ … ], or [] where there are none"
    )
}

fn named(rule: &str, key: &str) -> Key {
    Key {
        rule: rule.to_owned(),
        key: key.to_owned(),
    }
}

/// The first of a list, or how many there are.
fn list(
    standing: Standing,
    records: &[Arc<Value>],
    query: &ListQuery,
    exchange: &Exchange,
) -> Result<Found, Unclear> {
    let gateway = json!({ "id": "gateway", "collectionName": SUPERUSERS });
    let auth = match standing {
        Standing::Gateway => Some(&gateway),
        Standing::Caller => exchange.principal.record().map(|vouched| &*vouched.record),
    };
    let mut found = Vec::new();
    for record in records {
        let facts = Facts {
            record,
            auth,
            now_ms: exchange.received_ms,
        };
        let passes = query
            .filter
            .as_ref()
            .map_or(Ok(true), |filter| filter.matches(&facts));
        if passes? {
            found.push(Arc::clone(record));
        }
    }
    if !query.skip_total {
        return Ok(Found::Count(u64::try_from(found.len()).unwrap_or(u64::MAX)));
    }
    // The last key first: a stable order keeps what it says among equals.
    for key in query.sort.keys().iter().rev() {
        if key.path == "@random" {
            return Err(Unclear::Database("an order by chance"));
        }
        if key.path == "@rowid" {
            if key.descending {
                found.reverse();
            }
            continue;
        }
        let mut problem = None;
        found.sort_by(|one, other| {
            let order = filter::compare(&key.path, one, other).unwrap_or_else(|unclear| {
                problem = Some(unclear);
                std::cmp::Ordering::Equal
            });
            if key.descending {
                order.reverse()
            } else {
                order
            }
        });
        if let Some(problem) = problem {
            return Err(problem);
        }
    }
    Ok(Found::Record(found.first().cloned()))
}
