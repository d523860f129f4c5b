//! What came of all cases, for people and for machines: the shape of `hapta test --json`.

use std::path::Path;

use serde::Serialize;

use super::coverage::Coverage;
use super::error::LabError;
use super::file::Tests;
use super::judge::{Failure, expected_words, judge};
use super::load::{Laboratory, Loaded};

/// All files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that did not.
    pub failed: usize,
    /// In the order in which they were named.
    pub files: Vec<FileReport>,
}

/// The cases of one file.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// As it was named.
    pub file: String,
    /// The rule's file.
    pub rule: String,
    /// In their order.
    pub cases: Vec<CaseReport>,
    /// The codes of the rule's denials.
    pub denials: Coverage,
}

/// One case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// Where it begins in its file.
    pub line: usize,
    /// Whether all came as expected.
    pub passed: bool,
    /// Whether the rule was asked anything; if not, it does not judge such a request.
    pub asked: bool,
    /// What should have been said: `allow`, `deny CODE`, `any verdict`.
    pub expected: String,
    /// What was said.
    pub got: String,
    /// What did not come as expected.
    pub failures: Vec<Failure>,
    /// By the clock.
    pub micros: u64,
}

/// Tries all cases of a file, one after the other.
///
/// # Errors
///
/// When the rule is none that can serve.
pub async fn run(laboratory: &mut Laboratory, tests: &Tests) -> Result<FileReport, LabError> {
    let mut report = FileReport {
        file: shown(&tests.file),
        rule: shown(&laboratory.rule),
        cases: Vec::new(),
        denials: Coverage::default(),
    };
    for case in &tests.cases {
        let loaded = laboratory.load(tests, &case.settings).await?;
        if let Loaded::Rule(generation) = &loaded {
            report.denials.declare(generation);
        }
        let trial = case.attempt(&loaded, tests).await;
        report.denials.meet(&trial);
        let failures = judge(case, &trial);
        report.cases.push(CaseReport {
            name: case.name.clone(),
            line: case.line,
            passed: failures.is_empty(),
            asked: trial.was_asked(),
            expected: case.expect.as_ref().map(expected_words).unwrap_or_default(),
            got: trial.verdict.words(),
            failures,
            micros: u64::try_from(trial.took.as_micros()).unwrap_or(u64::MAX),
        });
    }
    Ok(report)
}

impl Report {
    /// Adds a file.
    pub fn add(&mut self, file: FileReport) {
        let passed = file.cases.iter().filter(|case| case.passed).count();
        self.passed += passed;
        self.failed += file.cases.len() - passed;
        self.files.push(file);
    }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
