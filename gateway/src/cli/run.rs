//! `hapta run`: one request through a rule.

mod told;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::terminal::say;
use super::trying::{self, Builds, Target};
use crate::lab::{Adhoc, Case, Laboratory, Tests, Trial, diff, engine, judge};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A rule's folder, a file of tests, or a rule's file.
    #[arg(default_value = ".", value_name = "FOLDER|FILE")]
    place: PathBuf,
    /// The rule to be tried, instead of the folder's own or the one that the tests name.
    #[arg(long, value_name = "FILE")]
    rule: Option<PathBuf>,
    /// A case of the tests, by its name or a part of it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["request", "who", "body", "stored", "response", "settings"])]
    case: Option<String>,
    /// What is asked: "update posts/p1", or "PATCH /api/collections/posts/records/p1".
    #[arg(long, value_name = "REQUEST")]
    request: Option<String>,
    /// Who asks: guest, superuser, or somebody whom the tests tell of.
    #[arg(long = "as", value_name = "NAME")]
    who: Option<String>,
    /// The request's body.
    #[arg(long, value_name = "JSON")]
    body: Option<String>,
    /// The record that it is about, "none" or "fault".
    #[arg(long, value_name = "JSON")]
    stored: Option<String>,
    /// What `PocketBase` answers, or "empty".
    #[arg(long, value_name = "JSON")]
    response: Option<String>,
    /// The rule's settings, over those of the tests.
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
    /// All of it as JSON, for machines.
    #[arg(long)]
    json: bool,
    /// Try the rule as it was built last.
    #[arg(long)]
    no_build: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(once(options))
}

async fn once(options: &Options) -> anyhow::Result<ExitCode> {
    let builds = if options.no_build {
        Builds::No
    } else {
        Builds::Yes
    };
    let target = trying::find(&options.place, options.rule.as_deref(), builds)?;
    let tests = options.tests(&target)?;
    let rule = trying::rule(&target, tests.rule.as_ref())?;
    let Some(case) = tests.cases.first() else {
        bail!("nothing is asked");
    };
    let mut laboratory = Laboratory::new(&engine(None)?, &rule);
    let loaded = laboratory.load(&tests, case.settings()).await?;
    let trial = case.attempt(&loaded, &tests).await;
    if options.json {
        say(&serde_json::to_string_pretty(&as_json(case, &trial))?);
    } else {
        told::tell(case, &trial);
    }
    Ok(ExitCode::SUCCESS)
}

impl Options {
    /// One case: the one that is named, or the request of the command line.
    fn tests(&self, target: &Target) -> anyhow::Result<Tests> {
        let Some(request) = &self.request else {
            let Some(file) = &target.tests else {
                bail!("nothing is asked; say --request \"update posts/p1\"");
            };
            let mut tests = Tests::read(file)?;
            match &self.case {
                Some(name) => tests.choose(name)?,
                None if tests.cases.len() > 1 => {
                    let names = tests.cases.iter().map(|case| format!("\"{}\"", case.name));
                    let names: Vec<String> = names.take(20).collect();
                    bail!(
                        "which case? say --case, with one of {}; or say --request \"update posts/p1\"",
                        names.join(", ")
                    );
                }
                None => {}
            }
            return Ok(tests);
        };
        let told = Adhoc {
            request: request.clone(),
            who: self.who.clone(),
            body: self.body.clone(),
            stored: self.stored.clone(),
            response: self.response.clone(),
            settings: self.settings.clone(),
        };
        Ok(Tests::adhoc(target.tests.as_deref(), &told)?)
    }
}

fn as_json(case: &Case, trial: &Trial) -> serde_json::Value {
    let (steps, left_out) = trial.trace.steps();
    let notes = trial
        .notes
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value }));
    let costs = trial.costs.iter().map(|cost| {
        json!({
            "rule": &*cost.rule, "calls": cost.calls, "micros": cost.nanos / 1_000,
            "host_calls": cost.host_calls, "memory": cost.memory,
        })
    });
    json!({
        "asks": case.asks(),
        "verdict": trial.verdict.words(),
        "denial": told::denial(&trial.verdict),
        "cause": told::cause(&trial.verdict),
        "body": { "before": case.body(), "after": case.shown(trial.body.clone()) },
        "narrowed": trial.narrowed,
        "response": { "before": case.response(), "after": trial.answer },
        "steps": steps,
        "steps_left_out": left_out,
        "log": trial.trace.lines(),
        "notes": notes.collect::<Vec<_>>(),
        "costs": costs.collect::<Vec<_>>(),
        "missing": trial.missing,
        "failures": judge(case, trial),
    })
}

/// What a rule changed, if it changed anything.
fn changed(
    before: Option<&serde_json::Value>,
    after: Option<&serde_json::Value>,
) -> Option<String> {
    let (before, after) = (before?, after?);
    (before != after).then(|| diff(before, after))
}
