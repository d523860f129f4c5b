//! `hapta test`, `run` and `bench`: rules tried on requests that nobody sent.

/// Verdicts, edits and what remains.
mod cases;
/// What comes of cases: reports, traces, measurements, saves.
mod commands;
/// Cases that would say nothing are no cases.
mod refused;
/// What PocketBase would answer a rule, as a case tells it.
mod told;

use std::fs;

use hapta_tests::{Ended, Program, Setup, rules};

use crate::commands::HAPTA;

/// The command in a folder with these tests of this rule.
fn with(rule: &str, tests: &str) -> Program {
    let nowhere = Setup::before("127.0.0.1:9".parse().expect("an address"));
    let program = Program::new(HAPTA, nowhere);
    let rule = rules::path(rule).display().to_string();
    let text = format!("rule = {rule:?}\n{tests}");
    fs::write(program.folder().join("tests.toml"), text).expect("writes the tests");
    program
}

/// `hapta test` on them.
async fn test(rule: &str, tests: &str) -> Ended {
    with(rule, tests).run("test").await
}

/// All of them pass.
async fn passes(rule: &str, tests: &str) {
    let ended = test(rule, tests).await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    assert!(ended.output.contains(" 0 failed"), "{}", ended.output);
}

/// Some of them fail, and all of this is said.
async fn fails(rule: &str, tests: &str, words: &[&str]) {
    ends(1, &test(rule, tests).await, words);
}

#[track_caller]
fn ends(status: i32, ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status, Some(status), "{}", ended.output);
    for word in words {
        assert!(
            ended.output.contains(word),
            "no {word} in\n{}",
            ended.output
        );
    }
}
