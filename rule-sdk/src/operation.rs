//! What is asked of PocketBase.

use std::fmt;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What is asked of PocketBase, whichever door it came through.
        ///
        /// The list is closed: an operation that isn't here never reaches a rule, nor PocketBase.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $name,)*
        }

        impl Operation {
            /// Every operation, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in the contract, in lower case: `list`, `auth-with-password`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        #[cfg(target_family = "wasm")]
        impl From<crate::bindings::hapta::rule::types::Operation> for Operation {
            fn from(operation: crate::bindings::hapta::rule::types::Operation) -> Self {
                use crate::bindings::hapta::rule::types::Operation as Wit;
                match operation {
                    $(Wit::$name => Self::$name,)*
                }
            }
        }

        #[cfg(target_family = "wasm")]
        impl From<Operation> for crate::bindings::hapta::rule::types::Operation {
            fn from(operation: Operation) -> Self {
                match operation {
                    $(Operation::$name => Self::$name,)*
                }
            }
        }
    };
}

operations! {
    /// Read records of a collection, page by page.
    List = "list",
    /// Read one record.
    View = "view",
    /// Make a record.
    Create = "create",
    /// Change a record.
    Update = "update",
    /// Delete a record.
    Delete = "delete",
    /// Ask which ways to log in there are.
    AuthMethods = "auth-methods",
    /// Log in with a password.
    AuthWithPassword = "auth-with-password",
    /// Log in with an OAuth2 provider.
    AuthWithOauth2 = "auth-with-oauth2",
    /// Ask for a one-time password.
    RequestOtp = "request-otp",
    /// Log in with a one-time password.
    AuthWithOtp = "auth-with-otp",
    /// Renew a login.
    AuthRefresh = "auth-refresh",
    /// Ask for the mail that verifies an address.
    RequestVerification = "request-verification",
    /// Verify an address.
    ConfirmVerification = "confirm-verification",
    /// Ask for the mail that resets a password.
    RequestPasswordReset = "request-password-reset",
    /// Reset a password.
    ConfirmPasswordReset = "confirm-password-reset",
    /// Ask for the mail that changes an address.
    RequestEmailChange = "request-email-change",
    /// Change an address.
    ConfirmEmailChange = "confirm-email-change",
    /// Log in as somebody else, as a superuser.
    Impersonate = "impersonate",
    /// Ask for a token to download protected files.
    FileToken = "file-token",
    /// Download a file of a record.
    Download = "download",
    /// Subscribe to what becomes of a collection's records, or of one of them.
    Subscribe = "subscribe",
    /// A change on its way to those who subscribed alike.
    Event = "event",
}

impl Operation {
    /// Whether it changes records by itself: create, update or delete.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Operation;

    #[test]
    fn names_are_those_of_the_contract() {
        let contract = include_str!("../../wit/types.wit");
        let (_, rest) = contract.split_once("enum operation {").unwrap();
        let (list, _) = rest.split_once('}').unwrap();
        let said = |line: &&str| !line.trim_start().starts_with("///");
        let list: Vec<_> = list.lines().filter(said).collect();
        let list = list.concat();
        let written: Vec<_> = list
            .split(',')
            .map(|name| name.trim().trim_start_matches('%'))
            .filter(|name| !name.is_empty())
            .collect();
        let known: Vec<_> = Operation::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(known, written);
    }
}
