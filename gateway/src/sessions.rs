//! Who asks: the only place that makes a [`Principal`] of a token.
//!
//! A token that is sent must be good. PocketBase itself takes a bad one for no
//! token at all and answers as to a guest; here it is refused.
//!
//! Clients hold PocketBase's tokens, or, where sessions roll, tokens of the gateway's own:
//! then each of those stands for one of PocketBase's, which this station alone knows.

mod ending;
mod error;
mod files;
mod handing;
mod proofs;
mod questions;
mod rolling;
mod shown;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ring::digest;
use serde_json::Value;
use tokio::time::Instant;

pub use self::error::SessionError;
pub use self::files::FileTokenCounts;
pub use self::handing::HandedOut;
pub use self::proofs::{ProofCounts, Proofs, Whose};
pub use self::questions::Questions;
pub use self::rolling::{
    Bind, Ended, Ending, Ledger, Listed, SessionCounts, Settings as RollingSettings, StoreError,
    Which,
};
pub use self::shown::{Shown, token_of};

use self::files::{FileTokens, Holder};
use self::rolling::Rolling;
use crate::exchange::token::{self, Claims, TokenKind};
use crate::operation::Identity;
use crate::principal::{Principal, Token, Vouched};
use crate::schema::{Collection, CollectionKind, Schema};
use crate::state::State;
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
    /// How many file tokens are good at once.
    pub file_tokens: usize,
    /// None: clients hold PocketBase's own tokens.
    pub rolling: Option<RollingSettings>,
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
    /// For downloads.
    files: FileTokens,
    /// None: clients hold PocketBase's own tokens.
    rolling: Option<Arc<Rolling>>,
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

