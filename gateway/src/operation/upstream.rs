//! From an operation to the canonical request line for PocketBase.

use std::fmt::Write as _;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    AuthAction, DownloadQuery, ListQuery, Operation, Page, RecordQuery, SessionAction, WatchQuery,
};
use crate::principal::Token;

/// All but what RFC 3986 calls unreserved.
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Operation {
    /// The method that PocketBase knows it by; GET where the client sent HEAD.
    #[must_use]
    pub fn upstream_method(&self) -> Method {
        match self {
            Self::Health { .. }
            | Self::List { .. }
            | Self::View { .. }
            | Self::Download { .. }
            | Self::OAuth2Redirect(Some(_))
            | Self::Realtime
            | Self::Event { .. }
            | Self::Dashboard(_)
            | Self::AuthPage(_)
            | Self::Session(SessionAction::List)
            | Self::Static(_) => Method::GET,
            Self::Auth(request) if request.action == AuthAction::Methods => Method::GET,
            Self::Create { .. }
            | Self::Batch { .. }
            | Self::FileToken { .. }
            | Self::Auth(_)
            | Self::Impersonate { .. }
            | Self::OAuth2Redirect(None)
            | Self::Subscribe
            | Self::Session(SessionAction::LogOut)
            | Self::Watch { .. } => Method::POST,
            Self::Update { .. } => Method::PATCH,
            Self::Delete { .. } | Self::Session(SessionAction::End(_) | SessionAction::EndAll) => {
                Method::DELETE
            }
            Self::Superuser(request) | Self::Custom(request) => request.method.clone(),
        }
    }

    /// Path and query in the one spelling: the collection by the name given
    /// here (as the schema spells it), every segment and value encoded anew,
    /// each key once and in a fixed order, and never `fields`.
    ///
    /// An operation without a collection has no use for the name.
    #[must_use]
    pub fn upstream_path_and_query(&self, collection: &str) -> String {
        let token = self.file_token().map(Token::expose);
        self.line(collection).optional("token", token).0
    }

    /// The same without the token of a download, and without a collection's name.
    pub(super) fn path_and_query_without_token(&self) -> String {
        self.line("").0
    }

    fn line(&self, collection: &str) -> Line {
        let api = |segments: &[&str]| segments.iter().fold(Line::api(), |line, s| line.segment(s));
        let records = || api(&["collections", collection, "records"]);
        let auth = |action| api(&["collections", collection, action]);
        let line = match self {
            Self::Health { .. } => api(&["health"]),
            Self::Batch { .. } => api(&["batch"]),
            Self::FileToken { .. } => api(&["files", "token"]),
            Self::List { query, .. } => records().list(query),
            Self::Create { query, .. } => records().record(query),
            Self::View { id, query, .. } | Self::Update { id, query, .. } => {
                records().segment(id.as_str()).record(query)
            }
            Self::Delete { id, .. } => records().segment(id.as_str()),
            Self::Auth(request) => auth(request.action.segment()).record(&request.query),
            Self::Impersonate { id, query, .. } => {
                auth("impersonate").segment(id.as_str()).record(query)
            }
            // The gateway answers these itself.
            Self::OAuth2Redirect(_) => api(&["oauth2-redirect"]),
            Self::Realtime | Self::Subscribe => api(&["realtime"]),
            Self::Session(_) => api(&["hapta", "sessions"]),
            // And these are no requests; rules ask for the parameters all the same.
            Self::Watch { query, .. } | Self::Event { query, .. } => {
                api(&["realtime"]).watch(query)
            }
            Self::Download {
                id, file, query, ..
            } => api(&["files", collection, id.as_str(), file.as_str()]).download(query),
            Self::Superuser(request) | Self::Custom(request) => {
                Line::path(&request.segments).pairs(&request.query)
            }
            Self::Dashboard(page) | Self::AuthPage(page) | Self::Static(page) => Line::page(page),
        };
        line.pairs(self.also())
    }
}

/// A request line being written.
struct Line(String);

impl Line {
    fn api() -> Self {
        Self("/api".to_owned())
    }

    fn path(segments: &[String]) -> Self {
        let start = Self(String::new());
        segments
            .iter()
            .fold(start, |line, segment| line.segment(segment))
    }

    fn page(page: &Page) -> Self {
        let mut line = Self::path(&page.segments);
        if page.is_folder || page.segments.is_empty() {
            line.0.push('/');
        }
        line
    }

    fn segment(mut self, segment: &str) -> Self {
        self.0.push('/');
        self.0.extend(utf8_percent_encode(segment, ESCAPED));
        self
    }

    fn pair(mut self, key: &str, value: &str) -> Self {
        let mark = if self.0.contains('?') { '&' } else { '?' };
        let (key, value) = (
            utf8_percent_encode(key, ESCAPED),
            utf8_percent_encode(value, ESCAPED),
        );
        // Writing to a string can't fail.
        let _ = write!(self.0, "{mark}{key}={value}");
        self
    }

    fn pairs(self, pairs: &[(String, String)]) -> Self {
        pairs
            .iter()
            .fold(self, |line, (key, value)| line.pair(key, value))
    }

    fn optional(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) if !value.is_empty() => self.pair(key, value),
            _ => self,
        }
    }

    fn list(self, query: &ListQuery) -> Self {
        let filter = query.filter.as_ref().map(ToString::to_string);
        self.pair("page", &query.page.to_string())
            .pair("perPage", &query.per_page.to_string())
            .optional("skipTotal", query.skip_total.then_some("1"))
            .optional("sort", Some(&query.sort.to_string()))
            .optional("filter", filter.as_deref())
            .optional("expand", Some(&query.expand.to_string()))
    }

    fn watch(self, query: &WatchQuery) -> Self {
        let filter = query.filter.as_ref().map(ToString::to_string);
        self.optional("filter", filter.as_deref())
            .optional("expand", Some(&query.expand.to_string()))
    }

    fn record(self, query: &RecordQuery) -> Self {
        self.optional("expand", Some(&query.expand.to_string()))
    }

    fn download(self, query: &DownloadQuery) -> Self {
        self.optional("thumb", query.thumb.as_deref())
            .optional("download", query.download.then_some("1"))
    }
}
