//! What became of a record, as an event tells it.

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordAction {
    /// It is new.
    Create,
    /// It was changed.
    Update,
    /// It is no more.
    Delete,
}

impl RecordAction {
    /// PocketBase's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The one that the word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Create, Self::Update, Self::Delete]
            .into_iter()
            .find(|action| action.as_str() == word)
    }
}
