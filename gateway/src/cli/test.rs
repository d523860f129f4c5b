//! `hapta test`: holds a rule to its cases.

mod told;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::json;

use self::told::tell;
use super::terminal::{Progress, complain, say};
use super::trying::{self, Builds};
use crate::lab::{self, LabError, Laboratory, Report, Tests};
use crate::rules::Engine;
use crate::workshop::Project;

/// Where in a rule's folder compiled code is kept.
const COMPILED: &str = "build/.compiled";

/// Some cases failed.
const FAILED: u8 = 1;

/// Nothing could be tried.
const BROKEN: u8 = 2;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Folders of rules, or files of tests.
    #[arg(default_value = ".", value_name = "FOLDER|FILE")]
    places: Vec<PathBuf>,
    /// The rule to be tried, instead of the folder's own or the one that the tests name.
    #[arg(long, value_name = "FILE")]
    rule: Option<PathBuf>,
    /// Only cases with this in their names.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Try again at each save, until Ctrl-C.
    #[arg(long, conflicts_with_all = ["json", "junit"])]
    watch: bool,
    /// What came of it as JSON, for machines.
    #[arg(long)]
    json: bool,
    /// Write `JUnit`'s XML there as well, for build servers.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// What it means if a denial of the rule was brought about by no case.
    #[arg(long, value_enum, default_value = "tell", value_name = "HOW")]
    coverage: Wanted,
    /// Try the rule as it was built last.
    #[arg(long)]
    no_build: bool,
}

/// How much denials that nobody tries matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// They are told.
    Tell,
    /// They are a failure.
    Require,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if options.watch {
        return runtime.block_on(watch::run(options));
    }
    Ok(runtime.block_on(once(options, &mut Engines::default())))
}

/// The engines of the rules' folders: what one has compiled helps it with the next build.
#[derive(Default)]
struct Engines(BTreeMap<Option<PathBuf>, Arc<Engine>>);

impl Engines {
    fn of(&mut self, project: Option<&Project>) -> Result<Arc<Engine>, LabError> {
        let folder = project.map(|project| project.folder.join(COMPILED));
        if let Some(known) = self.0.get(&folder) {
            return Ok(Arc::clone(known));
        }
        let engine = lab::engine(folder.as_deref())?;
        self.0.insert(folder, Arc::clone(&engine));
        Ok(engine)
    }
}

/// Tries all of it, and tells what came of it.
async fn once(options: &Options, engines: &mut Engines) -> ExitCode {
    let tried = match tried(options, engines).await {
        Ok(report) => told_of(options, &report),
        Err(error) => Err(error),
    };
    tried.unwrap_or_else(|error| {
        if options.json {
            say(&json!({ "error": format!("{error:#}") }).to_string());
        } else {
            complain(&format!("hapta: {error:#}"));
        }
        ExitCode::from(BROKEN)
    })
}

fn told_of(options: &Options, report: &Report) -> anyhow::Result<ExitCode> {
    if let Some(file) = &options.junit {
        let text = lab::junit(report)?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    // Of some cases alone nothing follows.
    let is_all = options.filter.is_none();
    let files = report.files.iter().filter(|_| is_all);
    let gaps: Vec<(&str, String)> = files
        .filter_map(|file| Some((file.file.as_str(), file.denials.gap()?)))
        .collect();
    if options.json {
        say(&serde_json::to_string_pretty(report)?);
    } else {
        tell(report, &gaps);
    }
    let lacks = options.coverage == Wanted::Require && !gaps.is_empty();
    if lacks && !options.json {
        complain("hapta: --coverage require: some denials are brought about by no case");
    }
    Ok(if report.failed > 0 || lacks {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

async fn tried(options: &Options, engines: &mut Engines) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut known = None;
    for place in &options.places {
        let target = trying::find(place, options.rule.as_deref(), options.builds())?;
        let Some(file) = &target.tests else {
            bail!(
                "there are no tests for {}; write them into tests.toml",
                place.display()
            );
        };
        let mut tests = Tests::read(file)?;
        if let Some(filter) = &options.filter
            && let Err(error) = tests.keep(filter)
        {
            // Another file may have it.
            known = Some(error);
            continue;
        }
        let rule = trying::rule(&target, tests.rule.as_ref())?;
        let progress = Progress::begin(&format!("trying {}", rule.display()));
        let engine = engines.of(target.project.as_ref())?;
        let mut laboratory = Laboratory::new(&engine, &rule);
        let tried = lab::run(&mut laboratory, &tests).await;
        drop(progress);
        report.add(tried?);
    }
    match known {
        Some(error) if report.files.is_empty() => Err(error.into()),
        _ => Ok(report),
    }
}

impl Options {
    fn builds(&self) -> Builds {
        if self.no_build {
            Builds::No
        } else {
            Builds::Yes
        }
    }
}
