//! What can be told of a token without asking PocketBase: its form.
//!
//! PocketBase runs a request with a bad token as a guest's, without a word. So
//! the gateway reads tokens itself, and only lets those through that PocketBase
//! confirmed; what is plainly no token of PocketBase never gets that far.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::json;

/// The longest token that is looked at, in bytes; PocketBase's have about 250.
const LONGEST: usize = 4_096;

/// What a token claims. Nobody has confirmed it yet.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// The record's id.
    pub id: String,
    /// The id of the record's auth collection; its name may change.
    #[serde(rename = "collectionId")]
    pub collection_id: String,
    /// What it is for: see [`TokenKind`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds since 1970.
    pub exp: u64,
    /// Whether a new one is given for it; of one that a superuser asked for it is not.
    #[serde(default)]
    pub refreshable: bool,
}

/// The tokens that say who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Of a login, in the `Authorization` header.
    Auth,
    /// Of a download, in its query; good for minutes.
    File,
}

/// Why a token is not even worth a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too long, not three parts in base64url, or not the JSON and the 32 bytes expected in them.
    #[error("the token is not of PocketBase's form")]
    Form,
    /// `none` among them; PocketBase signs with HS256 alone.
    #[error("the token is not signed with HS256")]
    Algorithm,
    /// A token for verification or the like, or one of a login where a file's belongs.
    #[error("the token is for something else")]
    Kind,
    /// By the gateway's clock.
    #[error("the token has expired")]
    Expired,
    /// Where clients hold tokens of the gateway's own, and this is none of them.
    #[error("the token was not made by this gateway")]
    Foreign,
    /// By the gateway's clock, too.
    #[error("the token is from the future")]
    NotYet,
}

/// Reads a token that a request carries.
///
/// # Errors
///
/// What rules it out without asking anybody.
pub fn read(token: &str, kind: TokenKind, now: SystemTime) -> Result<Claims, TokenError> {
    let claims = read_new(token, kind)?;
    if claims.expiry() <= now {
        return Err(TokenError::Expired);
    }
    Ok(claims)
}

/// Reads a token that PocketBase made just now, whatever its clock says.
///
/// # Errors
///
/// As [`read`], but for its time.
pub fn read_new(token: &str, kind: TokenKind) -> Result<Claims, TokenError> {
    let claims = claims(token)?;
    let expected = match kind {
        TokenKind::Auth => "auth",
        TokenKind::File => "file",
    };
    if claims.kind == expected {
        Ok(claims)
    } else {
        Err(TokenError::Kind)
    }
}

/// Later than any token expires, and early enough to add to 1970.
const FAR: u64 = 1 << 40;

/// When a token expires, if it says so.
#[must_use]
pub fn expiry(token: &str) -> Option<SystemTime> {
    claims(token).ok().map(|claims| claims.expiry())
}

/// Whose token it says it is: of an id that nobody has confirmed.
#[must_use]
pub fn subject(token: &str) -> Option<String> {
    claims(token).ok().map(|claims| claims.id)
}

impl Claims {
    /// When it is good no more.
    #[must_use]
    pub fn expiry(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.exp.min(FAR))
    }
}

fn claims(token: &str) -> Result<Claims, TokenError> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
    }
    if token.len() > LONGEST {
        return Err(TokenError::Form);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Form);
    };
    let header: Header = part(header)?;
    if header.alg != "HS256" {
        return Err(TokenError::Algorithm);
    }
    // 32 bytes of HMAC-SHA256, whatever they are: PocketBase will tell.
    if URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| TokenError::Form)?
        .len()
        != 32
    {
        return Err(TokenError::Form);
    }
    part(payload)
}

fn part<T: for<'de> Deserialize<'de>>(encoded: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| TokenError::Form)?;
    let value = json::parse(&bytes, json::Bounds::default()).map_err(|_| TokenError::Form)?;
    serde_json::from_value(value).map_err(|_| TokenError::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn token(header: &str, payload: &str, signature: &[u8]) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!(
            "{}.{}.{}",
            encode(header.as_bytes()),
            encode(payload.as_bytes()),
            encode(signature)
        )
    }

    #[track_caller]
    fn check(token: &str, expected: Result<&str, TokenError>) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        assert_eq!(
            read(token, TokenKind::Auth, now)
                .map(|claims| claims.id)
                .as_deref(),
            expected.as_ref().map(|id| *id)
        );
    }

    #[test]
    fn a_token_is_read_or_ruled_out() {
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        let payload = |kind: &str, exp: u64| {
            format!(
                r#"{{"id":"u1","collectionId":"c1","type":"{kind}","exp":{exp},"refreshable":true}}"#
            )
        };
        let mac = [7; 32];
        check(&token(header, &payload("auth", NOW + 1), &mac), Ok("u1"));
        check(&token(header, &payload("auth", u64::MAX), &mac), Ok("u1"));
        check(
            &token(header, &payload("auth", NOW), &mac),
            Err(TokenError::Expired),
        );
        check(
            &token(header, &payload("file", NOW + 1), &mac),
            Err(TokenError::Kind),
        );
        check(
            &token(r#"{"alg":"none"}"#, &payload("auth", NOW + 1), &[]),
            Err(TokenError::Algorithm),
        );
        check(
            &token(r#"{"alg":"HS512"}"#, &payload("auth", NOW + 1), &[0; 64]),
            Err(TokenError::Algorithm),
        );
        check(
            &token(header, &payload("auth", NOW + 1), &[0; 31]),
            Err(TokenError::Form),
        );
        check(
            &token(header, r#"{"id":"a","id":"b"}"#, &mac),
            Err(TokenError::Form),
        );
        check("a.b", Err(TokenError::Form));
        check("", Err(TokenError::Form));
        check(&"x".repeat(LONGEST + 1), Err(TokenError::Form));
    }

    #[test]
    fn a_token_is_good_for_what_it_was_made() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let of = |kind: &str| {
            let payload =
                format!(r#"{{"id":"u1","collectionId":"c1","type":"{kind}","exp":{NOW}}}"#);
            token(r#"{"alg":"HS256"}"#, &payload, &[7; 32])
        };
        for (made, asked, expected) in [
            ("auth", TokenKind::Auth, Ok(())),
            ("file", TokenKind::File, Ok(())),
            ("auth", TokenKind::File, Err(TokenError::Kind)),
            ("file", TokenKind::Auth, Err(TokenError::Kind)),
            ("passwordReset", TokenKind::File, Err(TokenError::Kind)),
        ] {
            let found = read_new(&of(made), asked).map(|_| ());
            assert_eq!(found, expected, "{made} {asked:?}");
        }
        let late = read(&of("file"), TokenKind::File, now);
        assert_eq!(late, Err(TokenError::Expired));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,300}") {
            let _ = read(&text, TokenKind::File, SystemTime::UNIX_EPOCH);
        }
    }
}
