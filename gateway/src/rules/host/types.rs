//! `hapta:rule/types`: the request under judgement and the response to it.

use wasmtime::component::Resource;

use super::json::handle;
use super::{CallState, DocumentHandle, Place, RequestHandle, ResponseHandle, Voice};
use crate::exchange;
use crate::filter::Filter;
use crate::operation::OperationKind;
use crate::rules::bindings::hapta::rule::json::Value;
use crate::rules::bindings::hapta::rule::types::{self, Fault, Operation, Upload};
use crate::rules::convert;
use crate::rules::document::Document;

/// Headers that no rule is told: whoever has them can act as the client.
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "cookie",
    "dpop",
    "proxy-authorization",
    "set-cookie",
    "x-hapta-key",
];

impl types::Host for CallState {}

impl types::HostRequest for CallState {
    fn operation(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Operation> {
        self.count()?;
        let kind = self.exchange.operation.kind();
        convert::operation(kind).ok_or_else(|| crate::rules::Fault::Host.into())
    }

    fn collection(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self
            .exchange
            .collection
            .as_ref()
            .map(|collection| collection.name.clone())
            .unwrap_or_default())
    }

    fn record_id(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        self.count()?;
        Ok(self
            .exchange
            .operation
            .record_id()
            .map(|id| id.as_str().to_owned()))
    }

    fn principal(
        &mut self,
        _: Resource<RequestHandle>,
    ) -> wasmtime::Result<Option<Resource<DocumentHandle>>> {
        self.count()?;
        Ok(self
            .document(Place::Principal)
            .map(|_| handle(Place::Principal)))
    }

    fn is_superuser(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<bool> {
        self.count()?;
        Ok(self.exchange.principal.is_superuser())
    }

    fn client_ip(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.exchange.client.address.to_string())
    }

    fn header(
        &mut self,
        _: Resource<RequestHandle>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        self.count()?;
        let name = name.to_ascii_lowercase();
        if SECRET_HEADERS.contains(&name.as_str()) {
            return Ok(None);
        }
        let value = self.exchange.client.headers.get(name.as_str());
        Ok(value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned))
    }

    fn query(
        &mut self,
        _: Resource<RequestHandle>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        self.count()?;
        Ok(self.exchange.operation.query_value(&name))
    }

    fn time(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<u64> {
        self.count()?;
        Ok(self.exchange.received_ms)
    }

    fn batch_index(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<u32>> {
        self.count()?;
        Ok(self.exchange.batch.as_ref().map(|place| place.index))
    }

    fn body(
        &mut self,
        _: Resource<RequestHandle>,
    ) -> wasmtime::Result<Option<Resource<DocumentHandle>>> {
        self.count()?;
        Ok(self.document(Place::Body).map(|_| handle(Place::Body)))
    }

    fn changes(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Vec<String>> {
        self.count()?;
        if !self.exchange.operation.writes_record() {
            return Ok(Vec::new());
        }
        let body = self
            .document(Place::Body)
            .and_then(|document| document.value().as_object());
        Ok(exchange::write::changes(body, &self.exchange.uploads))
    }

    fn uploads(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Vec<Upload>> {
        self.count()?;
        let uploads = self.exchange.uploads.iter();
        Ok(uploads.map(convert::upload).collect())
    }

    async fn stored(
        &mut self,
        _: Resource<RequestHandle>,
    ) -> wasmtime::Result<Result<Option<Resource<DocumentHandle>>, Fault>> {
        self.count()?;
        let exchange = &self.exchange;
        let (Some(collection), Some(id)) = (&exchange.collection, exchange.operation.record_id())
        else {
            return Ok(Err(Fault::NotHere));
        };
        if self.is_touched(|touched| touched.has_record(collection, id.as_str())) {
            return Err(crate::rules::Fault::Chained.into());
        }
        // Only who waited for somebody is not charged for the time.
        self.waited |= !self.dossier.knows_stored();
        let stored = self.dossier.stored(collection, id).await;
        let found = match stored {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, "stored record not read for a rule");
                return Ok(Err(Fault::Upstream));
            }
        };
        Ok(Ok(found.map(|record| {
            self.put_stored(Document::read_only(record));
            handle(Place::Stored)
        })))
    }

    fn narrow(
        &mut self,
        _: Resource<RequestHandle>,
        filter: String,
        parameters: Vec<(String, Value)>,
    ) -> wasmtime::Result<Result<(), Fault>> {
        self.count()?;
        let kind = self.exchange.operation.kind();
        let has_filter = matches!(kind, OperationKind::List | OperationKind::Subscribe);
        if !self.is_before || !has_filter || self.voice == Voice::Member {
            return Ok(Err(Fault::NotHere));
        }
        let values = parameters
            .iter()
            .map(|(name, value)| name.len() + convert::size(value));
        if !self.weigh(filter.len() + values.sum::<usize>()) {
            return Ok(Err(Fault::Exhausted));
        }
        // A filter that does not fit leaves what was narrowed before as it is.
        let narrowed = convert::parameters(parameters)
            .and_then(|parameters| Filter::bind(&filter, &parameters))
            .and_then(|bound| match self.narrowing.clone() {
                Some(already) => already.and(bound),
                None => Ok(bound),
            });
        Ok(match narrowed {
            Ok(narrowed) => {
                self.narrowing = Some(narrowed);
                Ok(())
            }
            Err(error) => Err(Fault::BadFilter(error.to_string())),
        })
    }

    fn note(
        &mut self,
        _: Resource<RequestHandle>,
        key: String,
        value: String,
    ) -> wasmtime::Result<()> {
        self.count()?;
        if self.weigh(key.len() + value.len()) {
            self.dossier.note(key, value);
        }
        Ok(())
    }

    fn drop(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl types::HostResponse for CallState {
    fn status(&mut self, _: Resource<ResponseHandle>) -> wasmtime::Result<u16> {
        self.count()?;
        Ok(self.status)
    }

    fn body(
        &mut self,
        _: Resource<ResponseHandle>,
    ) -> wasmtime::Result<Option<Resource<DocumentHandle>>> {
        self.count()?;
        Ok(self.document(Place::Answer).map(|_| handle(Place::Answer)))
    }

    fn drop(&mut self, _: Resource<ResponseHandle>) -> wasmtime::Result<()> {
        Ok(())
    }
}
