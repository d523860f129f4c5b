//! Sends what was permitted, and nothing else.

use super::conceal;
use super::permit::Permitted;
use super::scan::{self, Scan};
use crate::error::Error;
use crate::gateway::Gateway;
use crate::upstream::{Payload, Reply, UpstreamError};

/// Asks PocketBase.
pub(super) async fn fetch(gateway: &Gateway, permitted: &Permitted) -> Result<Reply, Error> {
    let mut operation = permitted.operation()?;
    if let Some(scan) = scan::plan(permitted) {
        // Rules may drop records: the page that was asked is filled from the beginning.
        scan.turn_to(&mut operation, 1);
    }
    let payload = permitted.payload();
    let exchange = permitted.exchange();
    permitted.dossier().sent();
    if let Some(account) = permitted.account() {
        account.sent();
    }
    let sent = gateway.upstream.send(exchange, &operation, payload).await;
    let was_not_done = matches!(
        sent,
        Ok(Reply::Refused { .. }) | Err(UpstreamError::Away(_) | UpstreamError::Unsupported(_))
    );
    // What a rule counted would tell what the answer is not to tell.
    if was_not_done && !conceal::conceals(permitted.in_force(), exchange) {
        permitted.dossier().undone();
    }
    if let Some(account) = permitted.account() {
        account.settle(&sent);
    }
    Ok(sent?)
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
