//! Who asks: the only place that makes a [`Principal`] of a token.
//!
//! A token that is sent must be good. PocketBase itself takes a bad one for no
//! token at all and answers as to a guest; here it is refused.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ring::digest;
use serde_json::Value;
use tokio::time::Instant;

use crate::exchange::Client;
use crate::exchange::token::{self, Claims, TokenError};
use crate::operation::Identity;
use crate::principal::{Principal, Token, Vouched};
use crate::schema::{Collection, CollectionKind, Schema};
use crate::upstream::{Upstream, UpstreamError};

/// How identities are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long an answer of PocketBase about a token holds, refusals too.
    pub verified_for: Duration,
    /// How many answers are kept.
    pub remembered: usize,
    /// What becomes of a token that is not good.
    pub bad_token: BadToken,
}

/// What becomes of a request with a token that is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// It is refused.
    Refuse,
    /// It is a guest's, as PocketBase has it.
    Guest,
}

/// Looks up who asks.
pub struct Sessions {
    settings: Settings,
    upstream: Arc<Upstream>,
    /// What PocketBase said of a token, each for its time.
    answers: Cache<Key, Answer, Weight>,
    /// How often something was forgotten.
    forgotten: AtomicU64,
}

/// Who may come in at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// Whoever PocketBase knows.
    Everyone,
    /// All but superusers, whose tokens are refused unread.
    NoSuperusers,
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
    #[error("{0}")]
    Upstream(Arc<UpstreamError>),
}

impl SessionError {
    /// Whether it is the token that is not good, and nothing else.
    fn is_of_the_token(&self) -> bool {
        match self {
            Self::Header | Self::Token(_) | Self::Collection | Self::Refused => true,
            // A superuser is refused, not demoted.
            Self::Superuser | Self::Missing | Self::Upstream(_) => false,
        }
    }
}

/// SHA-256 of the token.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key([u8; 32]);

#[derive(Clone)]
struct Answer {
    /// Not a moment longer.
    until: Instant,
    /// Of the record, printed.
    bytes: u64,
    said: Said,
}

#[derive(Clone)]
enum Said {
    Good(Principal),
    Refused,
    /// Neither yes nor no.
    Nothing(Arc<UpstreamError>),
}

/// Weighs answers by the memory they take, roughly.
#[derive(Clone)]
struct Weight;

/// How long nobody asks again about a token to which there was no answer.
const UNANSWERED_FOR: Duration = Duration::from_secs(1);

/// An answer without its record, in bytes; and what an answer may take on
/// average before others have to make room.
const ANSWER_BYTES: u64 = 256;
const AVERAGE_BYTES: u64 = 4_096;

impl Sessions {
    /// Remembers nobody yet.
    #[must_use]
    pub fn new(settings: Settings, upstream: Arc<Upstream>) -> Self {
        let capacity = settings.remembered as u64 * AVERAGE_BYTES;
        let answers = Cache::with_weighter(settings.remembered, capacity, Weight);
        Self {
            settings,
            upstream,
            answers,
            forgotten: AtomicU64::new(0),
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
        admits: Admits,
        client: &Client,
        schema: &Schema,
    ) -> Result<Principal, SessionError> {
        match (identity, admits) {
            (Identity::Ignored, _) | (Identity::Superuser, Admits::NoSuperusers) => {
                return Ok(Principal::Guest);
            }
            (Identity::Superuser, Admits::Everyone) => {
                let found = self.found(admits, client, schema).await;
                let superuser = found.ok().flatten().filter(Principal::is_superuser);
                return Ok(superuser.unwrap_or(Principal::Guest));
            }
            (Identity::Optional | Identity::IfGood | Identity::Required, _) => {}
        }
        match self.found(admits, client, schema).await {
            Ok(Some(principal)) => Ok(principal),
            Ok(None) => nobody(identity),
            // There may be a newer schema that has its collection.
            Err(SessionError::Collection) => Err(SessionError::Collection),
            Err(error) => self.forgive(error, identity),
        }
    }

    /// Who asks with a token that is not good, if that is a guest.
    ///
    /// # Errors
    ///
    /// The one given, where such tokens are refused, or where it is not the token's.
    pub fn forgive(
        &self,
        error: SessionError,
        identity: Identity,
    ) -> Result<Principal, SessionError> {
        let is_dropped = match identity {
            // A superuser who is not served is nobody here, and may log in as somebody.
            Identity::IfGood => error.is_of_the_token() || matches!(error, SessionError::Superuser),
            Identity::Ignored | Identity::Superuser | Identity::Optional | Identity::Required => {
                self.settings.bad_token == BadToken::Guest && error.is_of_the_token()
            }
        };
        if is_dropped {
            nobody(identity)
        } else {
            Err(error)
        }
    }

    /// Forgets what PocketBase said of a record's tokens: something was done to
    /// the account after which none of them may be good.
    pub fn forget(&self, collection: &str, id: &str) {
        self.forget_where(|record| record.collection == collection && record.id == id);
    }

    /// The same for every record of a collection: it may have been any of them.
    pub fn forget_all(&self, collection: &str) {
        self.forget_where(|record| record.collection == collection);
    }

    fn forget_where(&self, is_forgotten: impl Fn(&Vouched) -> bool) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.answers.retain(|_, answer| match &answer.said {
            Said::Good(principal) => !principal
                .record()
                .is_some_and(|record| is_forgotten(record)),
            Said::Refused | Said::Nothing(_) => true,
        });
    }

