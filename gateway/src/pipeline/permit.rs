//! The way in: what is asked, who asks, whether the rules let it pass.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::trace::Trace;
use super::{Request, body, reach};
use crate::error::{BodyError, Error};
use crate::exchange::{Client, Exchange, hold_body};
use crate::filter::Filter;
use crate::gateway::{Gateway, InForce};
use crate::operation::Operation;
use crate::principal::Principal;
use crate::rules::{Dossier, Leaving, Passed};
use crate::schema::{Collection, Schema};
use crate::sessions::{Admits, SessionError};

/// A request that the rules have let pass. Its fields are private to this file:
/// nothing but [`permit`] makes one.
pub struct Permitted {
    exchange: Arc<Exchange>,
    in_force: Arc<InForce>,
    dossier: Arc<Dossier>,
    /// As edited by the rules.
    body: Option<Arc<Value>>,
    /// To be joined by `&&` onto the client's filter.
    narrowing: Option<Filter>,
    /// A place among the requests under way.
    _under_way: OwnedSemaphorePermit,
}

/// What an operation names, found in the schema and exposed.
struct Found {
    collection: Arc<Collection>,
    /// The collections that its expand leads to.
    expanded: Vec<Arc<Collection>>,
}

/// Takes a request through everything that must be known before it may be sent.
pub(super) async fn permit(
    gateway: &Gateway,
    request: Request,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    let under_way = enter(gateway)?;
    let in_force = gateway.in_force();
    trace.generation = in_force.generation.number;

    let operation = Operation::parse(&request.method, &request.path, request.query.as_deref())?;
    trace.operation = Some(operation.kind());
    if matches!(operation, Operation::Superuser(_)) && !in_force.serving.superusers {
        return Err(Error::SuperuserRoute);
    }
    let found = with_schema(gateway, |schema| find(schema, &in_force, &operation)).await?;
    trace.collection = found.as_ref().map(|found| found.collection.name.clone());

    let client = Client {
        address: request.address,
        wants_file: matches!(operation, Operation::Download { .. }),
        headers: request.headers,
    };
    let principal = identify(gateway, &in_force, &operation, &client).await?;
    trace.principal = principal
        .record()
        .map(|record| format!("{}/{}", record.collection, record.id));
    if matches!(operation, Operation::Superuser(_)) && !principal.is_superuser() {
        return Err(Error::NotSuperuser);
    }

    let bound = gateway.server.max_body;
    let reading = body::read(&operation, &client.headers, request.body, bound);
    let (under_way, body) = aside(gateway, under_way, reading).await?;
    let (found, body) = match body {
        None => (found, None),
        Some(body) => {
            let (found, body) = hold(gateway, &in_force, &operation, &body).await?;
            (found, Some(body))
        }
    };
    let (collection, expanded) = match found {
        Some(Found {
            collection,
            expanded,
        }) => (Some(collection), expanded),
        None => (None, Vec::new()),
    };
    let received_ms = now_ms();
    let exchange = Exchange {
        operation,
        collection,
        expanded,
        principal,
        client,
        received_ms,
    };
    judge(
        gateway,
        in_force,
        (Arc::new(exchange), body),
        under_way,
        trace,
    )
    .await
}

/// Holds a body against what the operation names, looked up again: the body
/// took its time, and the newest picture counts.
async fn hold(
    gateway: &Gateway,
    in_force: &InForce,
    operation: &Operation,
    body: &Value,
) -> Result<(Option<Found>, Value), Error> {
    with_schema(gateway, |schema| {
        let found = find(schema, in_force, operation)?;
        let collection = found.as_ref().map(|found| found.collection.as_ref());
        let body = hold_body(operation, collection, body.clone());
        Ok((found, body.map_err(BodyError::from)?))
    })
    .await
}

/// Asks the rules, the last step on the way in.
async fn judge(
    gateway: &Gateway,
    in_force: Arc<InForce>,
    (exchange, body): (Arc<Exchange>, Option<Value>),
    under_way: OwnedSemaphorePermit,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    let dossier = Arc::new(Dossier::new(Arc::clone(&gateway.upstream)));
    trace.dossier = Some(Arc::clone(&dossier));
    let generation = &in_force.generation;
    let Passed { body, narrowing } = match &exchange.collection {
        Some(collection) => {
            let chain = generation.chain(&collection.name);
            let chain = chain.ok_or_else(|| Error::NotExposed(collection.name.clone()))?;
            generation.before(chain, &exchange, &dossier, body).await?
        }
        // Health and superuser routes have no collection, so nobody to judge them.
        None => Passed {
            body,
            narrowing: None,
        },
    };
    let body = body.map(Arc::new);
    Ok(Permitted {
        exchange,
        in_force,
        dossier,
        body,
        narrowing,
        _under_way: under_way,
    })
}

