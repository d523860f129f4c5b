//! `hapta:rule/records`: other records than the one that the request is about.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::shown::parameters as bound;
use super::{CallState, DocumentHandle};
use crate::exchange::Touched;
use crate::filter::{Filter, FilterError};
use crate::operation::{CollectionRef, ListQuery, Operation, RecordId, RecordQuery, Sort};
use crate::rules::bindings::hapta::rule::json::Value;
use crate::rules::bindings::hapta::rule::records;
use crate::rules::bindings::hapta::rule::types::Fault;
use crate::rules::convert;
use crate::rules::document::Document;
use crate::rules::dossier::{Read, ReadError};
use crate::schema::Collection;
use crate::upstream::{Found, Standing};

impl records::Host for CallState {
    async fn get(
        &mut self,
        collection: String,
        id: String,
        standing: records::Standing,
    ) -> wasmtime::Result<Result<Option<Resource<DocumentHandle>>, Fault>> {
        self.count()?;
        let asked = self.asked_of(&collection, standing, || vec![id.clone().into()]);
        let found = self.found(collection, id, standing).await?;
        Ok(self.told("records.get", |_| asked, found))
    }

    async fn first(
        &mut self,
        collection: String,
        filter: String,
        parameters: Vec<(String, Value)>,
        sort: String,
        standing: records::Standing,
    ) -> wasmtime::Result<Result<Option<Resource<DocumentHandle>>, Fault>> {
        self.count()?;
        let asked = self.asked_of(&collection, standing, || {
            vec![
                filter.clone().into(),
                bound(&parameters),
                sort.clone().into(),
            ]
        });
        let query = Query {
            filter,
            parameters,
            sort,
            counts: false,
        };
        let found = self.first_found(collection, query, standing).await?;
        Ok(self.told("records.first", |_| asked, found))
    }

    async fn count(
        &mut self,
        collection: String,
        filter: String,
        parameters: Vec<(String, Value)>,
        standing: records::Standing,
    ) -> wasmtime::Result<Result<u64, Fault>> {
        self.count()?;
        let asked = self.asked_of(&collection, standing, || {
            vec![filter.clone().into(), bound(&parameters)]
        });
        let query = Query {
            filter,
            parameters,
            sort: String::new(),
            counts: true,
        };
        let counted = self.counted(collection, query, standing).await?;
        Ok(self.told("records.count", |_| asked, counted))
    }
}

impl CallState {
    /// What was asked, to be written down; nothing where nobody wants to read it.
    fn asked_of(
        &self,
        collection: &str,
        standing: records::Standing,
        more: impl FnOnce() -> Vec<serde_json::Value>,
    ) -> Vec<serde_json::Value> {
        if self.dossier.trace.is_none() {
            return Vec::new();
        }
        let standing = match standing {
            records::Standing::Caller => "caller",
            records::Standing::Gateway => "gateway",
        };
        let mut asked = vec![collection.into()];
        asked.extend(more());
        asked.push(standing.into());
        asked
    }

    async fn found(
        &mut self,
        collection: String,
        id: String,
        standing: records::Standing,
    ) -> wasmtime::Result<Result<Option<Resource<DocumentHandle>>, Fault>> {
        let standing = convert::standing(standing);
        let collection = match self.readable(&collection, standing) {
            Ok(collection) => collection,
            Err(fault) => return Ok(Err(fault)),
        };
        let Some(id) = RecordId::new(&id) else {
            // No record has such an id.
            return Ok(Ok(None));
        };
        self.check_chain(standing, |touched| {
            touched.has_record(&collection, id.as_str())
        })?;
        let operation = match standing {
            Standing::Caller => Ok(Operation::View {
                collection: CollectionRef::of(&collection.name),
                id,
                query: RecordQuery::default(),
            }),
            Standing::Gateway => {
                Operation::stored(&collection.name, &id).map_err(|error| bad_filter(&error))
            }
        };
        match operation {
            Ok(operation) => self.record(standing, &collection, operation).await,
            Err(fault) => Ok(Err(fault)),
        }
    }

    async fn first_found(
        &mut self,
        collection: String,
        query: Query,
        standing: records::Standing,
    ) -> wasmtime::Result<Result<Option<Resource<DocumentHandle>>, Fault>> {
        let standing = convert::standing(standing);
        match self.asked(&collection, query, standing) {
            Ok((collection, operation)) => {
                self.check_chain(standing, |touched| touched.has_some_of(&collection))?;
                self.record(standing, &collection, operation).await
            }
            Err(fault) => Ok(Err(fault)),
        }
    }

    async fn counted(
        &mut self,
        collection: String,
        query: Query,
        standing: records::Standing,
    ) -> wasmtime::Result<Result<u64, Fault>> {
        let standing = convert::standing(standing);
        let (collection, operation) = match self.asked(&collection, query, standing) {
            Ok(asked) => asked,
            Err(fault) => return Ok(Err(fault)),
        };
        self.check_chain(standing, |touched| touched.has_some_of(&collection))?;
        Ok(match self.ask(standing, &collection, operation).await {
            Ok(Found::Count(count)) => Ok(count),
            Ok(found) => Err(not_taken(&found)),
            Err(fault) => Err(fault),
        })
    }
}

/// What `first` and `count` are asked with.
struct Query {
    filter: String,
    parameters: Vec<(String, Value)>,
    sort: String,
    counts: bool,
}

