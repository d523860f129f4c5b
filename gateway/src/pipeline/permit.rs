//! The way in: what is asked, who asks, whether the rules let it pass.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use http::HeaderMap;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::account::{self, Account};
use super::trace::Trace;
use super::{Request, RequestBody, as_sent, body, closed, conceal, conditions, reach};
use crate::error::{BodyError, Error};
use crate::exchange::{AsSent, Client, Exchange, Held, hold_body};
use crate::filter::Filter;
use crate::gateway::{Gateway, InForce};
use crate::operation::{Asked, AuthAction, Operation};
use crate::principal::Principal;
use crate::rules::{Dossier, Leaving, Passed};
use crate::schema::{Collection, Schema};
use crate::sessions::{Admits, SessionError};
use crate::upstream::Payload;

/// A request that the rules have let pass. Its fields are private to this file:
/// nothing but [`permit`] makes one.
pub struct Permitted {
    exchange: Arc<Exchange>,
    in_force: Arc<InForce>,
    dossier: Arc<Dossier>,
    /// As edited by the rules.
    body: Option<Arc<Value>>,
    /// For a route that is let in as it is, and that no rule judges.
    as_sent: Option<AsSent>,
    /// To be joined by `&&` onto the client's filter.
    narrowing: Option<Filter>,
    /// For a login that may make one.
    account: Option<Account>,
    /// A place among the requests under way.
    _under_way: OwnedSemaphorePermit,
}

/// What an operation names, found in the schema and exposed.
struct Found {
    collection: Arc<Collection>,
    /// The collections that its expand leads to.
    expanded: Vec<Arc<Collection>>,
}

/// A body that has arrived and fits.
#[derive(Default)]
struct Sent {
    body: Option<Value>,
    as_sent: Option<AsSent>,
}

/// Takes a request through everything that must be known before it may be sent.
pub(super) async fn permit(
    gateway: &Gateway,
    request: Request,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    closed::address(gateway, request.address)?;
    let under_way = enter(gateway)?;
    let in_force = gateway.in_force();
    trace.generation = in_force.generation.number;

    let surface = Arc::clone(&in_force.serving.surface);
    let (method, query) = (&request.method, request.query.as_deref());
    let Asked { operation, unnamed } = Operation::parse(method, &request.path, query, &surface)?;
    trace.let_in(unnamed);
    trace.asks(&operation);
    if operation.is_for_superusers() && !in_force.serving.superusers {
        return Err(Error::SuperuserRoute);
    }
    // Who asks for what is not served need not be known.
    let found = with_schema(gateway, |schema| find(schema, &in_force, &operation)).await?;
    let closed = closed::found(gateway, found.as_deref());
    trace.collection = found;
    closed?;

    let client = Client {
        address: request.address,
        wants_file: operation.is_streamed(),
        headers: request.headers,
        surface,
    };
    trace.let_in(conditions::check(&operation, &client)?);
    let principal = identify(gateway, &in_force, &operation, &client).await?;
    trace.is_from(&principal, operation.identity());
    closed::principal(gateway, &principal)?;
    if operation.is_for_superusers() && !principal.is_superuser() {
        return Err(Error::NotSuperuser);
    }
    let asks = Asks {
        gateway,
        in_force: &in_force,
        operation: &operation,
        principal: &principal,
    };
    let found = with_schema(gateway, |schema| asks.reach(schema)).await?;
    let (under_way, sent) = asks.read(under_way, &client.headers, request.body).await?;
    if let Some(body) = &sent.body {
        trace.hears(body);
    }
    let (found, sent) = asks.hold(found, sent, &client, trace).await?;
    let (collection, expanded) = match found {
        Some(Found {
            collection,
            expanded,
        }) => (Some(collection), expanded),
        None => (None, Vec::new()),
    };
    let exchange = Arc::new(Exchange {
        operation,
        collection,
        expanded,
        principal,
        client,
        received_ms: now_ms(),
    });
    judge(gateway, in_force, (exchange, sent), under_way, trace).await
}

/// Somebody who asks for something.
struct Asks<'a> {
    gateway: &'a Gateway,
    in_force: &'a InForce,
    operation: &'a Operation,
    principal: &'a Principal,
}

impl Asks<'_> {
    /// The collection that the operation names, and those that it leads to, if
    /// this principal may ask about all that is named.
    fn reach(&self, schema: &Schema) -> Result<Option<Found>, Error> {
        let Some(collection) = find(schema, self.in_force, self.operation)? else {
            return Ok(None);
        };
        let by = reach::By {
            in_force: self.in_force,
            principal: self.principal,
            denies: &self.gateway.denies(),
        };
        let expanded = reach::check(self.operation, &collection, schema, by)?;
        Ok(Some(Found {
            collection,
            expanded,
        }))
    }

    /// Reads the body, within its bounds.
    async fn read(
        &self,
        under_way: OwnedSemaphorePermit,
        headers: &HeaderMap,
        body: RequestBody,
    ) -> Result<(OwnedSemaphorePermit, Sent), Error> {
        let bound = self.gateway.server.max_body;
        let reading = async {
            Ok(if matches!(self.operation, Operation::Custom(_)) {
                Sent {
                    as_sent: Some(as_sent::read(headers, body, bound).await?),
                    body: None,
                }
            } else {
                Sent {
                    body: body::read(self.operation, headers, body, bound).await?,
                    as_sent: None,
                }
            })
        };
        aside(self.gateway, under_way, reading).await
    }

    /// Holds a body against what the operation names, looked up again: the body
    /// took its time, and the newest picture counts.
    async fn hold(
        &self,
        found: Option<Found>,
        sent: Sent,
        client: &Client,
        trace: &mut Trace<'_>,
    ) -> Result<(Option<Found>, Sent), Error> {
        let Some(body) = &sent.body else {
            return Ok((found, sent));
        };
        let look = |schema: &Schema| {
            let found = self.reach(schema)?;
            let collection = found.as_ref().map(|found| found.collection.as_ref());
            let held = hold_body(self.operation, collection, body.clone(), &client.surface);
            Ok((found, held.map_err(BodyError::from)?))
        };
        let (mut found, mut held) = with_schema(self.gateway, look).await?;
        if !held.unnamed.is_empty() {
            // What is let in unnamed may be a field that is new.
            let upstream = &self.gateway.upstream;
            if let Some(newer) = upstream.refresh_schema(&upstream.schema()).await? {
                (found, held) = look(&newer)?;
            }
        }
        let Held { body, unnamed } = held;
        trace.let_in(unnamed);
        let body = Some(body);
        Ok((found, Sent { body, ..sent }))
    }
}

