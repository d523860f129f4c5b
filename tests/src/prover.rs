//! A client with a key of its own, which signs what it asks (`DPoP`, RFC 9449).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::{Call, Client};

/// A key, and proofs that it makes. Each has a name of its own.
#[derive(Debug)]
pub struct Prover {
    pair: Ed25519KeyPair,
    made: AtomicU64,
}

impl Prover {
    /// One of 256 keys.
    ///
    /// # Panics
    ///
    /// Never: any seed is a key.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        Self {
            pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed"),
            made: AtomicU64::new(0),
        }
    }

    /// What a proof of this request says; with the token, if one is sent along.
    pub fn claims(&self, method: &str, url: &str, token: Option<&str>) -> Value {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let mut claims = json!({
            "jti": format!("proof {made}"),
            "htm": method,
            "htu": url,
            "iat": now.expect("after 1970").as_secs(),
        });
        if let Some(token) = token {
            let hash = digest::digest(&digest::SHA256, token.as_bytes());
            claims["ath"] = text(hash).into();
        }
        claims
    }

    /// A proof that says this.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": text(self.pair.public_key()) });
        let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": key });
        let signed = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
        let signature = text(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The proof that a call needs.
    #[must_use]
    pub fn proof_of(&self, client: &Client, call: &Call) -> String {
        let url = format!("http://{}{}", client.address(), call.target());
        self.sign(&self.claims(call.method(), &url, call.token_sent()))
    }

    /// A call with the proof that it needs.
    pub fn prove(&self, client: &Client, call: Call) -> Call {
        let proof = self.proof_of(client, &call);
        call.header("DPoP", &proof)
    }
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
