//! Our types ↔ the contract's: the only file that knows both.

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::bindings::hapta::rule::{json, records, types};
use super::document::{self, MASK, Seen};
use super::fault::{Denial, FieldError};
use super::manifest::{Hooks, Manifest, Removal};
use crate::exchange::Upload;
use crate::filter::{FilterError, Parameter};
use crate::operation::OperationKind;
use crate::upstream::Standing;

/// Bytes of each text of a denial: they go into an answer and a log line.
const MESSAGE: usize = 2_000;
const FIELDS: usize = 100;

/// A value on its way into the sandbox.
pub(super) fn seen(seen: Seen<'_>) -> json::Value {
    match seen {
        Seen::Masked => json::Value::Text(MASK.to_owned()),
        Seen::Printed(text) => json::Value::Json(text),
        Seen::Plain(Value::Null) => json::Value::Null,
        Seen::Plain(Value::Bool(truth)) => json::Value::Boolean(*truth),
        Seen::Plain(Value::Number(number)) => {
            json::Value::Number(number.as_f64().unwrap_or(f64::NAN))
        }
        Seen::Plain(Value::String(text)) => json::Value::Text(text.clone()),
        Seen::Plain(container @ (Value::Array(_) | Value::Object(_))) => {
            json::Value::Json(container.to_string())
        }
    }
}

/// A value on its way out of the sandbox.
pub(super) fn value(value: json::Value) -> Result<Value, document::EditError> {
    Ok(match value {
        json::Value::Null => Value::Null,
        json::Value::Boolean(truth) => Value::Bool(truth),
        json::Value::Number(number) => {
            Value::Number(whole_or_double(number).ok_or(document::EditError::BadJson)?)
        }
        json::Value::Text(text) => Value::String(text),
        json::Value::Json(text) => document::parse_edit(&text)?,
    })
}

/// What an edit weighs against the rule's bound, in bytes.
pub(super) fn size(value: &json::Value) -> usize {
    match value {
        json::Value::Null | json::Value::Boolean(_) | json::Value::Number(_) => 8,
        json::Value::Text(text) | json::Value::Json(text) => text.len(),
    }
}

/// `3` rather than `3.0`, where a double is a whole number.
fn whole_or_double(number: f64) -> Option<serde_json::Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a whole number within ±2^53"
        )]
        return Some((number as i64).into());
    }
    serde_json::Number::from_f64(number)
}

pub(super) fn edit_error(error: document::EditError) -> json::EditError {
    match error {
        document::EditError::ReadOnly => json::EditError::ReadOnly,
        document::EditError::BadPointer => json::EditError::BadPointer,
        document::EditError::NoSuchPlace => json::EditError::NoSuchPlace,
        document::EditError::BadJson => json::EditError::BadJson,
        document::EditError::Masked => json::EditError::Masked,
    }
}

/// The values of a filter's parameters; only what a filter can hold.
pub(super) fn parameters(
    given: Vec<(String, json::Value)>,
) -> Result<Vec<(String, Parameter)>, FilterError> {
    given
        .into_iter()
        .map(|(name, value)| {
            let parameter = match value {
                json::Value::Null => Parameter::Null,
                json::Value::Boolean(truth) => Parameter::Bool(truth),
                json::Value::Number(number) => Parameter::Number(number),
                json::Value::Text(text) => Parameter::Text(text),
                json::Value::Json(_) => {
                    let problem = "is an object or array";
                    return Err(FilterError::Parameter { name, problem });
                }
            };
            Ok((name, parameter))
        })
        .collect()
}

pub(super) fn standing(standing: records::Standing) -> Standing {
    match standing {
        records::Standing::Caller => Standing::Caller,
        records::Standing::Gateway => Standing::Gateway,
    }
}

pub(super) fn upload(upload: &Upload) -> types::Upload {
    types::Upload {
        field: upload.field().to_owned(),
        name: upload.name.clone(),
        size: upload.size,
        media_type: upload.media_type.clone(),
    }
}

