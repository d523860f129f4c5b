//! Tokens on their way to clients: where sessions are the gateway's own, each answer of
//! PocketBase with a token has another in its place.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::files::{FileToken, Holder};
use super::rolling::{Ending, Login, Rolling, StoreError, Which};
use super::shown::token_of;
use super::{Admits, Key, SessionError, Sessions, admitted};
use crate::exchange::Client;
use crate::exchange::token::{self, Claims, TokenKind};
use crate::principal::{SessionId, Token, Vouched};
use crate::schema::Schema;
use crate::upstream::{UpstreamError, Verified};

/// A token that PocketBase gave for a login.
#[derive(Clone, Copy)]
pub struct HandedOut<'a> {
    /// The record that logged in, as answered.
    pub record: &'a Value,
    /// The token.
    pub token: &'a Token,
    /// Who is to have it.
    pub client: &'a Client,
    /// Who asked, if it was a session that goes on by this.
    pub asker: Option<&'a Vouched>,
}

impl Sessions {
    /// Whether clients hold tokens of the gateway's own.
    #[must_use]
    pub fn is_rolling(&self) -> bool {
        self.settings.rolling.is_some()
    }

    /// What a client gets for a token that PocketBase gave just now: the newest token of the
    /// session that asked, or the first of a session that begins. None: PocketBase's own.
    ///
    /// # Errors
    ///
    /// A token that is none of the record's, which PocketBase makes for nobody; too many
    /// sessions; one that has ended meanwhile.
    pub async fn hand_out(&self, handed: HandedOut<'_>) -> Result<Option<String>, SessionError> {
        let Some(rolling) = self.own_tokens()? else {
            return Ok(None);
        };
        let of = |key: &str| handed.record.get(key).and_then(Value::as_str);
        let claims = token::read_new(handed.token.expose(), TokenKind::Auth).ok();
        let claims = claims.filter(|own| {
            of("id") == Some(&own.id) && of("collectionId") == Some(&own.collection_id)
        });
        let Some(claims) = claims else {
            return Err(garbled("a token of somebody else than who logged in"));
        };
        let login = Login {
            collection_id: &claims.collection_id,
            collection: of("collectionName").unwrap_or_default(),
            id: &claims.id,
            token: handed.token.expose(),
            expires: claims.exp,
            refreshable: claims.refreshable,
            client: handed.client,
        };
        let rolls = handed.asker.is_some_and(|asker| {
            asker.session.is_some() && is_of(asker, &claims.id, &claims.collection_id)
        });
        // What else is sent along with a login counts for nothing.
        let shown = if rolls {
            token_of(&handed.client.headers)?
        } else {
            None
        };
        match shown {
            Some(shown) => rolling.roll(shown, login).await.map(Some),
            None => rolling.make(login).await.map(Some),
        }
    }

    /// Remembers a file token that PocketBase made for somebody just now, and tells what the
    /// client gets for it. None: the token itself.
    ///
    /// # Errors
    ///
    /// A token that is none of theirs, which PocketBase makes for nobody; too
    /// many at once; a session that has ended.
    pub fn put_file_token(
        &self,
        owner: &Vouched,
        token: &str,
    ) -> Result<Option<String>, SessionError> {
        let claims = token::read_new(token, TokenKind::File).ok();
        let claims = claims.filter(|own| is_of(owner, &own.id, &own.collection_id));
        let Some(claims) = claims else {
            return Err(garbled("a file token of somebody else than who asks"));
        };
        let own = match (self.own_tokens()?, owner.session) {
            (Some(rolling), Some(session)) => Some(rolling.file_token(session, claims.exp)?),
            (Some(_), None) | (None, _) => None,
        };
        let file_token = FileToken {
            holder: Holder::of(owner),
            ends: claims.expiry(),
            login: owner.token.clone(),
            inner: own.as_ref().map(|_| Token::new(token)),
        };
        let key = Key::of(&Token::new(own.as_deref().unwrap_or(token)));
        self.files.put(key, file_token, SystemTime::now())?;
        Ok(own)
    }

    /// What PocketBase takes in the place of a file token that a client shows; none: the
    /// token itself.
    #[must_use]
    pub fn inner_file_token(&self, token: &Token) -> Option<Token> {
        self.files.inner(&Key::of(token), SystemTime::now())
    }

