//! What rules made of a request and of its answer, by names: for somebody who looks on. Pure.

use serde_json::{Map, Value};

use crate::rules::Passed;
use crate::telemetry::Changes;

/// Takes down what `before` made of the body it was given, and how it narrowed.
pub(super) fn of_request(changes: &mut Changes, before: Option<&Value>, passed: &Passed) {
    let edited = differing(before, passed.body.as_ref());
    Changes::add(&mut changes.edited, edited);
    if let Some(narrowing) = &passed.narrowing {
        changes.narrowed = Some(narrowing.to_string());
    }
}

/// Takes down what is missing or different in an answer: one record, or the page of a list.
pub(super) fn of_answer(changes: &mut Changes, before: &Value, after: Option<&Value>) {
    let Some(records) = before.get("items").and_then(Value::as_array) else {
        Changes::add(&mut changes.hidden, differing(Some(before), after));
        return;
    };
    let items = after.and_then(|after| after.get("items")?.as_array());
    let left: &[Value] = items.map_or(&[], Vec::as_slice);
    for record in records {
        let is_it = |other: &&Value| other.get("id") == record.get("id");
        match left.iter().find(is_it) {
            Some(other) => Changes::add(&mut changes.hidden, differing(Some(record), Some(other))),
            None => changes.dropped += 1,
        }
    }
}

/// The keys of which one object has another value than the other, or none.
fn differing(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let nothing = Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&nothing);
    let after = after.and_then(Value::as_object).unwrap_or(&nothing);
    let changed = before
        .iter()
        .filter(|(key, value)| after.get(*key) != Some(*value));
    let new = after.keys().filter(|key| !before.contains_key(*key));
    changed.map(|(key, _)| key).chain(new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn edits_are_told_by_the_names_of_keys() {
        let mut changes = Changes::default();
        let passed = Passed {
            body: Some(json!({ "title": "b", "same": 1, "owner": "ada" })),
            narrowing: None,
        };
        let before = json!({ "title": "a", "same": 1, "draft": true });
        of_request(&mut changes, Some(&before), &passed);
        changes.edited.sort();
        assert_eq!(changes.edited, ["draft", "owner", "title"]);
    }

    #[test]
    fn what_is_missing_of_a_page_is_told() {
        let mut changes = Changes::default();
        let before = json!({ "items": [
            { "id": "a", "email": "x" }, { "id": "b", "email": "y" }, { "id": "c" },
        ] });
        let after = json!({ "items": [{ "id": "a" }, { "id": "c" }] });
        of_answer(&mut changes, &before, Some(&after));
        assert_eq!(
            (changes.hidden.as_slice(), changes.dropped),
            (["email".to_owned()].as_slice(), 1)
        );
    }

    #[test]
    fn what_is_as_it_was_is_not_told() {
        let mut changes = Changes::default();
        let record = json!({ "id": "a", "email": "x" });
        of_answer(&mut changes, &record, Some(&record.clone()));
        of_request(&mut changes, None, &Passed::default());
        assert_eq!(changes, Changes::default());
    }
}
