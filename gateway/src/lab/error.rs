//! Why cases can't be tried, in words for whoever wrote them.

use std::fmt;
use std::path::PathBuf;

use crate::rules::{EngineError, GenerationError};

/// Why cases can't be tried.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file is not there, or may not be read.
    #[error("cannot read {}: {problem}", file.display())]
    Read {
        /// As it was named.
        file: PathBuf,
        /// The system's own words.
        problem: std::io::Error,
    },
    /// A file of tests is not one.
    #[error("{}: {problem}", file.display())]
    Form {
        /// As it was named.
        file: PathBuf,
        /// Where, what, and what was expected.
        problem: String,
    },
    /// What is told, or expected, can't be.
    #[error("{}", Lines(.0))]
    Cases(Vec<CaseProblem>),
    /// A file that would pass without a word.
    #[error("{} has no case; write [[case]] or [[matrix]]", .0.display())]
    Empty(PathBuf),
    /// Of which rule the tests are is not told.
    #[error("{} tells no rule; write rule = \"FILE.wasm\" at its top, or name it: --rule FILE.wasm", .0.display())]
    NoRule(PathBuf),
    /// Nothing is left to be tried.
    #[error("no case of {} has \"{filter}\" in its name; its cases: {}", file.display(), known.join(", "))]
    NoSuchCase {
        /// As it was named.
        file: PathBuf,
        /// What was asked for.
        filter: String,
        /// Some of those that there are.
        known: Vec<String>,
    },
    /// A speed that would be that of failing.
    #[error("case \"{case}\" {problem}; a measurement of it would say nothing")]
    Meaningless {
        /// Its name.
        case: String,
        /// What it does instead of answering.
        problem: String,
    },
    /// The rule does not load.
    #[error(transparent)]
    Load(#[from] GenerationError),
    /// The machine does not allow it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The report for `JUnit` can't be written.
    #[error("cannot write the report: {0}")]
    Report(String),
}

/// What is wrong with one case, or with what the file tells for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseProblem {
    /// As it was named.
    pub file: PathBuf,
    /// From 1; none: of the whole file.
    pub line: Option<usize>,
    /// Its name; none: of the whole file.
    pub case: Option<String>,
    /// The key at fault.
    pub key: &'static str,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

impl fmt::Display for CaseProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if let Some(case) = &self.case {
            write!(f, "case \"{case}\", ")?;
        }
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// One a line.
struct Lines<'a>(&'a [CaseProblem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { "\n" };
            write!(f, "{before}{problem}")?;
        }
        Ok(())
    }
}
