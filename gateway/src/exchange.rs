//! One request as the gateway understands it: what is asked, of which
//! collection, by whom, from where and when.

pub mod json;
pub mod login;
pub mod token;
mod value;
pub mod write;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;

use crate::operation::Operation;
use crate::principal::Principal;
use crate::schema::Collection;

/// A request, understood. It never changes: what rules edit travels beside it.
#[derive(Debug)]
pub struct Exchange {
    /// As parsed from method, path and query.
    pub operation: Operation,
    /// The collection that the operation names, looked up; none where it names none.
    pub collection: Option<Arc<Collection>>,
    /// The collections that its expand leads to.
    pub expanded: Vec<Arc<Collection>>,
    /// Who asks, as `sessions` found out.
    pub principal: Principal,
    /// From where, and with which headers.
    pub client: Client,
    /// When the request came in: milliseconds since 1970, UTC.
    pub received_ms: u64,
}

/// The other end of the connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// An IPv4 address that came by an IPv6 socket stands here as IPv4.
    pub address: IpAddr,
    /// As received. Rules may read most of them; few go upstream.
    pub headers: HeaderMap,
    /// Whether it asks for a file, whose headers (ranges, conditions) matter upstream.
    pub wants_file: bool,
}

/// Why a body does not fit its operation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyMisfit {
    /// Of a record.
    #[error(transparent)]
    Write(#[from] write::WriteError),
    /// Of a login.
    #[error(transparent)]
    Login(#[from] login::LoginError),
    /// A record's body is an object.
    #[error("the body must be a JSON object")]
    NoObject,
}

/// Holds a body against what its operation takes, whoever wrote it.
///
/// # Errors
///
/// When PocketBase would not take it as it is meant.
pub fn hold_body(
    operation: &Operation,
    collection: Option<&Collection>,
    body: Value,
) -> Result<Value, BodyMisfit> {
    match (operation, collection, body) {
        (operation, Some(collection), Value::Object(body)) if operation.writes_record() => {
            Ok(Value::Object(write::check_record_body(body, collection)?))
        }
        (operation, Some(_), _) if operation.writes_record() => Err(BodyMisfit::NoObject),
        (Operation::AuthWithPassword { .. }, _, body) => Ok(login::Login::parse(body)?.to_body()),
        (_, _, body) => Ok(body),
    }
}

impl Exchange {
    /// The exchange of calls that no request is behind: a guest who asks for
    /// health from this machine.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            operation: Operation::Health,
            collection: None,
            expanded: Vec::new(),
            principal: Principal::Guest,
            client: Client {
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                headers: HeaderMap::new(),
                wants_file: false,
            },
            received_ms: 0,
        }
    }
}
