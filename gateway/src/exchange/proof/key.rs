//! The public key in a proof: its forms, its signatures, its name.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, signature};
use serde_json::{Map, Value};

use super::ProofError;
use crate::principal::Thumbprint;

/// A key whose signatures are taken.
pub(super) enum PublicKey {
    /// A point on P-256, by its two coordinates.
    Es256([u8; 32], [u8; 32]),
    /// A point on Ed25519.
    EdDsa([u8; 32]),
}

/// What only a private key has, or a secret one.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What the coordinates of a point begin with where both are written.
const UNCOMPRESSED: u8 = 4;

impl PublicKey {
    /// Reads a JSON Web Key for an algorithm.
    pub(super) fn read(alg: &str, jwk: &Map<String, Value>) -> Result<Self, ProofError> {
        let is = |name: &str, value: &str| jwk.get(name).and_then(Value::as_str) == Some(value);
        let (kind, curve) = match alg {
            "ES256" => ("EC", "P-256"),
            "EdDSA" => ("OKP", "Ed25519"),
            _ => return Err(ProofError::Algorithm),
        };
        let is_private = PRIVATE.iter().any(|name| jwk.contains_key(*name));
        let is_for_another = jwk.contains_key("alg") && !is("alg", alg);
        if is_private || is_for_another || !is("kty", kind) || !is("crv", curve) {
            return Err(ProofError::Key);
        }
        let x = coordinate(jwk, "x")?;
        Ok(match alg {
            "ES256" => Self::Es256(x, coordinate(jwk, "y")?),
            _ => Self::EdDsa(x),
        })
    }

    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), ProofError> {
        let verified = match self {
            Self::Es256(x, y) => {
                let point = [&[UNCOMPRESSED], x.as_slice(), y].concat();
                let algorithm = &signature::ECDSA_P256_SHA256_FIXED;
                signature::UnparsedPublicKey::new(algorithm, point).verify(signed, signature)
            }
            Self::EdDsa(x) => {
                signature::UnparsedPublicKey::new(&signature::ED25519, x).verify(signed, signature)
            }
        };
        verified.map_err(|_| ProofError::Signature)
    }

    /// RFC 7638: a hash of what the key is, spelled in the one way.
    pub(super) fn thumbprint(&self) -> Thumbprint {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let spelled = match self {
            Self::Es256(x, y) => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                text(x),
                text(y)
            ),
            Self::EdDsa(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(x)),
        };
        let mut hash = [0; 32];
        let digest = digest::digest(&digest::SHA256, spelled.as_bytes());
        hash.copy_from_slice(digest.as_ref());
        Thumbprint(hash)
    }
}

/// 32 bytes, of which there is one spelling.
fn coordinate(jwk: &Map<String, Value>, name: &str) -> Result<[u8; 32], ProofError> {
    let text = jwk.get(name).and_then(Value::as_str);
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(ProofError::Key)
}