/// SHA-256 of the token, or the session that stands before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
            files: FileTokens::new(settings.file_tokens),
            rolling: None,
            settings,
            upstream,
            answers,
            forgotten: AtomicU64::new(0),
        }
    }

    /// The same with what outlived the gateway before, where sessions are its own.
    ///
    /// # Errors
    ///
    /// Sessions that can't be read.
    pub fn open(
        settings: Settings,
        upstream: Arc<Upstream>,
        state: Option<&State>,
    ) -> Result<Self, StoreError> {
        let rolling = match (&settings.rolling, state) {
            (Some(settings), Some(state)) => {
                Some(Arc::new(Rolling::open(settings.clone(), state)?))
            }
            (Some(_), None) | (None, _) => None,
        };
        Ok(Self {
            rolling,
            ..Self::new(settings, upstream)
        })
    }

    /// Finds out who asks.
    ///
    /// # Errors
    ///
    /// A token that is missing, malformed, expired, refused, a superuser's where
    /// those are not served; PocketBase being away.
    pub async fn identify(
        &self,
        shown: Shown<'_>,
        admits: Admits,
        schema: &Schema,
    ) -> Result<Principal, SessionError> {
        let identity = shown.identity;
        match (identity, admits) {
            (Identity::Ignored, _) | (Identity::Superuser, Admits::NoSuperusers) => {
                return Ok(Principal::Guest);
            }
            // Nobody is asked about a token that can't be a superuser's.
            (Identity::Superuser, Admits::Everyone) if !says_superuser(shown, schema) => {
                return Ok(Principal::Guest);
            }
            (Identity::Superuser, Admits::Everyone) => {
                let found = self.found(shown, admits, schema).await;
                let superuser = found.ok().flatten().filter(Principal::is_superuser);
                return Ok(superuser.unwrap_or(Principal::Guest));
            }
            (Identity::Optional | Identity::IfGood | Identity::Required, _) => {}
        }
        match self.found(shown, admits, schema).await {
            Ok(Some(principal)) => Ok(principal),
            Ok(None) => nobody(identity),
            // There may be a newer schema that has its collection.
            Err(SessionError::Collection) => Err(SessionError::Collection),
            Err(error) => self.forgive(error, identity),
        }
    }

    /// Finds out once more whose a token is that was shown before, when no
    /// request is behind the question.
    ///
    /// # Errors
    ///
    /// As [`Sessions::identify`].
    pub async fn again(
        &self,
        token: &Token,
        admits: Admits,
        schema: &Schema,
    ) -> Result<Principal, SessionError> {
        let token = self.current(token)?;
        self.owner(token, None, admits, schema).await
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
            Identity::IfGood => error.is_of_former(),
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

    /// How many file tokens there are.
    #[must_use]
    pub fn file_tokens(&self) -> FileTokenCounts {
        self.files.counts(SystemTime::now())
    }

    /// Who the tokens that were sent belong to; none: none was sent.
    async fn found(
        &self,
        request: Shown<'_>,
        admits: Admits,
        schema: &Schema,
    ) -> Result<Option<Principal>, SessionError> {
        let Shown {
            client, file_token, ..
        } = request;
        let by_header = match request.login()? {
            Some(shown) => {
                let login = self.inner(shown, TokenKind::Auth, client).await?;
                Some(self.owner(login, Some(request), admits, schema).await?)
            }
            None => None,
        };
        let Some(file_token) = file_token else {
            return Ok(by_header);
        };
        let login = self.behind(file_token, client, admits, schema).await?;
        let owner = self.owner(login, Some(request), admits, schema).await?;
        if by_header.is_some_and(|other| !is_same(&other, &owner)) {
            return Err(SessionError::TwoPeople);
        }
        Ok(Some(owner))
    }

    /// Who the token of a login belongs to.
    async fn owner(
        &self,
        token: Token,
        request: Option<Shown<'_>>,
        admits: Admits,
        schema: &Schema,
    ) -> Result<Principal, SessionError> {
        let claims = token::read(token.expose(), TokenKind::Auth, SystemTime::now())?;
        let collection = admitted(&claims, admits, schema)?;
        let key = Key::of(&token);
        let asked = Instant::now();
        let mut answer = self
            .asked(&key, &token, (&claims, collection), request)
            .await?;
        if answer.until <= asked {
            // It was forgotten while somebody else asked: it may be older than this question.
            answer = self
                .asked(&key, &token, (&claims, collection), request)
                .await?;
        }
        match answer.said {
            Said::Good(principal) => Ok(principal),
            Said::Refused => Err(self.refused(&token).await),
            Said::Nothing(error) => Err(SessionError::Upstream(error)),
        }
    }

    /// What PocketBase says of a token. Whoever asks at the same time about the same one
    /// waits for the one answer.
    async fn asked(
        &self,
        key: &Key,
        token: &Token,
        (claims, collection): (&Claims, &Collection),
        request: Option<Shown<'_>>,
    ) -> Result<Answer, SessionError> {
        let now = Instant::now();
        self.answers.remove_if(key, |answer| answer.until <= now);
        let answer = self.answers.get_or_insert_async(key, async {
            let questions = questions::begin(request, token).await?;
            let client = request.map(|shown| shown.client);
            let before = self.forgotten.load(Ordering::SeqCst);
            let verified = self.upstream.verify(collection, token, client).await;
            let record = self.take_newer(verified, token);
            let mut answer = self.answer(record, claims, collection, token.clone());
            if self.forgotten.load(Ordering::SeqCst) != before {
                // It may be older than what it was to be forgotten for.
                answer.until = now;
            }
            questions::end(questions, &answer);
            Ok(answer)
        });
        answer.await
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
                    session: token.session(),
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

impl Key {
    fn of(token: &Token) -> Self {
        let mut hash = [0; 32];
        if let Some(session) = token.session() {
            // Its token is another from time to time, and no hash ends in so many zeros.
            let (first, _) = hash.split_at_mut(session.0.len());
            first.copy_from_slice(&session.0);
            return Self(hash);
        }
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.expose().as_bytes()).as_ref());
        Self(hash)
    }
}

/// The collection that a token claims to be of, if its records may come in.
fn admitted<'a>(
    claims: &Claims,
    admits: Admits,
    schema: &'a Schema,
) -> Result<&'a Collection, SessionError> {
    let collection = schema
        .by_id(&claims.collection_id)
        .filter(|collection| collection.kind == CollectionKind::Auth)
        .ok_or(SessionError::Collection)?;
    if collection.is_superusers() && admits == Admits::NoSuperusers {
        return Err(SessionError::Superuser);
    }
    Ok(collection)
}

/// Whether a token is shown that says of itself that it is a superuser's.
fn says_superuser(shown: Shown<'_>, schema: &Schema) -> bool {
    let login = shown.login().ok().flatten();
    let claims = login.and_then(|login| token::read_new(login.expose(), TokenKind::Auth).ok());
    let collection = claims.and_then(|claims| schema.by_id(&claims.collection_id));
    collection.is_some_and(|collection| collection.is_superusers())
}

fn is_same(one: &Principal, other: &Principal) -> bool {
    let who = |principal: &Principal| principal.record().map(|record| Holder::of(record));
    who(one) == who(other)
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
