//! Sends what was permitted, and nothing else.

use std::sync::Arc;

use super::conceal;
use super::login::Forgetting;
use super::permit::Permitted;
use super::scan::{self, Scan};
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::Operation;
use crate::upstream::{Payload, Reply, UpstreamError};

/// Asks PocketBase.
pub(super) async fn fetch(
    gateway: &Gateway,
    permitted: &mut Permitted,
    forgetting: Arc<[Forgetting]>,
) -> Result<Reply, Error> {
    let mut operation = permitted.operation()?;
    if let Some(scan) = scan::plan(permitted) {
        // Rules may drop records: the page that was asked is filled from the beginning.
        scan.turn_to(&mut operation, 1);
    }
    for each in permitted.each() {
        each.dossier().sent();
    }
    if let Some(account) = permitted.account() {
        account.sent();
    }
    let sent = send(gateway, permitted, operation, forgetting).await;
    let was_not_done = matches!(
        sent,
        Ok(Reply::Refused { .. }) | Err(UpstreamError::Away(_) | UpstreamError::Unsupported(_))
    );
    // What a rule counted would tell what the answer is not to tell.
    if was_not_done && !conceal::conceals(permitted.in_force(), permitted.exchange()) {
        for each in permitted.each() {
            each.dossier().undone();
        }
    }
    if let Some(account) = permitted.account() {
        account.settle(&sent);
    }
    Ok(sent?)
}

/// Sends it. A write to a record goes on to its end even if whoever asked goes away:
/// until PocketBase has answered, nobody else may write to the record, and what is
/// known of sessions that it ends may be from before.
async fn send(
    gateway: &Gateway,
    permitted: &mut Permitted,
    operation: Operation,
    forgetting: Arc<[Forgetting]>,
) -> Result<Reply, UpstreamError> {
    let payload = permitted.payload();
    let Some(held) = permitted.take_held() else {
        let (upstream, exchange) = (&gateway.upstream, permitted.exchange());
        return upstream.send(exchange, &operation, payload).await;
    };
    let upstream = Arc::clone(&gateway.upstream);
    let exchange = Arc::clone(permitted.exchange());
    let sending = gateway.upstream.runtime().spawn(async move {
        let sent = upstream.send(&exchange, &operation, payload).await;
        drop((held, forgetting));
        sent
    });
    let sent = sending.await;
    sent.unwrap_or_else(|error| Err(UpstreamError::Garbled(error.to_string())))
}

/// Asks PocketBase for a further page of a list that is being filled.
pub(super) async fn fetch_page(
    gateway: &Gateway,
    permitted: &Permitted,
    scan: Scan,
    page: u64,
) -> Result<Reply, Error> {
    let mut operation = permitted.operation()?;
    scan.turn_to(&mut operation, page);
    Ok(gateway
        .upstream
        .send(permitted.exchange(), &operation, Payload::None)
        .await?)
}
