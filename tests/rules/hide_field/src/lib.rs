//! Takes the fields that the settings name out of every record, and says so in its manifest.

use hapta_rule::{Document, Hook, Manifest, Request, Rule, SettingsError, Verdict};
use serde::Deserialize;

/// What to hide: `{"fields": ["secret"]}`, of one collection if there is a `"collection"`.
#[derive(Deserialize)]
struct HideField {
    fields: Vec<String>,
    collection: Option<String>,
}

impl Rule for HideField {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, SettingsError> {
        Ok(settings)
    }

    fn manifest(&self) -> Manifest {
        let manifest = Manifest::hooks([Hook::Reveal]);
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
        for field in &self.fields {
            record.remove(&format!("/{field}"))?;
        }
        Ok(())
    }
}

hapta_rule::export!(HideField);
