//! Takes the fields that the settings name out of every record, and says so in its manifest.

use hapta_rule::{Document, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// What to hide: `{"fields": ["secret"]}`, of one collection if there is a `"collection"`.
#[derive(Deserialize)]
struct HideField {
    fields: Vec<String>,
    /// Where those are, written once and not for each record.
    #[serde(skip)]
    pointers: Vec<String>,
    collection: Option<String>,
    /// Whether to be asked before, too, and let everything pass.
    #[serde(default)]
    before: bool,
}

impl Rule for HideField {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        let pointers = settings.fields.iter().map(|field| format!("/{field}"));
        Ok(Self {
            pointers: pointers.collect(),
            ..settings
        })
    }

    fn manifest(&self) -> Manifest {
        let before = self.before.then_some(Hook::Before);
        let manifest = Manifest::hooks([Hook::Reveal].into_iter().chain(before));
        self.fields
            .iter()
            .fold(manifest, |manifest, field| match &self.collection {
                Some(collection) => manifest.removes(collection, field),
                None => manifest.removes_anywhere(field),
            })
    }

    fn reveal(&self, _request: &Request, record: &Document) -> Verdict {
        if let Some(collection) = &self.collection
            && record.str("/collectionName").as_ref() != Some(collection)
        {
            return Ok(());
        }
        for pointer in &self.pointers {
            record.remove(pointer)?;
        }
        Ok(())
    }
}

hapta_rule::export!(HideField);
