//! The one way to PocketBase: typed calls only.
//!
//! Every request that leaves here was written here, from parsed parts: no byte
//! of a client's request line, header or body is passed on as it came.

mod addresses;
mod catalogue;
mod child;
mod client;
mod fingerprint;
mod form;
mod live;
mod probe;
mod read;
mod reply;
mod superuser;
mod survey;
mod trust;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use http::{HeaderName, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::runtime::Handle;

pub use addresses::{Addresses, AuthCollection, Template};
pub use child::{Child, ChildError};
pub use fingerprint::{Release, Unsupported, Untested, Version};
pub use live::{ListenError, Notice, Notices, Topics, Whom};
pub use probe::Forwarding;
pub use read::{Found, Standing};
pub use reply::{FileBody, Reply};
pub use survey::{Own, OwnRules};
pub use trust::TrustError;

use self::catalogue::Catalogue;
use self::client::{Client, Outgoing};
use self::fingerprint::Fingerprint;
use self::superuser::Superuser;
use crate::exchange::{self, AsSent, Exchange};
use crate::operation::{Operation, RecordId};
use crate::principal::Token;
use crate::schema::{Collection, Schema, SchemaError};
use crate::spool::Spooled;

/// Where PocketBase is and how it is spoken to.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Scheme and authority, like `http://127.0.0.1:8090`.
    pub url: Uri,
    /// The root certificates that are believed, PEM, where the scheme is `https`; none: those of
    /// the system.
    pub ca: Option<PathBuf>,
    /// Whether it may be one that the gateway was not tested with.
    pub untested: Untested,
    /// The gateway's own, of a superuser.
    pub credential: Credential,
    /// The header that carries the client's address; PocketBase must trust it.
    pub forwarding_header: HeaderName,
    /// From the first byte sent to the last byte of a JSON answer.
    pub timeout: Duration,
    /// The largest JSON answer that is taken.
    pub max_response: ByteSize,
    /// How often the schema is looked at again.
    pub schema_interval: Duration,
}

/// How the gateway itself is known to PocketBase.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Logs in at PocketBase, and again before the token expires.
    Password {
        /// The superuser's identity.
        email: String,
        /// Sent to PocketBase alone.
        password: String,
    },
    /// A file that holds a superuser's token, for where MFA is on.
    TokenFile(PathBuf),
}

/// PocketBase, as the gateway sees it.
pub struct Upstream {
    client: Client,
    fingerprint: Fingerprint,
    superuser: Superuser,
    catalogue: Catalogue,
    settings: Settings,
    runtime: Handle,
}

/// Why PocketBase gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// It can't be reached, or the connection broke.
    #[error("PocketBase is away: {0}")]
    Away(String),
    /// With the bound, [`Settings::timeout`].
    #[error("PocketBase did not answer within {0:?}")]
    Late(Duration),
    /// With the bound, [`Settings::max_response`].
    #[error("the answer would be larger than {0}; ask for fewer records, or expand less")]
    TooLarge(ByteSize),
    /// An answer of a shape that PocketBase doesn't have.
    #[error("the answer of PocketBase is not as expected: {0}")]
    Garbled(String),
    /// The list of collections can't be read as one.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// PocketBase's own rate limit, met on the way to an answer.
    #[error("PocketBase asks for fewer requests")]
    Limited,
    /// It is one that the gateway does not speak to.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The gateway's own credential doesn't work.
    #[error("PocketBase does not accept the gateway's superuser credential: {0}")]
    Credential(String),
}

/// What PocketBase says of a token that is good.
#[derive(Debug)]
pub struct Verified {
    /// The record that it is of, as its owner sees it.
    pub record: Value,
    /// A newer one for it.
    pub token: Option<Token>,
}

/// The body of a request for PocketBase.
#[derive(Clone, Debug)]
pub enum Payload {
    /// None.
    None,
    /// Printed anew.
    Json(Arc<Value>),
    /// The same, with files.
    Form {
        /// All that is no file.
        body: Option<Arc<Value>>,
        /// Sent from the disk; they may take longer than [`Settings::timeout`].
        files: Arc<Spooled>,
    },
    /// For a route that is let in as it is.
    AsSent(Arc<AsSent>),
}

impl Upstream {
    /// Speaks to nobody yet. Belongs to the runtime that it is made on.
    ///
    /// # Errors
    ///
    /// Where `PocketBase` is reached by TLS, and there are no root certificates to believe.
    pub fn new(settings: Settings) -> Result<Arc<Self>, TrustError> {
        Ok(Arc::new(Self {
            client: Client::new(&settings)?,
            fingerprint: Fingerprint::new(settings.untested),
            superuser: Superuser::new(settings.credential.clone()),
            catalogue: Catalogue::default(),
            settings,
            runtime: Handle::current(),
        }))
    }

