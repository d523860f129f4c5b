//! The way in: what is asked, who asks, whether the rules let it pass.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::account::{self, Account};
use super::asks::{Asks, Found, Sent, enter, find, with_schema};
use super::batch::{Outer, Writes};
use super::trace::Trace;
use super::{Request, application, batch, closed, conceal, conditions, limit, locked};
use crate::error::Error;
use crate::exchange::proof::Proof;
use crate::exchange::{AsSent, Client, Exchange, Upload};
use crate::filter::Filter;
use crate::gateway::{Gateway, InForce};
use crate::limits::Running;
use crate::locks::Held;
use crate::operation::{Asked, AuthAction, Operation};
use crate::principal::Principal;
use crate::rules::{Dossier, Leaving, Passed};
use crate::sessions::{Admits, SessionError, Shown};
use crate::spool::Spooled;
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
    as_sent: Option<Arc<AsSent>>,
    /// Kept until they are sent.
    files: Option<Arc<Spooled>>,
    /// To be joined by `&&` onto the client's filter.
    narrowing: Option<Filter>,
    /// For a login that may make one.
    account: Option<Account>,
    /// The writes of a batch.
    parts: Vec<Permitted>,
    /// The records that are written to, until PocketBase has answered.
    held: Option<Held>,
    /// A part of a batch is in its batch's.
    under_way: Option<Arc<Places>>,
}

/// A place among the requests under way, and one among those of who asks.
type Places = (OwnedSemaphorePermit, Option<Arc<Running>>);

/// Takes a request through everything that must be known before it may be sent.
pub(super) async fn permit(
    gateway: &Gateway,
    mut request: Request,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    closed::address(gateway, request.address)?;
    limit::address(gateway, &request, trace)?;
    let under_way = enter(gateway)?;
    let in_force = gateway.in_force();
    trace.generation = in_force.generation.number;

    let (operation, proof) = understand(gateway, &in_force, &mut request, trace)?;
    // Who asks for what is not served need not be known.
    let found = with_schema(gateway, |schema| find(schema, &in_force, &operation)).await?;
    let closed = closed::found(gateway, found.as_deref());
    trace.collection = found;
    closed?;

    let client = Client {
        address: request.address,
        wants_file: operation.is_streamed(),
        headers: request.headers,
        key: proof.as_ref().map(|proof| proof.key),
        surface: Arc::clone(&in_force.serving.surface),
    };
    trace.let_in(conditions::check(&operation, &client)?);
    let (principal, operation) = who(gateway, &in_force, operation, &client, trace).await?;
    let asking = (&principal, &operation, client.address);
    application::prove(gateway, &in_force, proof.as_ref(), asking)?;
    let asks = Asks {
        gateway,
        in_force: &in_force,
        operation: &operation,
        principal: &principal,
    };
    let found = with_schema(gateway, |schema| asks.reach(schema)).await?;
    trace.is_about(found.as_ref().map(|found| &found.collection));
    let (under_way, sent) = asks
        .read(under_way, &client, request.body, &trace.allowance)
        .await?;
    if let Some(body) = &sent.body {
        trace.hears(body);
    }
    trace.brings(&sent.uploads);
    let (found, mut sent) = asks.hold(found, sent, &client, trace).await?;
    let uploads = std::mem::take(&mut sent.uploads);
    let exchange = understood((operation, found), principal, client, uploads);
    if matches!(exchange.operation, Operation::Batch { .. }) {
        permit_batch(gateway, in_force, (exchange, sent), under_way, trace).await
    } else {
        permit_one(gateway, in_force, (exchange, sent), under_way, trace).await
    }
}

/// Reads the request line, and what shows from which application it comes.
fn understand(
    gateway: &Gateway,
    in_force: &InForce,
    request: &mut Request,
    trace: &mut Trace<'_>,
) -> Result<(Operation, Option<Proof>), Error> {
    let surface = &in_force.serving.surface;
    let (method, query) = (&request.method, request.query.as_deref());
    let asked = Operation::parse(method, &request.path, query, surface);
    application::origin(gateway, &request.headers, &asked)?;
    let Asked { operation, unnamed } = asked?;
    trace.let_in(unnamed);
    trace.asks(&operation);
    let proof = application::admit(gateway, in_force, (&operation, request), trace)?;
    if operation.is_for_superusers() && !in_force.serving.superusers {
        return Err(Error::SuperuserRoute);
    }
    Ok((operation, proof))
}

