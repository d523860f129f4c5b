//! A subscription: each of its topics is permitted by itself, like a list of its
//! own. The first that is refused refuses all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::error::{Error, harmless};
use crate::exchange::{Client, Exchange};
use crate::gateway::{Gateway, InForce};
use crate::operation::{Identity, LONGEST_TOPIC, Operation, OperationError, Topic};
use crate::pipeline::asks::{Asks, Found, Sent, find, with_schema};
use crate::pipeline::closed;
use crate::pipeline::limit;
use crate::pipeline::permit::{self, Permitted};
use crate::pipeline::trace::Trace;
use crate::principal::Principal;
use crate::surface::{Surface, Unnamed};

/// What a subscription asks for, in its order.
#[derive(Default)]
pub(in crate::pipeline) struct Wanted {
    /// Whether it is `@oauth2` too.
    pub(in crate::pipeline) login: bool,
    /// Each topic of records as it is spelled, and its [`Operation::Watch`].
    pub(in crate::pipeline) records: Vec<(Arc<str>, Operation)>,
    /// What was let in only because the gateway observes.
    pub(in crate::pipeline) unnamed: Vec<Unnamed>,
}

/// A topic that the rules have let pass.
pub(in crate::pipeline) struct Asked {
    /// As the client spells it: what its events are called.
    pub(in crate::pipeline) spelling: Arc<str>,
    /// What was asked, by whom.
    pub(in crate::pipeline) exchange: Arc<Exchange>,
    /// The [`Operation::Watch`], as rules narrowed it.
    pub(in crate::pipeline) operation: Operation,
    /// The same for PocketBase.
    pub(in crate::pipeline) topic: Arc<str>,
}

/// Reads the topics of a subscription. One that is there twice counts once.
pub(in crate::pipeline) fn wanted(
    sent: Option<&Value>,
    surface: &Surface,
) -> Result<Wanted, Error> {
    let texts = sent.and_then(|body| body.get("subscriptions"));
    let texts = texts.and_then(Value::as_array);
    let mut wanted = Wanted::default();
    let mut seen = BTreeSet::new();
    for text in texts.into_iter().flatten().filter_map(Value::as_str) {
        if !seen.insert(text) {
            continue;
        }
        let topic = Topic::parse(text, surface).map_err(|error| of_topic(text, error.into()))?;
        match topic {
            Topic::OAuth2 => wanted.login = true,
            // They are told to every stream that they concern.
            Topic::Greeting | Topic::Resync | Topic::Closing => {}
            Topic::Records { operation, unnamed } => {
                wanted.records.push((text.into(), operation));
                wanted.unnamed.extend(unnamed);
            }
        }
    }
    Ok(wanted)
}

/// Who subscribes to records: with a token that is not good nobody does, as everywhere.
pub(in crate::pipeline) async fn identify(
    gateway: &Gateway,
    permitted: &Permitted,
    topics: &[(Arc<str>, Operation)],
    trace: &mut Trace<'_>,
) -> Result<Principal, Error> {
    let exchange = permitted.exchange();
    let Some((_, first)) = topics.first() else {
        return Ok(exchange.principal.clone());
    };
    let (in_force, client) = (permitted.in_force(), &exchange.client);
    let (principal, _) = permit::identify(gateway, in_force, first.clone(), client).await?;
    trace.is_from(&principal, Identity::Optional);
    closed::principal(gateway, &principal)?;
    Ok(principal)
}

/// Takes every topic through what a list of its own would be taken through.
pub(in crate::pipeline) async fn permit(
    gateway: &Gateway,
    permitted: &Permitted,
    principal: Principal,
    topics: Vec<(Arc<str>, Operation)>,
    trace: &mut Trace<'_>,
) -> Result<Vec<Asked>, Error> {
    let mut subscription = Subscription {
        gateway,
        in_force: permitted.in_force(),
        exchange: permitted.exchange(),
        principal,
        told: BTreeSet::new(),
    };
    let mut asked = Vec::with_capacity(topics.len());
    for (spelling, operation) in topics {
        let permitted = subscription.permit(operation, trace).await;
        let topic = permitted.and_then(|permitted| Asked::new(&spelling, &permitted));
        asked.push(topic.map_err(|error| of_topic(&spelling, error))?);
    }
    Ok(asked)
}

