//! How often somebody may ask: looked at before anything costs, when it is known who
//! asks for what, and once more where a body names what counts by itself: the account
//! of a login, the parts of a batch, the topics of a subscription.
//!
//! What is refused here PocketBase never hears of. What is admitted counts, whatever
//! comes of it, and before its body is read: to be slow gets nobody more.

mod questions;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(super) use self::questions::Questions;
use super::Request;
use super::trace::Trace;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::limits::{Asked, Class, LimitError, Running, Standing, Subject, whole_seconds};
use crate::operation::{AuthAction, Operation};
use crate::principal::Principal;
use crate::schema::Collection;

/// How often what is worth nothing any more is given up.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

const POLICY: &str = "ratelimit-policy";
const STANDING: &str = "ratelimit";

/// What of a request was counted.
#[derive(Default)]
pub(super) struct Counted {
    /// How the limits stand that it was held against, for its answer.
    standings: Vec<Standing>,
    /// Its place among those of the same principal.
    running: Option<Arc<Running>>,
}

/// Who asks, and from where.
pub(super) type Asking<'a> = (&'a Principal, IpAddr);

/// Before anything costs. Where an address is kept out, whoever shows something may turn
/// out to be somebody, whom that does not concern: see [`operation`].
pub(super) fn address(
    gateway: &Gateway,
    request: &Request,
    trace: &mut Trace<'_>,
) -> Result<(), Error> {
    let who = gateway.limits.at(request.address);
    if !shows_token(request) {
        gateway.limits.check(who)?;
    }
    match gateway.limits.admit(who, Asked::Anything) {
        // It concerns nobody before it refuses.
        Ok(_) => Ok(()),
        Err(error) => Err(trace.counted.refused(error)),
    }
}

/// When it is known who asks for what.
pub(super) fn operation(
    gateway: &Gateway,
    (operation, collection): (&Operation, Option<&Collection>),
    (principal, address): Asking<'_>,
    trace: &mut Trace<'_>,
) -> Result<(), Error> {
    let who = gateway.limits.who(principal, address);
    gateway.limits.check(who)?;
    let class = Class::of(operation);
    if matches!(class, Some(Class::Authenticate | Class::Mail)) {
        // Whoever guesses may be somebody already.
        gateway.limits.check(gateway.limits.at(address))?;
    }
    if matches!(operation, Operation::Health { .. }) {
        return Ok(());
    }
    let counted = &mut trace.counted;
    if counted.running.is_none() {
        counted.running = gateway.limits.enter(who)?.map(Arc::new);
    }
    let Some(class) = class else {
        return Ok(());
    };
    let collection = collection.map(|collection| collection.name.as_str());
    let asked = Asked::Operation(class, collection);
    counted.note(gateway.limits.admit(who, asked))
}

/// The account that a login, or a mail, is about.
pub(super) fn account(
    gateway: &Gateway,
    exchange: &Exchange,
    body: Option<&Value>,
    trace: &mut Trace<'_>,
) -> Result<(), Error> {
    let Some(account) = account_of(gateway, exchange, body) else {
        return Ok(());
    };
    let (principal, address) = (&exchange.principal, exchange.client.address);
    let who = gateway.limits.who(principal, address);
    let admitted = gateway.limits.admit(who, Asked::Account(account));
    trace.counted.note(admitted)
}

/// Gives up, from time to time, what limits need not remember any more.
pub(crate) async fn sweep(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {
                let limits = Arc::clone(&gateway.limits);
                // With millions of keys it takes a while: no request is to wait for that.
                let swept = tokio::task::spawn_blocking(move || limits.sweep());
                if let Err(error) = swept.await {
                    tracing::error!(%error, "what limits need not remember was not given up");
                }
            }
            () = stop.cancelled() => return,
        }
    }
}

/// Tells how the limits stand that a request was held against, as in the draft
/// `ratelimit-headers` of the IETF.
pub(super) fn tell(counted: &Counted, headers: &mut HeaderMap) {
    if counted.standings.is_empty() {
        return;
    }
    let list = |item: &dyn Fn(&Standing) -> String| {
        let items: Vec<_> = counted.standings.iter().map(item).collect();
        HeaderValue::try_from(items.join(", "))
    };
    let policies = list(&|Standing { policy, .. }| {
        let (name, limit, every) = (&policy.name, policy.limit, policy.every.as_secs());
        format!("\"{name}\";q={limit};w={every}")
    });
    let standings = list(&|standing| {
        let (name, left) = (&standing.policy.name, standing.left);
        format!("\"{name}\";r={left};t={}", whole_seconds(standing.after))
    });
    if let (Ok(policies), Ok(standings)) = (policies, standings) {
        headers.insert(POLICY, policies);
        headers.insert(STANDING, standings);
    }
}

/// Tells when to try again.
pub(super) fn tell_wait(error: &Error, headers: &mut HeaderMap) {
    if let Some(wait) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, whole_seconds(wait).into());
    }
}

impl Counted {
    /// The place among those of the same principal, for what goes on after the request.
    pub(super) fn running(&self) -> Option<Arc<Running>> {
        self.running.clone()
    }

    fn note(&mut self, admitted: Result<Option<Standing>, LimitError>) -> Result<(), Error> {
        match admitted {
            Ok(standing) => {
                self.tells(standing);
                Ok(())
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Tells of a limit that a request met on its way.
    pub(super) fn met(&mut self, error: Error) -> Error {
        match error {
            Error::Limit(error) => self.refused(error),
            error => error,
        }
    }

    fn refused(&mut self, error: LimitError) -> Error {
        if let LimitError::Limited { standing, .. } = &error {
            self.tells(Some(standing.clone()));
        }
        error.into()
    }

    /// Of one limit, how it stands last.
    fn tells(&mut self, standing: Option<Standing>) {
        if let Some(standing) = standing {
            let same = |other: &Standing| other.policy.name == standing.policy.name;
            self.standings.retain(|other| !same(other));
            self.standings.push(standing);
        }
    }
}

/// Whether it may turn out to be somebody's.
fn shows_token(request: &Request) -> bool {
    let mut values = request.headers.get_all(header::AUTHORIZATION).iter();
    let query = request.query.as_deref().unwrap_or_default();
    values.any(|value| !value.is_empty()) || query.contains("token=")
}

/// Mails are counted apart: whoever has them sent must not keep anybody from logging in.
fn account_of(gateway: &Gateway, exchange: &Exchange, body: Option<&Value>) -> Option<Subject> {
    let collection = exchange.collection.as_ref()?;
    let (key, sort) = match exchange.operation.auth_action()? {
        AuthAction::WithPassword => ("identity", "login"),
        // Guesses at one code.
        AuthAction::WithOtp => ("otpId", "code"),
        AuthAction::RequestOtp
        | AuthAction::RequestVerification
        | AuthAction::RequestPasswordReset => ("email", "mail"),
        AuthAction::RequestEmailChange => ("newEmail", "mail"),
        AuthAction::Methods
        | AuthAction::WithOAuth2
        | AuthAction::Refresh
        | AuthAction::ConfirmVerification
        | AuthAction::ConfirmPasswordReset
        | AuthAction::ConfirmEmailChange => return None,
    };
    let text = body?.get(key)?.as_str()?;
    let of = format!("{}/{sort}", collection.id);
    Some(gateway.limits.account(&of, text))
}
