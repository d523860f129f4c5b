//! A proof that a request comes from whoever holds a key: RFC 9449 (`DPoP`).
//!
//! It is a token of its own, signed by the client for one request. What it says is
//! held against that request before the signature is looked at, which costs more.

mod key;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName};
use ring::digest;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::key::PublicKey;
use super::Reached;
use super::json;
use crate::principal::Thumbprint;

/// The header that carries one.
pub const HEADER: HeaderName = HeaderName::from_static("dpop");

/// The signatures that are taken, as they are told in `WWW-Authenticate`.
pub const ALGORITHMS: &str = "ES256 EdDSA";

/// How far the clock of a client may be behind, in seconds, and how long a proof is good.
pub const WINDOW: u64 = 60;

/// How far it may be ahead, in seconds: what comes from the future outlives a restart, before
/// which it may have been used.
const AHEAD: u64 = 5;

/// The longest proof that is looked at, in bytes; most have about 500.
const LONGEST: usize = 4_096;

/// What one has of JSON: a key within a header.
const BOUNDS: json::Bounds = json::Bounds {
    depth: 4,
    values: 64,
};

/// Bytes of the name of a proof.
const NAME: RangeInclusive<usize> = 1..=128;

const KIND: &str = "dpop+jwt";

/// The request that a proof must be of.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// As sent.
    pub method: &'a str,
    /// As sent, without the query.
    pub path: &'a str,
    /// Where the client may believe that it asks.
    pub reached: Reached<'a>,
    /// The token that is sent along, if one is.
    pub token: Option<&'a str>,
    /// When it came: seconds since 1970.
    pub now: u64,
    /// An older proof may have been seen by a gateway that has forgotten it.
    pub since: u64,
}

/// A proof that is good, if it was not seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key that signed it.
    pub key: Thumbprint,
    /// Of key and name: two proofs with the same one are the same proof.
    pub id: u128,
    /// The last second in which it is good.
    pub until: u64,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Of two, another might be looked at than was meant.
    #[error("there must be one proof, in one DPoP header")]
    Header,
    /// Too long, not three parts in base64url, not the JSON expected in them.
    #[error("the proof is not of the form of RFC 9449")]
    Form,
    /// `none` among them.
    #[error("the proof is signed neither with ES256 nor with EdDSA")]
    Algorithm,
    /// No key of that algorithm, or a private one.
    #[error("the proof's key is no public key of its algorithm")]
    Key,
    /// Not that of the key in it.
    #[error("the proof's signature is not its key's")]
    Signature,
    /// Another method or another address.
    #[error("the proof is of another request")]
    OtherRequest,
    /// Of another token, or of none where one is sent, or the other way about.
    #[error("the proof is of another token")]
    OtherToken,
    /// By the gateway's clock, which a client may want to know.
    #[error("the proof is too old, or of the future")]
    Time {
        /// Seconds since 1970.
        now: u64,
    },
    /// Somebody sends it again.
    #[error("the proof was seen before")]
    Replayed,
    /// So many are remembered that this one could be sent again unnoticed.
    #[error("there are too many proofs at once")]
    Full,
    /// The same, of one client.
    #[error("the client sends too many proofs")]
    TooMany,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Map<String, Value>,
    /// What must be understood, and is not.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    /// The name.
    jti: String,
    /// The method.
    htm: String,
    /// The address.
    htu: String,
    iat: u64,
    /// SHA-256 of the token.
    ath: Option<String>,
}

/// Takes the proof out of a request's headers.
///
/// # Errors
///
/// More than one, or one that is no text.
pub fn take(headers: &mut HeaderMap) -> Result<Option<String>, ProofError> {
    let mut values = headers.get_all(HEADER).iter();
    let (first, second) = (values.next(), values.next());
    let text = match (first, second) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().map(str::to_owned).ok(),
        (Some(_), Some(_)) => None,
    };
    headers.remove(HEADER);
    text.map(Some).ok_or(ProofError::Header)
}

/// Reads a proof, and holds it against the request that it came with.
///
/// # Errors
///
/// Whatever is not a proof of this very request by the key in it.
pub fn read(text: &str, about: &About<'_>) -> Result<Proof, ProofError> {
    if text.len() > LONGEST {
        return Err(ProofError::Form);
    }
    let mut parts = text.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ProofError::Form);
    };
    let signed = text
        .get(..header.len() + 1 + payload.len())
        .ok_or(ProofError::Form)?;
    let signature = decode(signature)?;
    let header: Header = part(header)?;
    if header.typ != KIND || header.crit.is_some() {
        return Err(ProofError::Form);
    }
    let key = PublicKey::read(&header.alg, &header.jwk)?;
    let claims: Claims = part(payload)?;
    claims.hold(about)?;
    key.verify(signed.as_bytes(), &signature)?;
    let key = key.thumbprint();
    Ok(Proof {
        key,
        id: id(&key, &claims.jti),
        until: claims.iat.saturating_add(WINDOW),
    })
}

impl Claims {
    fn hold(&self, about: &About<'_>) -> Result<(), ProofError> {
        if !NAME.contains(&self.jti.len()) {
            return Err(ProofError::Form);
        }
        let address = about.reached.rest(&self.htu).map(path);
        if self.htm != about.method || address != Some(about.path) {
            return Err(ProofError::OtherRequest);
        }
        if self.ath != about.token.map(hash) {
            return Err(ProofError::OtherToken);
        }
        let is_now = self.iat <= about.now.saturating_add(AHEAD)
            && self.iat.saturating_add(WINDOW) >= about.now;
        if !is_now || self.iat < about.since {
            return Err(ProofError::Time { now: about.now });
        }
        Ok(())
    }
}

/// What of the rest of an address is its path: RFC 9449 leaves out query and fragment.
fn path(rest: &str) -> &str {
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

fn id(key: &Thumbprint, name: &str) -> u128 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&key.0);
    context.update(name.as_bytes());
    let digest = context.finish();
    let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
    u128::from_be_bytes(first)
}

fn decode(encoded: &str) -> Result<Vec<u8>, ProofError> {
    URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| ProofError::Form)
}

fn part<T: for<'de> Deserialize<'de>>(encoded: &str) -> Result<T, ProofError> {
    let value = json::parse(&decode(encoded)?, BOUNDS).map_err(|_| ProofError::Form)?;
    serde_json::from_value(value).map_err(|_| ProofError::Form)
}
