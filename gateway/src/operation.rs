//! What is asked: the closed list of operations, parsed from method, path and query.
//!
//! An [`Operation`] is all that is left of a request line: from it alone the
//! canonical request for PocketBase is written. Whatever has no place in it
//! is refused, so there is no second spelling of anything.

mod expand;
mod fields;
mod kind;
mod names;
mod parse;
mod path;
mod query;
mod routes;
mod sort;
#[cfg(test)]
mod tests;
mod upstream;

pub use expand::Expand;
pub use fields::Fields;
pub use query::{DownloadQuery, ListQuery, RecordQuery};
pub use routes::{ROUTES, Route, State, Who};
pub use sort::{Sort, SortKey};

use crate::filter::{Filter, FilterError, Parameter};

/// One thing that a client may ask of PocketBase.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// `GET /api/health`.
    Health,
    /// `GET /api/collections/{collection}/records`.
    List {
        /// Whose records.
        collection: CollectionRef,
        /// Which of them, and how they are told.
        query: ListQuery,
    },
    /// `GET /api/collections/{collection}/records/{id}`.
    View {
        /// Whose record.
        collection: CollectionRef,
        /// Which record.
        id: RecordId,
        /// How it is told.
        query: RecordQuery,
    },
    /// `POST /api/collections/{collection}/records`.
    Create {
        /// Whose record.
        collection: CollectionRef,
        /// How it is told.
        query: RecordQuery,
    },
    /// `PATCH /api/collections/{collection}/records/{id}`.
    Update {
        /// Whose record.
        collection: CollectionRef,
        /// Which record.
        id: RecordId,
        /// How it is told.
        query: RecordQuery,
    },
    /// `DELETE /api/collections/{collection}/records/{id}`.
    Delete {
        /// Whose record.
        collection: CollectionRef,
        /// Which record.
        id: RecordId,
    },
    /// `GET /api/collections/{collection}/auth-methods`.
    AuthMethods {
        /// Into which collection.
        collection: CollectionRef,
        /// How they are told; nothing can be expanded.
        query: RecordQuery,
    },
    /// `POST /api/collections/{collection}/auth-with-password`.
    AuthWithPassword {
        /// Into which collection.
        collection: CollectionRef,
        /// How the answer is told.
        query: RecordQuery,
    },
    /// `POST /api/collections/{collection}/auth-refresh`.
    AuthRefresh {
        /// Of which collection.
        collection: CollectionRef,
        /// How the answer is told.
        query: RecordQuery,
    },
    /// `GET /api/files/{collection}/{id}/{file}`.
    Download {
        /// Whose file.
        collection: CollectionRef,
        /// Of which record.
        id: RecordId,
        /// Which of its files.
        file: FileName,
        /// How it is told, and to whom.
        query: DownloadQuery,
    },
    /// One of PocketBase's own superuser routes: all of them, or none.
    Superuser(SuperuserRequest),
}

/// A collection as a client names it: by name in any ASCII case, or by id.
///
/// Only `[A-Za-z0-9_]{1,255}`: PocketBase folds names by Unicode rules (`poſts`
/// is `posts` to it), so anything beyond ASCII is refused before the look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionRef(String);

/// A record id, in the characters that PocketBase allows an id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordId(String);

/// The name of a stored file: one path segment, never `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

/// A request to a superuser route, its segments decoded and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct SuperuserRequest {
    /// As sent, but GET for HEAD.
    pub method: http::Method,
    /// The path after `/api/`, decoded; printing encodes each segment again.
    pub segments: Vec<String>,
    /// Decoded pairs, no key twice.
    pub query: Vec<(String, String)>,
}

/// Which operation, without its particulars: the word in rules, configuration,
/// logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// Records, page by page.
    List,
    /// One record.
    View,
    /// A new record.
    Create,
    /// A change to a record.
    Update,
    /// The end of a record.
    Delete,
    /// How one may log in.
    AuthMethods,
    /// A login.
    AuthWithPassword,
    /// A new token for a good one.
    AuthRefresh,
    /// A file of a record.
    Download,
    /// Whether PocketBase is up.
    Health,
    /// Any of PocketBase's own superuser routes.
    Superuser,
}

/// Whether an operation looks at who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A token sent along is dropped unread: a login with a stale token must work.
    Ignored,
    /// A guest may ask; a token that is sent must be good.
    Optional,
    /// No token, no answer.
    Required,
}

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
    /// A filter that PocketBase would not read as it was meant.
    #[error("the filter is refused: {0}")]
    Filter(#[from] FilterError),
}

impl Operation {
    /// Reads a request line. `path` and `query` are raw, as they came in
    /// origin form; HEAD is read as GET.
    ///
    /// # Errors
    /// Whatever is not one of the operations in its one spelling.
    pub fn parse(
        method: &http::Method,
        path: &str,
        query: Option<&str>,
    ) -> Result<Self, OperationError> {
        parse::operation(method, path, query)
    }