    /// The threads on which connections to PocketBase are served.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The collections, as last loaded.
    #[must_use]
    pub fn schema(&self) -> Arc<Schema> {
        self.catalogue.current()
    }

    /// Loads the schema again, unless that happened a moment ago; for when
    /// something is not in it. Says whether it is newer than the one given.
    ///
    /// # Errors
    ///
    /// Whatever keeps PocketBase from telling its collections.
    pub async fn refresh_schema(
        &self,
        known: &Arc<Schema>,
    ) -> Result<Option<Arc<Schema>>, UpstreamError> {
        let newer = self.catalogue.refresh(known, self.load_schema()).await?;
        Ok(newer)
    }

    /// Loads the schema now, for the start and for the look from time to time.
    ///
    /// # Errors
    ///
    /// Whatever keeps PocketBase from telling its collections.
    pub async fn reload_schema(&self) -> Result<Arc<Schema>, UpstreamError> {
        self.catalogue.reload(self.load_schema()).await
    }

    /// Sends what the rules let pass, as its principal, and reads the answer.
    ///
    /// # Errors
    ///
    /// When there is no answer, or not one of a shape that PocketBase has.
    pub async fn send(
        &self,
        exchange: &Exchange,
        operation: &Operation,
        payload: Payload,
    ) -> Result<Reply, UpstreamError> {
        self.fingerprint.check()?;
        let collection = exchange
            .collection
            .as_ref()
            .map_or("", |collection| collection.name.as_str());
        let request = Outgoing {
            method: operation.upstream_method(),
            path_and_query: operation.upstream_path_and_query(collection),
            body: payload.try_into()?,
            token: exchange.login().cloned(),
            client: Some(&exchange.client),
        };
        if !operation.is_streamed() {
            return reply::json(self.client.json(request).await?);
        }
        let path = request.path_and_query.clone();
        let response = self.client.send(request).await?;
        match operation {
            Operation::Custom(_) => Ok(reply::custom(response, &self.settings.url)),
            Operation::Dashboard(_) | Operation::Static(_) => {
                reply::page(response, &path, &self.settings).await
            }
            _ => reply::file(response, &self.settings).await,
        }
    }

    /// Asks PocketBase whether a token is good. None: it is not. Where PocketBase
    /// limits rates, it is the client that is counted, or without one the gateway.
    ///
    /// # Errors
    ///
    /// When PocketBase doesn't say yes or no: that is no yes.
    pub async fn verify(
        &self,
        collection: &Collection,
        token: &Token,
        client: Option<&exchange::Client>,
    ) -> Result<Option<Verified>, UpstreamError> {
        self.fingerprint.check()?;
        let is_passed_on = token.session().is_none();
        let named = if is_passed_on {
            &collection.name
        } else {
            // Its id outlives another name.
            &collection.id
        };
        let request = Outgoing {
            method: Method::POST,
            path_and_query: format!("/api/collections/{named}/auth-refresh"),
            body: client::Written::default(),
            token: Some(token.clone()),
            client,
        };
        let (status, body) = self.client.json(request).await?;
        match status {
            StatusCode::OK => verified(body).map(Some),
            StatusCode::UNAUTHORIZED => Ok(None),
            // It ends a session for good, so something in between must not be able to say it.
            StatusCode::FORBIDDEN if is_passed_on || is_refusal(body.as_ref()) => Ok(None),
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST if is_passed_on => Ok(None),
            StatusCode::TOO_MANY_REQUESTS => Err(UpstreamError::Limited),
            other => Err(UpstreamError::Garbled(format!(
                "auth-refresh answers {other}"
            ))),
        }
    }

    /// Finds out which PocketBase it is. Every reading of the schema begins
    /// with that, so that one that replaces another is noticed.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::Unsupported`] for one that the gateway does not speak
    /// to, and whatever keeps it from telling.
    pub async fn identify(&self) -> Result<Version, UpstreamError> {
        self.fingerprint.look(&self.client).await
    }

    /// Which PocketBase it is, as last seen; none before [`Upstream::identify`].
    #[must_use]
    pub fn version(&self) -> Option<Result<Version, Unsupported>> {
        self.fingerprint.verdict()
    }

