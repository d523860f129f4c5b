//! The gateway's own superuser credential: what it is used for, and its token.
//!
//! A superuser passes all of PocketBase's rules, so the list of [`Purpose`]s is
//! short, and this file is the only one that sends the token.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::client::{Client, Outgoing, Written};
use super::{Credential, UpstreamError, live};
use crate::exchange::token;
use crate::principal::Token;
use crate::schema::Schema;

/// A token is replaced this long before it expires.
const MARGIN: Duration = Duration::from_mins(1);

/// Collections asked for at once, and how many such pages at most.
const PAGE: usize = 500;
const PAGES: usize = 20;

/// What PocketBase tells superusers alone, as little of it as can be.
const PROOF: &str = "/api/collections?page=1&perPage=1&skipTotal=1&fields=id";

/// Everything that the gateway's own credential is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading the collections.
    Schema,
    /// Reading a record that a rule asked for, or that a batch writes to if it is there.
    Stored,
    /// Reading other records of collections that the configuration lets a rule read so.
    Read,
    /// Asking at the start which address PocketBase believes the client has.
    Forwarding,
    /// Reading at the start where links in mails lead, and who logs in by `OAuth2`.
    Addresses,
    /// Reading PocketBase's own rules, to write a configuration.
    Survey,
    /// Watching records and accounts.
    Feed,
}

/// The credential, with the token it got last.
pub(super) struct Superuser {
    credential: Credential,
    token: Mutex<Option<Known>>,
}

/// As it came, with its JSON if it has any.
type Answer = (StatusCode, Option<Value>);

struct Known {
    token: Token,
    expires: SystemTime,
}

impl Superuser {
    pub(super) fn new(credential: Credential) -> Self {
        Self {
            credential,
            token: Mutex::new(None),
        }
    }

    /// Reads something as the superuser.
    pub(super) async fn get(
        &self,
        client: &Client,
        purpose: Purpose,
        path_and_query: String,
    ) -> Result<Answer, UpstreamError> {
        self.get_with(client, purpose, path_and_query, |_| {}).await
    }

    /// The same, with a last touch to the headers.
    pub(super) async fn get_with(
        &self,
        client: &Client,
        purpose: Purpose,
        path_and_query: String,
        touch: impl Fn(&mut HeaderMap) + Send + Sync,
    ) -> Result<Answer, UpstreamError> {
        let mut refused = None;
        loop {
            let token = self.token(client, refused.as_ref()).await?;
            let request = Outgoing {
                token: Some(token.clone()),
                ..Outgoing::get(path_and_query.clone())
            };
            let answer = client.json_with(request, &touch).await?;
            if let Some(answer) = taken(answer, purpose, token, &mut refused)? {
                return Ok(answer);
            }
        }
    }

    /// Sets what an event stream is told, as the superuser. PocketBase takes a
    /// token that is not good for none, and a guest's stream would be told next
    /// to nothing: so the same token has to be good for something else
    /// afterwards, that no guest may do.
    pub(super) async fn listen(
        &self,
        client: &Client,
        body: &Value,
    ) -> Result<StatusCode, UpstreamError> {
        let mut refused = None;
        loop {
            let token = self.token(client, refused.as_ref()).await?;
            let request = Outgoing {
                method: Method::POST,
                body: Written::json(body),
                token: Some(token.clone()),
                ..Outgoing::get(live::PATH.to_owned())
            };
            let mut answer = client.json(request).await?;
            if answer.0.is_success() {
                let proof = Outgoing {
                    token: Some(token.clone()),
                    ..Outgoing::get(PROOF.to_owned())
                };
                let proven = client.json(proof).await?;
                if proven.0 != StatusCode::OK {
                    answer = proven;
                }
            }
            if let Some((status, _)) = taken(answer, Purpose::Feed, token, &mut refused)? {
                return Ok(status);
            }
        }
    }

    /// The token in use, or a new one where it is about to expire or was refused.
    async fn token(
        &self,
        client: &Client,
        refused: Option<&Token>,
    ) -> Result<Token, UpstreamError> {
        let mut known = self.token.lock().await;
        if let Some(known) = &*known
            && Some(&known.token) != refused
            && SystemTime::now() + MARGIN < known.expires
        {
            return Ok(known.token.clone());
        }
        let token = self.new_token(client).await?;
        let expires = token::expiry(token.expose()).unwrap_or(SystemTime::UNIX_EPOCH);
        *known = Some(Known {
            token: token.clone(),
            expires,
        });
        Ok(token)
    }

    async fn new_token(&self, client: &Client) -> Result<Token, UpstreamError> {
        match &self.credential {
            Credential::Password { email, password } => log_in(client, email, password).await,
            Credential::TokenFile(path) => {
                let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                    UpstreamError::Credential(format!("cannot read {}: {error}", path.display()))
                })?;
                Ok(Token::new(text.trim()))
            }
        }
    }
}

/// An answer, unless the token was refused: then it is to be asked once more
/// with another.
fn taken(
    answer: Answer,
    purpose: Purpose,
    token: Token,
    refused: &mut Option<Token>,
) -> Result<Option<Answer>, UpstreamError> {
    let status = answer.0;
    if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
        return Ok(Some(answer));
    }
    // The password may have changed or PocketBase may have been replaced.
    if refused.replace(token).is_some() {
        let problem = format!("{purpose:?} was answered with {status}");
        return Err(UpstreamError::Credential(problem));
    }
    Ok(None)
}

async fn log_in(client: &Client, email: &str, password: &str) -> Result<Token, UpstreamError> {
    let body = json!({ "identity": email, "password": password });
    let request = Outgoing {
        method: Method::POST,
        body: Written::json(&body),
        ..Outgoing::get("/api/collections/_superusers/auth-with-password".to_owned())
    };
    let (status, answer) = client.json(request).await?;
    let token = answer
        .as_ref()
        .and_then(|answer| answer.get("token"))
        .and_then(Value::as_str);
    match (status, token) {
        (StatusCode::OK, Some(token)) => Ok(Token::new(token)),
        (StatusCode::UNAUTHORIZED, _) => Err(UpstreamError::Credential(
            "it asks for a second factor; use a token file".to_owned(),
        )),
        (status, _) => Err(UpstreamError::Credential(format!(
            "the login was answered with {status}"
        ))),
    }
}

/// Reads all collections.
pub(super) async fn collections(
    superuser: &Superuser,
    client: &Client,
) -> Result<Schema, UpstreamError> {
    let pages = pages(superuser, client, Purpose::Schema, "").await?;
    Ok(Schema::read(&pages)?)
}

/// Reads the list of collections to its end, page by page, with this at the end
/// of the query.
pub(super) async fn pages(
    superuser: &Superuser,
    client: &Client,
    purpose: Purpose,
    more: &str,
) -> Result<Vec<Value>, UpstreamError> {
    let mut pages = Vec::new();
    for page in 1..=PAGES {
        let path = format!("/api/collections?page={page}&perPage={PAGE}&sort=name{more}");
        let (status, answer) = superuser.get(client, purpose, path).await?;
        let Some(answer) = answer.filter(|_| status == StatusCode::OK) else {
            return Err(UpstreamError::Garbled(format!(
                "the list of collections answers {status}"
            )));
        };
        let is_last = answer
            .get("items")
            .and_then(Value::as_array)
            .is_none_or(|items| items.len() < PAGE);
        pages.push(answer);
        if is_last {
            break;
        }
    }
    Ok(pages)
}
