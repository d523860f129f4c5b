//! What the decision log and the security events say of a failure.

use crate::application::ApplicationError;
use crate::error::Error;
use crate::exchange::proof::ProofError;
use crate::limits::{LimitError, Noted};
use crate::rules::RuleError;
use crate::sessions::{SessionError, StoreError};
use crate::telemetry::{SecurityKind, Verdict};

/// The code of a refusal by which an operator keeps somebody out.
const BY_OPERATOR: &str = "denied_by_operator";

/// What came of an exchange that failed so.
pub(super) fn of(error: &Error) -> Verdict {
    match error {
        Error::Part { error, .. } | Error::Topic { error, .. } => of(error),
        Error::Rule(RuleError::Denied { .. }) => Verdict::Denied,
        Error::Rule(RuleError::Faulted { .. } | RuleError::Busy { .. }) => Verdict::Faulted,
        Error::Session(SessionError::Store(StoreError::Gone)) => Verdict::Refused,
        Error::Session(SessionError::Upstream(_) | SessionError::Store(_))
        | Error::Answer(_)
        | Error::Upstream(_)
        | Error::Shape(_)
        | Error::Written(_)
        | Error::Late
        | Error::Internal => Verdict::Failed,
        Error::Rule(RuleError::Unexposed { .. } | RuleError::Chained { .. })
        | Error::Forwarded(_)
        | Error::Limit(_)
        | Error::Lock(_)
        | Error::SignUpInBatch
        | Error::Session(_)
        | Error::Operation(_)
        | Error::NotExposed(_)
        | Error::Closed(_)
        | Error::Application(_)
        | Error::Condition(_)
        | Error::SuperuserRoute
        | Error::NotSuperuser
        | Error::Redirect
        | Error::Concealed(_)
        | Error::Realtime(_)
        | Error::Body(_)
        | Error::Reach { .. }
        | Error::Sparse { .. }
        | Error::Busy => Verdict::Refused,
    }
}

/// The rule that a failure was, if it was one.
pub(super) fn rule_of(error: &Error) -> Option<&str> {
    match error {
        Error::Rule(error) => rule(error),
        Error::Part { error, .. } | Error::Topic { error, .. } => rule_of(error),
        _ => None,
    }
}

/// The rule that it was, if it was one.
pub(super) fn rule(error: &RuleError) -> Option<&str> {
    match error {
        RuleError::Denied { rule, .. }
        | RuleError::Faulted { rule, .. }
        | RuleError::Chained { rule }
        | RuleError::Busy { rule } => Some(rule),
        RuleError::Unexposed { .. } => None,
    }
}

/// Whether it is one for those who look for attacks. `code` is what the client is told.
pub(super) fn event(error: &Error, code: &str) -> Option<SecurityKind> {
    match error {
        Error::SuperuserRoute | Error::NotSuperuser => Some(SecurityKind::SuperuserRoute),
        Error::Limit(error) => limit(error),
        Error::Session(error) => session(error),
        Error::Application(error) => application(error),
        Error::Rule(error) => of_rule(error),
        Error::Part { error, .. } | Error::Topic { error, .. } => event(error, code),
        _ => (code == BY_OPERATOR).then_some(SecurityKind::Ban),
    }
}

/// A denial is what rules are for; a fault is not.
pub(super) fn of_rule(error: &RuleError) -> Option<SecurityKind> {
    match error {
        RuleError::Faulted { .. } => Some(SecurityKind::RuleFault),
        RuleError::Denied { .. }
        | RuleError::Busy { .. }
        | RuleError::Chained { .. }
        | RuleError::Unexposed { .. } => None,
    }
}

/// What goes on and on is told once.
fn limit(error: &LimitError) -> Option<SecurityKind> {
    match error {
        LimitError::Limited { noted, .. } => match noted {
            Noted::First => Some(SecurityKind::Limited),
            Noted::Banned => Some(SecurityKind::Ban),
            Noted::Again => None,
        },
        LimitError::Banned(_) | LimitError::Running(_) => None,
    }
}

fn application(error: &ApplicationError) -> Option<SecurityKind> {
    match error {
        // Of these there may be too many that are good.
        ApplicationError::Proof(ProofError::Full | ProofError::TooMany) => None,
        ApplicationError::Origin
        | ApplicationError::NoKey
        | ApplicationError::UnknownKey
        | ApplicationError::Unproven
        | ApplicationError::Proof(_) => Some(SecurityKind::Application),
    }
}

fn session(error: &SessionError) -> Option<SecurityKind> {
    match error {
        SessionError::Header
        | SessionError::Token(_)
        | SessionError::Collection
        | SessionError::Refused
        | SessionError::Unknown
        | SessionError::TwoPeople
        | SessionError::Ended
        | SessionError::Superuser => Some(SecurityKind::TokenRefused),
        SessionError::Unproven => Some(SecurityKind::Application),
        SessionError::Elsewhere => Some(SecurityKind::SessionElsewhere),
        // Told once for a session, by whoever ends what belongs to it.
        SessionError::Reused
        | SessionError::Unasked
        | SessionError::Missing
        | SessionError::Full
        | SessionError::SessionsFull
        | SessionError::Store(_)
        | SessionError::Upstream(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Denial, Fault};
    use crate::upstream::UpstreamError;

    #[track_caller]
    fn check(error: impl Into<Error>, verdict: Verdict, kind: Option<SecurityKind>) {
        let error = error.into();
        let code = error.told().code;
        assert_eq!(
            (of(&error), event(&error, &code)),
            (verdict, kind),
            "{error}"
        );
    }

    #[test]
    fn every_failure_has_its_word() {
        let rule = || "r".to_owned();
        let denial = Denial {
            status: 403,
            // A rule may choose any code.
            code: BY_OPERATOR.to_owned(),
            message: String::new(),
            fields: Vec::new(),
        };
        check(
            RuleError::Denied {
                rule: rule(),
                denial,
            },
            Verdict::Denied,
            None,
        );
        let fault = Fault::Cpu;
        check(
            RuleError::Faulted {
                rule: rule(),
                fault,
            },
            Verdict::Faulted,
            Some(SecurityKind::RuleFault),
        );
        check(RuleError::Busy { rule: rule() }, Verdict::Faulted, None);
        for refused in [
            SessionError::Header,
            SessionError::Refused,
            SessionError::Superuser,
        ] {
            check(refused, Verdict::Refused, Some(SecurityKind::TokenRefused));
        }
        check(SessionError::Missing, Verdict::Refused, None);
        check(
            Error::SuperuserRoute,
            Verdict::Refused,
            Some(SecurityKind::SuperuserRoute),
        );
        check(
            Error::NotSuperuser,
            Verdict::Refused,
            Some(SecurityKind::SuperuserRoute),
        );
        check(Error::NotExposed(String::new()), Verdict::Refused, None);
        check(UpstreamError::Limited, Verdict::Failed, None);
        check(Error::Late, Verdict::Failed, None);
        assert_eq!(event(&Error::Busy, BY_OPERATOR), Some(SecurityKind::Ban));
    }
}
