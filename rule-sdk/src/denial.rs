//! A "no", in the terms of PocketBase's own errors.

use std::fmt;

/// What a hook answers: `Ok(())` lets it pass, a [`Denial`] refuses.
pub type Verdict = Result<(), Denial>;

/// A refusal as the client gets it:
/// `{"status": 403, "message": "…", "data": {"title": {"code": "…", "message": "…"}}}`.
///
/// ```
/// # use hapta_rule::{Denial, Verdict};
/// # fn example() -> Verdict {
/// return Err(Denial::bad_request("too_long", "The post is too long.")
///     .field("title", "too_long", "At most 80 letters."));
/// # }
/// # assert_eq!(example().unwrap_err().fields[0].field, "title");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// An HTTP status from 400 to 499. The gateway answers anything else as 403.
    pub status: u16,
    /// A word for programs, like `ownership_required`.
    pub code: String,
    /// A sentence for people. The client sees it.
    pub message: String,
    /// Where single fields are at fault.
    pub fields: Vec<FieldError>,
}

/// What is wrong with one field of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Denial {
    /// A refusal with a status of one's own, which must be from 400 to 499.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// 400: what is asked makes no sense, or the body is wrong.
    pub fn bad_request(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// 401: one must log in first.
    pub fn unauthorized(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(401, code, message)
    }

    /// 403: who asks may not.
    pub fn forbidden(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(403, code, message)
    }

    /// 404: for whoever asks there is no such thing.
    pub fn not_found(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(404, code, message)
    }

    /// The same refusal with another status, which must be from 400 to 499.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same refusal, naming one more field that is at fault.
    #[must_use]
    pub fn field(
        mut self,
        field: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        self.fields.push(FieldError {
            field: field.into(),
            code: code.into(),
            message: message.into(),
        });
        self
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.status, self.code, self.message)
    }
}

impl std::error::Error for Denial {}

#[cfg(test)]
mod tests {
    use super::Denial;

    #[test]
    fn a_denial_is_built_step_by_step() {
        let denial = Denial::forbidden("closed", "Come back later.")
            .status(423)
            .field("title", "locked", "It is locked.")
            .field("body", "locked", "It is locked.");
        assert_eq!(denial.to_string(), "423 closed: Come back later.");
        assert_eq!(denial.fields.len(), 2);
        assert_eq!(denial.fields[0].field, "title");
    }
}
