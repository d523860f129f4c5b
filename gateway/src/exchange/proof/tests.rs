//! Proofs as clients make them, and as whoever has none would.

use http::HeaderValue;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000;
const TOKEN: &str = "aaa.bbb.ccc";
const ADDRESS: &str = "http://a.example:8090/api/collections/posts/records";

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A client with a key on P-256.
fn pair() -> EcdsaKeyPair {
    let (random, algorithm) = (
        SystemRandom::new(),
        &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    );
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
}

fn jwk(pair: &EcdsaKeyPair) -> Value {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
}

fn header(pair: &EcdsaKeyPair) -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(pair) })
}

fn claims() -> Value {
    json!({ "jti": "1", "htm": "POST", "htu": ADDRESS, "iat": NOW, "ath": hash(TOKEN) })
}

fn signed(pair: &EcdsaKeyPair, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", text(header), text(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", text(signature))
}

fn about() -> About<'static> {
    About {
        method: "POST",
        path: "/api/collections/posts/records",
        reached: Reached {
            public: None,
            host: Some("a.example:8090"),
        },
        token: Some(TOKEN),
        now: NOW,
        since: 0,
    }
}

/// A proof with other claims, or another header, than a good one has.
#[track_caller]
fn check(part: &str, name: &str, value: Value, expected: Result<(), ProofError>) {
    let pair = pair();
    let (mut header, mut claims) = (header(&pair), claims());
    let changed = match part {
        "claims" => &mut claims,
        "jwk" => &mut header["jwk"],
        _ => &mut header,
    };
    match value {
        Value::Null => drop(changed.as_object_mut().unwrap().remove(name)),
        value => changed[name] = value,
    }
    let proof = signed(&pair, &header.to_string(), &claims.to_string());
    let found = read(&proof, &about()).map(drop);
    assert_eq!(found, expected, "{header} {claims}");
}

#[test]
fn a_proof_of_this_request_names_its_key() {
    let pair = pair();
    let proof = signed(&pair, &header(&pair).to_string(), &claims().to_string());
    let found = read(&proof, &about()).unwrap();
    let spelled = format!(
        r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
        jwk(&pair)["x"],
        jwk(&pair)["y"]
    );
    let thumbprint = digest::digest(&digest::SHA256, spelled.as_bytes());
    assert_eq!(found.key.0, thumbprint.as_ref());
    assert_eq!(found.until, NOW + 60);
    assert_eq!(found.id, id(&found.key, "1"));
    assert_ne!(found.id, id(&found.key, "2"));
}

#[test]
fn the_name_of_a_key_is_that_of_the_rfc() {
    // RFC 8037, appendix A.3.
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let key = PublicKey::read("EdDSA", jwk.as_object().unwrap())
        .ok()
        .unwrap();
    let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(text(key.thumbprint().0), expected);
}

#[test]
fn a_key_of_edwards_signs_as_well() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key()) });
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk }).to_string();
    let signed = format!("{}.{}", text(header), text(claims().to_string()));
    let signature = text(pair.sign(signed.as_bytes()));
    let proof = format!("{signed}.{signature}");
    assert!(read(&proof, &about()).is_ok());
    let other = format!("{signed}.{}", text([0; 64]));
    assert_eq!(read(&other, &about()), Err(ProofError::Signature));
}

#[test]
fn a_header_says_what_it_is() {
    let form = Err(ProofError::Form);
    check("header", "typ", json!("JWT"), form);
    check("header", "typ", json!("at+jwt"), form);
    check("header", "typ", Value::Null, form);
    check("header", "crit", json!(["exp"]), form);
    check("header", "kid", json!("more is harmless"), Ok(()));
    let algorithm = Err(ProofError::Algorithm);
    for alg in ["none", "HS256", "RS256", "ES384", "es256", ""] {
        check("header", "alg", json!(alg), algorithm);
    }
    check("header", "alg", Value::Null, form);
    check("header", "alg", json!("EdDSA"), Err(ProofError::Key));
    check("header", "jwk", Value::Null, form);
    check("header", "jwk", json!("text"), form);
}

#[test]
fn a_key_is_public_and_of_its_algorithm() {
    let key = Err(ProofError::Key);
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        check("jwk", private, json!("AA"), key);
    }
    check("jwk", "kty", json!("oct"), key);
    check("jwk", "crv", json!("P-384"), key);
    check("jwk", "alg", json!("ES384"), key);
    check("jwk", "alg", json!("ES256"), Ok(()));
    check("jwk", "ext", json!(true), Ok(()));
    check("jwk", "y", Value::Null, key);
    check("jwk", "x", json!(text([1; 31])), key);
    check("jwk", "x", json!(format!("{}=", text([1; 32]))), key);
    // 32 bytes, the last of which has bits that belong to no byte.
    check("jwk", "x", json!(format!("{}B", "A".repeat(42))), key);
    check("jwk", "x", json!(text([1; 32])), Err(ProofError::Signature));
}

