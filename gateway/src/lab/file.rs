//! A file of tests, read and checked as a whole before anything of it is tried.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::case::{Case, Judged};
use super::error::{CaseProblem, LabError};
use super::facts::{Facts, Wrong};
use super::{matrix, raw};
use crate::rules::{Known, Limits, Powers};

/// Cases about one rule.
pub struct Tests {
    /// As it was named.
    pub file: PathBuf,
    /// The rule that it names, found from its folder.
    pub rule: Option<PathBuf>,
    /// In their order.
    pub cases: Vec<Case>,
    pub(super) powers: Powers,
    pub(super) limits: Limits,
    /// As in `[[rule]]`.
    pub(super) ahead: u32,
    pub(super) known: Known,
}

/// A request that is told on the command line.
#[derive(Clone, Debug, Default)]
pub struct Adhoc {
    /// As a case writes it.
    pub request: String,
    /// Who asks, by name.
    pub who: Option<String>,
    /// JSON.
    pub body: Option<String>,
    /// JSON, `none` or `fault`.
    pub stored: Option<String>,
    /// JSON, or `empty`.
    pub response: Option<String>,
    /// JSON.
    pub settings: Option<String>,
}

impl Tests {
    /// Reads a file, and holds every case against what it can mean.
    ///
    /// # Errors
    ///
    /// All that is wrong with its cases, at once.
    pub fn read(file: &Path) -> Result<Self, LabError> {
        let (text, raw) = load(file)?;
        let (facts, mut tests) = Self::begin(file, &raw)?;
        let (mut problems, mut cases) = (Vec::new(), Vec::new());
        let mut add =
            |line: usize, case: &raw::Case| match Case::of((line, case), &raw, &facts, Judged::Yes)
            {
                Ok(case) => cases.push(case),
                Err(wrong) => problems.push(problem(file, (line, &case.name), wrong)),
            };
        for case in &raw.case {
            add(line_of(&text, case.span().start), case.get_ref());
        }
        let mut of_matrices = Vec::new();
        for one in &raw.matrix {
            let line = line_of(&text, one.span().start);
            match matrix::cases(one.get_ref(), &facts) {
                Ok(cells) => cells.iter().for_each(|cell| add(line, cell)),
                Err(wrong) => of_matrices.push(problem(file, (line, &one.get_ref().name), wrong)),
            }
        }
        problems.append(&mut of_matrices);
        let mut names = HashSet::new();
        let twice = cases.iter().filter(|case| !names.insert(case.name.clone()));
        problems.extend(twice.map(|case| {
            let wrong = ("name", "another case has it; names must differ".to_owned());
            problem(file, (case.line, &case.name), wrong)
        }));
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.line);
            return Err(LabError::Cases(problems));
        }
        if cases.is_empty() {
            return Err(LabError::Empty(file.to_owned()));
        }
        tests.cases = cases;
        Ok(tests)
    }

    /// One request, told beside a file of tests if there is one. It expects nothing.
    ///
    /// # Errors
    ///
    /// As [`Tests::read`].
    pub fn adhoc(file: Option<&Path>, told: &Adhoc) -> Result<Self, LabError> {
        let place = file.unwrap_or_else(|| Path::new("command line"));
        let raw = match file {
            Some(file) => load(file)?.1,
            None => raw::File::default(),
        };
        let wrong = |wrong: Wrong| {
            LabError::Cases(vec![problem(Path::new("command line"), (0, ""), wrong)])
        };
        let case = told.case().map_err(wrong)?;
        // What it names is to be in the schema, so it is one of the file's.
        let mut with_it = raw;
        with_it.case.push(toml::Spanned::new(0..0, case.clone()));
        let (facts, mut tests) = Self::begin(place, &with_it)?;
        let case = Case::of((0, &case), &with_it, &facts, Judged::No);
        tests.cases = vec![case.map_err(wrong)?];
        Ok(tests)
    }

    /// Keeps the cases that have this in their names.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn keep(&mut self, filter: &str) -> Result<(), LabError> {
        let fits = |case: &Case| case.name.contains(filter);
        if !self.cases.iter().any(fits) {
            let known = self.cases.iter().map(|case| format!("\"{}\"", case.name));
            return Err(LabError::NoSuchCase {
                file: self.file.clone(),
                filter: filter.to_owned(),
                known: known.take(20).collect(),
            });
        }
        self.cases.retain(fits);
        Ok(())
    }

    /// Keeps one case: that of this name, or the first that has it in its name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn choose(&mut self, name: &str) -> Result<(), LabError> {
        if self.cases.iter().any(|case| case.name == name) {
            self.cases.retain(|case| case.name == name);
            return Ok(());
        }
        self.keep(name)?;
        self.cases.truncate(1);
        Ok(())
    }

    /// All but the cases.
    fn begin(file: &Path, raw: &raw::File) -> Result<(Facts, Self), LabError> {
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        let of_file = |(key, problem): Wrong| {
            LabError::Cases(vec![CaseProblem {
                file: file.to_owned(),
                line: None,
                case: None,
                key,
                problem,
            }])
        };
        let facts = Facts::of(raw, folder).map_err(of_file)?;
        let powers = Powers::new(raw.grants.clone(), raw.reads.clone());
        let powers = powers.map_err(|error| of_file(("grants", error.to_string())))?;
        let tests = Self {
            file: file.to_owned(),
            rule: raw.rule.as_ref().map(|rule| folder.join(rule)),
            cases: Vec::new(),
            powers,
            limits: limits(&raw.limits),
            ahead: raw.limits.ahead,
            known: facts.known.clone(),
        };
        Ok((facts, tests))
    }
}

