//! What is special about logins and accounts: the account that a login by OAuth2
//! would make, a provider's tokens, an address that is taken, sessions that end.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::permit::Permitted;
use crate::error::Error;
use crate::exchange::keys::CREATE_DATA;
use crate::exchange::{Exchange, token};
use crate::gateway::{Gateway, InForce};
use crate::operation::{
    AuthAction, CollectionRef, Operation, OperationKind, RecordId, RecordQuery,
};
use crate::rules::{Dossier, Passed, RuleError};
use crate::surface::{ProviderTokens, TakenEmail};
use crate::upstream::{Reply, UpstreamError};

/// The account that a login by OAuth2 makes of somebody who has none yet.
pub(super) struct Account {
    word: Word,
    /// What rules counted for it counts only where one is made.
    dossier: Arc<Dossier>,
}

/// Whether there is to be one.
enum Word {
    /// Of these fields, beside what the provider tells.
    May(Value),
    /// None: who asks has one, and links the provider to it.
    Linked,
    /// None: rules would not let it be created.
    Denied(RuleError),
}

/// Keys of `meta` by which whoever has them is somebody at the provider.
const PROVIDER_TOKENS: [&str; 2] = ["accessToken", "refreshToken"];

/// A login by OAuth2 before its account is judged: the fields go their own way.
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

/// Asks the rules about the account as about any record that is created. Whether
/// there will be one, only PocketBase finds out, and only from the provider.
///
/// # Errors
///
/// Whatever is no opinion of a rule.
pub(super) async fn judge_account(
    in_force: &InForce,
    exchange: &Exchange,
    dossier: Arc<Dossier>,
    fields: Option<Value>,
) -> Result<Account, Error> {
    let is_own = |name: &str| {
        exchange
            .principal
            .record()
            .is_some_and(|own| own.collection == name)
    };
    let collection = exchange.collection.as_ref();
    let Some(collection) = collection.filter(|collection| !is_own(&collection.name)) else {
        let word = Word::Linked;
        return Ok(Account { word, dossier });
    };
    let generation = &in_force.generation;
    let chain = generation.chain(&collection.name);
    let chain = chain.ok_or_else(|| Error::NotExposed(collection.name.clone()))?;
    let creating = Arc::new(Exchange {
        operation: Operation::Create {
            collection: CollectionRef::of(&collection.name),
            query: RecordQuery::default(),
        },
        collection: Some(Arc::clone(collection)),
        expanded: Vec::new(),
        principal: exchange.principal.clone(),
        client: exchange.client.clone(),
        received_ms: exchange.received_ms,
    });
    let fields = fields.unwrap_or_else(|| Value::Object(Map::new()));
    let judged = generation
        .before(chain, &creating, &dossier, Some(fields))
        .await;
    let word = match judged {
        Ok(Passed { body, .. }) => Word::May(body.unwrap_or_default()),
        Err(denied @ RuleError::Denied { .. }) => Word::Denied(denied),
        Err(error) => return Err(error.into()),
    };
    Ok(Account { word, dossier })
}

impl Account {
    /// The fields as they go to PocketBase.
    fn fields(&self) -> Value {
        match &self.word {
            Word::May(fields) => fields.clone(),
            // No record can be like that: an id of characters that no id has, and a
            // password beyond what bcrypt reads. Who has an account logs in all the same.
            Word::Linked | Word::Denied(_) => {
                json!({ "id": "./", "password": "-".repeat(200) })
            }
        }
    }

    /// Puts them into the body of the login.
    pub(super) fn put_into(&self, body: Option<Value>) -> Option<Value> {
        let mut body = body?;
        if let Some(body) = body.as_object_mut() {
            body.insert(CREATE_DATA.to_owned(), self.fields());
        }
        Some(body)
    }
}

