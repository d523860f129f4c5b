//! The routes by which records of an auth collection log in and keep their
//! accounts, and the way back from a provider.

use std::fmt;

use super::query::Pairs;
use super::{CollectionRef, Identity, OperationKind, RecordQuery};

/// A request to an auth collection that is about no record by its id.
#[derive(Clone, PartialEq)]
pub struct AuthRequest {
    /// What is asked.
    pub action: AuthAction,
    /// Of which collection.
    pub collection: CollectionRef,
    /// How the answer is told.
    pub query: RecordQuery,
    /// The first of two steps, where the query tells it: it goes on in the body.
    pub mfa_id: Option<String>,
}

/// What may be asked of an auth collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthAction {
    /// `GET auth-methods`.
    Methods,
    /// `POST auth-with-password`.
    WithPassword,
    /// `POST auth-with-oauth2`: a login, an account made, or one linked.
    WithOAuth2,
    /// `POST request-otp`.
    RequestOtp,
    /// `POST auth-with-otp`.
    WithOtp,
    /// `POST auth-refresh`.
    Refresh,
    /// `POST request-verification`.
    RequestVerification,
    /// `POST confirm-verification`.
    ConfirmVerification,
    /// `POST request-password-reset`.
    RequestPasswordReset,
    /// `POST confirm-password-reset`.
    ConfirmPasswordReset,
    /// `POST request-email-change`.
    RequestEmailChange,
    /// `POST confirm-email-change`.
    ConfirmEmailChange,
}

/// What a provider sends back with somebody, by query or by form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OAuth2Return {
    /// Whose login it is.
    pub state: String,
    /// What the provider gives for it.
    pub code: String,
    /// Why it gives nothing.
    pub error: String,
}

impl AuthAction {
    const ALL: [Self; 12] = [
        Self::Methods,
        Self::WithPassword,
        Self::WithOAuth2,
        Self::RequestOtp,
        Self::WithOtp,
        Self::Refresh,
        Self::RequestVerification,
        Self::ConfirmVerification,
        Self::RequestPasswordReset,
        Self::ConfirmPasswordReset,
        Self::RequestEmailChange,
        Self::ConfirmEmailChange,
    ];

    /// The action of a kind; none where the kind is of no such route.
    pub(super) fn of(kind: OperationKind) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.kind() == kind)
    }

    /// Which operation it is.
    #[must_use]
    pub fn kind(self) -> OperationKind {
        match self {
            Self::Methods => OperationKind::AuthMethods,
            Self::WithPassword => OperationKind::AuthWithPassword,
            Self::WithOAuth2 => OperationKind::AuthWithOAuth2,
            Self::RequestOtp => OperationKind::RequestOtp,
            Self::WithOtp => OperationKind::AuthWithOtp,
            Self::Refresh => OperationKind::AuthRefresh,
            Self::RequestVerification => OperationKind::RequestVerification,
            Self::ConfirmVerification => OperationKind::ConfirmVerification,
            Self::RequestPasswordReset => OperationKind::RequestPasswordReset,
            Self::ConfirmPasswordReset => OperationKind::ConfirmPasswordReset,
            Self::RequestEmailChange => OperationKind::RequestEmailChange,
            Self::ConfirmEmailChange => OperationKind::ConfirmEmailChange,
        }
    }

    /// The last segment of its path.
    pub(super) fn segment(self) -> &'static str {
        match self {
            Self::Methods => "auth-methods",
            Self::WithPassword => "auth-with-password",
            Self::WithOAuth2 => "auth-with-oauth2",
            Self::RequestOtp => "request-otp",
            Self::WithOtp => "auth-with-otp",
            Self::Refresh => "auth-refresh",
            Self::RequestVerification => "request-verification",
            Self::ConfirmVerification => "confirm-verification",
            Self::RequestPasswordReset => "request-password-reset",
            Self::ConfirmPasswordReset => "confirm-password-reset",
            Self::RequestEmailChange => "request-email-change",
            Self::ConfirmEmailChange => "confirm-email-change",
        }
    }

    /// Whether it looks at who asks.
    pub(super) fn identity(self) -> Identity {
        match self {
            Self::Methods
            | Self::WithPassword
            | Self::RequestOtp
            | Self::WithOtp
            | Self::RequestVerification
            | Self::ConfirmVerification
            | Self::RequestPasswordReset
            | Self::ConfirmPasswordReset
            | Self::ConfirmEmailChange => Identity::Ignored,
            // Whoever is logged in links the provider to what he is.
            Self::WithOAuth2 => Identity::IfGood,
            Self::Refresh | Self::RequestEmailChange => Identity::Required,
        }
    }

    /// Whether it ends in a change of the account that a mail led to.
    #[must_use]
    pub fn is_confirmation(self) -> bool {
        matches!(
            self,
            Self::ConfirmVerification | Self::ConfirmPasswordReset | Self::ConfirmEmailChange
        )
    }

    /// Whether somebody tries to become somebody by it.
    #[must_use]
    pub fn is_login(self) -> bool {
        matches!(self, Self::WithPassword | Self::WithOAuth2 | Self::WithOtp)
    }
}

impl OAuth2Return {
    /// What providers add beside is dropped; of that PocketBase reads `user` alone, in
    /// which Apple tells a name once.
    pub(super) fn take(pairs: &mut Pairs) -> Self {
        let mut take = |key| pairs.take(key).unwrap_or_default();
        Self {
            state: take("state"),
            code: take("code"),
            error: take("error"),
        }
    }
}

/// The first of two steps is as good as half a login: this may end in a log.
impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("action", &self.action)
            .field("collection", &self.collection)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

/// Neither whose login nor by what: this may end in a log.
impl fmt::Debug for OAuth2Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[return]")
    }
}
