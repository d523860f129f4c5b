//! What is asked: the closed list of operations, parsed from method, path and query.
//!
//! An [`Operation`] is all that is left of a request line: from it alone the
//! canonical request for PocketBase is written. Whatever has no place in it
//! is refused, so there is no second spelling of anything.

mod about;
mod action;
mod auth;
mod error;
mod expand;
mod fields;
mod key;
mod kind;
mod names;
mod parse;
mod part;
mod path;
mod query;
mod routes;
mod session;
mod sort;
#[cfg(test)]
mod tests;
mod topic;
mod upstream;

pub use action::RecordAction;
pub use auth::{AuthAction, AuthRequest, OAuth2Return};
pub use error::OperationError;
pub use expand::{Expand, ExpandBounds};
pub use fields::Fields;
pub use key::{BodyKey, KeyKind};
pub use kind::OperationKind;
pub use names::{CollectionRef, FileName, RecordId};
pub use part::Part;
pub(crate) use query::decode;
pub use query::{DownloadQuery, ListQuery, RecordQuery, WatchQuery};
pub use routes::{Answer, Query, ROUTES, Route, State, Takes, Who};
pub use session::SessionAction;
pub use sort::{Sort, SortKey};
pub use topic::{LONGEST_TOPIC, Topic};

use crate::filter::{Filter, FilterError, Parameter};
use crate::surface::{Surface, Unnamed};

/// One thing that a client may ask of PocketBase.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// `GET /api/health`.
    Health {
        /// How it is told; nothing can be expanded.
        query: RecordQuery,
    },
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
        /// Parameters that the configuration lets in.
        also: Vec<(String, String)>,
    },
    /// `POST /api/batch`: several writes, all of them or none.
    Batch {
        /// How the answers are told; nothing can be expanded.
        query: RecordQuery,
    },
    /// One of the routes by which records of an auth collection log in, and keep
    /// their accounts: below `/api/collections/{collection}/`.
    Auth(AuthRequest),
    /// `POST /api/collections/{collection}/impersonate/{id}`: a superuser's.
    Impersonate {
        /// Into which collection.
        collection: CollectionRef,
        /// As which record.
        id: RecordId,
        /// How the answer is told.
        query: RecordQuery,
    },
    /// `/api/oauth2-redirect`, where a provider sends people back to; none: what
    /// it gives them along is in the body.
    OAuth2Redirect(Option<OAuth2Return>),
    /// `GET /api/realtime`.
    Realtime,
    /// `POST /api/realtime`.
    Subscribe,
    /// One topic of that: what becomes of a collection's records, or of one of them.
    /// It is no request to PocketBase, but a part of one.
    Watch {
        /// Whose records.
        collection: CollectionRef,
        /// Which record; none: all of them.
        id: Option<RecordId>,
        /// Of which it is told, and how.
        query: WatchQuery,
    },
    /// What became of a record, for those who watch it alike. Nobody asks for it.
    Event {
        /// Whose record.
        collection: CollectionRef,
        /// Which record.
        id: RecordId,
        /// What became of it.
        action: RecordAction,
        /// As they asked to be told.
        query: WatchQuery,
    },
    /// `POST /api/files/token`.
    FileToken {
        /// How it is told; nothing can be expanded.
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
    Superuser(PlainRequest),
    /// A route of hooks, or of an application built on PocketBase, that the
    /// configuration lets in.
    Custom(PlainRequest),
    /// A page of PocketBase's dashboard, or what belongs to one.
    Dashboard(Page),
    /// What the gateway shows in place of the dashboard to people whom mails lead there.
    AuthPage(Page),
    /// A file of PocketBase's public folder.
    Static(Page),
    /// What people do about their own sessions; the gateway's own.
    Session(SessionAction),
}

/// An operation as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What is asked.
    pub operation: Operation,
    /// What was let in only because the gateway observes.
    pub unnamed: Vec<Unnamed>,
}

/// A request that is passed on as it is, its segments decoded and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainRequest {
    /// As sent, but GET for HEAD.
    pub method: http::Method,
    /// The path, decoded; printing encodes each segment again.
    pub segments: Vec<String>,
    /// Decoded pairs, no key twice.
    pub query: Vec<(String, String)>,
}

