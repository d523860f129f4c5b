//! Which rule is to be tried, and by which cases: what `test`, `run` and `bench` are pointed at.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

use super::build::build;
use crate::lab::LabError;
use crate::workshop::Project;

/// What a command found.
pub(super) struct Target {
    /// A file of tests.
    pub(super) tests: Option<PathBuf>,
    /// The rule, where it is not for the tests to say.
    pub(super) rule: Option<PathBuf>,
    /// The folder that it is made of.
    pub(super) project: Option<Project>,
}

/// Whether a rule with a folder is built first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Builds {
    /// If its sources changed.
    Yes,
    /// It is tried as it was built last.
    No,
}

/// What lies at a place: a rule's folder, a folder or file of tests, or a rule's file. A rule that
/// is named counts over all of these.
pub(super) fn find(place: &Path, named: Option<&Path>, builds: Builds) -> anyhow::Result<Target> {
    if place
        .extension()
        .is_some_and(|extension| extension == "wasm")
    {
        return Ok(Target {
            tests: None,
            rule: Some(named.unwrap_or(place).to_owned()),
            project: None,
        });
    }
    let (folder, file) = if place.is_dir() {
        (place, None)
    } else if place.file_name().is_some_and(|name| name == "rule.toml") {
        (folder_of(place), None)
    } else if place.exists() {
        (folder_of(place), Some(place.to_owned()))
    } else {
        bail!(
            "there is no {}; name a rule's folder, a file of tests or a rule's file",
            place.display()
        );
    };
    // Where its cases are it tells also of a rule that was built otherwise.
    let opened = folder.join("rule.toml").exists();
    let opened = opened.then(|| Project::open(folder)).transpose()?;
    let usual = || match &opened {
        Some(project) => project.tests.clone(),
        None if folder == Path::new(".") => PathBuf::from("tests.toml"),
        None => folder.join("tests.toml"),
    };
    let tests = file.unwrap_or_else(usual);
    let project = opened.filter(|_| named.is_none());
    let rule = match (named, &project) {
        (Some(named), _) => Some(named.to_owned()),
        (None, Some(project)) => Some(made(project, builds)?),
        (None, None) => None,
    };
    Ok(Target {
        tests: tests.exists().then_some(tests),
        rule,
        project,
    })
}

/// The rule's file, as it was named or as the tests say.
pub(super) fn rule(target: &Target, told: Option<&PathBuf>) -> Result<PathBuf, LabError> {
    let rule = target.rule.as_ref().or(told);
    let tests = || {
        target
            .tests
            .clone()
            .unwrap_or_else(|| PathBuf::from("the command line"))
    };
    rule.cloned().ok_or_else(|| LabError::NoRule(tests()))
}

/// Where a file lies.
fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

fn made(project: &Project, builds: Builds) -> anyhow::Result<PathBuf> {
    if builds == Builds::No {
        return Ok(project.output());
    }
    let built = build(project, None);
    let built = built.with_context(|| format!("cannot build {}", project.folder.display()))?;
    Ok(built.file)
}
