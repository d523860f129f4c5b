//! The word for each kind of operation, like PocketBase's own labels.

use std::fmt;

use super::OperationKind;

impl OperationKind {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::View => "view",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
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
            Self::Download => "download",
            Self::Health => "health",
            Self::Superuser => "superuser",
            Self::Custom => "custom",
            Self::Dashboard => "dashboard",
            Self::AuthPage => "authPage",
            Self::Static => "static",
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
