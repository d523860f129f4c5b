//! What host calls asked and answered, written down where somebody wants to read it.

use serde_json::Value;
use wasmtime::component::Resource;

use super::{CallState, DocumentHandle, Place};
use crate::rules::bindings::hapta::rule::json;
use crate::rules::bindings::hapta::rule::types::{Fault, Operation, Upload};
use crate::rules::convert;
use crate::rules::document::Document;
use crate::rules::trace::{Came, HostCall};

/// An answer to a rule, for a person to read.
pub(super) trait Shown {
    /// The answer, as the rule sees it.
    fn shown(&self, state: &CallState) -> Came;
}

impl CallState {
    /// Hands an answer on, and writes the call down where there is a trace.
    pub(super) fn told<T: Shown>(
        &self,
        name: &'static str,
        asked: impl FnOnce(&Self) -> Vec<Value>,
        came: T,
    ) -> T {
        if let Some(trace) = &self.dossier.trace {
            let (asked, came) = (asked(self), came.shown(self));
            trace.asked(HostCall { name, asked, came });
        }
        came
    }
}

/// What a handle stands for, in a word.
pub(super) fn word_for(handle: &Resource<DocumentHandle>) -> Value {
    let places = [
        (Place::Principal, "principal"),
        (Place::Body, "body"),
        (Place::Stored, "stored"),
        (Place::Record, "record"),
        (Place::Answer, "response"),
    ];
    let place = places
        .iter()
        .find(|(place, _)| *place as u32 == handle.rep());
    place.map_or("document", |(_, word)| word).into()
}

/// No words are needed.
pub(super) fn nothing(_: &CallState) -> Vec<Value> {
    Vec::new()
}

impl Shown for () {
    fn shown(&self, _: &CallState) -> Came {
        Came::Nothing
    }
}

impl<T: Shown, E: ShownFault> Shown for Result<T, E> {
    fn shown(&self, state: &CallState) -> Came {
        match self {
            Ok(came) => came.shown(state),
            Err(fault) => Came::Fault(fault.words()),
        }
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self, state: &CallState) -> Came {
        self.as_ref().map_or(Came::None, |came| came.shown(state))
    }
}

impl Shown for Resource<DocumentHandle> {
    fn shown(&self, state: &CallState) -> Came {
        let text = state.behind(self).map(Document::text).unwrap_or_default();
        Came::Value(serde_json::from_str(&text).unwrap_or_default())
    }
}

impl Shown for json::Value {
    fn shown(&self, _: &CallState) -> Came {
        Came::Value(of(self))
    }
}

impl Shown for Operation {
    fn shown(&self, state: &CallState) -> Came {
        let kind = state.exchange.operation.kind();
        Came::Value(kind.as_str().into())
    }
}

impl Shown for Vec<Upload> {
    fn shown(&self, _: &CallState) -> Came {
        let names = self.iter().map(|upload| Value::from(upload.name.clone()));
        Came::Value(names.collect())
    }
}

macro_rules! plain {
    ($($kind:ty),*) => { $(
        impl Shown for $kind {
            fn shown(&self, _: &CallState) -> Came {
                Came::Value(self.clone().into())
            }
        }
    )* };
}

plain!(String, bool, u16, u32, u64, i64, Vec<String>);

/// Why there is no answer.
pub(super) trait ShownFault {
    /// In a few words.
    fn words(&self) -> String;
}

impl ShownFault for Fault {
    fn words(&self) -> String {
        match self {
            Self::Upstream => "upstream".to_owned(),
            Self::NotHere => "not here".to_owned(),
            Self::BadFilter(problem) => format!("bad filter: {problem}"),
            Self::Exhausted => "exhausted".to_owned(),
            Self::NotGranted(problem) => format!("not granted: {problem}"),
        }
    }
}

impl ShownFault for json::EditError {
    fn words(&self) -> String {
        format!("{self:?}")
    }
}

/// A value of the contract as JSON.
pub(super) fn of(value: &json::Value) -> Value {
    convert::value(value.clone()).unwrap_or_default()
}

/// The values of a filter's parameters.
pub(super) fn parameters(given: &[(String, json::Value)]) -> Value {
    let pairs = given.iter().map(|(name, value)| (name.clone(), of(value)));
    Value::Object(pairs.collect())
}
