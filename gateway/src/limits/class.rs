//! What is counted together: operations that cost alike.

use serde::{Deserialize, Serialize};

use crate::operation::{AuthAction, Operation};

/// Operations that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A page of records.
    List,
    /// One record, and how one may log in.
    View,
    /// A new record.
    Create,
    /// A change to a record.
    Update,
    /// The end of a record.
    Delete,
    /// Whatever has a password or a code looked at: logins, and what mails lead to.
    Authenticate,
    /// A new token for a good one, and what sessions one has.
    Refresh,
    /// What has PocketBase send a mail.
    Mail,
    /// Files, and the tokens for them.
    Download,
    /// A topic of a subscription.
    Subscribe,
    /// An event stream, and setting its topics.
    Realtime,
    /// Routes for superusers.
    Superuser,
    /// Routes that the configuration lets in.
    Custom,
    /// Pages and files of no record.
    Pages,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::List,
        Self::View,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Authenticate,
        Self::Refresh,
        Self::Mail,
        Self::Download,
        Self::Subscribe,
        Self::Realtime,
        Self::Superuser,
        Self::Custom,
        Self::Pages,
    ];

    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::View => "view",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Authenticate => "authenticate",
            Self::Refresh => "refresh",
            Self::Mail => "mail",
            Self::Download => "download",
            Self::Subscribe => "subscribe",
            Self::Realtime => "realtime",
            Self::Superuser => "superuser",
            Self::Custom => "custom",
            Self::Pages => "pages",
        }
    }

    /// As what an operation counts. None: not at all, or only part by part.
    #[must_use]
    pub fn of(operation: &Operation) -> Option<Self> {
        match operation {
            // Whoever watches over the service asks often; and nobody asks for an event.
            Operation::Health { .. } | Operation::Batch { .. } | Operation::Event { .. } => None,
            Operation::List { .. } => Some(Self::List),
            Operation::View { .. } => Some(Self::View),
            Operation::Create { .. } => Some(Self::Create),
            Operation::Update { .. } => Some(Self::Update),
            Operation::Delete { .. } => Some(Self::Delete),
            Operation::Auth(request) => Some(Self::of_action(request.action)),
            Operation::Watch { .. } => Some(Self::Subscribe),
            Operation::Realtime | Operation::Subscribe => Some(Self::Realtime),
            Operation::FileToken { .. } | Operation::Download { .. } => Some(Self::Download),
            Operation::Session(_) => Some(Self::Refresh),
            Operation::Impersonate { .. } | Operation::Superuser(_) => Some(Self::Superuser),
            Operation::Custom(_) => Some(Self::Custom),
            Operation::OAuth2Redirect(_)
            | Operation::Dashboard(_)
            | Operation::AuthPage(_)
            | Operation::Static(_) => Some(Self::Pages),
        }
    }

    fn of_action(action: AuthAction) -> Self {
        match action {
            AuthAction::Methods => Self::View,
            AuthAction::WithPassword
            | AuthAction::WithOAuth2
            | AuthAction::WithOtp
            | AuthAction::ConfirmVerification
            | AuthAction::ConfirmPasswordReset
            | AuthAction::ConfirmEmailChange => Self::Authenticate,
            AuthAction::Refresh => Self::Refresh,
            AuthAction::RequestOtp
            | AuthAction::RequestVerification
            | AuthAction::RequestPasswordReset
            | AuthAction::RequestEmailChange => Self::Mail,
        }
    }
}