/// A page or a file, by its path alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Decoded; printing encodes each segment again.
    pub segments: Vec<String>,
    /// Whether the path ends in a slash, as that of a folder does.
    pub is_folder: bool,
}

/// Whether an operation looks at who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A token sent along is dropped unread: a login with a stale token must work.
    Ignored,
    /// A superuser is told more; anybody else is a guest, with whatever token.
    Superuser,
    /// A good token counts, and any other is dropped: SDKs send a stale one along
    /// with a new login.
    IfGood,
    /// A guest may ask; a token that is sent must be good.
    Optional,
    /// No token, no answer.
    Required,
}

impl Operation {
    /// Reads a request line, where `surface` says what is served beside
    /// records. `path` and `query` are raw, as they came in origin form; HEAD is
    /// read as GET.
    ///
    /// # Errors
    /// Whatever is not one of the operations in its one spelling.
    pub fn parse(
        method: &http::Method,
        path: &str,
        query: Option<&str>,
        surface: &Surface,
    ) -> Result<Asked, OperationError> {
        parse::operation(method, path, query, surface)
    }

    /// To read one record as it is stored, which only a superuser may: a filter
    /// that asks for `@request` is refused to everybody else. A view would be
    /// answered as to a guest when the token is not good any more.
    ///
    /// # Errors
    ///
    /// An id that no filter can hold; PocketBase makes none.
    pub fn stored(collection: &str, id: &RecordId) -> Result<Self, FilterError> {
        let by_id = Self::by_id(id)?;
        Ok(Self::List {
            collection: CollectionRef::of(collection),
            query: ListQuery {
                per_page: 1,
                skip_total: true,
                filter: Some(Self::as_superuser(Some(by_id))?),
                ..ListQuery::default()
            },
        })
    }

    /// The filter that finds one record.
    ///
    /// # Errors
    ///
    /// An id that no filter can hold; PocketBase makes none.
    pub fn by_id(id: &RecordId) -> Result<Filter, FilterError> {
        let parameter = ("id".to_owned(), Parameter::Text(id.as_str().to_owned()));
        Filter::bind("id = {:id}", &[parameter])
    }

    /// What becomes of a record that is watched for.
    #[must_use]
    pub fn event(watch: &Self, id: RecordId, action: RecordAction) -> Self {
        let (collection, query) = match watch {
            Self::Watch {
                collection, query, ..
            } => (collection.clone(), query.clone()),
            _ => (CollectionRef::of(""), WatchQuery::default()),
        };
        Self::Event {
            collection,
            id,
            action,
            query,
        }
    }

    /// The same filter for a superuser's question alone: asked with a token that
    /// is not good any more it is refused, and not answered as to a guest.
    ///
    /// # Errors
    ///
    /// When the two together go beyond the bounds of a filter.
    pub fn as_superuser(filter: Option<Filter>) -> Result<Filter, FilterError> {
        let superuser = Filter::parse("@request.auth.collectionName = '_superusers'")?;
        match filter {
            Some(filter) => superuser.and(filter),
            None => Ok(superuser),
        }
    }

