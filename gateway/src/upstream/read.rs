//! Other records than the one that a request is about, asked for by a rule.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::Value;

use super::client::{Outgoing, Written};
use super::superuser::Purpose;
use super::{Upstream, UpstreamError};
use crate::exchange::Exchange;
use crate::operation::Operation;

/// As whom a rule's question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// As the one whose request is judged, guest or not.
    Caller,
    /// As the gateway's superuser.
    Gateway,
}

/// What PocketBase answers a rule's question.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The one record; none: there is none, or none to be seen.
    Record(Option<Arc<Value>>),
    /// How many there are.
    Count(u64),
    /// PocketBase does not take the question.
    Refused,
}

impl Upstream {
    /// Asks for one record, or for how many there are: a view, or a list of at
    /// most one.
    ///
    /// # Errors
    ///
    /// When PocketBase gives no answer, or not one of a shape that it has.
    pub async fn read(
        &self,
        standing: Standing,
        exchange: &Exchange,
        collection: &str,
        operation: &Operation,
    ) -> Result<Found, UpstreamError> {
        self.fingerprint.check()?;
        let path = operation.upstream_path_and_query(collection);
        let (status, body) = match standing {
            Standing::Gateway => {
                let read = Purpose::Read;
                self.superuser.get(&self.client, read, path).await?
            }
            Standing::Caller => {
                let vouched = exchange.principal.record();
                let request = Outgoing {
                    method: Method::GET,
                    path_and_query: path,
                    body: Written::default(),
                    token: vouched.map(|vouched| vouched.token.clone()),
                    client: Some(&exchange.client),
                };
                self.client.json(request).await?
            }
        };
        found(operation, status, body)
    }
}

impl Upstream {
    /// Asks for the ids of one page of a list, as the one whose exchange it is.
    ///
    /// # Errors
    ///
    /// When PocketBase gives no answer, or not one of a shape that it has.
    pub async fn ids(
        &self,
        exchange: &Exchange,
        collection: &str,
        list: &Operation,
    ) -> Result<Vec<String>, UpstreamError> {
        self.fingerprint.check()?;
        let vouched = exchange.principal.record();
        let request = Outgoing {
            method: Method::GET,
            // A list always has a query.
            path_and_query: format!("{}&fields=id", list.upstream_path_and_query(collection)),
            body: Written::default(),
            token: vouched.map(|vouched| vouched.token.clone()),
            client: Some(&exchange.client),
        };
        let garbled = |status| UpstreamError::Garbled(format!("a list of ids answers {status}"));
        match self.client.json(request).await? {
            (StatusCode::OK, Some(Value::Object(mut list))) => match list.remove("items") {
                Some(Value::Array(items)) => Ok(items.iter().filter_map(id_of).collect()),
                _ => Err(garbled(StatusCode::OK)),
            },
            // Nobody but a superuser may list them; each may be viewed all the same.
            (StatusCode::FORBIDDEN, _) => Ok(Vec::new()),
            (StatusCode::TOO_MANY_REQUESTS, _) => Err(UpstreamError::Limited),
            (status, _) => Err(garbled(status)),
        }
    }
}

fn id_of(item: &Value) -> Option<String> {
    item.get("id").and_then(Value::as_str).map(str::to_owned)
}

fn found(
    operation: &Operation,
    status: StatusCode,
    body: Option<Value>,
) -> Result<Found, UpstreamError> {
    let garbled = || UpstreamError::Garbled(format!("a rule's question is answered with {status}"));
    match (status, operation, body) {
        (StatusCode::OK, Operation::View { .. }, Some(record @ Value::Object(_))) => {
            Ok(Found::Record(Some(Arc::new(record))))
        }
        (StatusCode::OK, Operation::List { query, .. }, Some(Value::Object(mut list))) => {
            if !query.skip_total {
                let total = list.get("totalItems").and_then(Value::as_u64);
                return total.map(Found::Count).ok_or_else(garbled);
            }
            match list.remove("items") {
                Some(Value::Array(mut items)) if items.len() <= 1 => {
                    Ok(Found::Record(items.pop().map(Arc::new)))
                }
                _ => Err(garbled()),
            }
        }
        // What may not be seen counts as not there, here as in PocketBase's own lists.
        (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, Operation::View { .. }, _) => {
            Ok(Found::Record(None))
        }
        (StatusCode::FORBIDDEN, Operation::List { query, .. }, _) => Ok(if query.skip_total {
            Found::Record(None)
        } else {
            Found::Count(0)
        }),
        (StatusCode::BAD_REQUEST, ..) => Ok(Found::Refused),
        (StatusCode::TOO_MANY_REQUESTS, ..) => Err(UpstreamError::Limited),
        _ => Err(garbled()),
    }
}
