//! Live records: who subscribes to what, and what becomes of each event.
//!
//! A subscription is permitted topic by topic, as a list is. An event has no request of
//! its own: it is a release. [`line`] keeps the connections to PocketBase up, [`judge`]
//! takes each event through the rules, [`feed`] and [`prove`] are for the mode in which
//! the gateway watches for everybody, and [`watch`] ends what may not go on.

pub(crate) mod accounts;
mod feed;
mod judge;
mod line;
mod prove;
pub(in crate::pipeline) mod subscribe;
pub(crate) mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use tokio::time::Instant;

use self::subscribe::Asked;
use super::permit::Permitted;
use super::trace::Trace;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::Operation;
use crate::principal::Principal;
use crate::realtime::{
    Holder, Identity, Listener, Membership, Outbox, RealtimeError, Want, Watched,
};

/// How long PocketBase may take until it tells of what somebody subscribes to.
const PATIENCE: Duration = Duration::from_secs(10);

/// What somebody asks to be told, on which stream.
pub(super) struct Subscription<'a> {
    /// The client id.
    pub(super) id: &'a str,
    /// Whether the outcome of a login is among it.
    pub(super) login: bool,
    /// Each topic of records as it is spelled, and its [`Operation::Watch`].
    pub(super) records: Vec<(Arc<str>, Operation)>,
}

/// Puts what is asked for, if all of it is permitted, in the place of what a stream was
/// told before, once PocketBase tells of it.
pub(super) async fn subscribe(
    gateway: &Arc<Gateway>,
    permitted: &Permitted,
    subscription: Subscription<'_>,
    trace: &mut Trace<'_>,
) -> Result<(), Error> {
    let Subscription { id, login, records } = subscription;
    let address = permitted.exchange().client.address;
    gateway.realtime.fits(records.len())?;
    let principal = subscribe::identify(gateway, permitted, &records, trace).await?;
    let generation = permitted.in_force().serial;
    let listener = listener(&principal, generation);
    // Before rules are asked: whose stream it is not is nobody to them.
    gateway.realtime.check(id, address, &listener.identity)?;
    let asked = subscribe::permit(gateway, permitted, principal, records, trace).await?;
    let vouched = listener.principal.record();
    let holder = Holder {
        identity: listener.identity.clone(),
        token: vouched.map(|vouched| vouched.token.clone()),
        expires: vouched.and_then(|_| gateway.sessions.expiry(&permitted.exchange().client)),
        generation,
        login,
        topics: asked.len(),
    };
    let join = async |outbox: &Arc<Outbox>| join(gateway, &listener, asked, outbox).await;
    gateway.realtime.subscribe(id, address, holder, join).await
}

async fn join(
    gateway: &Arc<Gateway>,
    listener: &Listener,
    asked: Vec<Asked>,
    outbox: &Arc<Outbox>,
) -> Result<Vec<Membership>, Error> {
    let mut memberships = Vec::with_capacity(asked.len());
    for asked in asked {
        let want = want(asked)?;
        memberships.push(gateway.realtime.join(listener, want, outbox)?);
    }
    for line in gateway.realtime.take_begun() {
        tokio::spawn(line::follow(Arc::clone(gateway), line));
    }
    let all_live = async {
        if let Some(first) = memberships.first() {
            accounts::is_still(gateway, listener, first.class()).await?;
        }
        for membership in &memberships {
            membership.class().live().await;
        }
        Ok::<(), Error>(())
    };
    let live = tokio::time::timeout(PATIENCE, all_live).await;
    live.map_err(|_| RealtimeError::Late)??;
    Ok(memberships)
}

fn want(asked: Asked) -> Result<Want, Error> {
    let exchange = &asked.exchange;
    let Some(collection) = &exchange.collection else {
        return Err(Error::NotExposed(String::new()));
    };
    Ok(Want {
        fields: asked.operation.fields().cloned(),
        watched: Watched {
            collection: Arc::clone(collection),
            expanded: exchange.expanded.clone(),
            surface: Arc::clone(&exchange.client.surface),
            operation: asked.operation,
        },
        spelling: asked.spelling,
        topic: asked.topic,
    })
}

/// As whom somebody listens.
fn listener(principal: &Principal, generation: u64) -> Listener {
    let Some(vouched) = principal.record() else {
        return Listener {
            identity: Identity::Guest,
            principal: Principal::Guest,
            account: None,
            generation,
        };
    };
    let account = vouched.record.get("collectionId").and_then(Value::as_str);
    Listener {
        identity: Identity::Record {
            collection: vouched.collection.clone(),
            id: vouched.id.clone(),
        },
        principal: principal.clone(),
        account: account.map(str::to_owned),
        generation,
    }
}

/// Tells the first of many in a second: where PocketBase is away, every line fails.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    fn is_first(&self) -> bool {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = last.is_none_or(|last| now >= last + Duration::from_secs(1));
        if is_first {
            *last = Some(now);
        }
        is_first
    }
}

/// Anything from half of it to all of it, so that not all come at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness all come at once.
    let _ = SystemRandom::new().fill(&mut byte);
    pause.mul_f64(0.5 + f64::from(byte[0]) / 512.0)
}
