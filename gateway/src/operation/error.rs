//! Why a request line is no operation.

use crate::filter::FilterError;

/// Why a request line is no operation.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum OperationError {
    /// No route of PocketBase.
    #[error("no such route")]
    UnknownRoute,
    /// A route of PocketBase that is not served here.
    #[error("this gateway does not serve the operation {operation}")]
    NotServed {
        /// As in the table of routes.
        operation: &'static str,
    },
    /// A path in a spelling that PocketBase might read differently.
    #[error("the path is refused: {0}")]
    Path(&'static str),
    /// A parameter of the query string.
    #[error("the query parameter \"{key}\" is refused: {problem}")]
    Query {
        /// Its name, decoded.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// One part of a parameter that is a list.
    #[error("the query parameter \"{key}\" is refused at \"{part}\": {problem}")]
    Part {
        /// The parameter's name.
        key: &'static str,
        /// The part as sent.
        part: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A query string that can't be split into pairs without doubt.
    #[error("the query string is refused: {0}")]
    QueryString(&'static str),
    /// A topic of a subscription in a spelling that PocketBase might read differently.
    #[error("the topic is refused: {0}")]
    Topic(&'static str),
    /// One of the options of a topic.
    #[error("the option \"{key}\" is refused: {problem}")]
    Option {
        /// Its name, decoded.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A filter that PocketBase would not read as it was meant.
    #[error("the filter is refused: {0}")]
    Filter(#[from] FilterError),
}
