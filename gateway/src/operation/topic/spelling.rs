//! The one spelling of a topic for PocketBase.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::options::PARAMETER;
use crate::operation::upstream::ESCAPED;
use crate::operation::{Operation, RecordId, WatchQuery};

/// PocketBase takes no long topics, so that what need not be escaped is not; a
/// space, of which printed filters have many, is a plus sign.
const IN_TOPIC: &AsciiSet = &ESCAPED
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b' ');

impl Operation {
    /// The topic under which PocketBase tells what is watched: the collection by the
    /// name given here (as the schema spells it), its options sorted, and never
    /// `fields`. None of any other operation.
    #[must_use]
    pub fn upstream_topic(&self, collection: &str) -> Option<String> {
        let Self::Watch { id, query, .. } = self else {
            return None;
        };
        let record = id.as_ref().map_or("*", RecordId::as_str);
        let mut topic = format!("{collection}/{record}");
        if let Some(options) = options(query) {
            topic.push('?');
            topic.push_str(PARAMETER);
            for part in utf8_percent_encode(&options, IN_TOPIC) {
                topic.push_str(&part.replace(' ', "+"));
            }
        }
        Some(topic)
    }
}

fn options(query: &WatchQuery) -> Option<String> {
    let filter = query.filter.as_ref().map(ToString::to_string);
    let expand = (!query.expand.is_empty()).then(|| query.expand.to_string());
    let mut told: BTreeMap<&str, &str> = pairs(&query.also);
    told.extend(filter.as_deref().map(|filter| ("filter", filter)));
    told.extend(expand.as_deref().map(|expand| ("expand", expand)));
    let parts = [("headers", pairs(&query.headers)), ("query", told)];
    let parts: BTreeMap<_, _> = parts
        .into_iter()
        .filter(|(_, pairs)| !pairs.is_empty())
        .collect();
    // Texts by texts can always be printed.
    (!parts.is_empty()).then(|| serde_json::to_string(&parts).unwrap_or_default())
}

fn pairs(pairs: &[(String, String)]) -> BTreeMap<&str, &str> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
