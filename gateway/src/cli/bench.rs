//! `hapta bench`: how long a rule takes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;

use super::terminal::{Progress, QUIET, STRONG, complain, paint, say};
use super::trying::{self, Builds, Target};
use crate::lab::{Laboratory, Plan, Quantiles, Speed, Tests, engine, measure};

/// Where a build keeps the one before it.
const PREVIOUS: &str = ".previous.wasm";

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A rule's folder, or a file of tests.
    #[arg(default_value = ".", value_name = "FOLDER|FILE")]
    place: PathBuf,
    /// The rule to be measured, instead of the folder's own or the one that the tests name.
    #[arg(long, value_name = "FILE")]
    rule: Option<PathBuf>,
    /// What it is measured against; the build before, if that was kept.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The case whose request is asked, by its name or a part of it; the first if nothing is said.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Calls of each kind, unless 3 seconds are over first.
    #[arg(long, default_value = "2000", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// What was measured as JSON, for machines.
    #[arg(long)]
    json: bool,
    /// Measure the rule as it was built last.
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
    let Some(file) = &target.tests else {
        bail!(
            "there are no tests for {}; a request to measure is told by a case, in tests.toml",
            options.place.display()
        );
    };
    let mut tests = Tests::read(file)?;
    if let Some(name) = &options.case {
        tests.choose(name)?;
    }
    let rule = trying::rule(&target, tests.rule.as_ref())?;
    let against = options.against.clone().or_else(|| previous(&target, &rule));
    let (speed, name) = one(&rule, &tests, options).await?;
    let before = match &against {
        Some(against) => Some(one(against, &tests, options).await?.0),
        None => None,
    };
    if options.json {
        let told = json!({ "case": name, "speed": speed, "against": before });
        say(&serde_json::to_string_pretty(&told)?);
    } else {
        say(&format!("{} {}", paint(STRONG, "case"), name));
        tell(&speed, before.as_ref());
        if cfg!(debug_assertions) {
            complain(
                "hapta: this is a build for development, so the times are longer than in production",
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(rule: &Path, tests: &Tests, options: &Options) -> anyhow::Result<(Speed, String)> {
    let Some(case) = tests.cases.first() else {
        bail!("nothing is asked");
    };
    let _progress = Progress::begin(&format!("measuring {}", rule.display()));
    let laboratory = Laboratory::new(&engine(None)?, rule);
    let plan = Plan {
        calls: options.calls,
    };
    let measuring = measure(&laboratory, tests, case, plan);
    // Budgets that make a task let others run would count here, where none are.
    let speed = tokio::task::unconstrained(Box::pin(measuring)).await?;
    Ok((speed, case.name.clone()))
}

/// The build before, where the workshop kept it.
fn previous(target: &Target, rule: &Path) -> Option<PathBuf> {
    target.project.as_ref()?;
    let previous = rule.with_file_name(PREVIOUS);
    previous.exists().then_some(previous)
}

fn tell(speed: &Speed, before: Option<&Speed>) {
    say(&format!("  rule          {}", speed.rule));
    if let Some(before) = before {
        say(&format!("  against       {}", before.rule));
    }
    let number = |label: &str, of: fn(&Speed) -> f64, unit: &str| {
        row(label, of(speed), before.map(of), unit);
    };
    let kib = |bytes: u64| {
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let bytes = bytes as f64;
        bytes / 1_024.0
    };
    row(
        "size",
        kib(speed.bytes),
        before.map(|one| kib(one.bytes)),
        "KiB",
    );
    number(
        "load",
        |one| f64::from(u32::try_from(one.load_micros).unwrap_or(u32::MAX)) / 1e3,
        "ms",
    );
    let memory = |one: &Speed| kib(u64::try_from(one.memory).unwrap_or(u64::MAX));
    row("memory", memory(speed), before.map(memory), "KiB");
    number("host calls", |one| f64::from(one.host_calls), "");
    quantiles("before", speed.before, before.and_then(|one| one.before));
    let ahead = before.and_then(|one| one.before_ahead);
    quantiles("made ahead", speed.before_ahead, ahead);
    quantiles(
        "the way out",
        speed.release,
        before.and_then(|one| one.release),
    );
}

fn quantiles(label: &str, now: Option<Quantiles>, before: Option<Quantiles>) {
    let Some(now) = now else { return };
    row(
        &format!("{label} p50"),
        now.p50,
        before.map(|one| one.p50),
        "µs",
    );
    row(
        &format!("{label} p99"),
        now.p99,
        before.map(|one| one.p99),
        "µs",
    );
}

/// A number, and how many times that of the other it is.
fn row(label: &str, now: f64, before: Option<f64>, unit: &str) {
    let than = match before {
        Some(before) if before > 0.0 => {
            let ratio = format!("{:.2} × {before:.1}", now / before);
            format!("  {}", paint(QUIET, &ratio))
        }
        _ => String::new(),
    };
    say(&format!("  {label:<17} {now:>10.1} {unit}{than}"));
}
