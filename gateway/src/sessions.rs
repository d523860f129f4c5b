//! Who asks: the only place that makes a [`Principal`] of a token.
//!
//! A token that is sent must be good. PocketBase itself takes a bad one for no
//! token at all and answers as to a guest; here it is refused.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quick_cache::sync::Cache;
use ring::digest;
use serde_json::Value;

use crate::exchange::token::{self, TokenError};
use crate::operation::Identity;
use crate::principal::{Principal, Token, Vouched};
use crate::schema::{CollectionKind, Schema};
use crate::upstream::{Upstream, UpstreamError};

/// The name of PocketBase's collection of superusers.
const SUPERUSERS: &str = "_superusers";

/// How identities are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long an answer of PocketBase about a token holds, refusals too.
    pub verified_for: Duration,
    /// How many answers are kept.
    pub remembered: usize,
    /// Whether superusers may come in here at all.
    pub superusers: bool,
}

/// Looks up who asks.
pub struct Sessions {
    settings: Settings,
    upstream: Arc<Upstream>,
    /// What PocketBase said of a token. The key holds the time slot, so that no
    /// answer is found after its slot has passed.
    answers: Cache<Key, Answer>,
}

/// Why it is not known who asks, or not allowed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// To a guest the operation means nothing.
    #[error("the operation needs a token")]
    Missing,
    /// Of two, PocketBase might go by another than the gateway.
    #[error("the Authorization header is sent twice, or is no token")]
    Header,
    /// Its form alone rules it out.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No collection of that id, or not one of users.
    #[error("the token is of no auth collection")]
    Collection,
    /// PocketBase said no, or its record is another than the token names.
    #[error("PocketBase does not accept the token")]
    Refused,
    /// The token may be good; it is not asked about.
    #[error("superusers are not served here")]
    Superuser,
    /// PocketBase said neither yes nor no.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// SHA-256 of the token, and the slot of time in which it was asked about.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key([u8; 32], u64);

#[derive(Clone)]
enum Answer {
    Good(Principal),
    Refused,
}

impl Sessions {
    /// Remembers nobody yet.
    #[must_use]
    pub fn new(settings: Settings, upstream: Arc<Upstream>) -> Self {
        let answers = Cache::new(settings.remembered.max(1));
        Self {
            settings,
            upstream,
            answers,
        }
    }

    /// Finds out who asks.
    ///
    /// # Errors
    ///
    /// A token that is missing, malformed, expired, refused, a superuser's where
    /// those are not served; PocketBase being away.
    pub async fn identify(
        &self,
        identity: Identity,
        headers: &http::HeaderMap,
        schema: &Schema,
    ) -> Result<Principal, SessionError> {
        if identity == Identity::Ignored {
            return Ok(Principal::Guest);
        }
        let Some(token) = sent(headers)? else {
            return match identity {
                Identity::Required => Err(SessionError::Missing),
                Identity::Optional | Identity::Ignored => Ok(Principal::Guest),
            };
        };
        let now = SystemTime::now();
        let claims = token::read(token.expose(), now)?;
        let collection = schema
            .by_id(&claims.collection_id)
            .filter(|collection| collection.kind == CollectionKind::Auth)
            .ok_or(SessionError::Collection)?;
        if collection.name == SUPERUSERS && !self.settings.superusers {
            return Err(SessionError::Superuser);
        }
        let key = self.key(&token, now);
        // Whoever asks at the same time about the same token waits for the one answer.
        let answer = self
            .answers
            .get_or_insert_async(&key, async {
                let record = self.upstream.verify(collection, &token).await?;
                Ok::<_, UpstreamError>(match record {
                    Some(record) if named(&record, &claims.id) => {
                        Answer::Good(Principal::vouched(Vouched {
                            id: claims.id.clone(),
                            collection: collection.name.clone(),
                            superuser: collection.name == SUPERUSERS,
                            record: Arc::new(record),
                            token: token.clone(),
                        }))
                    }
                    Some(_) | None => Answer::Refused,
                })
            })
            .await?;
        match answer {
            Answer::Good(principal) => Ok(principal),
            Answer::Refused => Err(SessionError::Refused),
        }
    }

    /// Slots begin at another moment for each token, so that not all are asked
    /// about at once.
    fn key(&self, token: &Token, now: SystemTime) -> Key {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.expose().as_bytes()).as_ref());
        let since = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let slot = self.settings.verified_for.as_millis().max(1);
        let offset = u128::from(u16::from_le_bytes([hash[0], hash[1]])) % slot;
        Key(
            hash,
            u64::try_from((since + offset) / slot).unwrap_or(u64::MAX),
        )
    }
}

/// The token of a request's one Authorization header, if there is one.
fn sent(headers: &http::HeaderMap) -> Result<Option<Token>, SessionError> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    let Some(first) = first else { return Ok(None) };
    if second.is_some() {
        return Err(SessionError::Header);
    }
    let text = first.to_str().map_err(|_| SessionError::Header)?;
    if text.is_empty() {
        return Ok(None);
    }
    // PocketBase: `TOKEN` or `Bearer TOKEN`, the word in any case, one space.
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        Some(_) => return Err(SessionError::Header),
        None => text,
    };
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(SessionError::Header);
    }
    Ok(Some(Token::new(token)))
}

fn named(record: &Value, id: &str) -> bool {
    record.get("id").and_then(Value::as_str) == Some(id)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: Result<Option<&str>, ()>) {
        let mut headers = http::HeaderMap::new();
        for value in values {
            headers.append(
                http::header::AUTHORIZATION,
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let found = sent(&headers)
            .map(|token| token.map(|token| token.expose().to_owned()))
            .map_err(drop);
        assert_eq!(found, expected.map(|token| token.map(str::to_owned)));
    }

    #[test]
    fn one_header_holds_one_token() {
        check(&[], Ok(None));
        check(&[""], Ok(None));
        check(&["a.b.c"], Ok(Some("a.b.c")));
        check(&["Bearer a.b.c"], Ok(Some("a.b.c")));
        check(&["bEARER a.b.c"], Ok(Some("a.b.c")));
        check(&["Bearer  a.b.c"], Err(()));
        check(&["Bearer "], Err(()));
        check(&["Basic abc"], Err(()));
        check(&["a.b.c", "a.b.c"], Err(()));
    }
}