/// Asks the rules, the last step on the way in.
async fn judge(
    gateway: &Gateway,
    in_force: Arc<InForce>,
    (exchange, mut sent): (Arc<Exchange>, Sent),
    under_way: OwnedSemaphorePermit,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    closed::exchange(gateway, &exchange)?;
    let generation = &in_force.generation;
    let dossier = Arc::new(generation.dossier(&trace.id, Arc::clone(&gateway.upstream)));
    trace.dossier = Some(Arc::clone(&dossier));
    let is_oauth2 = exchange.operation.auth_action() == Some(AuthAction::WithOAuth2);
    let fields = if is_oauth2 {
        account::take_fields(&mut sent.body)
    } else {
        None
    };
    if let Some(body) = sent.body.as_ref().filter(|_| !is_oauth2) {
        conceal::check_fields(&in_force, &exchange, body)?;
    }
    let Passed {
        mut body,
        narrowing,
    } = match &exchange.collection {
        Some(collection) => {
            let chain = generation.chain(&collection.name);
            let chain = chain.ok_or_else(|| Error::NotExposed(collection.name.clone()))?;
            generation
                .before(chain, &exchange, &dossier, sent.body)
                .await?
        }
        // What has no collection has nobody to judge it.
        None => Passed {
            body: sent.body,
            narrowing: None,
        },
    };
    let account = if is_oauth2 {
        // What rules put there is what is to be created.
        let fields = account::take_fields(&mut body).or(fields);
        account::check_redirect(&in_force, body.as_ref())?;
        let login = body.get_or_insert_default();
        Some(account::judge(&in_force, &exchange, &dossier, (login, fields)).await?)
    } else {
        None
    };
    let body = body.map(Arc::new);
    Ok(Permitted {
        exchange,
        in_force,
        dossier,
        body,
        as_sent: sent.as_sent,
        narrowing,
        account,
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
    let (sessions, identity) = (&gateway.sessions, operation.identity());
    match sessions.identify(identity, admits, client, &schema).await {
        Err(SessionError::Collection) => {
            let found = match gateway.upstream.refresh_schema(&schema).await? {
                Some(newer) => sessions.identify(identity, admits, client, &newer).await,
                None => Err(SessionError::Collection),
            };
            match found {
                Err(error @ SessionError::Collection) => Ok(sessions.forgive(error, identity)?),
                found => Ok(found?),
            }
        }
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

/// The collection that an operation names, if it is there and exposed.
fn find(
    schema: &Schema,
    in_force: &InForce,
    operation: &Operation,
) -> Result<Option<Arc<Collection>>, Error> {
    let Some(named) = operation.collection() else {
        return Ok(None);
    };
    let found = schema.find(named);
    let is_superusers = found.is_some_and(|collection| collection.is_superusers());
    if is_superusers && operation.auth_action().is_some() && !in_force.serving.superusers {
        return Err(Error::SuperuserRoute);
    }
    let collection =
        found.filter(|collection| in_force.generation.chain(&collection.name).is_some());
    match collection {
        Some(collection) => Ok(Some(Arc::clone(collection))),
        None => Err(Error::NotExposed(named.as_str().to_owned())),
    }
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

    /// Whether rules have a say in what is asked, and not PocketBase's alone:
    /// what has no collection, a page say, has nobody to judge it.
    pub(super) fn is_judged(&self) -> bool {
        self.exchange.collection.as_ref().is_some_and(|collection| {
            let chain = self.in_force.generation.chain(&collection.name);
            chain.is_none_or(|chain| !chain.is_empty())
        })
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

    /// What the rules said of the account that a login may make.
    pub(super) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// The same, for good.
    pub(super) fn take_account(&mut self) -> Option<Account> {
        self.account.take()
    }

    /// The body as the rules let it pass.
    pub(super) fn sent(&self) -> Option<&Value> {
        self.body.as_deref()
    }

    /// What the rules of the request share.
    pub(super) fn dossier(&self) -> &Dossier {
        &self.dossier
    }

    /// The body as it goes to PocketBase.
    pub(super) fn payload(&self) -> Payload<'_> {
        if let Some(account) = &self.account {
            return Payload::Json(account.login());
        }
        match (&self.body, &self.as_sent) {
            (_, Some(as_sent)) => Payload::AsSent(as_sent),
            (Some(body), None) => Payload::Json(body),
            (None, None) => Payload::None,
        }
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
