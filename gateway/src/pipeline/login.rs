//! What is special about the answer of a login, and sessions that end.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::permit::Permitted;
use super::trace::Trace;
use crate::error::Error;
use crate::exchange::{Exchange, token};
use crate::gateway::Gateway;
use crate::operation::{AuthAction, Operation, RecordId};
use crate::principal::Token;
use crate::sessions::HandedOut;
use crate::surface::ProviderTokens;
use crate::upstream::{Reply, UpstreamError};

/// Keys of `meta` by which whoever has them is somebody at the provider.
const PROVIDER_TOKENS: [&str; 2] = ["accessToken", "refreshToken"];

/// The key of a provider by which whoever begins a login there proves that he did.
const VERIFIER: &str = "codeVerifier";

/// Keys of an account's record whose change ends its sessions.
const ENDING: [&str; 4] = ["password", "email", "tokenKey", "verified"];

/// Forgets, when it is dropped, what is known of the tokens of an account: it is
/// changed so that PocketBase may not know them any more, whatever becomes of
/// the answer.
pub(super) struct Forgetting {
    gateway: Arc<Gateway>,
    collection: String,
    id: String,
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

/// Takes PocketBase's token out of a login's answer, where clients get the gateway's own: no
/// rule is to see it either. An empty one stands in its place.
pub(super) fn take_token(gateway: &Gateway, body: &mut Value) -> Option<Token> {
    if !gateway.sessions.is_rolling() {
        return None;
    }
    let place = body.get_mut("token")?;
    let token = place.as_str().map(Token::new);
    *place = Value::from("");
    token
}

/// Puts the gateway's own in its place, once all rules have let the login pass. Where they
/// took the token out of the answer, or the client wants none, nobody gets one.
///
/// # Errors
///
/// Too many sessions; the one that asked has ended meanwhile; a token in a second place.
pub(super) async fn put_token(
    gateway: &Gateway,
    permitted: &Permitted,
    answer: &mut Value,
    (token, record): (Option<Token>, Value),
    trace: &mut Trace<'_>,
) -> Result<(), Error> {
    let Some(token) = token else {
        return Ok(());
    };
    if answer.to_string().contains(token.expose()) {
        // A hook of PocketBase's that copies it does not get it out either.
        let problem = "a login's answer has its token in a second place".to_owned();
        return Err(UpstreamError::Garbled(problem).into());
    }
    let Some(place) = answer.get_mut("token") else {
        return Ok(());
    };
    let exchange = permitted.exchange();
    if !is_wanted(&exchange.operation) {
        return Ok(());
    }
    let goes_on = matches!(
        exchange.operation.auth_action(),
        Some(AuthAction::Refresh | AuthAction::WithOAuth2)
    );
    let asker = exchange.principal.record().filter(|_| goes_on);
    let handed = HandedOut {
        record: &record,
        token: &token,
        client: &exchange.client,
        asker: asker.map(AsRef::as_ref),
    };
    if let Some(own) = gateway.sessions.hand_out(handed).await? {
        *place = Value::from(own);
        trace.answers(answer);
    }
    Ok(())
}

/// Whether the client is told the token of a login: else nobody could ever use its session.
fn is_wanted(operation: &Operation) -> bool {
    let mut answer = serde_json::json!({ "token": "" });
    if let Some(fields) = operation.fields() {
        fields.pick(&mut answer);
    }
    answer.get("token").is_some()
}

/// Takes out, by provider, the verifiers of the logins that a client may begin.
pub(super) fn take_verifiers(methods: &mut Value) -> HashMap<String, Value> {
    let named = providers(methods).filter_map(|provider| {
        let verifier = provider.remove(VERIFIER)?;
        let name = provider.get("name").and_then(Value::as_str)?;
        Some((name.to_owned(), verifier))
    });
    named.collect()
}

/// Puts them back to the providers that are still there, past all rules.
pub(super) fn put_verifiers(methods: &mut Value, verifiers: &HashMap<String, Value>) {
    for provider in providers(methods) {
        let name = provider.get("name").and_then(Value::as_str);
        if let Some(verifier) = name.and_then(|name| verifiers.get(name)) {
            provider.insert(VERIFIER.to_owned(), verifier.clone());
        }
    }
}

/// The providers that an answer tells; older SDKs look for them at its top.
fn providers(methods: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let lists = methods.as_object_mut().into_iter().flatten();
    let lists = lists.filter_map(|(key, value)| match key.as_str() {
        "authProviders" => value.as_array_mut(),
        "oauth2" => value.get_mut("providers")?.as_array_mut(),
        _ => None,
    });
    lists.flatten().filter_map(Value::as_object_mut)
}

/// Who logged in must be of the collection that was asked, and who it was to be.
///
/// # Errors
///
/// When it is somebody else.
pub(super) fn check_asked(exchange: &Exchange, body: &Value) -> Result<(), UpstreamError> {
    let is = |key: &str, asked: &str| {
        let found = body.get("record").and_then(|record| record.get(key));
        found.and_then(Value::as_str) == Some(asked)
    };
    let collection = exchange.collection.as_ref();
    let of_collection = collection.is_some_and(|collection| is("collectionId", &collection.id));
    let asked = match exchange.operation.auth_action() {
        Some(AuthAction::Refresh) => exchange.principal.record().map(|own| own.id.as_str()),
        _ => exchange.operation.record_id().map(RecordId::as_str),
    };
    if of_collection && asked.is_none_or(|id| is("id", id)) {
        Ok(())
    } else {
        let problem = "a login as somebody else than was asked for".to_owned();
        Err(UpstreamError::Garbled(problem))
    }
}

/// What is to be forgotten when a request was sent, or may have been.
pub(super) fn forgetting(gateway: &Arc<Gateway>, permitted: &Permitted) -> Option<Forgetting> {
    let exchange = permitted.exchange();
    let collection = exchange.collection.as_ref()?;
    if !collection.is_auth() {
        return None;
    }
    let sent = permitted.sent();
    let id = match &exchange.operation {
        Operation::Auth(request) if request.action.is_confirmation() => {
            let token = sent?.get("token").and_then(Value::as_str);
            token.and_then(token::subject)?
        }
        Operation::Update { id, .. } if ends_sessions(sent?) => id.as_str().to_owned(),
        Operation::Delete { id, .. } => id.as_str().to_owned(),
        _ => return None,
    };
    Some(Forgetting {
        gateway: Arc::clone(gateway),
        collection: collection.name.clone(),
        id,
    })
}

/// Forgets what is known of the tokens of somebody who logged in by something
/// that proves his address: PocketBase ends the password of an account that was
/// not verified, and what was done with it. A first of two steps names nobody.
pub(super) fn forget_former(gateway: &Gateway, exchange: &Exchange, reply: &Reply) {
    let action = exchange.operation.auth_action();
    let proves = matches!(action, Some(AuthAction::WithOtp | AuthAction::WithOAuth2));
    let Some(collection) = exchange.collection.as_ref().filter(|_| proves) else {
        return;
    };
    match reply {
        Reply::Json { body, .. } => {
            let id = body.pointer("/record/id").and_then(Value::as_str);
            gateway
                .sessions
                .forget(&collection.name, id.unwrap_or_default());
        }
        Reply::Refused { status, .. } if *status == http::StatusCode::UNAUTHORIZED => {
            gateway.sessions.forget_all(&collection.name);
        }
        Reply::Refused { .. } | Reply::Empty { .. } | Reply::File(_) => {}
    }
}

/// Whether an update of an account may be one that ends its sessions.
fn ends_sessions(sent: &Value) -> bool {
    let is_ending = |key: &String| ENDING.iter().any(|own| key.starts_with(own));
    sent.as_object()
        .is_some_and(|body| body.keys().any(is_ending))
}

impl Drop for Forgetting {
    fn drop(&mut self) {
        self.gateway.sessions.forget(&self.collection, &self.id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_verifier_comes_back_to_its_provider_wherever_that_is_then() {
        let provider = |name: &str| json!({ "name": name, "codeVerifier": format!("of {name}") });
        let (one, two) = (provider("one"), provider("two"));
        let whole = json!({ "oauth2": { "providers": [one, two] }, "authProviders": [one] });
        let mut methods = whole.clone();
        let verifiers = take_verifiers(&mut methods);
        assert!(!methods.to_string().contains("of "), "{methods}");
        put_verifiers(&mut methods, &verifiers);
        assert_eq!(methods, whole);

        let mut fewer =
            json!({ "oauth2": { "providers": [{ "name": "two" }, { "name": "new" }, 3] } });
        put_verifiers(&mut fewer, &verifiers);
        let expected = json!({ "oauth2": { "providers": [two, { "name": "new" }, 3] } });
        assert_eq!(fewer, expected);
        for other in [
            json!(null),
            json!([]),
            json!({ "oauth2": 1, "authProviders": {} }),
        ] {
            assert!(take_verifiers(&mut other.clone()).is_empty());
        }
    }
}
