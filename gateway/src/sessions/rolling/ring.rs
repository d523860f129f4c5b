//! The keys that tokens are signed with: one that signs, and older ones that still verify.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;

use super::StoreError;
use super::seal;
use super::token::Claims;
use crate::exchange::token::TokenError;

/// Bytes of a key, and of a signature.
const LENGTH: usize = 32;

/// Characters of a signature.
const SIGNATURE: usize = 43;

/// The longest token that is looked at, in bytes; those made here have about 330.
const LONGEST: usize = 1_024;

/// The keys.
pub(super) struct Ring {
    /// Signs.
    pub(super) newest: RingKey,
    /// Verify what they signed.
    pub(super) older: Vec<RingKey>,
}

/// One of them.
#[derive(Clone)]
pub(super) struct RingKey {
    /// Names it.
    pub(super) kid: Box<str>,
    /// Milliseconds since 1970.
    pub(super) made_ms: u64,
    /// When the last token that it signed has expired, in milliseconds since 1970; none: it signs.
    pub(super) until_ms: Option<u64>,
    pub(super) secret: [u8; LENGTH],
    key: hmac::Key,
    /// The first part of all its tokens, with the dot: no other spelling of it is a token.
    head: Box<str>,
}

impl Ring {
    /// A token.
    pub(super) fn sign(&self, claims: &Claims) -> String {
        // Claims are texts and numbers: they can always be written.
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let key = &self.newest;
        let mut token = String::with_capacity(LONGEST / 2);
        token.push_str(&key.head);
        URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
        let signature = hmac::sign(&key.key, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// What a token claims that was signed here; whether it is good now is not looked at.
    pub(super) fn read(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Form);
        }
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        let found = keys.find_map(|key| Some((key, token.strip_prefix(&*key.head)?)));
        let (key, rest) = found.ok_or(TokenError::Foreign)?;
        let (claims, signature) = rest.split_once('.').ok_or(TokenError::Form)?;
        let mut code = [0; LENGTH + 1];
        let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut code);
        let code = match (length, code.split_last()) {
            // In any other spelling it would be another token with the same claims.
            (Ok(LENGTH), Some((_, code))) if signature.len() == SIGNATURE => code,
            _ => return Err(TokenError::Form),
        };
        let signed = token.get(..key.head.len() + claims.len());
        let signed = signed.unwrap_or_default().as_bytes();
        hmac::verify(&key.key, signed, code).map_err(|_| TokenError::Foreign)?;
        let claims = URL_SAFE_NO_PAD.decode(claims);
        let claims = claims.map_err(|_| TokenError::Form)?;
        serde_json::from_slice(&claims).map_err(|_| TokenError::Form)
    }
}

impl RingKey {
    /// Makes one.
    pub(super) fn make(now_ms: u64) -> Result<Self, StoreError> {
        let random = SystemRandom::new();
        let kid: [u8; 6] = seal::random(&random)?;
        let kid = URL_SAFE_NO_PAD.encode(kid);
        Ok(Self::of(&kid, now_ms, None, seal::random(&random)?))
    }

    /// One that was made before.
    pub(super) fn of(kid: &str, made_ms: u64, until_ms: Option<u64>, secret: [u8; LENGTH]) -> Self {
        let head = format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"JWT"}}"#);
        let head = format!("{}.", URL_SAFE_NO_PAD.encode(head));
        Self {
            kid: kid.into(),
            made_ms,
            until_ms,
            secret,
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            head: head.into(),
        }
    }
}

#[cfg(test)]
mod tests;