    /// Which operation.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Health { .. } => OperationKind::Health,
            Self::List { .. } => OperationKind::List,
            Self::View { .. } => OperationKind::View,
            Self::Create { .. } => OperationKind::Create,
            Self::Update { .. } => OperationKind::Update,
            Self::Delete { .. } => OperationKind::Delete,
            Self::Batch { .. } => OperationKind::Batch,
            Self::Auth(request) => request.action.kind(),
            Self::Impersonate { .. } => OperationKind::Impersonate,
            Self::OAuth2Redirect(_) => OperationKind::OAuth2Redirect,
            Self::Realtime => OperationKind::Realtime,
            Self::Subscribe | Self::Watch { .. } => OperationKind::Subscribe,
            Self::Event { .. } => OperationKind::Event,
            Self::FileToken { .. } => OperationKind::FileToken,
            Self::Download { .. } => OperationKind::Download,
            Self::Superuser(_) => OperationKind::Superuser,
            Self::Custom(_) => OperationKind::Custom,
            Self::Dashboard(_) => OperationKind::Dashboard,
            Self::AuthPage(_) => OperationKind::AuthPage,
            Self::Session(_) => OperationKind::Session,
            Self::Static(_) => OperationKind::Static,
        }
    }

    /// Its row in the table of routes; none for a route that the configuration lets in.
    #[must_use]
    pub fn route(&self) -> Option<&'static Route> {
        match self {
            Self::Superuser(request) => Route::find(request.method.as_str(), &request.segments),
            // Of two rows, that of the method.
            Self::OAuth2Redirect(by_query) => ROUTES.iter().find(|route| {
                let is_get = route.method == http::Method::GET.as_str();
                route.operation == self.kind().as_str() && is_get == by_query.is_some()
            }),
            other => Route::of(other.kind()),
        }
    }

    /// What its body may be.
    #[must_use]
    pub fn takes(&self) -> Takes {
        self.route().map_or(Takes::Nothing, |route| route.body)
    }

    /// Whether it is nobody's but a superuser's.
    #[must_use]
    pub fn is_for_superusers(&self) -> bool {
        matches!(self, Self::Superuser(_) | Self::Impersonate { .. })
    }

    /// The action, where it is one of an auth collection's.
    #[must_use]
    pub fn auth_action(&self) -> Option<AuthAction> {
        match self {
            Self::Auth(request) => Some(request.action),
            _ => None,
        }
    }

    /// Whether it looks at who asks.
    #[must_use]
    pub fn identity(&self) -> Identity {
        match self {
            Self::Auth(request) => request.action.identity(),
            Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Dashboard(_)
            | Self::AuthPage(_)
            | Self::Static(_) => Identity::Ignored,
            // Logins begin with it, with a stale token at hand. Who asks for records is
            // asked again: see `Watch`.
            Self::Subscribe => Identity::IfGood,
            Self::Health { .. } => Identity::Superuser,
            Self::FileToken { .. }
            | Self::Impersonate { .. }
            | Self::Superuser(_)
            | Self::Session(_) => Identity::Required,
            Self::List { .. }
            | Self::View { .. }
            | Self::Create { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Batch { .. }
            | Self::Watch { .. }
            | Self::Event { .. }
            | Self::Download { .. }
            | Self::Custom(_) => Identity::Optional,
        }
    }

    /// Whether it is a superuser's who may have changed the schema with it.
    #[must_use]
    pub fn may_change_schema(&self) -> bool {
        let Self::Superuser(request) = self else {
            return false;
        };
        let about = request.segments.get(1).map(String::as_str);
        request.method != http::Method::GET && matches!(about, Some("collections" | "sql"))
    }

    /// Whether its body is a record's fields.
    #[must_use]
    pub fn writes_record(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Update { .. })
    }

    /// Whether files may come with its body.
    #[must_use]
    pub fn takes_files(&self) -> bool {
        self.writes_record() || matches!(self, Self::Batch { .. })
    }

    /// Whether its answer is passed on as it comes, and not read as JSON.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        match self {
            Self::Download { .. } | Self::Custom(_) | Self::Dashboard(_) | Self::Static(_) => true,
            Self::Health { .. }
            | Self::List { .. }
            | Self::View { .. }
            | Self::Create { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Batch { .. }
            | Self::Auth(_)
            | Self::Impersonate { .. }
            | Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Subscribe
            | Self::Watch { .. }
            | Self::Event { .. }
            | Self::FileToken { .. }
            | Self::AuthPage(_)
            | Self::Session(_)
            | Self::Superuser(_) => false,
        }
    }

    /// Whether it may change what PocketBase stores.
    #[must_use]
    pub fn is_write(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Batch { .. } => true,
            Self::Superuser(request) | Self::Custom(request) => request.method != http::Method::GET,
            Self::Auth(request) => request.action.is_confirmation(),
            Self::Health { .. }
            | Self::List { .. }
            | Self::View { .. }
            | Self::Impersonate { .. }
            | Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Subscribe
            | Self::Watch { .. }
            | Self::Event { .. }
            | Self::FileToken { .. }
            | Self::Download { .. }
            | Self::Dashboard(_)
            | Self::AuthPage(_)
            | Self::Session(_)
            | Self::Static(_) => false,
        }
    }
}
