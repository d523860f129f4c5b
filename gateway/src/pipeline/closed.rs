//! What an operator closed in an emergency. It is looked at as soon as it can be
//! known, and again before the rules are asked and before a reading is answered:
//! what was closed meanwhile is closed for what is under way as well.

use std::net::IpAddr;

use serde_json::Value;

use crate::deny::{Denies, Deny};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::principal::Principal;
use crate::schema::Collection;

/// Before anything costs.
pub(super) fn address(gateway: &Gateway, address: IpAddr) -> Result<(), Error> {
    refuse(gateway.denies().address(address))
}

/// As soon as it is known what is asked for.
pub(super) fn found(gateway: &Gateway, found: Option<&Collection>) -> Result<(), Error> {
    found.map_or(Ok(()), |found| collection(&gateway.denies(), found))
}

/// One that is asked for, or that filter, sort or expand lead to.
pub(super) fn collection(denies: &Denies, collection: &Collection) -> Result<(), Error> {
    refuse(denies.collection(&collection.name))
}

/// As soon as it is known who asks.
pub(super) fn principal(gateway: &Gateway, principal: &Principal) -> Result<(), Error> {
    match principal.record() {
        Some(record) => refuse(gateway.denies().user(&record.collection, &record.id)),
        None => Ok(()),
    }
}

/// Everything that is known of an exchange.
pub(super) fn exchange(gateway: &Gateway, exchange: &Exchange) -> Result<(), Error> {
    address(gateway, exchange.client.address)?;
    principal(gateway, &exchange.principal)?;
    let denies = gateway.denies();
    let read = exchange.collection.iter().chain(&exchange.expanded);
    for each in read {
        collection(&denies, each)?;
    }
    Ok(())
}

/// The user whom a login is about to let in.
pub(super) fn login(gateway: &Gateway, answer: &Value) -> Result<(), Error> {
    let of = |key: &str| {
        let record = answer.get("record").and_then(|record| record.get(key));
        record.and_then(Value::as_str).unwrap_or_default()
    };
    refuse(gateway.denies().user(of("collectionName"), of("id")))
}

fn refuse(deny: Option<Deny>) -> Result<(), Error> {
    deny.map_or(Ok(()), |deny| Err(Error::Closed(deny)))
}