/// None for operations without a collection: no rule is asked about those.
pub(super) fn operation(kind: OperationKind) -> Option<types::Operation> {
    Some(match kind {
        OperationKind::List => types::Operation::List,
        OperationKind::View => types::Operation::View,
        OperationKind::Create => types::Operation::Create,
        OperationKind::Update => types::Operation::Update,
        OperationKind::Delete => types::Operation::Delete,
        OperationKind::AuthMethods => types::Operation::AuthMethods,
        OperationKind::AuthWithPassword => types::Operation::AuthWithPassword,
        OperationKind::AuthWithOAuth2 => types::Operation::AuthWithOauth2,
        OperationKind::RequestOtp => types::Operation::RequestOtp,
        OperationKind::AuthWithOtp => types::Operation::AuthWithOtp,
        OperationKind::AuthRefresh => types::Operation::AuthRefresh,
        OperationKind::RequestVerification => types::Operation::RequestVerification,
        OperationKind::ConfirmVerification => types::Operation::ConfirmVerification,
        OperationKind::RequestPasswordReset => types::Operation::RequestPasswordReset,
        OperationKind::ConfirmPasswordReset => types::Operation::ConfirmPasswordReset,
        OperationKind::RequestEmailChange => types::Operation::RequestEmailChange,
        OperationKind::ConfirmEmailChange => types::Operation::ConfirmEmailChange,
        OperationKind::Impersonate => types::Operation::Impersonate,
        OperationKind::Subscribe => types::Operation::Subscribe,
        OperationKind::Event => types::Operation::Event,
        OperationKind::FileToken => types::Operation::FileToken,
        OperationKind::Download => types::Operation::Download,
        OperationKind::Health
        | OperationKind::Batch
        | OperationKind::OAuth2Redirect
        | OperationKind::Realtime
        | OperationKind::AuthPage
        | OperationKind::Session
        | OperationKind::Superuser
        | OperationKind::Custom
        | OperationKind::Dashboard
        | OperationKind::Static => return None,
    })
}

fn operation_kind(operation: types::Operation) -> OperationKind {
    match operation {
        types::Operation::List => OperationKind::List,
        types::Operation::View => OperationKind::View,
        types::Operation::Create => OperationKind::Create,
        types::Operation::Update => OperationKind::Update,
        types::Operation::Delete => OperationKind::Delete,
        types::Operation::AuthMethods => OperationKind::AuthMethods,
        types::Operation::AuthWithPassword => OperationKind::AuthWithPassword,
        types::Operation::AuthWithOauth2 => OperationKind::AuthWithOAuth2,
        types::Operation::RequestOtp => OperationKind::RequestOtp,
        types::Operation::AuthWithOtp => OperationKind::AuthWithOtp,
        types::Operation::AuthRefresh => OperationKind::AuthRefresh,
        types::Operation::RequestVerification => OperationKind::RequestVerification,
        types::Operation::ConfirmVerification => OperationKind::ConfirmVerification,
        types::Operation::RequestPasswordReset => OperationKind::RequestPasswordReset,
        types::Operation::ConfirmPasswordReset => OperationKind::ConfirmPasswordReset,
        types::Operation::RequestEmailChange => OperationKind::RequestEmailChange,
        types::Operation::ConfirmEmailChange => OperationKind::ConfirmEmailChange,
        types::Operation::Impersonate => OperationKind::Impersonate,
        types::Operation::Download => OperationKind::Download,
        types::Operation::FileToken => OperationKind::FileToken,
        types::Operation::Subscribe => OperationKind::Subscribe,
        types::Operation::Event => OperationKind::Event,
    }
}

pub(super) fn manifest(manifest: types::Manifest) -> Manifest {
    let all = manifest.operations.is_empty();
    Manifest {
        hooks: Hooks {
            before: manifest.hooks.contains(types::Hooks::BEFORE),
            reveal: manifest.hooks.contains(types::Hooks::REVEAL),
            after: manifest.hooks.contains(types::Hooks::AFTER),
        },
        operations: (!all).then(|| {
            manifest
                .operations
                .into_iter()
                .map(operation_kind)
                .collect()
        }),
        collections: manifest.collections,
        removes: manifest
            .removes
            .into_iter()
            .map(|removal| Removal {
                collection: removal.collection,
                field: removal.field,
            })
            .collect(),
        drops: manifest.drops,
        denials: manifest.denials,
    }
}

pub(super) fn denial(denial: types::Denial) -> Denial {
    let cut = |mut text: String| {
        text.truncate(text.floor_char_boundary(MESSAGE));
        text
    };
    Denial {
        status: if (400..500).contains(&denial.status) {
            denial.status
        } else {
            403
        },
        code: cut(denial.code),
        message: cut(denial.message),
        fields: denial
            .fields
            .into_iter()
            .take(FIELDS)
            .map(|field| FieldError {
                field: cut(field.field),
                code: cut(field.code),
                message: cut(field.message),
            })
            .collect(),
    }
}