    /// When what a client shows is good no more, by the clock on the wall.
    #[must_use]
    pub fn expiry(&self, client: &Client) -> Option<SystemTime> {
        let shown = token_of(&client.headers).ok()??;
        token::expiry(shown)
    }

    /// Whether nobody is this who has not the key of a client.
    #[must_use]
    pub fn is_bound(&self, vouched: &Vouched) -> bool {
        let rolling = self.rolling.as_ref().zip(vouched.session);
        rolling.is_some_and(|(rolling, id)| rolling.is_bound(id))
    }

    /// What makes the gateway's own tokens; none: clients hold PocketBase's. Where there
    /// should be one and is none, nobody gets either.
    fn own_tokens(&self) -> Result<Option<&Arc<Rolling>>, SessionError> {
        match (&self.settings.rolling, &self.rolling) {
            (None, _) => Ok(None),
            (Some(_), Some(rolling)) => Ok(Some(rolling)),
            (Some(_), None) => Err(StoreError::Stopped.into()),
        }
    }

    /// The token of PocketBase behind one that a client shows.
    pub(super) async fn inner(
        &self,
        shown: Token,
        kind: TokenKind,
        client: &Client,
    ) -> Result<Token, SessionError> {
        match self.own_tokens()? {
            Some(rolling) => rolling.show(shown.expose(), kind, client).await,
            None => Ok(shown),
        }
    }

    /// The token of a login as it is now.
    pub(super) fn current(&self, token: &Token) -> Result<Token, SessionError> {
        match (&self.rolling, token.session()) {
            (Some(rolling), Some(session)) => rolling.current(session).ok_or(SessionError::Ended),
            (Some(_), None) | (None, _) => Ok(token.clone()),
        }
    }

    /// The token of the login behind a file token.
    pub(super) async fn behind(
        &self,
        file_token: &Token,
        client: &Client,
        admits: Admits,
        schema: &Schema,
    ) -> Result<Token, SessionError> {
        let now = SystemTime::now();
        let login = || {
            let login = self.files.login(&Key::of(file_token), now);
            login.ok_or(SessionError::Unknown)
        };
        if let Some(rolling) = self.own_tokens()? {
            let inner = rolling.show(file_token.expose(), TokenKind::File, client);
            let inner = inner.await?;
            return login().map(|_| inner);
        }
        let claims = token::read(file_token.expose(), TokenKind::File, now)?;
        admitted(&claims, admits, schema)?;
        login()
    }

    /// PocketBase takes a token no more: with it ends the session that stands before it.
    pub(super) async fn refused(&self, token: &Token) -> SessionError {
        let (Some(rolling), Some(session)) = (&self.rolling, token.session()) else {
            return SessionError::Refused;
        };
        let which = Which::One(session);
        let ended = rolling.end(&which, Ending::Refused, None);
        if let Err(error) = ended.await {
            tracing::error!(%error, %session, "a session is ended, but not in the database yet");
        }
        SessionError::Ended
    }

    /// Keeps the newer token that PocketBase gives with its word on one, and hands on the record.
    pub(super) fn take_newer(
        &self,
        verified: Result<Option<Verified>, UpstreamError>,
        token: &Token,
    ) -> Result<Option<Value>, UpstreamError> {
        let Some(Verified {
            record,
            token: newer,
        }) = verified?
        else {
            return Ok(None);
        };
        if let (Some(session), Some(newer)) = (token.session(), newer) {
            self.renew(session, token, &newer);
        }
        Ok(Some(record))
    }

    /// Keeps a newer token of PocketBase for a session, if it is one of the same record.
    pub(super) fn renew(&self, session: SessionId, token: &Token, newer: &Token) {
        let read = |token: &Token| token::read_new(token.expose(), TokenKind::Auth).ok();
        if let (Some(rolling), Some(own), Some(newer_claims)) =
            (&self.rolling, read(token), read(newer))
            && same_subject(&own, &newer_claims)
        {
            rolling.renew(session, newer.expose(), newer_claims.exp);
        }
    }
}

fn same_subject(one: &Claims, other: &Claims) -> bool {
    (&one.id, &one.collection_id) == (&other.id, &other.collection_id)
}

fn is_of(owner: &Vouched, id: &str, collection_id: &str) -> bool {
    let own = owner.record.get("collectionId").and_then(Value::as_str);
    owner.id == id && own == Some(collection_id)
}

fn garbled(problem: &str) -> SessionError {
    SessionError::Upstream(Arc::new(UpstreamError::Garbled(problem.to_owned())))
}
