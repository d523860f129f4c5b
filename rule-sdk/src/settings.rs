//! From the configuration's JSON to a rule's own type, or a text that names the key at fault.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The settings of a rule that has none. Any key is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoSettings;

impl<'de> Deserialize<'de> for NoSettings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Any map will do here: that nothing is in it is seen to by `parse`.
        deserializer.deserialize_map(IgnoredKeys).map(|()| Self)
    }
}

struct IgnoredKeys;

impl<'de> serde::de::Visitor<'de> for IgnoredKeys {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("settings")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map
            .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
            .is_some()
        {}
        Ok(())
    }
}

/// Why a rule can't work with its settings. The operator sees the text, at load and by
/// `hapta check`.
///
/// Any error becomes one with `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    text: String,
}

impl SettingsError {
    /// What is wrong with the setting of that name.
    pub fn at(key: &str, wrong: impl fmt::Display) -> Self {
        Self {
            text: format!("setting `{key}`: {wrong}"),
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

// It is no `Error` itself, as that would stand in the way of taking any.
impl<E: std::error::Error> From<E> for SettingsError {
    fn from(error: E) -> Self {
        Self {
            text: error.to_string(),
        }
    }
}

/// Reads the settings. Keys that the rule's type does not have are refused whether or not its
/// author thought of `deny_unknown_fields`: a misspelt setting must not be one that is not there.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, SettingsError> {
    // Else serde takes a list for a struct, field by field.
    if !text.trim_start().starts_with('{') {
        return Err(SettingsError {
            text: "settings: not an object".to_owned(),
        });
    }
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let settings = serde_ignored::deserialize(
        serde_path_to_error::Deserializer::new(&mut json, &mut track),
        // It marks what is inside an option.
        |path| unknown.push(path.to_string().replace(".?", "")),
    );
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return Err(at_path(&track.path(), &error)),
    };
    json.end()?;
    match unknown.first() {
        Some(key) => Err(SettingsError::at(key, "unknown")),
        None => Ok(settings),
    }
}

fn at_path(path: &serde_path_to_error::Path, error: &serde_json::Error) -> SettingsError {
    // Where in the line is of no use: the gateway printed it, nobody can look at it.
    let wrong = error.to_string();
    let wrong = wrong
        .rfind(" at line ")
        .map_or(wrong.as_str(), |end| wrong.get(..end).unwrap_or(&wrong));
    if path.iter().next().is_none() {
        return SettingsError {
            text: format!("settings: {wrong}"),
        };
    }
    SettingsError::at(&path.to_string(), wrong)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{NoSettings, SettingsError, parse};

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Settings {
        owner: String,
        limits: Vec<u8>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        depth: u8,
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse::<Settings>(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn settings_are_read() {
        let settings: Settings = parse(r#"{"owner": "author", "inner": {"depth": 2}}"#).unwrap();
        assert_eq!(settings.owner, "author");
        assert_eq!(settings.inner, Some(Inner { depth: 2 }));
        assert_eq!(parse::<Settings>("{}").unwrap(), Settings::default());
        assert_eq!(parse::<NoSettings>("{}").unwrap(), NoSettings);
    }

    #[test]
    fn errors_name_the_key() {
        check(
            r#"{"owner": 5}"#,
            "setting `owner`: invalid type: integer `5`, expected a string",
        );
        check(
            r#"{"limits": [1, 300]}"#,
            "setting `limits[1]`: invalid value: integer `300`, expected u8",
        );
        check(r#"{"inner": {}}"#, "setting `inner`: missing field `depth`");
        check(r#"{"ownr": "author"}"#, "setting `ownr`: unknown");
        check(
            r#"{"inner": {"depth": 1, "width": 2}}"#,
            "setting `inner.width`: unknown",
        );
        let error = parse::<NoSettings>(r#"{"any": 1}"#).unwrap_err();
        assert_eq!(error.to_string(), "setting `any`: unknown");
        check("[1]", "settings: not an object");
        check("", "settings: not an object");
    }

    #[test]
    fn any_error_becomes_one() {
        fn number(text: &str) -> Result<u8, SettingsError> {
            Ok(text.parse()?)
        }
        assert!(
            number("x")
                .unwrap_err()
                .to_string()
                .contains("invalid digit")
        );
    }
}
