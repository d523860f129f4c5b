//! Every way to fail, and what the client is told: a status and PocketBase's
//! `{"status", "message", "data"}`.
//!
//! The stations' errors know nothing of HTTP; here alone each gets its status.
//! The public text and the private cause are two things: the cause goes to the
//! exchange's one log line and nowhere else. A refusal of the gateway's own is
//! told under `data["@gateway"]`, one of a rule under `data["@rule"]`: no field
//! can have such a name.

mod body;
mod status;
mod told;

use std::time::Duration;

use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

pub use body::BodyError;
pub(crate) use told::harmless;
pub use told::{Told, cut};

use self::status::{application, challenge, limit, operation, realtime, rule, session, upstream};
use self::told::{batch, denied, files, part, place, sentence, shape, topic};

use crate::application::ApplicationError;
use crate::deny::Deny;
use crate::exchange::forwarded::ForwardedError;
use crate::exchange::proof::ProofError;
use crate::limits::LimitError;
use crate::locks::LockError;
use crate::operation::OperationError;
use crate::realtime::RealtimeError;
use crate::record::ShapeError;
use crate::rules::RuleError;
use crate::schema::PathError;
use crate::sessions::SessionError;
use crate::surface::Unnamed;
use crate::upstream::UpstreamError;

/// Why an exchange ends without what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a request that the gateway understands and serves.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// No collection of that name, or none that is exposed: the client can't tell.
    #[error("the collection \"{0}\" is not served here")]
    NotExposed(String),
    /// A trusted proxy does not tell whose request it is.
    #[error(transparent)]
    Forwarded(#[from] ForwardedError),
    /// What an operator closed in an emergency. The client is not told which of it.
    #[error("an operator denied {0}")]
    Closed(Deny),
    /// Not from an application that may ask.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// With the header: PocketBase would write without looking.
    #[error("the condition {0} is refused: PocketBase would ignore it and write all the same")]
    Condition(HeaderName),
    /// A record of an answer with a key that is no field, or a hidden one. To let it
    /// in is a matter of the configuration.
    #[error(
        "a record of PocketBase's answer has a key that is no field; [compat] {0} would let it in"
    )]
    Answer(Unnamed),
    /// A superuser route where superusers are not served.
    #[error("superuser routes are not served here")]
    SuperuserRoute,
    /// A superuser route, asked for by somebody else.
    #[error("the route is for superusers")]
    NotSuperuser,
    /// A login that would lead elsewhere than the operator allows.
    #[error("the redirect URL is not one of logins.redirect_urls")]
    Redirect,
    /// A field by which a sign-up would tell whether it made an account.
    #[error("a sign-up can't choose its \"{0}\" here")]
    Concealed(&'static str),
    /// It is not known who asks, or not allowed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The body is not one that the operation takes.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A filter, sort or expand that reaches for what may not be asked about.
    #[error("the {part} is refused at \"{path}\": {problem}")]
    Reach {
        /// `filter`, `sort` or `expand`.
        part: &'static str,
        /// As the client wrote it, segments joined by dots.
        path: String,
        /// Only the first is told.
        problem: ReachProblem,
    },
    /// Asked more often than may be.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// Other writes to the same record take too long.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A part of a batch, for which nothing of the batch is done.
    #[error("request {index} of the batch: {error}")]
    Part {
        /// From 0.
        index: usize,
        /// Why.
        error: Box<Error>,
    },
    /// A topic of a subscription, for which none of them is told.
    #[error("the topic \"{}\": {error}", place(topic))]
    Topic {
        /// As the client spells it, but cut, and without what could end a line.
        topic: String,
        /// Why.
        error: Box<Error>,
    },
    /// A batch that makes an account would tell whether its address is taken.
    #[error("a sign-up can't be one of a batch here; send it by itself")]
    SignUpInBatch,
    /// No event stream, or none to which it belongs.
    #[error(transparent)]
    Realtime(#[from] RealtimeError),
    /// A rule denied it, or gave no verdict that counts.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// PocketBase gave no answer that can be used.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// An answer of PocketBase in which records can't be found for sure.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Rules dropped so many records that a page could not be filled in time.
    #[error(
        "read {scanned} records and found too few that may be seen; narrow the list with a filter"
    )]
    Sparse {
        /// Records, dropped or not.
        scanned: u32,
    },
    /// A write that was sent, and answered in a way that can't be shown.
    #[error("the write was sent, but its answer can't be shown: {0}")]
    Written(#[source] Box<Error>),
    /// More requests under way than the gateway takes.
    #[error("too many requests under way")]
    Busy,
    /// Longer than `server.request_timeout`; what was sent to PocketBase may be done.
    #[error("the exchange took too long")]
    Late,
    /// A panic of the gateway's own.
    #[error("the gateway failed")]
    Internal,
}