/// Finds out who asks, and whether they may, as often as they do.
async fn who(
    gateway: &Gateway,
    in_force: &InForce,
    operation: Operation,
    client: &Client,
    trace: &mut Trace<'_>,
) -> Result<(Principal, Operation), Error> {
    let identity = operation.identity();
    let identified = identify(gateway, in_force, operation, client).await;
    let (principal, operation) = identified.map_err(|error| trace.counted.met(error))?;
    trace.is_from(&principal, identity);
    closed::principal(gateway, &principal)?;
    let collection = trace.collection.clone();
    let asked = (&operation, collection.as_deref());
    limit::operation(gateway, asked, (&principal, client.address), trace)?;
    if operation.is_for_superusers() && !principal.is_superuser() {
        return Err(Error::NotSuperuser);
    }
    Ok((principal, operation))
}

/// The request, when all of it is known.
fn understood(
    (operation, found): (Operation, Option<Found>),
    principal: Principal,
    client: Client,
    uploads: Vec<Upload>,
) -> Arc<Exchange> {
    let (collection, expanded) = match found {
        Some(Found {
            collection,
            expanded,
        }) => (Some(collection), expanded),
        None => (None, Vec::new()),
    };
    Arc::new(Exchange {
        operation,
        collection,
        expanded,
        principal,
        client,
        uploads,
        batch: None,
        received_ms: now_ms(),
    })
}

/// Asks the rules about a request when it is its turn to write.
async fn permit_one(
    gateway: &Gateway,
    in_force: Arc<InForce>,
    (exchange, sent): (Arc<Exchange>, Sent),
    under_way: OwnedSemaphorePermit,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    limit::account(gateway, &exchange, sent.body.as_ref(), trace)?;
    let collection = exchange.collection.as_deref();
    let key = collection
        .and_then(|collection| locked::record(&exchange.operation, collection, sent.body.as_ref()));
    let keys = key.into_iter().collect();
    let (under_way, held) = locked::hold(gateway, under_way, keys).await?;
    let judged = judge(gateway, &in_force, (exchange, sent), trace).await?;
    Ok(Permitted {
        held,
        under_way: Some(Arc::new((under_way, trace.counted.running()))),
        ..judged
    })
}

/// Takes each part of a batch through the same.
async fn permit_batch(
    gateway: &Gateway,
    in_force: Arc<InForce>,
    (exchange, sent): (Arc<Exchange>, Sent),
    under_way: OwnedSemaphorePermit,
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    let outer = Outer {
        gateway,
        in_force: &in_force,
        exchange: &exchange,
    };
    let files = sent.files.clone();
    let Writes {
        parts,
        body,
        held,
        under_way,
    } = batch::permit(&outer, sent, under_way, trace).await?;
    let dossier = Arc::new(
        in_force
            .generation
            .dossier(&trace.id, Arc::clone(&gateway.upstream)),
    );
    Ok(Permitted {
        exchange,
        in_force,
        dossier,
        body: Some(Arc::new(body)),
        as_sent: None,
        files,
        narrowing: None,
        account: None,
        parts,
        held,
        under_way: Some(Arc::new((under_way, trace.counted.running()))),
    })
}