fn enter(gateway: &Gateway) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(&gateway.under_way)
        .try_acquire_owned()
        .map_err(|_| Error::Busy)
}

/// Waits for a body without a place among the requests under way: whoever
/// sends slowly must not keep others out. What is there at once keeps its place.
async fn aside<T>(
    gateway: &Gateway,
    under_way: OwnedSemaphorePermit,
    reading: impl Future<Output = Result<T, BodyError>>,
) -> Result<(OwnedSemaphorePermit, T), Error> {
    let mut reading = std::pin::pin!(reading);
    if let Some(read) = reading.as_mut().now_or_never() {
        return Ok((under_way, read?));
    }
    drop(under_way);
    let read = tokio::time::timeout(gateway.server.body_timeout, reading).await;
    let read = read.map_err(|_| BodyError::Late)??;
    Ok((enter(gateway)?, read))
}

/// Finds out who asks; a token of a collection that is not known yet is worth
/// one look at a schema loaded anew.
async fn identify(
    gateway: &Gateway,
    in_force: &InForce,
    operation: &Operation,
    client: &Client,
) -> Result<Principal, Error> {
    let admits = if in_force.serving.superusers {
        Admits::Everyone
    } else {
        Admits::NoSuperusers
    };
    let schema = gateway.upstream.schema();
    let sessions = &gateway.sessions;
    match sessions
        .identify(operation.identity(), admits, client, &schema)
        .await
    {
        Err(SessionError::Collection) => match gateway.upstream.refresh_schema(&schema).await? {
            Some(newer) => Ok(sessions
                .identify(operation.identity(), admits, client, &newer)
                .await?),
            None => Err(SessionError::Collection.into()),
        },
        found => Ok(found?),
    }
}

/// Looks something up in the schema; what is not there is looked for once more
/// in a schema loaded anew.
async fn with_schema<T>(
    gateway: &Gateway,
    look: impl Fn(&Schema) -> Result<T, Error>,
) -> Result<T, Error> {
    let schema = gateway.upstream.schema();
    match look(&schema) {
        Err(error) if error.is_mismatch() => {
            match gateway.upstream.refresh_schema(&schema).await? {
                Some(newer) => look(&newer),
                None => Err(error),
            }
        }
        found => found,
    }
}

/// The collection that an operation names, if it is there and exposed, and if
/// everything else that the operation names may be asked about.
fn find(
    schema: &Schema,
    in_force: &InForce,
    operation: &Operation,
) -> Result<Option<Found>, Error> {
    let Some(named) = operation.collection() else {
        return Ok(None);
    };
    let collection = schema
        .find(named)
        .filter(|collection| in_force.generation.chain(&collection.name).is_some())
        .ok_or_else(|| Error::NotExposed(named.as_str().to_owned()))?;
    let expanded = reach::check(operation, collection, schema, &in_force.generation)?;
    Ok(Some(Found {
        collection: Arc::clone(collection),
        expanded,
    }))
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Permitted {
    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    pub(super) fn in_force(&self) -> &Arc<InForce> {
        &self.in_force
    }

    /// Whether rules have a say in what is asked, and not PocketBase's alone.
    pub(super) fn is_judged(&self) -> bool {
        let collection = self.exchange.collection.as_ref();
        let chain =
            collection.and_then(|collection| self.in_force.generation.chain(&collection.name));
        chain.is_none_or(|chain| !chain.is_empty())
    }

    /// What the rules need to know of the reply.
    pub(super) fn leaving(&self, status: u16) -> Leaving {
        Leaving {
            exchange: Arc::clone(&self.exchange),
            dossier: Arc::clone(&self.dossier),
            sent: self.body.clone(),
            status,
        }
    }

    pub(super) fn body(&self) -> Option<&Arc<Value>> {
        self.body.as_ref()
    }

    /// The operation as it goes to PocketBase: narrowed, where rules narrowed it.
    pub(super) fn operation(&self) -> Result<Operation, Error> {
        let mut operation = self.exchange.operation.clone();
        if let (Operation::List { query, .. }, Some(narrowing)) = (&mut operation, &self.narrowing)
        {
            let narrowed = match query.filter.take() {
                Some(filter) => filter.and(narrowing.clone()),
                None => Ok(narrowing.clone()),
            };
            query.filter = Some(narrowed.map_err(crate::operation::OperationError::from)?);
        }
        Ok(operation)
    }
}