/// Why a path into the records is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReachProblem {
    /// It leads nowhere, or where nobody may go.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Even where PocketBase would let it pass.
    #[error("it leads to a collection that is not served here")]
    NotExposed,
    /// With the field: who can filter or sort by it can find it out.
    #[error("a rule may hide the field \"{0}\"")]
    MayBeHidden(String),
    /// The collection, as the schema spells it.
    #[error("a rule may hold back records of \"{0}\"")]
    MayBeDropped(String),
    /// PocketBase shows each person's to whom they like, and yet sorts by it.
    #[error("an order by e-mail address would tell those that are not shown")]
    Addresses,
    /// With the bound, `expand.paths`.
    #[error("there are more than {0} paths")]
    TooManyPaths(usize),
    /// With the bound, `expand.depth`.
    #[error("it is more than {0} relations deep")]
    TooDeep(usize),
    /// With the bound, `expand.many`: each multiplies what PocketBase gathers.
    #[error("it follows more than {0} relations to many records")]
    TooWide(usize),
}

/// What stands for a cause that is none of the client's business.
const UNSAID: &str = "The gateway can't answer this request now.";

/// What is told of a part of a batch that can't be judged after another.
const CHAINED: &str =
    "An earlier request of the batch changes what this one is judged by; send it by itself.";

/// What stands for what an operator closed.
const CLOSED: &str = "The operator of this service has closed this for now.";