/// Asks the rules, the last step on the way in.
pub(super) async fn judge(
    gateway: &Gateway,
    in_force: &Arc<InForce>,
    (exchange, mut sent): (Arc<Exchange>, Sent),
    trace: &mut Trace<'_>,
) -> Result<Permitted, Error> {
    closed::exchange(gateway, &exchange)?;
    let generation = &in_force.generation;
    let dossier = Arc::new(generation.dossier(&trace.id, Arc::clone(&gateway.upstream)));
    trace.dossiers.push(Arc::clone(&dossier));
    let is_oauth2 = exchange.operation.auth_action() == Some(AuthAction::WithOAuth2);
    let fields = if is_oauth2 {
        account::take_fields(&mut sent.body)
    } else {
        None
    };
    if let Some(body) = sent.body.as_ref().filter(|_| !is_oauth2) {
        conceal::check_fields(in_force, &exchange, body)?;
    }
    let before = trace.copy(sent.body.as_ref());
    let passed = match &exchange.collection {
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
    trace.judged(before.as_ref(), &passed);
    let Passed {
        mut body,
        narrowing,
    } = passed;
    let account = if is_oauth2 {
        // What rules put there is what is to be created.
        let fields = account::take_fields(&mut body).or(fields);
        account::check_redirect(in_force, body.as_ref())?;
        let login = body.get_or_insert_default();
        Some(account::judge(in_force, &exchange, &dossier, (login, fields)).await?)
    } else {
        None
    };
    let body = body.map(Arc::new);
    Ok(Permitted {
        exchange,
        in_force: Arc::clone(in_force),
        dossier,
        body,
        as_sent: sent.unread.map(Arc::new),
        files: sent.files,
        narrowing,
        account,
        parts: Vec::new(),
        held: None,
        under_way: None,
    })
}

/// Finds out who asks; a token of a collection that is not known yet is worth
/// one look at a schema loaded anew. What is taken for no token is none any more.
pub(super) async fn identify(
    gateway: &Gateway,
    in_force: &InForce,
    mut operation: Operation,
    client: &Client,
) -> Result<(Principal, Operation), Error> {
    let admits = if in_force.serving.superusers {
        Admits::Everyone
    } else {
        Admits::NoSuperusers
    };
    let schema = gateway.upstream.schema();
    let (sessions, identity) = (&gateway.sessions, operation.identity());
    let questions = limit::Questions::of(&gateway.limits, client.address);
    let shown = Shown {
        identity,
        client,
        file_token: operation.file_token(),
        questions: Some(&questions),
    };
    let mut found = sessions.identify(shown, admits, &schema).await;
    if matches!(found, Err(SessionError::Collection))
        && let Some(newer) = gateway.upstream.refresh_schema(&schema).await?
    {
        found = sessions.identify(shown, admits, &newer).await;
    }
    let principal = match found {
        Err(error @ SessionError::Collection) => sessions.forgive(error, identity)?,
        found => found.map_err(|error| questions.told(error))?,
    };
    if principal.record().is_none() {
        // PocketBase is not to take it for more.
        operation.drop_file_token();
    }
    let inner = operation.file_token();
    if let Some(inner) = inner.and_then(|token| sessions.inner_file_token(token)) {
        operation.put_file_token(inner);
    }
    Ok((principal, operation))
}

pub(super) fn now_ms() -> u64 {
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

    /// The writes of a batch; none of any other request.
    pub(super) fn parts(&self) -> &[Permitted] {
        &self.parts
    }

    /// The writes of a batch, or the one request that it is.
    pub(super) fn each(&self) -> &[Permitted] {
        if self.parts.is_empty() {
            std::slice::from_ref(self)
        } else {
            &self.parts
        }
    }

    /// The body as it goes to PocketBase.
    pub(super) fn payload(&self) -> Payload {
        if let Some(account) = &self.account {
            return Payload::Json(account.login());
        }
        match (&self.body, &self.as_sent, &self.files) {
            (_, Some(as_sent), _) => Payload::AsSent(Arc::clone(as_sent)),
            (body, None, Some(files)) => Payload::Form {
                body: body.clone(),
                files: Arc::clone(files),
            },
            (Some(body), None, None) => Payload::Json(Arc::clone(body)),
            (None, None, None) => Payload::None,
        }
    }

    /// Gives up the places among the requests under way.
    pub(super) fn leave(&mut self) {
        self.under_way = None;
    }

    /// What must not be given up before PocketBase has answered: the records that are
    /// written to, and the places among the requests under way. None where no record
    /// is locked.
    pub(super) fn take_held(&mut self) -> Option<(Held, Option<Arc<Places>>)> {
        let held = self.held.take()?;
        Some((held, self.under_way.clone()))
    }

    /// The operation as it goes to PocketBase: narrowed, where rules narrowed it.
    pub(super) fn operation(&self) -> Result<Operation, Error> {
        let mut operation = self.exchange.operation.clone();
        let filter = match &mut operation {
            Operation::List { query, .. } => Some(&mut query.filter),
            Operation::Watch { query, .. } => Some(&mut query.filter),
            _ => None,
        };
        if let (Some(filter), Some(narrowing)) = (filter, &self.narrowing) {
            let narrowed = match filter.take() {
                Some(filter) => filter.and(narrowing.clone()),
                None => Ok(narrowing.clone()),
            };
            *filter = Some(narrowed.map_err(crate::operation::OperationError::from)?);
        }
        Ok(operation)
    }
}
