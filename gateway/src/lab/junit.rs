//! What came of all cases in the form that build servers read.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::error::LabError;
use super::report::{CaseReport, Report};

/// The report as `JUnit`'s XML: a suite for each file.
///
/// # Errors
///
/// When a text of it has no place in XML.
pub fn junit(report: &Report) -> Result<String, LabError> {
    let mut whole = Junit::new("hapta test");
    for file in &report.files {
        let mut suite = TestSuite::new(file.file.as_str());
        for case in &file.cases {
            let mut told = TestCase::new(case.name.as_str(), status(case));
            told.set_classname(file.rule.as_str());
            told.set_time(Duration::from_micros(case.micros));
            suite.add_test_case(told);
        }
        whole.add_test_suite(suite);
    }
    whole
        .to_string()
        .map_err(|error| LabError::Report(error.to_string()))
}

fn status(case: &CaseReport) -> TestCaseStatus {
    let Some(first) = case.failures.first() else {
        return TestCaseStatus::success();
    };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(first.what);
    status.set_message(format!("expected {}, got {}", first.expected, first.got));
    let each = case.failures.iter().map(|failure| {
        let diff = failure.diff.as_deref().unwrap_or_default();
        format!(
            "{}\n  expected {}\n  got      {}\n{diff}",
            failure.what, failure.expected, failure.got
        )
    });
    status.set_description(each.collect::<Vec<_>>().join("\n"));
    status
}
