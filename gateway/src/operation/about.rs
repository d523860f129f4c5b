//! What an operation is about: whose records, which of them, and what of them is
//! wanted.

use super::{AuthRequest, CollectionRef, Expand, Fields, Operation, RecordId};
use crate::principal::Token;

impl Operation {
    /// The collection it is about, as the client named it.
    #[must_use]
    pub fn collection(&self) -> Option<&CollectionRef> {
        match self {
            Self::Health { .. }
            | Self::Batch { .. }
            | Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Subscribe
            | Self::FileToken { .. }
            | Self::Superuser(_)
            | Self::Custom(_)
            | Self::Dashboard(_)
            | Self::AuthPage(_)
            | Self::Session(_)
            | Self::Static(_) => None,
            Self::Auth(request) => Some(&request.collection),
            Self::List { collection, .. }
            | Self::View { collection, .. }
            | Self::Create { collection, .. }
            | Self::Update { collection, .. }
            | Self::Delete { collection, .. }
            | Self::Impersonate { collection, .. }
            | Self::Watch { collection, .. }
            | Self::Event { collection, .. }
            | Self::Download { collection, .. } => Some(collection),
        }
    }

    /// The record it is about, if it names one.
    #[must_use]
    pub fn record_id(&self) -> Option<&RecordId> {
        match self {
            Self::View { id, .. }
            | Self::Update { id, .. }
            | Self::Delete { id, .. }
            | Self::Impersonate { id, .. }
            | Self::Event { id, .. }
            | Self::Download { id, .. } => Some(id),
            Self::Watch { id, .. } => id.as_ref(),
            Self::Health { .. }
            | Self::List { .. }
            | Self::Create { .. }
            | Self::Batch { .. }
            | Self::Auth(_)
            | Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Subscribe
            | Self::FileToken { .. }
            | Self::Superuser(_)
            | Self::Custom(_)
            | Self::Dashboard(_)
            | Self::AuthPage(_)
            | Self::Session(_)
            | Self::Static(_) => None,
        }
    }

    /// What the client wants of the answer; PocketBase is never told.
    #[must_use]
    pub fn fields(&self) -> Option<&Fields> {
        match self {
            Self::List { query, .. } => query.fields.as_ref(),
            Self::Watch { query, .. } | Self::Event { query, .. } => query.fields.as_ref(),
            Self::Health { query }
            | Self::View { query, .. }
            | Self::Create { query, .. }
            | Self::Update { query, .. }
            | Self::Batch { query }
            | Self::FileToken { query }
            | Self::Impersonate { query, .. }
            | Self::Auth(AuthRequest { query, .. }) => query.fields.as_ref(),
            Self::Delete { .. }
            | Self::Download { .. }
            | Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Subscribe
            | Self::Superuser(_)
            | Self::Custom(_)
            | Self::Dashboard(_)
            | Self::AuthPage(_)
            | Self::Session(_)
            | Self::Static(_) => None,
        }
    }

    /// The relations that are to be sent along.
    #[must_use]
    pub fn expand(&self) -> Option<&Expand> {
        match self {
            Self::List { query, .. } => Some(&query.expand),
            Self::Watch { query, .. } | Self::Event { query, .. } => Some(&query.expand),
            Self::View { query, .. }
            | Self::Create { query, .. }
            | Self::Update { query, .. }
            | Self::Impersonate { query, .. }
            | Self::Auth(AuthRequest { query, .. }) => Some(&query.expand),
            Self::Health { .. }
            | Self::Delete { .. }
            | Self::Batch { .. }
            | Self::FileToken { .. }
            | Self::Download { .. }
            | Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Subscribe
            | Self::AuthPage(_)
            | Self::Session(_)
            | Self::Superuser(_)
            | Self::Custom(_)
            | Self::Dashboard(_)
            | Self::Static(_) => None,
        }
    }

    /// Parameters of the query that only the configuration lets in.
    #[must_use]
    pub fn also(&self) -> &[(String, String)] {
        match self {
            Self::List { query, .. } => &query.also,
            Self::Watch { query, .. } | Self::Event { query, .. } => &query.also,
            Self::Health { query }
            | Self::View { query, .. }
            | Self::Create { query, .. }
            | Self::Update { query, .. }
            | Self::Batch { query }
            | Self::FileToken { query }
            | Self::Impersonate { query, .. }
            | Self::Auth(AuthRequest { query, .. }) => &query.also,
            Self::Download { query, .. } => &query.also,
            Self::Delete { also, .. } => also,
            Self::OAuth2Redirect(_)
            | Self::Realtime
            | Self::Subscribe
            | Self::Superuser(_)
            | Self::Custom(_)
            | Self::Dashboard(_)
            | Self::AuthPage(_)
            | Self::Session(_)
            | Self::Static(_) => &[],
        }
    }

    /// The token by which a download says who asks.
    #[must_use]
    pub fn file_token(&self) -> Option<&Token> {
        match self {
            Self::Download { query, .. } => query.token.as_ref(),
            _ => None,
        }
    }

    /// Puts another token into a download that has one.
    pub fn put_file_token(&mut self, token: Token) {
        if let Self::Download { query, .. } = self
            && query.token.is_some()
        {
            query.token = Some(token);
        }
    }

    /// Takes the token of a download for none.
    pub fn drop_file_token(&mut self) {
        if let Self::Download { query, .. } = self {
            query.token = None;
        }
    }

    /// A query parameter as it goes to PocketBase, unless it is a token.
    #[must_use]
    pub fn query_value(&self, key: &str) -> Option<String> {
        let line = self.path_and_query_without_token();
        let (_, query) = line.split_once('?')?;
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }
}