/// Who subscribes, and where.
struct Subscription<'a> {
    gateway: &'a Gateway,
    in_force: &'a Arc<InForce>,
    exchange: &'a Exchange,
    principal: Principal,
    /// The collections that are in the log line already.
    told: BTreeSet<String>,
}

impl Subscription<'_> {
    async fn permit(
        &mut self,
        operation: Operation,
        trace: &mut Trace<'_>,
    ) -> Result<Permitted, Error> {
        let (gateway, in_force) = (self.gateway, self.in_force);
        // Who asks for what is not served need not be known.
        let found = with_schema(gateway, |schema| find(schema, in_force, &operation)).await?;
        closed::found(gateway, found.as_deref())?;
        if let Some(collection) = &found
            && self.told.insert(collection.name.clone())
        {
            trace.has_part(&operation, Some(collection));
        }
        let asking = (&self.principal, self.exchange.client.address);
        limit::operation(gateway, (&operation, found.as_deref()), asking, trace)?;
        let asks = Asks {
            gateway,
            in_force,
            operation: &operation,
            principal: &self.principal,
        };
        let found = with_schema(gateway, |schema| asks.reach(schema)).await?;
        let Some(Found {
            collection,
            expanded,
        }) = found
        else {
            return Err(Error::NotExposed(String::new()));
        };
        let exchange = Arc::new(Exchange {
            client: self.client(&operation),
            operation,
            collection: Some(collection),
            expanded,
            principal: self.principal.clone(),
            uploads: Vec::new(),
            batch: None,
            received_ms: self.exchange.received_ms,
        });
        permit::judge(gateway, in_force, (exchange, Sent::default()), trace).await
    }

    /// With the headers of the topic over those of the request.
    fn client(&self, operation: &Operation) -> Client {
        let mut client = self.exchange.client.clone();
        // In their place: a rule reads the first of a name.
        for (name, value) in &headers(operation) {
            client.headers.insert(name.clone(), value.clone());
        }
        client
    }
}

impl Asked {
    /// # Errors
    ///
    /// A filter beyond its bounds, or a topic longer than PocketBase takes: the filter
    /// that a rule adds is in it.
    fn new(spelling: &Arc<str>, permitted: &Permitted) -> Result<Self, Error> {
        let operation = permitted.operation()?;
        let collection = permitted.exchange().collection.as_ref();
        // By its id, which outlives another name.
        let id = collection.map_or("", |collection| collection.id.as_str());
        let topic = operation.upstream_topic(id);
        let fits = topic.filter(|topic| topic.len() <= LONGEST_TOPIC);
        let topic = fits.ok_or(OperationError::Topic(TOO_LONG))?;
        Ok(Self {
            spelling: Arc::clone(spelling),
            exchange: Arc::clone(permitted.exchange()),
            operation,
            topic: topic.into(),
        })
    }
}

const TOO_LONG: &str = "as PocketBase would have to be told it, it has more than 2500 characters";

/// The headers among the options of a topic.
pub(in crate::pipeline) fn headers(operation: &Operation) -> HeaderMap {
    let (Operation::Watch { query, .. } | Operation::Event { query, .. }) = operation else {
        return HeaderMap::new();
    };
    let headers = query.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::try_from(name).ok()?;
        Some((name, HeaderValue::try_from(value).ok()?))
    });
    headers.collect()
}

/// What is wrong with a topic.
fn of_topic(topic: &str, error: Error) -> Error {
    Error::Topic {
        topic: harmless(topic),
        error: Box::new(error),
    }
}