    /// Whether PocketBase answers its health check, and is one to speak to.
    ///
    /// # Errors
    ///
    /// When it does not, or is not.
    pub async fn health(&self) -> Result<(), UpstreamError> {
        self.fingerprint.check()?;
        let request = Outgoing::get("/api/health".to_owned());
        match self.client.json(request).await? {
            (StatusCode::OK, Some(_)) => Ok(()),
            (status, _) => Err(UpstreamError::Garbled(format!(
                "the health check answers {status}"
            ))),
        }
    }

    /// The record as it stands now, hidden fields included. None: there is none.
    ///
    /// # Errors
    ///
    /// When PocketBase doesn't tell.
    pub async fn stored(
        &self,
        collection: &Collection,
        id: &RecordId,
    ) -> Result<Option<Value>, UpstreamError> {
        self.fingerprint.check()?;
        let operation = Operation::stored(&collection.name, id).map_err(|error| {
            UpstreamError::Garbled(format!("an id no filter can hold: {error}"))
        })?;
        let path = operation.upstream_path_and_query(&collection.name);
        let stored = superuser::Purpose::Stored;
        let (status, answer) = self.superuser.get(&self.client, stored, path).await?;
        let items = match (status, answer) {
            (StatusCode::OK, Some(Value::Object(mut list))) => list.remove("items"),
            _ => None,
        };
        match items {
            Some(Value::Array(items)) if items.is_empty() => Ok(None),
            Some(Value::Array(mut items)) => Ok(items
                .pop()
                .filter(|record| record.get("id").and_then(Value::as_str) == Some(id.as_str()))),
            _ => Err(UpstreamError::Garbled(format!(
                "a stored record answers {status}"
            ))),
        }
    }

    /// Finds out whether PocketBase takes the client's address from the
    /// gateway's forwarding header.
    ///
    /// # Errors
    ///
    /// When PocketBase doesn't tell.
    pub async fn forwarding(&self) -> Result<Forwarding, UpstreamError> {
        probe::forwarding(
            &self.client,
            &self.superuser,
            &self.settings.forwarding_header,
        )
        .await
    }

    /// Reads where the links in PocketBase's mails lead, and whose users log in by `OAuth2`.
    ///
    /// # Errors
    ///
    /// When PocketBase doesn't tell.
    pub async fn addresses(&self) -> Result<Addresses, UpstreamError> {
        self.fingerprint.check()?;
        addresses::read(&self.client, &self.superuser).await
    }

    /// Reads what PocketBase's own rules say of each collection.
    ///
    /// # Errors
    ///
    /// When PocketBase doesn't tell.
    pub async fn own_rules(&self) -> Result<Vec<OwnRules>, UpstreamError> {
        self.fingerprint.check()?;
        survey::read(&self.client, &self.superuser).await
    }

    async fn load_schema(&self) -> Result<Schema, UpstreamError> {
        self.identify().await?;
        superuser::collections(&self.superuser, &self.client).await
    }
}

/// What PocketBase tells of a token that is good.
fn verified(body: Option<Value>) -> Result<Verified, UpstreamError> {
    let garbled = |problem: &str| Err(UpstreamError::Garbled(problem.to_owned()));
    let Some(Value::Object(mut answer)) = body else {
        return garbled("auth-refresh answers no object");
    };
    let Some(record @ Value::Object(_)) = answer.remove("record") else {
        return garbled("auth-refresh answers no record");
    };
    let token = answer.get("token").and_then(Value::as_str);
    let token = token.map(Token::new);
    Ok(Verified { record, token })
}

/// Whether a body has the form in which PocketBase says that somebody may not.
fn is_refusal(body: Option<&Value>) -> bool {
    let of = |key: &str| body.and_then(|body| body.get(key));
    of("status").and_then(Value::as_u64) == Some(403)
        && of("message").is_some_and(Value::is_string)
        && of("data").is_some_and(Value::is_object)
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password { .. } => f.write_str("Password"),
            Self::TokenFile(path) => f.debug_tuple("TokenFile").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_pocketbase_says_that_somebody_may_not() {
        let own = json!({ "status": 403, "message": "The request doesn't satisfy the rules.", "data": {} });
        assert!(is_refusal(Some(&own)));
        for other in [
            json!({ "error": "forbidden" }),
            json!({ "status": 404, "message": "", "data": {} }),
            json!({ "status": 403, "message": "forbidden" }),
            json!("forbidden"),
        ] {
            assert!(!is_refusal(Some(&other)), "{other}");
        }
        assert!(!is_refusal(None));
    }
}
