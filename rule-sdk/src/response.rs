//! The answer on its way out.

use std::fmt;

use crate::{Document, backend};

/// The answer on its way out, for `after`. Its records have passed `reveal`.
#[repr(transparent)]
pub struct Response(pub(crate) backend::Response);

impl Response {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The JSON of the answer. It may be edited; none where the answer is a file or has no body.
    #[must_use]
    pub fn body(&self) -> Option<Document> {
        self.0.body().map(Document)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
