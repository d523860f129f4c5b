//! What came of all cases, for whoever reads it in a terminal.

use std::path::Path;

use crate::cli::terminal::{BAD, GOOD, LOOK, QUIET, STRONG, paint, say};
use crate::lab::{CaseReport, Failure, Report};

/// Tells of each file, case by case, and what it comes to.
pub(super) fn tell(report: &Report, gaps: &[(&str, String)]) {
    for file in &report.files {
        let (place, of) = (
            from_here(&file.file),
            format!("of {}", from_here(&file.rule)),
        );
        say(&format!("{} {}", paint(STRONG, place), paint(QUIET, &of)));
        for case in &file.cases {
            one(case, place);
        }
        for code in file.denials.undeclared() {
            let note = format!("  {code} is met, and the rule's manifest does not tell it");
            say(&paint(QUIET, &note));
        }
        for (_, gap) in gaps.iter().filter(|(of, _)| *of == file.file) {
            say(&paint(LOOK, &format!("  {gap}")));
        }
    }
    let all = report.passed + report.failed;
    let cases = if all == 1 { "case" } else { "cases" };
    let sum = format!(
        "{all} {cases}: {} passed, {} failed",
        report.passed, report.failed
    );
    let style = if report.failed == 0 { GOOD } else { BAD };
    say(&paint(style, &sum));
}

/// A path as somebody in this folder would write it.
fn from_here(path: &str) -> &str {
    let here = std::env::current_dir().ok();
    let rest = here.and_then(|here| Path::new(path).strip_prefix(here).ok()?.to_str());
    rest.filter(|rest| !rest.is_empty()).unwrap_or(path)
}

fn one(case: &CaseReport, file: &str) {
    let unasked = if case.asked || case.got == "refuse" {
        ""
    } else {
        " (the rule is not asked)"
    };
    if case.passed {
        let said = paint(QUIET, &format!("{}{unasked}", case.got));
        say(&format!("  {} {}  {said}", paint(GOOD, "✓"), case.name));
        return;
    }
    let place = paint(QUIET, &format!("{file}:{}", case.line));
    say(&format!("  {} {}  {place}", paint(BAD, "✗"), case.name));
    case.failures.iter().for_each(failure);
}

fn failure(failure: &Failure) {
    let Failure {
        what,
        expected,
        got,
        diff,
    } = failure;
    if let Some(diff) = diff {
        say(&format!("      {what} differs:"));
        for line in diff.lines() {
            let style = match line.chars().next() {
                Some('-') => BAD,
                Some('+') => GOOD,
                _ => QUIET,
            };
            say(&format!("        {}", paint(style, line)));
        }
    } else {
        say(&format!("      {what}: expected {expected}"));
        say(&format!("      {} got {got}", " ".repeat(what.len() + 1)));
    }
}
