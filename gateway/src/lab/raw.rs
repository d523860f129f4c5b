//! A file of tests as it is written. `gateway/docs/testing.md` has every key with its explanation.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use toml::Spanned;

use super::error::LabError;
use super::values::near;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) rule: Option<PathBuf>,
    pub(super) schema: Option<PathBuf>,
    pub(super) settings: toml::Table,
    pub(super) grants: Vec<String>,
    pub(super) reads: Vec<String>,
    pub(super) limits: Limits,
    pub(super) time: Option<toml::Value>,
    pub(super) principals: BTreeMap<String, Principal>,
    pub(super) records: BTreeMap<String, Vec<toml::Table>>,
    pub(super) collections: BTreeMap<String, Collection>,
    pub(super) case: Vec<Spanned<Case>>,
    pub(super) matrix: Vec<Spanned<Matrix>>,
}

/// `[limits]`: as in `[[rule]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    #[serde(with = "humantime_serde::option")]
    pub(super) cpu: Option<Duration>,
    #[serde(with = "humantime_serde::option")]
    pub(super) deadline: Option<Duration>,
    pub(super) memory: Option<ByteSize>,
    pub(super) host_calls: Option<u32>,
    pub(super) edits: Option<ByteSize>,
    pub(super) ahead: u32,
}

/// `[principals.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Principal {
    #[serde(default = "users")]
    pub(super) collection: String,
    #[serde(default)]
    pub(super) record: toml::Table,
}

fn users() -> String {
    "users".to_owned()
}

/// `[collections.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Collection {
    pub(super) r#type: Option<String>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) hidden: Vec<String>,
}

/// One of `uploads`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    pub(super) field: String,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) r#type: String,
}

/// `[[case]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) r#as: Option<String>,
    pub(super) request: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) ip: Option<IpAddr>,
    pub(super) time: Option<toml::Value>,
    pub(super) batch_index: Option<u32>,
    pub(super) action: Option<String>,
    pub(super) body: Option<toml::Table>,
    pub(super) uploads: Vec<Upload>,
    pub(super) stored: Option<toml::Value>,
    pub(super) records: BTreeMap<String, Vec<toml::Table>>,
    pub(super) counters: BTreeMap<String, i64>,
    pub(super) response: Option<toml::Value>,
    pub(super) response_status: Option<u16>,
    pub(super) settings: Option<toml::Table>,
    pub(super) expect: Option<String>,
    pub(super) moment: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) fields: Option<Vec<String>>,
    pub(super) edited: Option<toml::Value>,
    pub(super) narrowed: Option<String>,
    pub(super) notes: Option<BTreeMap<String, String>>,
    pub(super) remains: Option<toml::Value>,
    pub(super) log: Option<Vec<String>>,
    pub(super) counted: Option<BTreeMap<String, i64>>,
}

/// `[[matrix]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Matrix {
    pub(super) name: String,
    pub(super) r#as: Vec<String>,
    pub(super) requests: toml::Table,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    pub(super) ip: Option<IpAddr>,
    pub(super) time: Option<toml::Value>,
    pub(super) body: Option<toml::Table>,
    #[serde(default)]
    pub(super) uploads: Vec<Upload>,
    pub(super) stored: Option<toml::Value>,
    #[serde(default)]
    pub(super) records: BTreeMap<String, Vec<toml::Table>>,
    #[serde(default)]
    pub(super) counters: BTreeMap<String, i64>,
    pub(super) response: Option<toml::Value>,
    pub(super) settings: Option<toml::Table>,
}

/// Reads a file of tests.
pub(super) fn read(file: &Path, text: &str) -> Result<File, LabError> {
    toml::from_str(text).map_err(|error| LabError::Form {
        file: file.to_owned(),
        problem: words(text, &error),
    })
}

/// The line, the case that it is in, what is wrong, and what was most likely meant.
fn words(text: &str, error: &toml::de::Error) -> String {
    let mut problem = error.message().to_owned();
    let mut named = problem.split('`').skip(1).step_by(2);
    if problem.starts_with("unknown field")
        && let Some(unknown) = named.next()
        && let Some(meant) = near(unknown, named)
    {
        problem = format!("unknown key `{unknown}`; did you mean `{meant}`? ({problem})");
    }
    let Some(span) = error.span() else {
        return problem;
    };
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    match case_around(before) {
        Some(case) => format!("line {line}: case {case}: {problem}"),
        None => format!("line {line}: {problem}"),
    }
}

/// The name, as written, of the case or matrix in which a text ends.
fn case_around(before: &str) -> Option<&str> {
    let at = before.rfind("[[case]]").max(before.rfind("[[matrix]]"))?;
    let lines = before.get(at..)?.lines();
    let mut names = lines.filter_map(|line| line.trim().strip_prefix("name"));
    Some(names.next()?.trim_start().strip_prefix('=')?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, words: &[&str]) {
        let error = read(Path::new("tests.toml"), text).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_with_the_one_that_was_meant() {
        refused(
            "[settings]\na = 1\n\n[[case]]\nname = \"x\"\nstorred = \"none\"",
            &[
                "tests.toml",
                "line 6",
                "case \"x\"",
                "`storred`",
                "did you mean `stored`",
            ],
        );
        refused("seting = 1", &["line 1", "did you mean `settings`"]);
        refused("[limits]\ncpus = \"1s\"", &["line 2", "did you mean `cpu`"]);
        refused(
            "[[case]]\nbanana = 1",
            &["line 2", "unknown field `banana`", "`request`"],
        );
        refused("[[case]]\nas = 3", &["line 2", "expected a string"]);
    }
}
