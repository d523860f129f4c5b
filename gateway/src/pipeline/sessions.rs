//! People's own sessions: what they are told of them, and what ends with one.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Response;
use super::live::accounts;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::operation::{OperationError, SessionAction};
use crate::principal::{SessionId, Token};
use crate::realtime::{Closing, Identity};
use crate::sessions::{Ended, Ending, Listed, SessionError};
use crate::telemetry::{SecurityEvent, SecurityKind};

/// How often it is looked what is over, and written what was only noted.
const TEND: Duration = Duration::from_secs(1);

/// How often keys are looked at, and tokens of PocketBase that nobody asks with.
const RENEW: Duration = Duration::from_secs(15);

/// What the client is told whose session it was.
const ENDED: u16 = 401;

/// Answers what somebody asks about his own sessions.
pub(super) async fn answer(
    gateway: &Gateway,
    exchange: &Exchange,
    action: SessionAction,
) -> Result<Response, Error> {
    let sessions = &gateway.sessions;
    if !sessions.is_rolling() {
        // The configuration in the file is another than the one at the start.
        return Err(OperationError::UnknownRoute.into());
    }
    let asker = exchange.principal.record().ok_or(SessionError::Missing)?;
    let address = exchange.client.address;
    match action {
        SessionAction::List => {
            let items: Vec<Value> = sessions
                .own(asker)?
                .iter()
                .map(|listed| told(listed, asker.session))
                .collect();
            let mut response = Response::json(StatusCode::OK, &json!({ "items": items }));
            let headers = &mut response.headers;
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return Ok(response);
        }
        SessionAction::LogOut => sessions.log_out(asker, address).await?,
        SessionAction::EndAll => sessions.revoke(asker, None, address).await?,
        SessionAction::End(id) => sessions.revoke(asker, Some(id), address).await?,
    }
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

fn told(listed: &Listed, current: Option<SessionId>) -> Value {
    json!({
        "id": listed.id.to_string(),
        "created": date(listed.created_ms),
        "lastUsed": date(listed.used_ms),
        "expires": date(listed.expires_ms),
        "address": listed.address.to_string(),
        "userAgent": listed.user_agent,
        "current": current == Some(listed.id),
    })
}

/// A moment as PocketBase tells it: `2026-11-26 11:08:56.123Z`.
fn date(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or_default();
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return String::new();
    };
    let (hour, minute, second) = moment.to_hms();
    let day = moment.date();
    format!("{day} {hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
}

/// Looks after sessions until it is told to stop.
pub(crate) async fn watch(gateway: Arc<Gateway>, stop: CancellationToken) {
    // What belongs to a session that has ended does not wait for a disk.
    tokio::join!(follow(&gateway, &stop), tend(&gateway, &stop));
}

/// Ends what belongs to sessions as soon as they have ended.
async fn follow(gateway: &Arc<Gateway>, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            ended = gateway.sessions.ended() => end(gateway, &ended),
        }
    }
}

/// Has sessions written, now and then.
async fn tend(gateway: &Gateway, stop: &CancellationToken) {
    let mut tend = tokio::time::interval(TEND);
    tend.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tend.tick() => {
                if let Err(error) = gateway.sessions.tend().await {
                    tracing::error!(%error, "sessions are not written");
                }
            }
        }
    }
}

/// Tells and writes what the last requests have left, when there are none any more.
pub(crate) async fn finish(gateway: &Arc<Gateway>) {
    end(gateway, &gateway.sessions.just_ended());
    if let Err(error) = gateway.sessions.tend().await {
        tracing::error!(%error, "what was noted of sessions is not written");
    }
}

/// Keeps what sessions stand on from getting old, until it is told to stop.
pub(crate) async fn renew(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        let schema = gateway.upstream.schema();
        let renewing = gateway.sessions.renew_old(&schema);
        tokio::select! {
            () = stop.cancelled() => return,
            renewed = renewing => if let Err(error) = renewed {
                tracing::error!(%error, "keys of sessions are not written");
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RENEW) => {}
        }
    }
}

/// Ends what belongs to sessions that have ended.
fn end(gateway: &Arc<Gateway>, ended: &[Ended]) {
    let is_over = |session: Option<SessionId>| {
        session.is_some_and(|session| ended.iter().any(|ended| ended.session == session))
    };
    gateway.realtime.close_where(Closing::TokenRefused, |open| {
        is_over(open.token.and_then(Token::session))
    });
    for ended in ended {
        if ended.why == Ending::Reused {
            report(gateway, ended);
        }
        // Somebody else may be told the same by what that session had opened.
        let identity = Identity::Record {
            collection: ended.collection.clone(),
            id: ended.record.clone(),
        };
        if let Some(person) = gateway.realtime.person(&identity) {
            let gateway = Arc::clone(gateway);
            tokio::spawn(async move { accounts::ask_again(&gateway, &person).await });
        }
    }
}

/// Tells that somebody had a token who should not.
fn report(gateway: &Gateway, ended: &Ended) {
    let log = &gateway.log;
    let veil = log.veil();
    let address = ended.address.and_then(|address| veil.address(address));
    log.report(SecurityEvent {
        collection: Some(ended.collection.clone()),
        principal: veil.principal(&ended.collection, &ended.record),
        address,
        status: Some(ENDED),
        code: Some("session_ended".to_owned()),
        ..SecurityEvent::now(SecurityKind::TokenReused)
    });
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn moments_are_told_as_pocketbase_tells_them() {
        assert_eq!(date(1_795_691_336_789), "2026-11-26 11:08:56.789Z");
        assert_eq!(date(0), "1970-01-01 00:00:00.000Z");
    }
}
