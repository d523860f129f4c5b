//! Tokens that were signed here, and all others.

use proptest::prelude::*;

use super::*;
use crate::exchange::token::{self, TokenKind};
use crate::principal::{SessionId, Thumbprint};

const NOW: u64 = 1_800_000_000;

fn ring() -> Ring {
    Ring {
        newest: RingKey::of("new", 0, None, [1; LENGTH]),
        older: vec![RingKey::of("old", 0, Some(0), [2; LENGTH])],
    }
}

fn claims() -> Claims {
    Claims {
        id: "u1".to_owned(),
        collection_id: "c1".to_owned(),
        exp: NOW + 60,
        iat: NOW,
        refreshable: true,
        seq: 7,
        ..Claims::of(SessionId([9; 16]), Some(Thumbprint([8; 32])))
    }
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token with any head and claims, signed by the key that signs.
fn signed(head: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(head), encode(claims));
    let code = hmac::sign(&ring().newest.key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code))
}

#[test]
fn what_is_signed_is_read_and_looks_like_pocketbases() {
    let token = ring().sign(&claims());
    let read = ring().read(&token).unwrap();
    assert_eq!(read, claims());
    assert_eq!(read.session(), Some(SessionId([9; 16])));
    assert_eq!(read.check(TokenKind::Auth, NOW), Ok(()));
    let like = token::read_new(&token, TokenKind::Auth).unwrap();
    assert_eq!((like.id.as_str(), like.exp), ("u1", NOW + 60));
    assert!(like.refreshable);
}

#[test]
fn an_older_key_verifies_and_does_not_sign() {
    let before = Ring {
        newest: RingKey::of("old", 0, None, [2; LENGTH]),
        older: Vec::new(),
    };
    let token = before.sign(&claims());
    assert_eq!(ring().read(&token), Ok(claims()));
    assert_ne!(ring().sign(&claims()), token);
    // A key that was thrown out, and one of the same name with another secret.
    for other in ["new", "old"] {
        let other = Ring {
            newest: RingKey::of(other, 0, None, [3; LENGTH]),
            older: Vec::new(),
        };
        assert_eq!(other.read(&token), Err(TokenError::Foreign));
    }
}

#[test]
fn only_one_spelling_of_a_token_is_one() {
    let good = ring().sign(&claims());
    let body = serde_json::to_string(&claims()).unwrap();
    let head = r#"{"alg":"HS256","kid":"new","typ":"JWT"}"#;
    assert_eq!(signed(head, &body), good);
    // Signed by the right key, and yet none: `alg` and `kid` are not looked up but compared.
    for head in [
        r#"{"alg":"none","kid":"new","typ":"JWT"}"#,
        r#"{"alg":"HS512","kid":"new","typ":"JWT"}"#,
        r#"{"alg":"hs256","kid":"new","typ":"JWT"}"#,
        r#"{"kid":"new","alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"../new","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"old","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"new","typ":"JWT","jku":"http://x"}"#,
    ] {
        assert_eq!(
            ring().read(&signed(head, &body)),
            Err(TokenError::Foreign),
            "{head}"
        );
    }
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, code) = rest.split_once('.').unwrap();
    for token in [
        String::new(),
        "..".to_owned(),
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.{code}="),
        format!("{head}.{payload}.{code}.{code}"),
        format!("{head}.{payload}=.{code}"),
        format!("{head}..{code}"),
        format!("{good} "),
        "x".repeat(LONGEST + 1),
    ] {
        assert!(ring().read(&token).is_err(), "{token}");
    }
    // The last character of a signature has bits that mean nothing.
    let last = code.chars().last().unwrap();
    for other in ('A'..='Z').chain('a'..='z').filter(|other| *other != last) {
        let token = format!("{head}.{payload}.{}{other}", &code[..SIGNATURE - 1]);
        assert!(ring().read(&token).is_err(), "{other}");
    }
}

#[test]
fn claims_beyond_the_known_are_refused_though_signed() {
    let head = r#"{"alg":"HS256","kid":"new","typ":"JWT"}"#;
    let body = serde_json::to_string(&claims()).unwrap();
    let more = body.replace("\"id\"", "\"superuser\":true,\"id\"");
    let twice = body.replace("\"id\"", "\"id\":\"u2\",\"id\"");
    let other = body.replace("\"auth\"", "\"passwordReset\"");
    for body in [more, twice, other, "[]".to_owned(), String::new()] {
        assert_eq!(
            ring().read(&signed(head, &body)),
            Err(TokenError::Form),
            "{body}"
        );
    }
}

#[test]
fn a_token_is_good_for_its_time_and_its_purpose() {
    let check = |claims: &Claims, kind, now| claims.check(kind, now);
    let claims = claims();
    assert_eq!(check(&claims, TokenKind::Auth, NOW + 59), Ok(()));
    assert_eq!(
        check(&claims, TokenKind::Auth, NOW + 60),
        Err(TokenError::Expired)
    );
    assert_eq!(check(&claims, TokenKind::Auth, NOW - 60), Ok(()));
    assert_eq!(
        check(&claims, TokenKind::Auth, NOW - 61),
        Err(TokenError::NotYet)
    );
    assert_eq!(check(&claims, TokenKind::File, NOW), Err(TokenError::Kind));
}

proptest! {
    #[test]
    fn whatever_is_changed_in_it_is_noticed(at in any::<prop::sample::Index>(), bit in 0..7_u8) {
        let token = ring().sign(&claims());
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(ring().read(&changed).is_err(), "{} {}", token, changed);
        let cut = &token[..at];
        prop_assert!(ring().read(cut).is_err());
    }

    #[test]
    fn reading_never_panics(text in ".{0,300}") {
        let _ = ring().read(&text);
        let _ = ring().read(&format!("{}{text}", ring().newest.head));
    }
}
