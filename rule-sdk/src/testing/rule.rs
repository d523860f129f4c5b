//! A rule under test.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value as Json;

use super::TestRequest;
use crate::{
    Document, Hook, Manifest, Operation, Response, Rule, SettingsError, Verdict, settings,
};

/// A configured rule, called as the gateway would call it: only in the moments, for the operations
/// and on the collections that its manifest names. What it isn't called for passes.
pub struct TestRule<R> {
    rule: R,
    manifest: Manifest,
}

impl<R: Rule> TestRule<R> {
    /// The rule, with these settings.
    ///
    /// # Errors
    ///
    /// What the rule says of settings that it does not take.
    #[allow(clippy::needless_pass_by_value, reason = "it is called with `json!`")]
    pub fn configure(settings: Json) -> Result<Self, SettingsError> {
        let rule = R::configure(settings::parse(&settings.to_string())?)?;
        let manifest = rule.manifest();
        Ok(Self { rule, manifest })
    }

    /// What the rule told of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// A request is about to go to PocketBase.
    ///
    /// # Errors
    ///
    /// The rule's denial.
    pub fn before(&self, request: &TestRequest) -> Verdict {
        if !self.judges(Hook::Before, request) {
            return Ok(());
        }
        request.allow_edits(true);
        self.rule.before(request)
    }

    /// A record is about to leave.
    ///
    /// # Errors
    ///
    /// The rule's denial.
    ///
    /// # Panics
    ///
    /// On what the gateway takes for a fault of the rule: an edit of a field that the manifest does
    /// not name, and a denial in a list without its word that records may be dropped.
    #[track_caller]
    #[allow(clippy::panic, reason = "the test of a faulty rule has to fail")]
    pub fn reveal(&self, request: &TestRequest, record: &Document) -> Verdict {
        let collection = record.str("/collectionName");
        let collection = collection.unwrap_or_else(|| request.collection());
        if !self.manifest.hooks.contains(&Hook::Reveal) || !self.serves(&collection) {
            return Ok(());
        }
        request.allow_edits(false);
        let old = record.0.bare();
        let verdict = self.rule.reveal(request, record);
        for field in differences(&old, &record.0.bare()) {
            let named = self.manifest.removes.iter().any(|(of, removed)| {
                *removed == field && of.as_ref().is_none_or(|of| *of == collection)
            });
            assert!(
                named,
                "`{field}` was touched, which the manifest does not say"
            );
        }
        let in_a_list = request.operation() == Operation::List;
        if verdict.is_err() && in_a_list && !self.manifest.drops {
            panic!("a record of a list was denied, which the manifest does not say");
        }
        verdict
    }

    /// The whole answer is about to leave.
    ///
    /// # Errors
    ///
    /// The rule's denial.
    pub fn after(&self, request: &TestRequest, response: &Response) -> Verdict {
        if !self.judges(Hook::After, request) {
            return Ok(());
        }
        request.allow_edits(false);
        self.rule.after(request, response)
    }

    fn judges(&self, hook: Hook, request: &TestRequest) -> bool {
        let operations = &self.manifest.operations;
        self.manifest.hooks.contains(&hook)
            && (operations.is_empty() || operations.contains(&request.operation()))
            && self.serves(&request.collection())
    }

    fn serves(&self, collection: &str) -> bool {
        let collections = &self.manifest.collections;
        collections.is_empty() || collections.iter().any(|one| one == collection)
    }
}

impl<R> fmt::Debug for TestRule<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TestRule")
            .field("manifest", &self.manifest)
            .finish_non_exhaustive()
    }
}

/// The keys of two objects whose values are not the same.
fn differences(old: &Json, new: &Json) -> BTreeSet<String> {
    let keys = |json: &Json| -> Vec<String> {
        let object = json.as_object();
        object
            .map(|object| object.keys().cloned().collect())
            .unwrap_or_default()
    };
    keys(old)
        .into_iter()
        .chain(keys(new))
        .filter(|key| old.get(key) != new.get(key))
        .collect()
}
