//! The way in: what is asked, who asks, whether the rules let it pass.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::trace::Trace;
use super::{Request, body, reach};
use crate::error::Error;
use crate::exchange::{Client, Exchange};
use crate::filter::Filter;
use crate::gateway::{Gateway, InForce};
use crate::operation::Operation;
use crate::rules::{Asked, Passed};
use crate::schema::{Collection, Schema};

/// A request that the rules have let pass. Its fields are private to this file:
/// nothing but `permit` makes one.
pub struct Permitted {
    exchange: Arc<Exchange>,
    in_force: Arc<InForce>,
    asked: Arc<Asked>,
    /// As edited by the rules.
    body: Option<Arc<Value>>,
    /// To be joined by `&&` onto the client's filter.
    narrowing: Option<Filter>,
}

/// Takes a request through everything that must be known before it may be sent.
pub(super) async fn permit(
    gateway: &Gateway,
    request: Request,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    let in_force = gateway.in_force();
    trace.generation = in_force.generation.number;

    let operation = Operation::parse(&request.method, &request.path, request.query.as_deref())?;
    trace.operation = Some(operation.kind());
    if matches!(operation, Operation::Superuser(_)) && !in_force.serving.superusers {
        return Err(Error::SuperuserRoute);
    }
    let collection = with_schema(gateway, |schema| {
        let collection = find(schema, &in_force, &operation)?;
        if let Some(collection) = &collection {
            reach::check(&operation, collection, schema, &in_force.generation)?;
        }
        Ok(collection)
    })
    .await?;
    trace.collection = collection
        .as_ref()
        .map(|collection| collection.name.clone());

    let schema = gateway.upstream.schema();
    let principal = gateway
        .sessions
        .identify(operation.identity(), &request.headers, &schema)
        .await?;
    trace.principal = principal
        .record()
        .map(|record| format!("{}/{}", record.collection, record.id));
    if matches!(operation, Operation::Superuser(_)) && !principal.is_superuser() {
        return Err(Error::NotSuperuser);
    }

    let sent = body::read(
        &operation,
        &request.headers,
        request.body,
        gateway.server.max_body,
    )
    .await?;
    let sent = match (&collection, sent) {
        (Some(collection), Some(sent)) if operation.writes_record() => Some(
            with_schema(gateway, |schema| {
                let collection = schema.by_id(&collection.id).unwrap_or(collection);
                Ok(body::check(&sent, collection)?)
            })
            .await?,
        ),
        (_, sent) => sent,
    };

    let exchange = Arc::new(Exchange {
        client: Client {
            address: request.address,
            headers: request.headers,
            wants_file: matches!(operation, Operation::Download { .. }),
        },
        operation,
        collection,
        principal,
        received_ms: now_ms(),
    });
    judge(gateway, in_force, exchange, sent, trace).await
}

/// Asks the rules, the last step on the way in.
async fn judge(
    gateway: &Gateway,
    in_force: Arc<InForce>,
    exchange: Arc<Exchange>,
    body: Option<Value>,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    let asked = Arc::new(Asked::new(Arc::clone(&gateway.upstream)));
    let generation = &in_force.generation;
    let chain = exchange
        .collection
        .as_ref()
        .and_then(|collection| generation.chain(&collection.name));
    let passed = match chain {
        Some(chain) => generation.before(chain, &exchange, &asked, body).await?,
        // Health and superuser routes have no collection, so nobody to judge them.
        None => Passed {
            body,
            ..Passed::default()
        },
    };
    trace.notes.extend(passed.notes);
    let body = match (passed.body, &exchange.collection) {
        // What rules made of a body is held to the same form as what a client sent.
        (Some(body), Some(collection)) if exchange.operation.writes_record() => {
            Some(body::check(&body, collection)?)
        }
        (body, _) => body,
    };
    Ok(Permitted {
        body: body.map(Arc::new),
        narrowing: passed.narrowing,
        exchange,
        in_force,
        asked,
    })
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

/// The collection that an operation names, if it is there and exposed.
fn find(
    schema: &Schema,
    in_force: &InForce,
    operation: &Operation,
) -> Result<Option<Arc<Collection>>, Error> {
    let Some(named) = operation.collection() else {
        return Ok(None);
    };
    schema
        .find(named)
        .filter(|collection| in_force.generation.chain(&collection.name).is_some())
        .map(|collection| Some(Arc::clone(collection)))
        .ok_or_else(|| Error::NotExposed(named.as_str().to_owned()))
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

    pub(super) fn asked(&self) -> &Arc<Asked> {
        &self.asked
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
