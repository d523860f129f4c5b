//! What can go wrong in what a rule asks of the gateway, and how each denies.

use std::fmt;

use crate::Denial;

/// Something the gateway could not do for a rule.
///
/// With `?` it becomes a [`Denial`]: a rule that can't judge refuses. The client is told no more
/// than a code: `upstream_unavailable` (424) where PocketBase did not answer and trying again may
/// help, `rule_fault` (403) for the rest, which are the rule's own mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// PocketBase did not answer, or not in time.
    Upstream,
    /// The operation has no such thing: a list has no stored record.
    NotHere,
    /// A filter that doesn't parse, or a parameter without a value.
    BadFilter(String),
    /// The rule's bound on such calls is used up, or a counter has no room.
    Exhausted,
    /// What is asked for was not granted, or is not there to be granted; in words.
    NotGranted(String),
}

/// Why a document did not take an edit. The document is as it was before.
///
/// With `?` it becomes a [`Denial`] `rule_fault` (403): a rule whose edit failed must not let the
/// unedited request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// This document can only be read: the principal, a stored record, a body after `before`.
    ReadOnly,
    /// Not an RFC 6901 JSON Pointer.
    BadPointer,
    /// The place doesn't exist: a parent is missing or is no container.
    NoSuchPlace,
    /// A [`Value::Json`](crate::Value::Json) that is not one JSON value, or has a key twice.
    BadJson,
    /// A password or token: rules neither see nor touch those.
    Masked,
    /// The edit, or all edits of this call together, are over the rule's bound.
    TooLarge,
}

/// A value that is not of the shape a rule wants it in.
///
/// With `?` it becomes a [`Denial`] `unexpected_shape` (400) that tells the client nothing of the
/// value.
#[derive(Debug)]
pub struct ShapeError {
    pub(crate) pointer: String,
    pub(crate) cause: serde_json::Error,
}

fn rule_fault() -> Denial {
    Denial::forbidden("rule_fault", "The request could not be judged.")
}

impl From<Fault> for Denial {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Upstream => Self::new(
                424,
                "upstream_unavailable",
                "The request could not be judged now.",
            ),
            Fault::NotHere | Fault::BadFilter(_) | Fault::Exhausted | Fault::NotGranted(_) => {
                rule_fault()
            }
        }
    }
}

impl From<EditError> for Denial {
    fn from(_: EditError) -> Self {
        rule_fault()
    }
}

impl From<ShapeError> for Denial {
    fn from(_: ShapeError) -> Self {
        Self::bad_request("unexpected_shape", "A value is not of the expected shape.")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream => formatter.write_str("no answer from PocketBase"),
            Self::NotHere => formatter.write_str("the operation has no such thing"),
            Self::BadFilter(why) => write!(formatter, "bad filter: {why}"),
            Self::Exhausted => formatter.write_str("the rule's bound is used up"),
            Self::NotGranted(why) => write!(formatter, "not granted: {why}"),
        }
    }
}

impl fmt::Display for EditError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ReadOnly => "this document can only be read",
            Self::BadPointer => "not a JSON pointer",
            Self::NoSuchPlace => "there is no such place",
            Self::BadJson => "not one JSON value",
            Self::Masked => "passwords and tokens can't be touched",
            Self::TooLarge => "the edit is too large",
        })
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "reading {:?}: {}", self.pointer, self.cause)
    }
}

impl std::error::Error for Fault {}
impl std::error::Error for EditError {}
impl std::error::Error for ShapeError {}

#[cfg(test)]
mod tests {
    use super::{EditError, Fault};
    use crate::{Denial, Verdict};

    #[test]
    fn a_question_mark_turns_a_fault_into_a_denial() {
        fn judge(fault: Fault) -> Verdict {
            Err(fault)?;
            Ok(())
        }
        assert_eq!(judge(Fault::Upstream).unwrap_err().status, 424);
        let denial = judge(Fault::BadFilter("secret = 1".into())).unwrap_err();
        assert_eq!((denial.status, denial.code.as_str()), (403, "rule_fault"));
        assert!(!denial.message.contains("secret"));
        assert_eq!(Denial::from(EditError::ReadOnly).code, "rule_fault");
    }
}
