//! What a rule tells of itself.

use crate::Operation;

/// A moment in which a rule is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// A request is about to go to PocketBase.
    Before,
    /// One record is about to leave.
    Reveal,
    /// The whole answer is about to leave.
    After,
}

/// What a rule tells of itself once it is configured. The gateway holds it to that.
///
/// ```
/// use hapta_rule::{Hook, Manifest, Operation};
///
/// Manifest::hooks([Hook::Before, Hook::Reveal])
///     .operations([Operation::View, Operation::List])
///     .collections(["users", "posts"])
///     .removes("users", "email");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub(crate) hooks: Vec<Hook>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) collections: Vec<String>,
    pub(crate) removes: Vec<(Option<String>, String)>,
    pub(crate) drops: bool,
    pub(crate) denials: Vec<String>,
}

impl Manifest {
    /// A rule that is called in these moments, for every operation on every collection that it
    /// serves. The hooks that are not named here are never called.
    #[must_use]
    pub fn hooks(hooks: impl IntoIterator<Item = Hook>) -> Self {
        Self {
            hooks: hooks.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Judge only these operations in `before` and `after`.
    #[must_use]
    pub fn operations(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.operations.extend(operations);
        self
    }

    /// Be for these collections only.
    #[must_use]
    pub fn collections<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.collections.extend(names.into_iter().map(Into::into));
        self
    }

    /// `reveal` may take out or change this field of this collection. Touching a field that no
    /// such line names is a fault; those named can't be filtered or sorted by.
    #[must_use]
    pub fn removes(mut self, collection: impl Into<String>, field: impl Into<String>) -> Self {
        self.removes.push((Some(collection.into()), field.into()));
        self
    }

    /// As [`removes`](Self::removes), in every collection that the rule judges.
    #[must_use]
    pub fn removes_anywhere(mut self, field: impl Into<String>) -> Self {
        self.removes.push((None, field.into()));
        self
    }

    /// `reveal` may deny a record in a list or an expand. Without this line such a denial is a
    /// fault; with it, lists have no totals.
    #[must_use]
    pub fn drops(mut self) -> Self {
        self.drops = true;
        self
    }

    /// Tell the codes of the rule's denials: `hapta inspect` shows them, and `hapta test` tells
    /// which of them no case brings about.
    #[must_use]
    pub fn denials<S: Into<String>>(mut self, codes: impl IntoIterator<Item = S>) -> Self {
        self.denials.extend(codes.into_iter().map(Into::into));
        self
    }
}
