//! What differs between two values, line by line.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// The lines of both, each with `-` where it is missing, `+` where it is too much; keys are in
/// the order of the alphabet.
#[must_use]
pub fn diff(expected: &Value, got: &Value) -> String {
    let lines = |value: &Value| {
        let mut value = value.clone();
        value.sort_all_objects();
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        // A comma is no difference.
        let lines = text
            .lines()
            .map(|line| line.strip_suffix(',').unwrap_or(line));
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    let (expected, got) = (lines(expected), lines(got));
    let compared = TextDiff::from_lines(&expected, &got);
    let mut text = String::new();
    for change in compared.iter_all_changes() {
        text.push(match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        });
        text.push(' ');
        text.push_str(change.value());
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_and_what_is_too_much_stand_out() {
        let told = diff(&json!({ "b": 1, "a": 2 }), &json!({ "a": 2, "b": 3 }));
        assert_eq!(told, "  {\n    \"a\": 2\n-   \"b\": 1\n+   \"b\": 3\n  }");
    }
}
