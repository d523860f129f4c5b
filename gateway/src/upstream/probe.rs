//! What the gateway finds out about PocketBase at the start.

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::UpstreamError;
use super::client::Client;
use super::superuser::{Purpose, Superuser};

/// An address of the block for documentation (RFC 5737): nobody has it.
const PROBE_ADDRESS: &str = "192.0.2.77";

/// Whose address PocketBase takes for the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// The one that the gateway's forwarding header tells.
    Trusted,
    /// Another one; to it, all users share one address.
    Untrusted {
        /// What it believed the address to be.
        believed: String,
    },
    /// It doesn't tell (before 0.25).
    Unknown,
}

pub(super) async fn forwarding(
    client: &Client,
    superuser: &Superuser,
    header: &HeaderName,
) -> Result<Forwarding, UpstreamError> {
    let told = superuser
        .get_with(
            client,
            Purpose::Forwarding,
            "/api/health".to_owned(),
            |headers| {
                headers.insert(header.clone(), HeaderValue::from_static(PROBE_ADDRESS));
            },
        )
        .await?;
    let (StatusCode::OK, Some(health)) = told else {
        return Err(UpstreamError::Garbled(format!(
            "the health check answers {}",
            told.0
        )));
    };
    Ok(
        match health.pointer("/data/realIP").and_then(Value::as_str) {
            Some(PROBE_ADDRESS) => Forwarding::Trusted,
            Some(other) => Forwarding::Untrusted {
                believed: other.to_owned(),
            },
            None => Forwarding::Unknown,
        },
    )
}
