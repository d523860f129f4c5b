//! The account that a login by OAuth2 makes of somebody who has none yet.
//!
//! Whether there will be one, only PocketBase finds out, and only from the
//! provider. So the rules are asked before, as about any record that is created;
//! where they say no, the login goes on with fields of which no record can be
//! made: who has an account logs in all the same.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::conceal;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::exchange::keys::CREATE_DATA;
use crate::gateway::{Gateway, InForce};
use crate::operation::{CollectionRef, Operation, RecordQuery};
use crate::rules::{Dossier, Passed, RuleError};
use crate::sessions::SessionError;
use crate::upstream::{Reply, UpstreamError};

/// What rules said of the account.
pub(super) struct Account {
    word: Word,
    /// The login as it goes to PocketBase, with the account's fields.
    login: Arc<Value>,
    /// What rules counted for it counts unless it is known that none was made.
    dossier: Arc<Dossier>,
}

/// Whether there is to be one.
enum Word {
    /// Of the fields that were sent, as rules changed them.
    May,
    /// None: who asks has one, and links the provider to it.
    Linked,
    /// None: rules would not let it be created.
    Denied(RuleError),
}

/// Takes the account's fields out of a login: they are judged on their own.
pub(super) fn take_fields(body: &mut Option<Value>) -> Option<Value> {
    body.as_mut()?.as_object_mut()?.remove(CREATE_DATA)
}

/// An address to send people back to, where the operator names those that may be.
///
/// # Errors
///
/// Another one.
pub(super) fn check_redirect(in_force: &InForce, body: Option<&Value>) -> Result<(), Error> {
    let Some(allowed) = &in_force.serving.surface.logins.redirect_urls else {
        return Ok(());
    };
    let sent = |key| body.and_then(|body| body.get(key)).and_then(Value::as_str);
    match sent("redirectURL").or_else(|| sent("redirectUrl")) {
        Some(url) if !allowed.iter().any(|allowed| allowed == url) => Err(Error::Redirect),
        _ => Ok(()),
    }
}

/// Asks the rules about the account of a login that they let pass.
///
/// # Errors
///
/// Whatever is no opinion of a rule.
pub(super) async fn judge(
    in_force: &InForce,
    exchange: &Exchange,
    dossier: &Dossier,
    (login, fields): (&Value, Option<Value>),
) -> Result<Account, Error> {
    let own = Arc::new(dossier.beside());
    let asked = exchange.collection.as_ref();
    let principal = exchange.principal.record();
    let is_linked = principal.is_some_and(|principal| {
        asked.is_some_and(|collection| collection.name == principal.collection)
    });
    let (word, fields) = if is_linked {
        (Word::Linked, None)
    } else {
        let fields = fields.unwrap_or_else(|| Value::Object(Map::new()));
        conceal::check_fields(in_force, exchange, &fields)?;
        let judged = create(in_force, exchange, &own, fields).await;
        dossier.absorb(&own);
        match judged {
            Ok(fields) => (Word::May, Some(fields)),
            Err(Error::Rule(denied @ RuleError::Denied { .. })) => (Word::Denied(denied), None),
            Err(error) => return Err(error),
        }
    };
    let mut login = login.clone();
    if let Some(login) = login.as_object_mut() {
        let fields = fields.unwrap_or_else(no_record);
        login.insert(CREATE_DATA.to_owned(), fields);
    }
    Ok(Account {
        word,
        login: Arc::new(login),
        dossier: own,
    })
}

/// Fields of which no record can be made: an id of characters that no id has,
/// and a password beyond what bcrypt reads.
fn no_record() -> Value {
    json!({ "id": "./", "password": "-".repeat(200) })
}