impl Error {
    /// Whether the schema may be out of date: worth one look before refusing.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        match self {
            Self::NotExposed(_)
            | Self::Reach {
                problem: ReachProblem::Path(_) | ReachProblem::NotExposed,
                ..
            } => true,
            Self::Body(error) => error.is_mismatch(),
            Self::Operation(_)
            | Self::Forwarded(_)
            | Self::Closed(_)
            | Self::Application(_)
            | Self::SuperuserRoute
            | Self::NotSuperuser
            | Self::Redirect
            | Self::Concealed(_)
            | Self::SignUpInBatch
            | Self::Limit(_)
            | Self::Lock(_)
            | Self::Part { .. }
            | Self::Topic { .. }
            | Self::Realtime(_)
            | Self::Session(_)
            | Self::Reach { .. }
            | Self::Rule(_)
            | Self::Upstream(_)
            | Self::Shape(_)
            | Self::Sparse { .. }
            | Self::Condition(_)
            | Self::Answer(_)
            | Self::Written(_)
            | Self::Busy
            | Self::Late
            | Self::Internal => false,
        }
    }

    /// How long it takes until asking again makes sense, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limit(error) => Some(error.wait()),
            Self::Part { error, .. } | Self::Topic { error, .. } => error.retry_after(),
            _ => None,
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn told(&self) -> Told {
        if let Self::Rule(RuleError::Denied { denial, .. }) = self {
            return denied(denial);
        }
        if let Self::Part { index, error } = self {
            // It is about who asks, and not about the part.
            if matches!(**error, Self::Limit(_)) {
                return error.told();
            }
            return part(*index, error.told());
        }
        if let Self::Topic { topic: text, error } = self {
            return topic(text, error.told());
        }
        if let Self::Body(BodyError::Batch(error)) = self
            && let Some(told) = batch(error)
        {
            return told;
        }
        let (status, code) = self.status_and_code();
        let message = match self {
            Self::Written(_) => {
                "The write was sent and may be done, but its answer can't be shown.".to_owned()
            }
            Self::Late => "The gateway was too late; a write may have been done.".to_owned(),
            Self::Closed(_) => CLOSED.to_owned(),
            Self::Rule(RuleError::Chained { .. }) => CHAINED.to_owned(),
            // What the client can't mend it need not know.
            Self::Rule(_) => UNSAID.to_owned(),
            _ if status.is_server_error() => UNSAID.to_owned(),
            _ => sentence(&cut(&self.to_string())),
        };
        let mut reason = json!({ "@gateway": { "code": code, "message": message } });
        if let Self::Body(BodyError::Files(error)) = self {
            files(error, &mut reason);
        }
        if let Self::Application(ApplicationError::Proof(ProofError::Time { now })) = self {
            // A client whose clock is wrong can put it right.
            if let Some(Value::Object(own)) = reason.get_mut("@gateway") {
                own.insert("now".to_owned(), (*now).into());
            }
        }
        Told {
            status,
            body: shape(status, &message, &reason),
            code: code.to_owned(),
        }
    }

    /// What a refusal says of how to come back, for `WWW-Authenticate`.
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Application(error) => challenge(error),
            Self::Session(SessionError::Unproven) => challenge(&ApplicationError::Unproven),
            _ => None,
        }
    }

    pub(crate) fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Operation(error) => operation(error),
            Self::NotExposed(_) => (StatusCode::NOT_FOUND, "not_exposed"),
            Self::Forwarded(_) => (StatusCode::BAD_REQUEST, "forwarded"),
            Self::Closed(_) => (StatusCode::FORBIDDEN, "denied_by_operator"),
            Self::Application(error) => application(error),
            Self::Condition(_) => (StatusCode::BAD_REQUEST, "condition"),
            Self::SuperuserRoute => (StatusCode::FORBIDDEN, "superuser_route"),
            Self::NotSuperuser => (StatusCode::FORBIDDEN, "not_superuser"),
            Self::Redirect => (StatusCode::BAD_REQUEST, "redirect_url"),
            Self::Concealed(_) => (StatusCode::BAD_REQUEST, "sign_up_field"),
            Self::Session(error) => session(error),
            Self::SignUpInBatch => (StatusCode::BAD_REQUEST, "sign_up_in_batch"),
            Self::Limit(error) => limit(error),
            Self::Lock(_) => (StatusCode::SERVICE_UNAVAILABLE, "record_busy"),
            // As PocketBase has it, whatever the part is refused with.
            Self::Part { .. } => (StatusCode::BAD_REQUEST, "batch"),
            Self::Topic { error, .. } => error.status_and_code(),
            Self::Realtime(error) => realtime(error),
            Self::Body(error) => error.status_and_code(),
            Self::Reach { problem, .. } => match problem {
                // As PocketBase has it: a superuser's filter may.
                ReachProblem::Path(PathError::Reserved { segment })
                    if segment.starts_with("@request.") || segment.starts_with("@collection.") =>
                {
                    (StatusCode::FORBIDDEN, "unknown_path")
                }
                ReachProblem::Path(_) => (StatusCode::BAD_REQUEST, "unknown_path"),
                ReachProblem::NotExposed => (StatusCode::FORBIDDEN, "not_exposed"),
                ReachProblem::TooManyPaths(_)
                | ReachProblem::TooDeep(_)
                | ReachProblem::TooWide(_) => (StatusCode::BAD_REQUEST, "expand_too_large"),
                ReachProblem::MayBeHidden(_)
                | ReachProblem::MayBeDropped(_)
                | ReachProblem::Addresses => (StatusCode::FORBIDDEN, "hidden_field"),
            },
            Self::Rule(error) => rule(error),
            Self::Upstream(error) => upstream(error),
            Self::Shape(_) | Self::Answer(_) => (StatusCode::BAD_GATEWAY, "upstream_shape"),
            Self::Sparse { .. } => (StatusCode::BAD_REQUEST, "sparse_list"),
            Self::Written(_) => (StatusCode::BAD_GATEWAY, "written"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Late => (StatusCode::SERVICE_UNAVAILABLE, "late"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Denial, Fault, FieldError};

    #[test]
    fn a_denial_speaks_in_the_rules_words() {
        let denial = Denial {
            status: 422,
            code: "too_long".to_owned(),
            message: "Shorten it.".to_owned(),
            fields: vec![FieldError {
                field: "title".to_owned(),
                code: "max".to_owned(),
                message: "80".to_owned(),
            }],
        };
        let told = Error::from(RuleError::Denied {
            rule: "r".to_owned(),
            denial,
        })
        .told();
        assert_eq!(told.status, 422);
        assert_eq!(told.body["message"], "Shorten it.");
        assert_eq!(told.body["data"]["title"]["code"], "max");
        assert_eq!(told.body["data"]["@rule"]["code"], "too_long");
    }

    #[test]
    fn a_fault_tells_a_code_and_no_cause() {
        let fault = Fault::Trap("wasm `unreachable` at secret_function".to_owned());
        let told = Error::from(RuleError::Faulted {
            rule: "secret".to_owned(),
            fault,
        })
        .told();
        assert_eq!(told.status, 500);
        assert_eq!(told.body["data"]["@gateway"]["code"], "rule_trap");
        assert!(!told.body.to_string().contains("secret"));
    }

    #[test]
    fn the_cause_of_an_outage_is_not_told() {
        let told = Error::from(UpstreamError::Away("connect to 10.1.2.3".to_owned())).told();
        assert_eq!(told.status, 503);
        assert!(!told.body.to_string().contains("10.1.2.3"));
    }

    #[test]
    fn a_refusal_names_the_culprit() {
        let told = Error::from(OperationError::Query {
            key: "Filter".to_owned(),
            problem: "unknown",
        })
        .told();
        assert_eq!(
            told.body["message"],
            "The query parameter \"Filter\" is refused: unknown."
        );
        assert_eq!(told.body["status"], 400);
    }
}
