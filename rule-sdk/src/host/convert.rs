//! Our types and those of the contract, to and fro.

use crate::bindings::hapta::rule::{json, log, records, types};
use crate::{Denial, EditError, Fault, Hook, Level, Manifest, Standing, Upload, Value};

impl From<json::Value> for Value {
    fn from(value: json::Value) -> Self {
        match value {
            json::Value::Null => Self::Null,
            json::Value::Boolean(value) => Self::Bool(value),
            json::Value::Number(number) => Self::Number(number),
            json::Value::Text(text) => Self::Text(text),
            json::Value::Json(text) => Self::Json(text),
        }
    }
}

impl From<Value> for json::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(value),
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::Text(text),
            Value::Json(text) => Self::Json(text),
        }
    }
}

impl From<json::EditError> for EditError {
    fn from(error: json::EditError) -> Self {
        match error {
            json::EditError::ReadOnly => Self::ReadOnly,
            json::EditError::BadPointer => Self::BadPointer,
            json::EditError::NoSuchPlace => Self::NoSuchPlace,
            json::EditError::BadJson => Self::BadJson,
            json::EditError::Masked => Self::Masked,
            json::EditError::TooLarge => Self::TooLarge,
        }
    }
}

impl From<types::Fault> for Fault {
    fn from(fault: types::Fault) -> Self {
        match fault {
            types::Fault::Upstream => Self::Upstream,
            types::Fault::NotHere => Self::NotHere,
            types::Fault::BadFilter(why) => Self::BadFilter(why),
            types::Fault::Exhausted => Self::Exhausted,
            types::Fault::NotGranted(why) => Self::NotGranted(why),
        }
    }
}

impl From<Standing> for records::Standing {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Caller => Self::Caller,
            Standing::Gateway => Self::Gateway,
        }
    }
}

impl From<Level> for log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<types::Upload> for Upload {
    fn from(upload: types::Upload) -> Self {
        Self {
            field: upload.field,
            name: upload.name,
            size: upload.size,
            media_type: upload.media_type,
        }
    }
}

impl From<Denial> for types::Denial {
    fn from(denial: Denial) -> Self {
        Self {
            status: denial.status,
            code: denial.code,
            message: denial.message,
            fields: denial
                .fields
                .into_iter()
                .map(|one| types::FieldError {
                    field: one.field,
                    code: one.code,
                    message: one.message,
                })
                .collect(),
        }
    }
}

impl From<Manifest> for types::Manifest {
    fn from(manifest: Manifest) -> Self {
        let hooks = manifest.hooks.iter().map(|hook| match hook {
            Hook::Before => types::Hooks::BEFORE,
            Hook::Reveal => types::Hooks::REVEAL,
            Hook::After => types::Hooks::AFTER,
        });
        Self {
            hooks: hooks.fold(types::Hooks::empty(), |all, hook| all | hook),
            operations: manifest.operations.into_iter().map(Into::into).collect(),
            collections: manifest.collections,
            removes: manifest
                .removes
                .into_iter()
                .map(|(collection, field)| types::Removal { collection, field })
                .collect(),
            drops: manifest.drops,
            denials: manifest.denials,
        }
    }
}
