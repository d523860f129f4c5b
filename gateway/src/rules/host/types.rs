//! `hapta:rule/types`: the request under judgement and the response to it.

use wasmtime::component::Resource;

use super::json::handle;
use super::shown::{nothing, parameters as bound};
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

/// Bytes of what a rule says when it fails: room for a stack.
const FAILURE: usize = 4_000;

impl types::Host for CallState {
    fn fail(&mut self, mut message: String) -> wasmtime::Result<()> {
        message.truncate(message.floor_char_boundary(FAILURE));
        // The line of the exchange has room for its beginning only, and an event has none.
        if let Some(request) = self.dossier.id() {
            let rule = &*self.terms.name;
            // Not as `message`: that is printed as it stands, and this has lines of anybody's making.
            tracing::error!(
                rule,
                request.id = request,
                failure = message,
                "a rule failed"
            );
        }
        Err(crate::rules::Fault::Failed(message).into())
    }
}

impl types::HostRequest for CallState {
    fn operation(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Operation> {
        self.count()?;
        let kind = self.exchange.operation.kind();
        let operation = convert::operation(kind).ok_or(crate::rules::Fault::Host)?;
        Ok(self.told("request.operation", nothing, operation))
    }

    fn collection(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        self.count()?;
        let collection = self.exchange.collection.as_ref();
        let name = collection.map(|collection| collection.name.clone());
        Ok(self.told("request.collection", nothing, name.unwrap_or_default()))
    }

    fn record_id(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        self.count()?;
        let id = self.exchange.operation.record_id();
        let id = id.map(|id| id.as_str().to_owned());
        Ok(self.told("request.record-id", nothing, id))
    }

    fn principal(
        &mut self,
        _: Resource<RequestHandle>,
    ) -> wasmtime::Result<Option<Resource<DocumentHandle>>> {
        self.count()?;
        let principal = self.document(Place::Principal);
        let principal = principal.map(|_| handle(Place::Principal));
        Ok(self.told("request.principal", nothing, principal))
    }

    fn is_superuser(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<bool> {
        self.count()?;
        let is_superuser = self.exchange.principal.is_superuser();
        Ok(self.told("request.is-superuser", nothing, is_superuser))
    }

    fn client_ip(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        self.count()?;
        let address = self.exchange.client.address.to_string();
        Ok(self.told("request.client-ip", nothing, address))
    }

    fn header(
        &mut self,
        _: Resource<RequestHandle>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        self.count()?;
        let name = name.to_ascii_lowercase();
        let is_secret = SECRET_HEADERS.contains(&name.as_str());
        let value = self.exchange.client.headers.get(name.as_str());
        let value = value
            .filter(|_| !is_secret)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(self.told("request.header", |_| vec![name.into()], value))
    }

    fn query(
        &mut self,
        _: Resource<RequestHandle>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        self.count()?;
        let value = self.exchange.operation.query_value(&name);
        Ok(self.told("request.query", |_| vec![name.into()], value))
    }

    fn time(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<u64> {
        self.count()?;
        Ok(self.told("request.time", nothing, self.exchange.received_ms))
    }

    fn batch_index(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<u32>> {
        self.count()?;
        let index = self.exchange.batch.as_ref().map(|place| place.index);
        Ok(self.told("request.batch-index", nothing, index))
    }

    fn body(
        &mut self,
        _: Resource<RequestHandle>,
    ) -> wasmtime::Result<Option<Resource<DocumentHandle>>> {
        self.count()?;
        let body = self.document(Place::Body).map(|_| handle(Place::Body));
        Ok(self.told("request.body", nothing, body))
    }

    fn changes(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Vec<String>> {
        self.count()?;
        if !self.exchange.operation.writes_record() {
            return Ok(Vec::new());
        }
        let body = self
            .document(Place::Body)
            .and_then(|document| document.value().as_object());
        let changes = exchange::write::changes(body, &self.exchange.uploads);
        Ok(self.told("request.changes", nothing, changes))
    }

    fn uploads(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Vec<Upload>> {
        self.count()?;
        let uploads = self.exchange.uploads.iter();
        let uploads = uploads.map(convert::upload).collect();
        Ok(self.told("request.uploads", nothing, uploads))
    }

    async fn stored(
        &mut self,
        _: Resource<RequestHandle>,
    ) -> wasmtime::Result<Result<Option<Resource<DocumentHandle>>, Fault>> {
        self.count()?;
        let exchange = &self.exchange;
        let (Some(collection), Some(id)) = (&exchange.collection, exchange.operation.record_id())
        else {
            return Ok(self.told("request.stored", nothing, Err(Fault::NotHere)));
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
                return Ok(self.told("request.stored", nothing, Err(Fault::Upstream)));
            }
        };
        let found = found.map(|record| {
            self.put_stored(Document::read_only(record));
            handle(Place::Stored)
        });
        Ok(self.told("request.stored", nothing, Ok(found)))
    }

    fn narrow(
        &mut self,
        _: Resource<RequestHandle>,
        filter: String,
        parameters: Vec<(String, Value)>,
    ) -> wasmtime::Result<Result<(), Fault>> {
        self.count()?;
        let traced = self.dossier.trace.is_some();
        let asked = traced.then(|| vec![filter.clone().into(), bound(&parameters)]);
        let narrowed = self.narrow_by(&filter, parameters);
        Ok(self.told("request.narrow", |_| asked.unwrap_or_default(), narrowed))
    }

    fn note(
        &mut self,
        _: Resource<RequestHandle>,
        key: String,
        value: String,
    ) -> wasmtime::Result<()> {
        self.count()?;
        let asked = |_: &Self| vec![key.clone().into(), value.clone().into()];
        self.told("request.note", asked, ());
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
        Ok(self.told("response.status", nothing, self.status))
    }

    fn body(
        &mut self,
        _: Resource<ResponseHandle>,
    ) -> wasmtime::Result<Option<Resource<DocumentHandle>>> {
        self.count()?;
        let body = self.document(Place::Answer).map(|_| handle(Place::Answer));
        Ok(self.told("response.body", nothing, body))
    }

    fn drop(&mut self, _: Resource<ResponseHandle>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl CallState {
    fn narrow_by(&mut self, filter: &str, parameters: Vec<(String, Value)>) -> Result<(), Fault> {
        let kind = self.exchange.operation.kind();
        let has_filter = matches!(kind, OperationKind::List | OperationKind::Subscribe);
        if !self.is_before || !has_filter || self.voice == Voice::Member {
            return Err(Fault::NotHere);
        }
        let values = parameters
            .iter()
            .map(|(name, value)| name.len() + convert::size(value));
        if !self.weigh(filter.len() + values.sum::<usize>()) {
            return Err(Fault::Exhausted);
        }
        // A filter that does not fit leaves what was narrowed before as it is.
        let narrowed = convert::parameters(parameters)
            .and_then(|parameters| Filter::bind(filter, &parameters))
            .and_then(|bound| match self.narrowing.clone() {
                Some(already) => already.and(bound),
                None => Ok(bound),
            });
        match narrowed {
            Ok(narrowed) => {
                self.narrowing = Some(narrowed);
                Ok(())
            }
            Err(error) => Err(Fault::BadFilter(error.to_string())),
        }
    }
}