impl CallState {
    /// What earlier parts of a batch change can't be asked about. As the caller
    /// nothing can, once anything is changed: PocketBase's own rules decide then
    /// what there is, and they may go by records of any collection.
    fn check_chain(
        &self,
        standing: Standing,
        is_changed: impl FnOnce(&Touched) -> bool,
    ) -> wasmtime::Result<()> {
        let is_so = |touched: &Touched| match standing {
            Standing::Caller => !touched.is_empty(),
            Standing::Gateway => is_changed(touched),
        };
        if self.is_touched(is_so) {
            return Err(crate::rules::Fault::Chained.into());
        }
        Ok(())
    }

    /// The collection, if the rule may read it as it wants to.
    fn readable(&self, name: &str, standing: Standing) -> Result<Arc<Collection>, Fault> {
        let is_granted = standing == Standing::Caller || self.terms.powers.reads.contains(name);
        if !is_granted {
            return Err(Fault::NotGranted(format!(
                "\"{name}\" may not be read as the gateway; name it in \"reads\" of the rule"
            )));
        }
        self.dossier
            .collection(name)
            .filter(|collection| collection.name == name)
            .ok_or_else(|| Fault::NotGranted(format!("there is no collection \"{name}\"")))
    }

    /// A question as PocketBase is asked it, bound and held to what is granted.
    fn asked(
        &mut self,
        collection: &str,
        query: Query,
        standing: Standing,
    ) -> Result<(Arc<Collection>, Operation), Fault> {
        let collection = self.readable(collection, standing)?;
        let parameters = query.parameters.iter();
        let values = parameters.map(|(name, value)| name.len() + convert::size(value));
        if !self.weigh(query.filter.len() + query.sort.len() + values.sum::<usize>()) {
            return Err(Fault::Exhausted);
        }
        let mut filter = if query.filter.is_empty() && query.parameters.is_empty() {
            None
        } else {
            let bound = convert::parameters(query.parameters)
                .and_then(|parameters| Filter::bind(&query.filter, &parameters));
            Some(bound.map_err(|error| bad_filter(&error))?)
        };
        let sort = if query.sort.is_empty() {
            Sort::default()
        } else {
            let sort = Sort::parse(&query.sort);
            sort.map_err(|error| Fault::BadFilter(error.to_string()))?
        };
        if standing == Standing::Gateway {
            let names = filter.iter().flat_map(Filter::identifiers);
            let keys = sort.keys().iter().map(|key| key.path.as_str());
            if let Some(path) = names.chain(keys).find(|name| leads_away(name)) {
                return Err(Fault::BadFilter(format!(
                    "\"{path}\" leads beyond the collection, which was not granted"
                )));
            }
            filter = Some(Operation::as_superuser(filter).map_err(|error| bad_filter(&error))?);
        }
        let list = Operation::List {
            collection: CollectionRef::of(&collection.name),
            query: ListQuery {
                per_page: 1,
                skip_total: !query.counts,
                filter,
                sort,
                ..ListQuery::default()
            },
        };
        Ok((collection, list))
    }

    async fn ask(
        &mut self,
        standing: Standing,
        collection: &Collection,
        operation: Operation,
    ) -> Result<Found, Fault> {
        let asking = self
            .dossier
            .read(standing, &collection.name, operation, &self.exchange);
        match asking.await {
            Ok(Read::Known(found)) => Ok(found),
            Ok(Read::Asked(found)) => {
                self.waited = true;
                Ok(found)
            }
            Err(ReadError::Nobody) => Err(Fault::NotHere),
            Err(ReadError::Exhausted) => Err(Fault::Exhausted),
            Err(ReadError::Upstream(error)) => {
                self.waited = true;
                tracing::debug!(%error, "a record was not read for a rule");
                Err(Fault::Upstream)
            }
        }
    }

    async fn record(
        &mut self,
        standing: Standing,
        collection: &Collection,
        operation: Operation,
    ) -> wasmtime::Result<Result<Option<Resource<DocumentHandle>>, Fault>> {
        Ok(match self.ask(standing, collection, operation).await {
            Ok(Found::Record(found)) => Ok(found.map(|record| {
                let masked = Arc::clone(&collection.masked);
                self.hand_out(Document::read_only(record).masking(masked))
            })),
            Ok(found) => Err(not_taken(&found)),
            Err(fault) => Err(fault),
        })
    }
}

/// A path through a relation, or into what is not the collection's: `author.name`,
/// `@collection.users.id`, `posts_via_author.id`. The macros of time are values.
fn leads_away(name: &str) -> bool {
    let is_of_request = ["@request", "@collection"];
    name.contains('.')
        || name.contains("_via_")
        || is_of_request.iter().any(|root| name.starts_with(root))
}

fn bad_filter(error: &FilterError) -> Fault {
    Fault::BadFilter(error.to_string())
}

fn not_taken(found: &Found) -> Fault {
    match found {
        Found::Refused => Fault::BadFilter("PocketBase does not take it".to_owned()),
        Found::Record(_) | Found::Count(_) => Fault::Upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::leads_away;

    #[test]
    fn as_the_gateway_only_fields_of_the_collection_itself_are_named() {
        for own in [
            "user",
            "created",
            "title:lower",
            "@now",
            "@todayStart",
            "null",
            "@random",
        ] {
            assert!(!leads_away(own), "{own}");
        }
        for other in [
            "author.email",
            "@request.auth.id",
            "@collection.users.email",
            "posts_via_author.id",
        ] {
            assert!(leads_away(other), "{other}");
        }
    }
}
