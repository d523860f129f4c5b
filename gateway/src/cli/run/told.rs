//! One request through a rule, for whoever reads it in a terminal.

use serde_json::{Value, json};

use super::changed;
use crate::cli::terminal::{BAD, GOOD, LOOK, QUIET, STRONG, paint, say};
use crate::lab::{Case, Trial, Verdict};
use crate::rules::{Came, HostCall, Step};

/// Tells of each call, of what it changed and of what it took.
pub(super) fn tell(case: &Case, trial: &Trial) {
    say(&paint(STRONG, &case.asks()));
    let (steps, left_out) = trial.trace.steps();
    for step in &steps {
        one(step);
    }
    if left_out > 0 {
        say(&paint(QUIET, &format!("  … and {left_out} more steps")));
    }
    if steps.is_empty() && !matches!(trial.verdict, Verdict::Refused(_)) {
        say(&paint(
            QUIET,
            "  the rule is not asked about this operation",
        ));
    }
    let after = case.shown(trial.body.clone());
    differs("the body", changed(case.body().as_ref(), after.as_ref()));
    differs(
        "the response",
        changed(case.response(), trial.answer.as_ref()),
    );
    if let Some(filter) = &trial.narrowed {
        say(&format!("narrowed by  {filter}"));
    }
    for (key, value) in &trial.notes {
        say(&format!("note  {key} = {value}"));
    }
    for line in trial.trace.lines() {
        say(&format!("log   {line}"));
    }
    for missing in &trial.missing {
        say(&paint(LOOK, missing));
    }
    verdict(&trial.verdict);
    for cost in &trial.costs {
        let took = cost.nanos / 1_000;
        let memory = cost.memory / 1_024;
        let cost = format!(
            "{took} µs in {} calls, {} host calls, {memory} KiB of memory",
            cost.calls, cost.host_calls
        );
        say(&paint(QUIET, &cost));
    }
}

/// A denial in its own words.
pub(super) fn denial(verdict: &Verdict) -> Option<Value> {
    let Verdict::Deny { moment, denial } = verdict else {
        return None;
    };
    let fields = denial
        .fields
        .iter()
        .map(|field| json!({ "field": field.field, "code": field.code, "message": field.message }));
    Some(json!({
        "moment": moment.as_str(), "status": denial.status, "code": denial.code,
        "message": denial.message, "fields": fields.collect::<Vec<_>>(),
    }))
}

/// Why there is no verdict.
pub(super) fn cause(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Fault { cause, .. } | Verdict::Refused(cause) => Some(cause),
        Verdict::Allow | Verdict::Deny { .. } => None,
    }
}

fn one(step: &Step) {
    match step {
        Step::Called { moment, collection } => {
            let of = collection.as_ref().map(|name| format!(" of {name}"));
            say(&format!("{moment}{}", of.unwrap_or_default()));
        }
        Step::Asked(call) => asked(call),
        Step::Ended {
            verdict, micros, ..
        } => say(&format!(
            "  {verdict}  {}",
            paint(QUIET, &format!("{micros} µs"))
        )),
    }
}

fn asked(call: &HostCall) {
    let asked: Vec<String> = call.asked.iter().map(Value::to_string).collect();
    let came = match &call.came {
        Came::Nothing => String::new(),
        Came::None => " → none".to_owned(),
        Came::Value(value) => format!(" → {value}"),
        Came::Fault(fault) => format!(" → {}", paint(BAD, fault)),
    };
    say(&format!("  {}({}){came}", call.name, asked.join(", ")));
}

fn differs(what: &str, diff: Option<String>) {
    let Some(diff) = diff else { return };
    say(&format!("{what} is changed"));
    for line in diff.lines() {
        let style = match line.chars().next() {
            Some('-') => BAD,
            Some('+') => GOOD,
            _ => QUIET,
        };
        say(&format!("  {}", paint(style, line)));
    }
}

fn verdict(verdict: &Verdict) {
    match verdict {
        Verdict::Allow => say(&paint(GOOD, "allow")),
        Verdict::Deny { moment, denial } => {
            say(&paint(BAD, &format!("deny in {}", moment.as_str())));
            say(&format!(
                "  {} {}: {}",
                denial.status, denial.code, denial.message
            ));
            for field in &denial.fields {
                say(&format!(
                    "  {}: {} {}",
                    field.field, field.code, field.message
                ));
            }
        }
        Verdict::Fault {
            moment,
            code,
            cause,
        } => say(&paint(
            BAD,
            &format!("fault {code} in {}: {cause}", moment.as_str()),
        )),
        Verdict::Refused(words) => {
            say(&paint(
                BAD,
                &format!("the rule does not accept its settings: {words}"),
            ));
        }
    }
}
