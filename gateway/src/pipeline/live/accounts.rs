//! Whether those who listen still may: their tokens are asked about again when their
//! account was changed, when that may have been missed, and from time to time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::gateway::Gateway;
use crate::principal::Principal;
use crate::realtime::{Class, Closing, Identity, Listener, Person};
use crate::sessions::{Admits, SessionError};
use crate::upstream::{ListenError, UpstreamError};

/// How long ago PocketBase must have begun to tell of an account for what is known of
/// its tokens to be no older than that.
const SETTLED: Duration = Duration::from_mins(1);

/// Whether who is about to listen still may, now that it is told what becomes of the account:
/// between the look at the token and this something may have happened to it.
pub(super) async fn is_still(
    gateway: &Gateway,
    listener: &Listener,
    class: &Class,
) -> Result<(), Error> {
    let Some(vouched) = listener.principal.record() else {
        return Ok(());
    };
    if let Some((line, account)) = gateway.realtime.account(&listener.identity) {
        let since = line.told(&account).await;
        if since.elapsed() < SETTLED {
            gateway.sessions.forget(&vouched.collection, &vouched.id);
        }
    }
    let schema = gateway.upstream.schema();
    let again = gateway
        .sessions
        .again(&vouched.token, admits(gateway), &schema);
    again.await?;
    ask_again(gateway, &class.person).await;
    Ok(())
}

/// Whether PocketBase took the token with which topics were just set: one that is not good
/// it takes for none, without a word.
pub(super) async fn is_taken(gateway: &Gateway, principal: &Principal) -> Result<(), ListenError> {
    let Some(vouched) = principal.record() else {
        return Ok(());
    };
    let schema = gateway.upstream.schema();
    let again = gateway
        .sessions
        .again(&vouched.token, admits(gateway), &schema);
    match again.await {
        Ok(_) => Ok(()),
        Err(SessionError::Upstream(error)) => Err(UpstreamError::Away(error.to_string()).into()),
        Err(_) => Err(ListenError::Refused),
    }
}

/// Asks about every token of a person that listens; what is not good any more ends, and
/// rules are shown the person as it is now.
pub(in crate::pipeline) async fn ask_again(gateway: &Gateway, person: &Arc<Person>) {
    if person.identity == Identity::Guest {
        return;
    }
    let mut best: Option<Principal> = None;
    let mut is_refused = false;
    for token in gateway.realtime.tokens(&person.identity) {
        let schema = gateway.upstream.schema();
        match gateway
            .sessions
            .again(&token, admits(gateway), &schema)
            .await
        {
            Ok(principal) => best = best.or(Some(principal)),
            // Neither yes nor no: it is asked again when PocketBase is back.
            Err(SessionError::Upstream(error)) => {
                tracing::debug!(%error, "it is not known whether a token is still good");
            }
            Err(_) => {
                is_refused = true;
                gateway.realtime.close_where(Closing::TokenRefused, |open| {
                    *open.identity == person.identity && open.token == Some(&token)
                });
            }
        }
    }
    if let Some(principal) = best {
        person.is_now(principal);
    }
    if is_refused {
        // PocketBase takes what was opened with that token for a guest's by now.
        gateway.realtime.renew(&person.identity);
    }
}

/// What is good for a token to be good, but for PocketBase's word.
fn admits(gateway: &Gateway) -> Admits {
    if gateway.in_force().serving.superusers {
        Admits::Everyone
    } else {
        Admits::NoSuperusers
    }
}

/// Asks about everybody whenever it is asked for: changes may have been missed.
pub(crate) async fn watch(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = gateway.ask_all.notified() => {}
            () = stop.cancelled() => return,
        }
        for person in gateway.realtime.people() {
            if let Identity::Record { collection, id } = &person.identity {
                gateway.sessions.forget(collection, id);
            }
            tokio::select! {
                () = ask_again(&gateway, &person) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