/// The fields, as the rules let them be created.
async fn create(
    in_force: &InForce,
    exchange: &Exchange,
    dossier: &Arc<Dossier>,
    fields: Value,
) -> Result<Value, Error> {
    let asked = exchange.operation.collection();
    let named = asked.map_or_else(String::new, |asked| asked.as_str().to_owned());
    let Some(collection) = &exchange.collection else {
        return Err(Error::NotExposed(named));
    };
    let creating = Arc::new(Exchange {
        operation: Operation::Create {
            collection: CollectionRef::of(&collection.name),
            query: RecordQuery::default(),
        },
        collection: Some(Arc::clone(collection)),
        expanded: Vec::new(),
        principal: exchange.principal.clone(),
        client: exchange.client.clone(),
        uploads: Vec::new(),
        batch: None,
        received_ms: exchange.received_ms,
    });
    let generation = &in_force.generation;
    let chain = generation.chain(&collection.name);
    let chain = chain.ok_or(Error::NotExposed(named))?;
    let Passed { body, .. } = generation
        .before(chain, &creating, dossier, Some(fields))
        .await?;
    Ok(body.unwrap_or_default())
}

impl Account {
    /// The login as it goes to PocketBase.
    pub(super) fn login(&self) -> Arc<Value> {
        Arc::clone(&self.login)
    }

    /// The login goes to PocketBase now.
    pub(super) fn sent(&self) {
        self.dossier.sent();
    }

    /// Gives back what was counted where it is certain that none was made: a
    /// refusal, but for a second step that is wanted or a record that may not log in.
    pub(super) fn settle(&self, reply: &Result<Reply, UpstreamError>) {
        let is_not_made = match reply {
            Ok(Reply::Refused { status, .. }) => *status == StatusCode::BAD_REQUEST,
            Ok(Reply::Json { body, .. }) => is_new(body) == Some(false),
            Err(UpstreamError::Away(_) | UpstreamError::Unsupported(_)) => true,
            Ok(Reply::Empty { .. } | Reply::File(_)) | Err(_) => false,
        };
        if is_not_made {
            self.dossier.undone();
        }
    }

    /// The reply to the login, if it is one that the rules' word allows.
    ///
    /// # Errors
    ///
    /// A rule's denial, where PocketBase refused because of it; a principal whom
    /// PocketBase does not know any more.
    pub(super) fn hold(
        self,
        gateway: &Gateway,
        exchange: &Exchange,
        reply: Reply,
    ) -> Result<Reply, Error> {
        let is_of_fields =
            matches!(&reply, Reply::Refused { status, body } if is_of_fields(*status, body));
        let is_made = matches!(&reply, Reply::Json { body, .. } if is_new(body) == Some(true));
        match self.word {
            Word::Denied(denied) if is_of_fields => Err(denied.into()),
            Word::Linked if is_of_fields => {
                // Only to a guest it is a matter of fields: the token ended meanwhile.
                if let Some(own) = exchange.principal.record() {
                    gateway.sessions.forget(&own.collection, &own.id);
                }
                Err(SessionError::Refused.into())
            }
            Word::Linked | Word::Denied(_) if is_made => {
                let problem = "an account was made of fields that no record can have";
                Err(UpstreamError::Garbled(problem.to_owned()).into())
            }
            Word::May | Word::Linked | Word::Denied(_) => Ok(reply),
        }
    }
}

/// Whether PocketBase's refusal comes of fields that no record can have: it says
/// which, or only that there is none. What a provider refuses it calls otherwise.
fn is_of_fields(status: StatusCode, body: &Value) -> bool {
    let about = |key: &str| body.pointer(&format!("/data/{key}")).is_some();
    let message = body.get("message").and_then(Value::as_str);
    let is_no_record =
        message.is_some_and(|message| message.starts_with("Failed to create record"));
    status == StatusCode::BAD_REQUEST && (is_no_record || about("id") || about("password"))
}

/// Whether an account was made; older versions of PocketBase don't tell.
fn is_new(body: &Value) -> Option<bool> {
    body.pointer("/meta/isNew").and_then(Value::as_bool)
}