impl Adhoc {
    fn case(&self) -> Result<raw::Case, Wrong> {
        let table = |key: &'static str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => match json(key, text)? {
                Value::Table(table) => Ok(Some(table)),
                _ => Err((key, "expected a JSON object".to_owned())),
            },
        };
        let word = |key: &'static str, text: &Option<String>, words: &[&str]| match text {
            Some(text) if words.contains(&text.as_str()) => Ok(Some(Value::from(text.as_str()))),
            Some(text) => json(key, text).map(Some),
            None => Ok(None),
        };
        Ok(raw::Case {
            name: self.request.clone(),
            request: self.request.clone(),
            r#as: self.who.clone(),
            body: table("body", &self.body)?,
            stored: word("stored", &self.stored, &["none", "fault"])?,
            response: word("response", &self.response, &["empty"])?,
            settings: table("settings", &self.settings)?,
            ..raw::Case::default()
        })
    }
}

fn load(file: &Path) -> Result<(String, raw::File), LabError> {
    let text = std::fs::read_to_string(file).map_err(|problem| LabError::Read {
        file: file.to_owned(),
        problem,
    })?;
    let raw = raw::read(file, &text)?;
    Ok((text, raw))
}

/// JSON of the command line in the terms of a file, which has no null.
fn json(key: &'static str, text: &str) -> Result<Value, Wrong> {
    let told: serde_json::Value =
        serde_json::from_str(text).map_err(|error| (key, format!("it is no JSON: {error}")))?;
    let wrapped: Result<Table, _> = Table::try_from(serde_json::json!({ "it": told }));
    let told = wrapped.ok().and_then(|mut table| table.remove("it"));
    told.ok_or_else(|| (key, "null has no place in it; leave the key out".to_owned()))
}

fn limits(raw: &raw::Limits) -> Limits {
    let usual = Limits::default();
    Limits {
        cpu: raw.cpu.unwrap_or(usual.cpu),
        deadline: raw.deadline.unwrap_or(usual.deadline),
        memory: raw.memory.unwrap_or(usual.memory),
        host_calls: raw.host_calls.unwrap_or(usual.host_calls),
        edits: raw.edits.unwrap_or(usual.edits),
        running: usual.running,
    }
}

fn problem(file: &Path, (line, case): (usize, &str), (key, problem): Wrong) -> CaseProblem {
    CaseProblem {
        file: file.to_owned(),
        line: (line > 0).then_some(line),
        case: (!case.is_empty()).then(|| case.to_owned()),
        key,
        problem,
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}
