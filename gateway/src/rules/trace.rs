//! What rules did in one request that nobody sent: their calls, and what they asked of the gateway.
//!
//! Written down as the rule was told it, so secrets are masked here as they are there.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// Steps that are kept.
const STEPS: usize = 2_000;

/// Lines of rules' logs that are kept.
const LINES: usize = 1_000;

/// Bytes of a text that are kept.
const TEXT: usize = 400;

/// All that was done, in order; bounded.
#[derive(Debug, Default)]
pub struct Trace(Mutex<Written>);

#[derive(Debug, Default)]
struct Written {
    steps: Vec<Step>,
    left_out: usize,
    lines: Vec<String>,
    /// Kept whatever the bound of the steps is: verdicts hang on these.
    last_moment: Option<&'static str>,
    denied: BTreeSet<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A rule is called.
    Called {
        /// `before`, `reveal` or `after`.
        moment: &'static str,
        /// The collection of the record, in `reveal`.
        collection: Option<String>,
    },
    /// It asks something of the gateway.
    Asked(HostCall),
    /// It has said what it has to say.
    Ended {
        /// As in [`Step::Called`].
        moment: &'static str,
        /// `allow`, `deny CODE` or `fault CODE`.
        verdict: String,
        /// By the clock, in microseconds.
        micros: u64,
    },
}

/// One call of a rule to the gateway.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostCall {
    /// As in the contract: `request.stored`, `document.get`.
    pub name: &'static str,
    /// What was asked, in its order.
    pub asked: Vec<Value>,
    /// What came back.
    pub came: Came,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// It answers nothing.
    Nothing,
    /// There is none.
    None,
    /// A value.
    Value(Value),
    /// The gateway could not, or would not.
    Fault(String),
}

impl Trace {
    /// The steps so far, and how many more there were than are kept.
    #[must_use]
    pub fn steps(&self) -> (Vec<Step>, usize) {
        let written = self.lock();
        (written.steps.clone(), written.left_out)
    }

    /// The lines that rules wrote to the log, in their order.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// The moment of the last call.
    #[must_use]
    pub fn last_moment(&self) -> Option<&'static str> {
        self.lock().last_moment
    }

    /// The codes of all denials, those that only took a record out of a list among them.
    #[must_use]
    pub fn denied(&self) -> BTreeSet<String> {
        self.lock().denied.clone()
    }

    pub(super) fn called(&self, moment: &'static str, collection: Option<&str>) {
        let collection = collection.map(str::to_owned);
        self.lock().last_moment = Some(moment);
        self.step(Step::Called { moment, collection });
    }

    pub(super) fn ended(&self, moment: &'static str, verdict: String, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(code) = verdict.strip_prefix("deny ") {
            self.lock().denied.insert(code.to_owned());
        }
        self.step(Step::Ended {
            moment,
            verdict,
            micros,
        });
    }

    pub(super) fn asked(&self, mut call: HostCall) {
        call.asked.iter_mut().for_each(shorten);
        if let Came::Value(value) = &mut call.came {
            shorten(value);
        }
        self.step(Step::Asked(call));
    }

    pub(super) fn said(&self, line: &str) {
        let mut written = self.lock();
        if written.lines.len() < LINES {
            written.lines.push(line.to_owned());
        }
    }

    fn step(&self, step: Step) {
        let mut written = self.lock();
        if written.steps.len() < STEPS {
            written.steps.push(step);
        } else {
            written.left_out += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts the texts within a value.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > TEXT => {
            text.truncate(text.floor_char_boundary(TEXT));
            text.push('…');
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trace_has_a_bound_and_says_what_is_missing() {
        let trace = Trace::default();
        for _ in 0..=STEPS {
            trace.called("before", None);
        }
        let (steps, left_out) = trace.steps();
        assert_eq!((steps.len(), left_out), (STEPS, 1));
        // What verdicts hang on is kept all the same.
        trace.called("after", None);
        trace.ended("after", "deny late".to_owned(), Duration::ZERO);
        assert_eq!(trace.last_moment(), Some("after"));
        assert_eq!(trace.denied(), BTreeSet::from(["late".to_owned()]));
    }

    #[test]
    fn long_texts_are_cut() {
        let trace = Trace::default();
        trace.asked(HostCall {
            name: "request.note",
            asked: vec![json!({ "a": ["é".repeat(TEXT)] })],
            came: Came::Nothing,
        });
        let (steps, _) = trace.steps();
        let [Step::Asked(call)] = steps.as_slice() else {
            panic!("{steps:?}");
        };
        let kept = call.asked[0]["a"][0].as_str().unwrap();
        assert_eq!(kept.chars().count(), TEXT / 2 + 1);
    }
}
