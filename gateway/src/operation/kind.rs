//! The word for each kind of operation, like PocketBase's own labels.

use std::fmt;

/// Which operation, without its particulars: the word in rules, configuration,
/// logs and metrics.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
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
    /// Several writes, all of them or none.
    Batch,
    /// How one may log in.
    AuthMethods,
    /// A login by password.
    AuthWithPassword,
    /// A login by what a provider says.
    AuthWithOAuth2,
    /// A one-time password, by mail.
    #[serde(rename = "requestOTP")]
    RequestOtp,
    /// A login by a one-time password.
    #[serde(rename = "authWithOTP")]
    AuthWithOtp,
    /// A new token for a good one.
    AuthRefresh,
    /// A mail that proves an address.
    RequestVerification,
    /// The proof.
    ConfirmVerification,
    /// A mail that lets choose a new password.
    RequestPasswordReset,
    /// The new password.
    ConfirmPasswordReset,
    /// A mail to a new address.
    RequestEmailChange,
    /// The new address.
    ConfirmEmailChange,
    /// A token of somebody else, for a superuser.
    Impersonate,
    /// The way back from a provider.
    #[serde(rename = "oauth2Redirect")]
    OAuth2Redirect,
    /// A stream of events.
    Realtime,
    /// What a stream is to tell.
    Subscribe,
    /// What became of a record, on its way to who subscribed.
    Event,
    /// A token for files that not everybody may see.
    FileToken,
    /// A file of a record.
    Download,
    /// Whether PocketBase is up.
    Health,
    /// Any of PocketBase's own superuser routes.
    Superuser,
    /// A route that the configuration lets in.
    Custom,
    /// PocketBase's dashboard.
    Dashboard,
    /// The gateway's own pages for what mails lead to.
    AuthPage,
    /// PocketBase's public folder.
    Static,
    /// What people do about their own sessions.
    Session,
}

impl OperationKind {
    /// Whether its answers may be compressed: those that hold no tokens, codes or settings, and of
    /// which it is known what they are.
    #[must_use]
    pub const fn is_compressible(self) -> bool {
        matches!(
            self,
            Self::List
                | Self::View
                | Self::Create
                | Self::Update
                | Self::Delete
                | Self::Batch
                | Self::Health
                | Self::Dashboard
                | Self::AuthPage
                | Self::Static
        )
    }

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::View => "view",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Batch => "batch",
            Self::AuthMethods => "authMethods",
            Self::AuthWithPassword => "authWithPassword",
            Self::AuthWithOAuth2 => "authWithOAuth2",
            Self::RequestOtp => "requestOTP",
            Self::AuthWithOtp => "authWithOTP",
            Self::AuthRefresh => "authRefresh",
            Self::RequestVerification => "requestVerification",
            Self::ConfirmVerification => "confirmVerification",
            Self::RequestPasswordReset => "requestPasswordReset",
            Self::ConfirmPasswordReset => "confirmPasswordReset",
            Self::RequestEmailChange => "requestEmailChange",
            Self::ConfirmEmailChange => "confirmEmailChange",
            Self::Impersonate => "impersonate",
            Self::OAuth2Redirect => "oauth2Redirect",
            Self::Realtime => "realtime",
            Self::Subscribe => "subscribe",
            Self::Event => "event",
            Self::FileToken => "fileToken",
            Self::Download => "download",
            Self::Health => "health",
            Self::Superuser => "superuser",
            Self::Custom => "custom",
            Self::Dashboard => "dashboard",
            Self::AuthPage => "authPage",
            Self::Static => "static",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_that_of_the_configuration() {
        for kind in [
            OperationKind::List,
            OperationKind::AuthWithPassword,
            OperationKind::AuthMethods,
            OperationKind::AuthWithOAuth2,
            OperationKind::RequestOtp,
            OperationKind::AuthWithOtp,
            OperationKind::ConfirmPasswordReset,
            OperationKind::OAuth2Redirect,
            OperationKind::Download,
        ] {
            let word = serde_json::Value::from(kind.as_str());
            assert_eq!(serde_json::from_value::<OperationKind>(word).unwrap(), kind);
        }
    }
}