/// The reply to a login, if it is one that the rules' word about the account allows.
///
/// # Errors
///
/// A rule's denial, where PocketBase refused because of it.
pub(super) fn hold(account: Option<Account>, reply: Reply) -> Result<Reply, Error> {
    let Some(Account { word, dossier }) = account else {
        return Ok(reply);
    };
    let is_made = matches!(&reply, Reply::Json { body, .. } if is_new(body));
    if is_made {
        dossier.sent();
    }
    match (word, &reply) {
        (Word::Denied(denied), Reply::Refused { status, body }) if is_of_fields(*status, body) => {
            Err(denied.into())
        }
        (Word::Linked | Word::Denied(_), _) if is_made => {
            let problem = "an account was made of fields that no record can have";
            Err(UpstreamError::Garbled(problem.to_owned()).into())
        }
        _ => Ok(reply),
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

fn is_new(body: &Value) -> bool {
    body.pointer("/meta/isNew").and_then(Value::as_bool) == Some(true)
}

/// Takes the tokens of the provider out of a login's answer.
pub(super) fn take_tokens(body: &mut Value) -> Map<String, Value> {
    let mut taken = Map::new();
    if let Some(meta) = body.get_mut("meta").and_then(Value::as_object_mut) {
        for key in PROVIDER_TOKENS {
            taken.extend(meta.remove(key).map(|token| (key.to_owned(), token)));
        }
    }
    taken
}

/// Puts them back where the operator tells them to clients, past all rules.
pub(super) fn put_tokens(permitted: &Permitted, answer: &mut Value, tokens: Map<String, Value>) {
    let told = permitted.in_force().serving.surface.logins.provider_tokens;
    if told == ProviderTokens::Tell
        && let Some(meta) = answer.get_mut("meta").and_then(Value::as_object_mut)
    {
        meta.extend(tokens);
    }
}

/// Who logged in must be of the collection that was asked, and who it was to be.
///
/// # Errors
///
/// When it is somebody else.
pub(super) fn check_asked(exchange: &Exchange, body: &Value) -> Result<(), UpstreamError> {
    if is_asked(exchange, body) {
        Ok(())
    } else {
        let problem = "a login as somebody else than was asked for".to_owned();
        Err(UpstreamError::Garbled(problem))
    }
}

fn is_asked(exchange: &Exchange, body: &Value) -> bool {
    let is = |key: &str, asked: &str| {
        let found = body.get("record").and_then(|record| record.get(key));
        found.and_then(Value::as_str) == Some(asked)
    };
    let of_collection = exchange
        .collection
        .as_ref()
        .is_some_and(|collection| is("collectionId", &collection.id));
    let asked = match &exchange.operation {
        Operation::Auth(request) if request.action == AuthAction::Refresh => {
            exchange.principal.record().map(|own| own.id.as_str())
        }
        operation => operation.record_id().map(RecordId::as_str),
    };
    of_collection && asked.is_none_or(|id| is("id", id))
}

/// Forgets what is known of the tokens of an account that was changed so that
/// PocketBase does not know them any more.
pub(super) fn forget(gateway: &Gateway, permitted: &Permitted) {
    let exchange = permitted.exchange();
    let Some(collection) = exchange
        .collection
        .as_ref()
        .filter(|collection| collection.is_auth())
    else {
        return;
    };
    let sent = permitted.sent();
    let of_record = |id: &RecordId| gateway.sessions.forget(&collection.name, id.as_str());
    match &exchange.operation {
        Operation::Auth(request) if request.action.is_confirmation() => {
            let token = sent
                .and_then(|body| body.get("token"))
                .and_then(Value::as_str);
            if let Some(id) = token.and_then(token::subject) {
                gateway.sessions.forget(&collection.name, &id);
            }
        }
        Operation::Delete { id, .. } => of_record(id),
        Operation::Update { id, .. } if changes_tokens(sent) => of_record(id),
        _ => {}
    }
}

/// Whether an update of an account may be one that ends its sessions.
fn changes_tokens(sent: Option<&Value>) -> bool {
    let keys = ["password", "email", "tokenKey", "verified"];
    sent.and_then(Value::as_object).is_some_and(|body| {
        body.keys()
            .any(|key| keys.iter().any(|own| key.starts_with(own)))
    })
}

/// Whether it is not to be told that an address is taken.
pub(super) fn conceals(permitted: &Permitted) -> bool {
    let exchange = permitted.exchange();
    let is_sign_up = exchange.operation.kind() == OperationKind::Create
        && exchange
            .collection
            .as_ref()
            .is_some_and(|collection| collection.is_auth());
    let is_change = exchange.operation.auth_action() == Some(AuthAction::RequestEmailChange);
    permitted.in_force().serving.surface.logins.taken_email == TakenEmail::Conceal
        && (is_sign_up || is_change)
        && !exchange.principal.is_superuser()
}

/// What is left of a refusal when it does not tell that an address is taken.
pub(super) enum Concealed {
    /// It told nothing else: as if it had been done.
    Done,
    /// It told more, or nothing of the kind.
    Refused(Value),
}

/// Takes out of a refusal that an address is taken.
pub(super) fn conceal(mut body: Value) -> Concealed {
    let Some(data) = body.get_mut("data").and_then(Value::as_object_mut) else {
        return Concealed::Refused(body);
    };
    let mut found = false;
    for (key, word) in TAKEN {
        let code = data.get(key).and_then(|problem| problem.get("code"));
        if code.and_then(Value::as_str) == Some(word) {
            data.remove(key);
            found = true;
        }
    }
    if found && data.is_empty() {
        Concealed::Done
    } else {
        Concealed::Refused(body)
    }
}

/// PocketBase's words for it: of a sign-up, and of a change of address.
const TAKEN: [(&str, &str); 2] = [
    ("email", "validation_not_unique"),
    ("newEmail", "validation_invalid_new_email"),
];

/// The answer to every sign-up where taken addresses are concealed.
pub(super) fn received(exchange: &Exchange) -> Value {
    let collection = exchange.collection.as_ref();
    let message = "The sign-up was received. Log in, or look into the mailbox of the address.";
    json!({
        "collectionId": collection.map(|collection| collection.id.as_str()),
        "collectionName": collection.map(|collection| collection.name.as_str()),
        "@gateway": { "code": "sign_up_received", "message": message },
    })
}