#[test]
fn a_proof_is_of_one_request() {
    let (form, other) = (Err(ProofError::Form), Err(ProofError::OtherRequest));
    for (method, expected) in [
        ("POST", Ok(())),
        ("post", other),
        ("GET", other),
        ("", other),
    ] {
        check("claims", "htm", json!(method), expected);
    }
    check("claims", "htm", Value::Null, form);
    for query in ["?page=1", "#here", "?a#b"] {
        check("claims", "htu", json!(format!("{ADDRESS}{query}")), Ok(()));
    }
    for elsewhere in [
        "http://a.example/api/collections/posts/records",
        "http://b.example:8090/api/collections/posts/records",
        "http://a.example:8090/api/collections/posts/records/",
        "http://a.example:8090/api/collections/Posts/records",
        "http://a.example:8090/api/collections/posts%2Frecords",
        "http://a.example:8090/api/collections/./posts/records",
        "http://a.example:8090",
        "/api/collections/posts/records",
        "",
    ] {
        check("claims", "htu", json!(elsewhere), other);
    }
    check("claims", "htu", Value::Null, form);
}

#[test]
fn a_proof_is_of_the_token_that_is_sent_and_of_none_where_there_is_none() {
    let other = Err(ProofError::OtherToken);
    check("claims", "ath", Value::Null, other);
    check("claims", "ath", json!(hash("another")), other);
    check("claims", "ath", json!(format!("{}=", hash(TOKEN))), other);
    let pair = pair();
    let bare = About {
        token: None,
        ..about()
    };
    let of = |claims: &Value| signed(&pair, &header(&pair).to_string(), &claims.to_string());
    assert_eq!(read(&of(&claims()), &bare), Err(ProofError::OtherToken));
    let mut without = claims();
    without.as_object_mut().unwrap().remove("ath");
    assert!(read(&of(&without), &bare).is_ok());
}

#[test]
fn a_proof_is_good_for_a_minute_and_not_before_its_time() {
    let (time, form) = (Err(ProofError::Time { now: NOW }), Err(ProofError::Form));
    for (iat, expected) in [
        (json!(NOW - 60), Ok(())),
        (json!(NOW + 5), Ok(())),
        (json!(NOW - 61), time),
        (json!(NOW + 6), time),
        (json!(0), time),
        (json!(u64::MAX), time),
        (json!(-1), form),
        (json!("1800000000"), form),
        (json!(1.5), form),
        (Value::Null, form),
    ] {
        check("claims", "iat", iat, expected);
    }
    let pair = pair();
    let proof = signed(&pair, &header(&pair).to_string(), &claims().to_string());
    for (since, is_good) in [(NOW, true), (NOW + 1, false)] {
        let about = About { since, ..about() };
        assert_eq!(read(&proof, &about).is_ok(), is_good);
    }
}

#[test]
fn a_proof_has_a_name() {
    check("claims", "jti", json!("a".repeat(128)), Ok(()));
    for name in [json!(""), json!("a".repeat(129)), json!(1), Value::Null] {
        check("claims", "jti", name, Err(ProofError::Form));
    }
    check("claims", "nonce", json!("more is harmless"), Ok(()));
}

#[test]
fn what_has_two_readings_is_no_proof() {
    let pair = pair();
    let (header, claims) = (header(&pair).to_string(), claims().to_string());
    let twice = claims.replacen('{', "{\"htm\":\"GET\",", 1);
    let good = signed(&pair, &header, &claims);
    let parts: Vec<_> = good.split('.').collect();
    for bad in [
        signed(&pair, &header, &twice),
        signed(&pair, &header, &format!("{claims} {{}}")),
        signed(&pair, "[]", &claims),
        format!("{good}."),
        format!("{good}="),
        format!(" {good}"),
        parts[..2].join("."),
        format!("{}..{}", parts[0], parts[2]),
        "a".repeat(LONGEST + 1),
        String::new(),
    ] {
        assert_eq!(read(&bad, &about()), Err(ProofError::Form), "{bad}");
    }
    for other in [
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], text([0; 64])),
        format!("{}.{}.{}", parts[0], parts[1], text([0; 63])),
    ] {
        assert_eq!(read(&other, &about()), Err(ProofError::Signature));
    }
}

#[test]
fn one_header_holds_one_proof_and_keeps_none() {
    let check = |values: &[&[u8]], expected: Result<Option<&str>, ProofError>| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        let found = take(&mut headers);
        assert_eq!(found, expected.map(|text| text.map(str::to_owned)));
        assert!(headers.is_empty());
    };
    check(&[], Ok(None));
    check(&[b"a.b.c"], Ok(Some("a.b.c")));
    check(&[b"a.b.c", b"a.b.c"], Err(ProofError::Header));
    check(&[b"\xff"], Err(ProofError::Header));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bit_of_a_proof_can_be_turned(at in 0..100_000_usize, bit in 0..7_u8) {
        let pair = pair();
        let mut proof = signed(&pair, &header(&pair).to_string(), &claims().to_string());
        let at = at % proof.len();
        let turned = proof.as_bytes()[at] ^ (1 << bit);
        proof.replace_range(at..=at, &char::from(turned).to_string());
        prop_assert!(read(&proof, &about()).is_err());
    }

    #[test]
    fn reading_never_panics(text in ".{0,300}") {
        let _ = read(&text, &about());
    }
}
