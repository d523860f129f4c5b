//! What of an exchange is a security event.

use crate::pipeline::verdict;
use crate::rules::RuleError;
use crate::telemetry::SecurityKind;

/// What of an exchange is a security event.
pub(super) struct Alarm {
    pub(super) kind: SecurityKind,
    pub(super) rule: Option<String>,
    pub(super) code: Option<String>,
}

impl Alarm {
    pub(super) fn of(kind: SecurityKind) -> Self {
        Self {
            kind,
            rule: None,
            code: None,
        }
    }

    /// A bad token that was taken for none.
    pub(super) fn of_token() -> Self {
        Self {
            code: Some("bad_token".to_owned()),
            ..Self::of(SecurityKind::TokenRefused)
        }
    }

    pub(super) fn of_rule(kind: SecurityKind, error: &RuleError) -> Self {
        Self {
            kind,
            rule: verdict::rule(error).map(str::to_owned),
            code: Some(refusal(error).1.to_owned()),
        }
    }
}

/// The rule, and the word for what it did.
pub(super) fn refusal(error: &RuleError) -> (&str, &'static str) {
    match error {
        RuleError::Denied { rule, .. } => (rule, "denied"),
        RuleError::Faulted { rule, fault } => (rule, fault.code()),
        RuleError::Busy { rule } => (rule, "busy"),
        RuleError::Chained { rule } => (rule, "chained"),
        RuleError::Unexposed { .. } => ("", "unexposed"),
    }
}
