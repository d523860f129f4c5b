//! Leave to ask PocketBase about a token of which nobody here knows whether it is good.

use std::fmt::Debug;

use futures_util::future::BoxFuture;

use super::{Answer, Said, SessionError, Shown};
use crate::principal::Token;
use crate::upstream::UpstreamError;

/// Whoever says how often PocketBase may be asked for a request.
pub trait Questions: Debug + Sync {
    /// Whether it may be asked now. What is true counts until it is given back.
    fn may_ask(&self) -> BoxFuture<'_, bool>;

    /// The last question counts for nothing: its token is good.
    fn give_back(&self);
}

/// Waits for leave to ask, if anybody has to give it. What stands before a session of the
/// gateway's own was good when it began, and who shows a token of one has not made it up.
pub(super) async fn begin<'a>(
    shown: Option<Shown<'a>>,
    token: &Token,
) -> Result<Option<&'a dyn Questions>, SessionError> {
    let questions = shown.and_then(|shown| shown.questions);
    let Some(questions) = questions.filter(|_| token.session().is_none()) else {
        return Ok(None);
    };
    if questions.may_ask().await {
        Ok(Some(questions))
    } else {
        Err(SessionError::Unasked)
    }
}

/// Gives back what a question cost that did no harm.
pub(super) fn end(questions: Option<&dyn Questions>, answer: &Answer) {
    let is_free = match &answer.said {
        Said::Good(_) => true,
        Said::Refused => false,
        Said::Nothing(error) => matches!(**error, UpstreamError::Away(_)),
    };
    if let Some(questions) = questions.filter(|_| is_free) {
        questions.give_back();
    }
}
