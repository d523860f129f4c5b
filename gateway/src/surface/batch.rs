//! What a batch may have.

use http::HeaderName;

/// What a batch may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Parts, at most.
    pub parts: usize,
    /// Headers that a part may bring along; all others are dropped.
    pub headers: Vec<HeaderName>,
}

impl Default for Batch {
    /// As many parts as PocketBase takes by default, without headers.
    fn default() -> Self {
        Self {
            parts: 50,
            headers: Vec::new(),
        }
    }
}
