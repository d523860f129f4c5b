//! What a rule says of itself when it is configured.

use serde::{Deserialize, Serialize};

use crate::operation::OperationKind;

/// What a rule is for and what it may do; the gateway holds it to this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The others are never called.
    pub hooks: Hooks,
    /// The operations it judges; none: all.
    pub operations: Option<Vec<OperationKind>>,
    /// The names of the collections it is for; empty: all.
    pub collections: Vec<String>,
    /// What `reveal` may touch; touching another field is a fault.
    pub removes: Vec<Removal>,
    /// Whether `reveal` may deny one record of many.
    pub drops: bool,
    /// The codes of its denials, as far as it tells them.
    #[serde(default)]
    pub denials: Vec<String>,
}

/// The moments a rule implements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// For a request that is about to go to PocketBase.
    pub before: bool,
    /// For each record that is about to leave.
    pub reveal: bool,
    /// For the whole answer, its records revealed.
    pub after: bool,
}

/// A field that `reveal` may take out or change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// None: of any collection that the rule judges.
    pub collection: Option<String>,
    /// A key at the top of the record.
    pub field: String,
}

impl Manifest {
    /// Whether the rule judges this operation in `before` and `after`.
    #[must_use]
    pub fn judges(&self, kind: OperationKind) -> bool {
        self.operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&kind))
    }

    /// Whether the rule says that it is for this collection, or, for `*`, for all.
    #[must_use]
    pub fn is_for(&self, collection: &str) -> bool {
        self.collections.is_empty()
            || self
                .collections
                .iter()
                .any(|name| name.eq_ignore_ascii_case(collection))
    }

    /// Whether `reveal` may touch this field of this collection's records.
    #[must_use]
    pub fn may_touch(&self, collection: &str, field: &str) -> bool {
        self.removes.iter().any(|removal| {
            removal.field == field
                && removal
                    .collection
                    .as_ref()
                    .is_none_or(|name| name.eq_ignore_ascii_case(collection))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_without_a_collection_is_for_all() {
        let manifest = Manifest {
            removes: vec![
                Removal {
                    collection: None,
                    field: "secret".to_owned(),
                },
                Removal {
                    collection: Some("Users".to_owned()),
                    field: "email".to_owned(),
                },
            ],
            ..Manifest::default()
        };
        assert!(manifest.may_touch("posts", "secret"));
        assert!(manifest.may_touch("users", "email"));
        assert!(!manifest.may_touch("posts", "email"));
    }

    #[test]
    fn an_empty_manifest_judges_everything_and_touches_nothing() {
        let manifest = Manifest::default();
        assert!(manifest.judges(OperationKind::Delete) && manifest.is_for("posts"));
        assert!(!manifest.may_touch("posts", "title"));
    }
}