    /// To read one record as it is stored, which only a superuser may: a filter
    /// that asks for `@request` is refused to everybody else. A view would be
    /// answered as to a guest when the token is not good any more.
    ///
    /// # Errors
    ///
    /// An id that no filter can hold; PocketBase makes none.
    pub fn stored(collection: &str, id: &RecordId) -> Result<Self, FilterError> {
        let superuser = "@request.auth.collectionName = '_superusers' && id = {:id}";
        let id = ("id".to_owned(), Parameter::Text(id.as_str().to_owned()));
        Ok(Self::List {
            collection: CollectionRef(collection.to_owned()),
            query: ListQuery {
                per_page: 1,
                skip_total: true,
                filter: Some(Filter::bind(superuser, &[id])?),
                ..ListQuery::default()
            },
        })
    }

    /// Which operation.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Health => OperationKind::Health,
            Self::List { .. } => OperationKind::List,
            Self::View { .. } => OperationKind::View,
            Self::Create { .. } => OperationKind::Create,
            Self::Update { .. } => OperationKind::Update,
            Self::Delete { .. } => OperationKind::Delete,
            Self::AuthMethods { .. } => OperationKind::AuthMethods,
            Self::AuthWithPassword { .. } => OperationKind::AuthWithPassword,
            Self::AuthRefresh { .. } => OperationKind::AuthRefresh,
            Self::Download { .. } => OperationKind::Download,
            Self::Superuser(_) => OperationKind::Superuser,
        }
    }

    /// The collection it is about, as the client named it.
    #[must_use]
    pub fn collection(&self) -> Option<&CollectionRef> {
        match self {
            Self::Health | Self::Superuser(_) => None,
            Self::List { collection, .. }
            | Self::View { collection, .. }
            | Self::Create { collection, .. }
            | Self::Update { collection, .. }
            | Self::Delete { collection, .. }
            | Self::AuthMethods { collection, .. }
            | Self::AuthWithPassword { collection, .. }
            | Self::AuthRefresh { collection, .. }
            | Self::Download { collection, .. } => Some(collection),
        }
    }

    /// The record it is about, if its path names one.
    #[must_use]
    pub fn record_id(&self) -> Option<&RecordId> {
        match self {
            Self::View { id, .. }
            | Self::Update { id, .. }
            | Self::Delete { id, .. }
            | Self::Download { id, .. } => Some(id),
            Self::Health
            | Self::List { .. }
            | Self::Create { .. }
            | Self::AuthMethods { .. }
            | Self::AuthWithPassword { .. }
            | Self::AuthRefresh { .. }
            | Self::Superuser(_) => None,
        }
    }

    /// What the client wants of the answer; PocketBase is never told.
    #[must_use]
    pub fn fields(&self) -> Option<&Fields> {
        match self {
            Self::List { query, .. } => query.fields.as_ref(),
            Self::View { query, .. }
            | Self::Create { query, .. }
            | Self::Update { query, .. }
            | Self::AuthMethods { query, .. }
            | Self::AuthWithPassword { query, .. }
            | Self::AuthRefresh { query, .. } => query.fields.as_ref(),
            Self::Health | Self::Delete { .. } | Self::Download { .. } | Self::Superuser(_) => None,
        }
    }

    /// The relations that are to be sent along.
    #[must_use]
    pub fn expand(&self) -> Option<&Expand> {
        match self {
            Self::List { query, .. } => Some(&query.expand),
            Self::View { query, .. }
            | Self::Create { query, .. }
            | Self::Update { query, .. }
            | Self::AuthMethods { query, .. }
            | Self::AuthWithPassword { query, .. }
            | Self::AuthRefresh { query, .. } => Some(&query.expand),
            Self::Health | Self::Delete { .. } | Self::Download { .. } | Self::Superuser(_) => None,
        }
    }

    /// Whether it looks at who asks.
    #[must_use]
    pub fn identity(&self) -> Identity {
        match self {
            Self::Health | Self::AuthMethods { .. } | Self::AuthWithPassword { .. } => {
                Identity::Ignored
            }
            Self::AuthRefresh { .. } | Self::Superuser(_) => Identity::Required,
            Self::List { .. }
            | Self::View { .. }
            | Self::Create { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Download { .. } => Identity::Optional,
        }
    }

    /// Whether its body is a record's fields.
    #[must_use]
    pub fn writes_record(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Update { .. })
    }

    /// A query parameter as it goes to PocketBase.
    #[must_use]
    pub fn query_value(&self, key: &str) -> Option<String> {
        let line = self.upstream_path_and_query("");
        let (_, query) = line.split_once('?')?;
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }

    /// Whether it may change what PocketBase stores.
    #[must_use]
    pub fn is_write(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Update { .. } | Self::Delete { .. } => true,
            Self::Superuser(request) => request.method != http::Method::GET,
            Self::Health
            | Self::List { .. }
            | Self::View { .. }
            | Self::AuthMethods { .. }
            | Self::AuthWithPassword { .. }
            | Self::AuthRefresh { .. }
            | Self::Download { .. } => false,
        }
    }
}
