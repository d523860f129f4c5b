//! Who has an account is not told, where the operator wants it so: a sign-up is
//! answered the same whether its address is taken or not.

use http::StatusCode;
use serde_json::{Value, json};

use super::Response;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::gateway::InForce;
use crate::operation::{AuthAction, OperationKind};
use crate::surface::TakenEmail;

/// PocketBase's words for a taken address: of a sign-up, and of a change of address.
const TAKEN: [(&str, &str); 2] = [
    ("email", "validation_not_unique"),
    ("newEmail", "validation_invalid_new_email"),
];

/// What is left of a refusal when it does not tell that an address is taken.
pub(super) enum Concealed {
    /// It told nothing else: as if it had been done.
    Done,
    /// It told more, or nothing of the kind.
    Refused(Value),
}

/// Whether this exchange is not to tell that an address is taken.
pub(super) fn conceals(in_force: &InForce, exchange: &Exchange) -> bool {
    let is_change = exchange.operation.auth_action() == Some(AuthAction::RequestEmailChange);
    is_wanted(in_force, exchange) && (is_sign_up(exchange) || is_change)
}

/// The fields of an account that somebody makes for himself. What is another's
/// alone would tell whether an account was made: an id that he chose does at the
/// second try, and an address that he claims beside that of his provider.
///
/// # Errors
///
/// Such a field.
pub(super) fn check_fields(
    in_force: &InForce,
    exchange: &Exchange,
    fields: &Value,
) -> Result<(), Error> {
    let by_provider = exchange.operation.auth_action() == Some(AuthAction::WithOAuth2);
    if !is_wanted(in_force, exchange) || !(by_provider || is_sign_up(exchange)) {
        return Ok(());
    }
    let is_sent = |key: &str| fields.get(key).is_some();
    match () {
        () if is_sent("id") => Err(Error::Concealed("id")),
        () if by_provider && is_sent("email") => Err(Error::Concealed("email")),
        () => Ok(()),
    }
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

/// The one answer of what must not tell whether an address is taken.
pub(super) fn answer(exchange: &Exchange) -> Response {
    if exchange.operation.kind() != OperationKind::Create {
        return Response::empty(StatusCode::NO_CONTENT);
    }
    let collection = exchange.collection.as_ref();
    let message = "The sign-up was received. Log in, or look into the mailbox of the address.";
    let body = json!({
        "collectionId": collection.map(|collection| collection.id.as_str()),
        "collectionName": collection.map(|collection| collection.name.as_str()),
        "@gateway": { "code": "sign_up_received", "message": message },
    });
    Response::json(StatusCode::OK, &body)
}

fn is_wanted(in_force: &InForce, exchange: &Exchange) -> bool {
    in_force.serving.surface.logins.taken_email == TakenEmail::Conceal
        && !exchange.principal.is_superuser()
}

fn is_sign_up(exchange: &Exchange) -> bool {
    let is_of_accounts = |collection: &crate::schema::Collection| collection.is_auth();
    exchange.operation.kind() == OperationKind::Create
        && exchange.collection.as_deref().is_some_and(is_of_accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &Value, expected: Option<&Value>) {
        let body = json!({ "status": 400, "message": "No.", "data": data });
        let left = match conceal(body) {
            Concealed::Done => None,
            Concealed::Refused(body) => body.get("data").cloned(),
        };
        assert_eq!(left.as_ref(), expected, "{data}");
    }

    #[test]
    fn only_that_an_address_is_taken_is_taken_out() {
        let taken = json!({ "code": "validation_not_unique", "message": "" });
        let other = json!({ "code": "validation_is_email", "message": "" });
        check(&json!({ "email": taken }), None);
        check(
            &json!({ "email": taken, "name": taken }),
            Some(&json!({ "name": taken })),
        );
        for data in [
            json!({}),
            json!({ "email": other }),
            json!({ "name": taken }),
            json!({ "newEmail": taken }),
        ] {
            check(&data, Some(&data));
        }
        let change = json!({ "code": "validation_invalid_new_email", "message": "" });
        check(&json!({ "newEmail": change }), None);
    }
}
