//! Holds what came of a case against what was expected.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::case::Case;
use super::diff::diff;
use super::expect::{Expect, Left, Narrowed, Word};
use super::trial::{Moment, Trial, Verdict, untotal};

/// One thing that did not come as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The key of the expectation, or `told` where the case tells too little.
    pub what: &'static str,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Where two bodies differ, line by line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// All that did not come as expected; nothing: the case passes.
#[must_use]
pub fn judge(case: &Case, trial: &Trial) -> Vec<Failure> {
    let told = trial.missing.iter().map(|missing| Failure {
        what: "told",
        expected: "an answer to all that the rule asks".to_owned(),
        got: missing.clone(),
        diff: None,
    });
    let mut failures: Vec<Failure> = told.collect();
    let Some(expect) = &case.expect else {
        return failures;
    };
    verdict(expect, trial, &mut failures);
    if failures.iter().any(|failure| failure.what == "expect") {
        // Nothing else can be said of what did not happen.
        return failures;
    }
    details(expect, trial, &mut failures);
    left(case, expect, trial, &mut failures);
    beside(expect, trial, &mut failures);
    failures
}

/// The words of an expectation, as a matrix writes them.
pub(super) fn expected_words(expect: &Expect) -> String {
    match (expect.verdict, &expect.code) {
        (Some(word), Some(code)) => format!("{} {code}", word.as_str()),
        (Some(word), None) => word.as_str().to_owned(),
        (None, _) => "any verdict".to_owned(),
    }
}

fn verdict(expect: &Expect, trial: &Trial, failures: &mut Vec<Failure>) {
    let Some(word) = expect.verdict else { return };
    let got = match &trial.verdict {
        Verdict::Allow => Word::Allow,
        Verdict::Deny { .. } => Word::Deny,
        Verdict::Fault { .. } => Word::Fault,
        Verdict::Refused(_) => Word::Refuse,
    };
    if got == word {
        return;
    }
    let details = match &trial.verdict {
        Verdict::Allow if !trial.was_asked() => {
            "allow: the rule is not asked about this operation".to_owned()
        }
        Verdict::Allow => "allow".to_owned(),
        Verdict::Deny { moment, denial } => format!(
            "deny {} in {} ({}: {})",
            denial.code,
            moment.as_str(),
            denial.status,
            denial.message
        ),
        Verdict::Fault { moment, cause, .. } => format!("fault in {}: {cause}", moment.as_str()),
        Verdict::Refused(words) => format!("refuse: {words}"),
    };
    failures.push(Failure {
        what: "expect",
        expected: expected_words(expect),
        got: details,
        diff: None,
    });
}

fn details(expect: &Expect, trial: &Trial, failures: &mut Vec<Failure>) {
    let mut compare = |what, expected: Option<String>, got: String| {
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            failures.push(Failure {
                what,
                expected,
                got,
                diff: None,
            });
        }
    };
    let word = |moment: Moment| moment.as_str().to_owned();
    match &trial.verdict {
        Verdict::Allow => {}
        Verdict::Deny { moment, denial } => {
            let mut fields: Vec<&str> = denial
                .fields
                .iter()
                .map(|field| field.field.as_str())
                .collect();
            fields.sort_unstable();
            let status = expect.status.map(|status| status.to_string());
            let named = expect.fields.as_ref().map(|fields| fields.join(", "));
            compare("code", expect.code.clone(), denial.code.clone());
            compare("status", status, denial.status.to_string());
            compare("message", expect.message.clone(), denial.message.clone());
            compare("fields", named, fields.join(", "));
            compare("moment", expect.moment.map(word), word(*moment));
        }
        Verdict::Fault {
            moment,
            code,
            cause,
        } => {
            compare("code", expect.code.clone(), code.clone());
            compare("moment", expect.moment.map(word), word(*moment));
            let message = expect.message.clone();
            compare(
                "message",
                message.filter(|part| !cause.contains(part)),
                cause.clone(),
            );
        }
        Verdict::Refused(words) => {
            let message = expect.message.clone();
            compare(
                "message",
                message.filter(|part| !words.contains(part)),
                words.clone(),
            );
        }
    }
}

