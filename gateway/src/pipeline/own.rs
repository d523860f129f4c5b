//! What the gateway answers itself, and PocketBase is not asked: its own pages,
//! and the way of somebody who logs in at a provider and comes back.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::live::subscribe::Wanted;
use super::permit::Permitted;
use super::trace::Trace;
use super::{Response, ResponseBody, live, sessions};
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::{OAuth2Return, Operation, OperationError, Page};
use crate::pages::AuthPage;
use crate::realtime::Outcome;

/// Where people land whom a provider sent back, relative to `/api/oauth2-redirect`:
/// as PocketBase has it, and never a place that a request names.
const SUCCESS: &str = "../_/#/auth/oauth2-redirect-success";
const FAILURE: &str = "../_/#/auth/oauth2-redirect-failure";

/// What is not served where it would be, and no page of the gateway's is either.
pub(super) const DASHBOARD: &str = "dashboard";

/// The answer, where it is the gateway's to give.
pub(super) async fn answer(
    gateway: &Arc<Gateway>,
    permitted: &mut Permitted,
    trace: &mut Trace<'_>,
) -> Option<Result<Response, Error>> {
    let exchange = Arc::clone(permitted.exchange());
    let address = exchange.client.address;
    match &exchange.operation {
        Operation::AuthPage(asked) => Some(page(asked)),
        Operation::Realtime => {
            let events = gateway.realtime.connect(address);
            Some(events.map(Response::events).map_err(Error::from))
        }
        Operation::Subscribe => {
            // It may wait for PocketBase, and keep nobody else from asking.
            permitted.leave();
            Some(subscribe(gateway, permitted, trace).await)
        }
        Operation::OAuth2Redirect(by_query) => {
            let sent = by_query
                .clone()
                .unwrap_or_else(|| returned(permitted.sent()));
            // As PocketBase has it: what came by a form is not to be sent again.
            let status = match by_query {
                Some(_) => StatusCode::TEMPORARY_REDIRECT,
                None => StatusCode::SEE_OTHER,
            };
            let is_good = sent.error.is_empty() && !sent.code.is_empty();
            let told = gateway.realtime.deliver(address, &outcome(sent));
            if let Err(error) = &told {
                tracing::debug!(%error, "nobody was told how a login at a provider ended");
                trace.login_failed();
            }
            let place = if told.is_ok() && is_good {
                SUCCESS
            } else {
                FAILURE
            };
            Some(Ok(redirect(status, place)))
        }
        Operation::Session(action) => Some(sessions::answer(gateway, &exchange, *action).await),
        Operation::Health { .. }
        | Operation::List { .. }
        | Operation::View { .. }
        | Operation::Create { .. }
        | Operation::Update { .. }
        | Operation::Delete { .. }
        | Operation::Batch { .. }
        | Operation::Watch { .. }
        | Operation::Event { .. }
        | Operation::Auth(_)
        | Operation::Impersonate { .. }
        | Operation::FileToken { .. }
        | Operation::Download { .. }
        | Operation::Superuser(_)
        | Operation::Custom(_)
        | Operation::Dashboard(_)
        | Operation::Static(_) => None,
    }
}

fn outcome(sent: OAuth2Return) -> Outcome {
    Outcome {
        state: sent.state,
        code: sent.code,
        error: Some(sent.error).filter(|error| !error.is_empty()),
    }
}

async fn subscribe(
    gateway: &Arc<Gateway>,
    permitted: &Permitted,
    trace: &mut Trace<'_>,
) -> Result<Response, Error> {
    let (exchange, sent) = (permitted.exchange(), permitted.sent());
    let Wanted {
        login,
        records,
        unnamed,
    } = live::subscribe::wanted(sent, &exchange.client.surface)?;
    trace.let_in(unnamed);
    let id = sent.and_then(|body| body.get("clientId"));
    let id = id.and_then(Value::as_str).unwrap_or_default();
    let subscription = live::Subscription { id, login, records };
    live::subscribe(gateway, permitted, subscription, trace).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

/// What a provider's form brought along.
fn returned(sent: Option<&Value>) -> OAuth2Return {
    let of = |key| {
        let value = sent.and_then(|body| body.get(key)).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    OAuth2Return {
        state: of("state"),
        code: of("code"),
        error: of("error"),
    }
}

fn redirect(status: StatusCode, to: &'static str) -> Response {
    let mut response = Response::empty(status);
    let headers = &mut response.headers;
    headers.insert(header::LOCATION, HeaderValue::from_static(to));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Code and state stand in this address.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    keep_opener(&mut response);
    response
}

/// One of the pages that stand where the dashboard's would.
fn page(asked: &Page) -> Result<Response, Error> {
    let Some(page) = AuthPage::at(asked) else {
        if asked.segments.len() == 1 {
            return Ok(redirect(StatusCode::TEMPORARY_REDIRECT, AuthPage::MOVED_TO));
        }
        let operation = DASHBOARD;
        return Err(OperationError::NotServed { operation }.into());
    };
    let mut response = Response::empty(StatusCode::OK);
    let content_type = HeaderValue::from_static(page.content_type());
    response.headers.insert(header::CONTENT_TYPE, content_type);
    for (name, value) in AuthPage::HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers
            .insert(name, HeaderValue::from_static(value));
    }
    response.body = ResponseBody::Bytes(page.body().into());
    Ok(response)
}

/// Whoever opened the window in which somebody logs in may close it.
pub(super) fn keep_opener(response: &mut Response) {
    let name = HeaderName::from_static("cross-origin-opener-policy");
    response
        .headers
        .insert(name, HeaderValue::from_static("unsafe-none"));
}
