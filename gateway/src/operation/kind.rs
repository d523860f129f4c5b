//! The word for each kind of operation, like PocketBase's own labels.

use std::fmt;
use std::str::FromStr;

use super::OperationKind;

/// A word that is no kind of operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no operation is called \"{word}\"")]
pub struct UnknownKind {
    /// The word.
    pub word: String,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::List,
        Self::View,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::AuthMethods,
        Self::AuthWithPassword,
        Self::AuthRefresh,
        Self::Download,
        Self::Health,
        Self::Superuser,
    ];

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
            Self::AuthRefresh => "authRefresh",
            Self::Download => "download",
            Self::Health => "health",
            Self::Superuser => "superuser",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperationKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| UnknownKind {
            word: word.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in OperationKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("List".parse::<OperationKind>().is_err());
        assert!("".parse::<OperationKind>().is_err());
    }
}