    /// Who the token that was sent belongs to; none: none was sent.
    async fn found(
        &self,
        admits: Admits,
        client: &Client,
        schema: &Schema,
    ) -> Result<Option<Principal>, SessionError> {
        let Some(token) = sent(&client.headers)? else {
            return Ok(None);
        };
        let now = SystemTime::now();
        let claims = token::read(token.expose(), now)?;
        let collection = schema
            .by_id(&claims.collection_id)
            .filter(|collection| collection.kind == CollectionKind::Auth)
            .ok_or(SessionError::Collection)?;
        if collection.is_superusers() && admits == Admits::NoSuperusers {
            return Err(SessionError::Superuser);
        }
        let key = key(&token);
        // Whoever asks at the same time about the same token waits for the one answer.
        let now = Instant::now();
        self.answers.remove_if(&key, |answer| answer.until <= now);
        let answer = self.answers.get_or_insert_async(&key, async {
            let before = self.forgotten.load(Ordering::SeqCst);
            let record = self.upstream.verify(collection, &token, client).await;
            let mut answer = self.answer(record, &claims, collection, token);
            if self.forgotten.load(Ordering::SeqCst) != before {
                // It may be older than what it was to be forgotten for.
                answer.until = now;
            }
            Ok::<_, Infallible>(answer)
        });
        let Ok(answer) = answer.await;
        match answer.said {
            Said::Good(principal) => Ok(Some(principal)),
            Said::Refused => Err(SessionError::Refused),
            Said::Nothing(error) => Err(SessionError::Upstream(error)),
        }
    }

    /// Makes an answer of what PocketBase said. Only here a principal is made.
    fn answer(
        &self,
        record: Result<Option<Value>, UpstreamError>,
        claims: &Claims,
        collection: &Collection,
        token: Token,
    ) -> Answer {
        let now = Instant::now();
        let until = now + self.settings.verified_for;
        match record {
            Ok(Some(record)) if named(&record, &claims.id) => Answer {
                until,
                bytes: record.to_string().len() as u64,
                said: Said::Good(Principal::vouched(Vouched {
                    id: claims.id.clone(),
                    collection: collection.name.clone(),
                    superuser: collection.is_superusers(),
                    record: Arc::new(record),
                    token,
                })),
            },
            Ok(_) => Answer {
                until,
                bytes: 0,
                said: Said::Refused,
            },
            // Those who waited are told at once, and nobody asks again for a moment.
            Err(error) => {
                let until = now + UNANSWERED_FOR.min(self.settings.verified_for);
                Answer {
                    until,
                    bytes: 0,
                    said: Said::Nothing(Arc::new(error)),
                }
            }
        }
    }
}

impl Weighter<Key, Answer> for Weight {
    fn weight(&self, _: &Key, answer: &Answer) -> u64 {
        ANSWER_BYTES + answer.bytes
    }
}

fn key(token: &Token) -> Key {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.expose().as_bytes()).as_ref());
    Key(hash)
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

fn nobody(identity: Identity) -> Result<Principal, SessionError> {
    match identity {
        Identity::Required => Err(SessionError::Missing),
        Identity::Optional | Identity::IfGood | Identity::Superuser | Identity::Ignored => {
            Ok(Principal::Guest)
        }
    }
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