/// What is left of the body and of the answer.
fn left(case: &Case, expect: &Expect, trial: &Trial, failures: &mut Vec<Failure>) {
    // What differs in a secret alone is told, and not the secret.
    let veiled = |value: &Value| case.veiled(value.clone());
    let mut compare = |what, expected: &Value, got: &Value| {
        if !same(expected, got) {
            failures.push(Failure {
                what,
                expected: veiled(expected).to_string(),
                got: veiled(got).to_string(),
                diff: Some(diff(&veiled(expected), &veiled(got))),
            });
        }
    };
    if let Some(edited) = &expect.edited {
        let before = case.body.clone().unwrap_or_default();
        let expected = match edited {
            Left::Unchanged => before,
            Left::This(expected) | Left::Items(expected) => expected.clone(),
        };
        let got = trial.body.clone().unwrap_or_default();
        compare("edited", &expected, &got);
    }
    if let Some(remains) = &expect.remains {
        let mut got = trial.answer.clone().unwrap_or_default();
        let expected = match remains {
            Left::Unchanged => {
                let mut told = case.response().cloned().unwrap_or_default();
                if trial.untotalled {
                    untotal(&mut told);
                }
                told
            }
            Left::This(expected) => expected.clone(),
            Left::Items(expected) => {
                got = got.get_mut("items").map(Value::take).unwrap_or_default();
                expected.clone()
            }
        };
        compare("remains", &expected, &got);
    }
    let expected = expect.narrowed.as_ref().map(|narrowed| match narrowed {
        Narrowed::Not => None,
        Narrowed::To(filter) => Some(filter.as_str()),
    });
    let got = trial.narrowed.as_deref();
    if let Some(expected) = expected
        && expected != got
    {
        failures.push(Failure {
            what: "narrowed",
            expected: expected.unwrap_or("nothing").to_owned(),
            got: got.unwrap_or("nothing").to_owned(),
            diff: None,
        });
    }
}

/// What is said beside the verdict.
fn beside(expect: &Expect, trial: &Trial, failures: &mut Vec<Failure>) {
    if let Some(expected) = &expect.notes {
        let got: BTreeMap<_, _> = trial.notes.iter().cloned().collect();
        compare_maps("notes", (expected, &got), failures);
    }
    if let Some(expected) = &expect.counted {
        let named = |key: &String| expected.contains_key(key);
        let got = trial.counted.iter().filter(|(key, _)| named(key));
        let got = got.map(|(key, count)| (key.clone(), *count)).collect();
        compare_maps("counted", (expected, &got), failures);
    }
    if let Some(expected) = &expect.log {
        let got = trial.trace.lines();
        let fits = expected.len() == got.len()
            && expected
                .iter()
                .zip(&got)
                .all(|(part, line)| line.contains(part));
        if !fits {
            let (expected, got): (Value, Value) = (expected.clone().into(), got.clone().into());
            failures.push(Failure {
                what: "log",
                expected: expected.to_string(),
                got: got.to_string(),
                diff: Some(diff(&expected, &got)),
            });
        }
    }
}

fn compare_maps<T: PartialEq + Serialize>(
    what: &'static str,
    (expected, got): (&BTreeMap<String, T>, &BTreeMap<String, T>),
    failures: &mut Vec<Failure>,
) {
    if expected == got {
        return;
    }
    let shown = |map: &BTreeMap<String, T>| serde_json::to_value(map).unwrap_or_default();
    let (expected, got) = (shown(expected), shown(got));
    failures.push(Failure {
        what,
        expected: expected.to_string(),
        got: got.to_string(),
        diff: Some(diff(&expected, &got)),
    });
}

/// Equal, and a number is one however it is written: 1 and 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}
