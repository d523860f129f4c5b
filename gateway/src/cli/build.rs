//! `hapta build`: makes a rule of its source.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::terminal::{GOOD, Progress, QUIET, paint, say};
use crate::workshop::{self, Built, Project, Step, WorkshopError};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The rule's folder: the one with rule.toml.
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Put the component there as well.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only mend this component of componentize-qjs, as a build does.
    #[arg(long, hide = true, value_name = "FILE", conflicts_with_all = ["folder", "out"])]
    mend: Option<PathBuf>,
    /// What was built, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if let Some(component) = &options.mend {
        workshop::mend(component)?;
        return Ok(ExitCode::SUCCESS);
    }
    let project = Project::open(&options.folder)?;
    let built = build(&project, options.out.as_deref())?;
    if options.json {
        let told = json!({
            "name": project.name,
            "language": project.language,
            "world": project.world,
            "file": built.file,
            "bytes": built.bytes,
            "milliseconds": u64::try_from(built.took.as_millis()).unwrap_or(u64::MAX),
            "was_current": built.was_current,
        });
        say(&serde_json::to_string_pretty(&told)?);
    } else {
        say(&told(&built));
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds with a sign of life, and passes on what tools have to say.
pub(super) fn build(project: &Project, out: Option<&Path>) -> Result<Built, WorkshopError> {
    let mut progress = None;
    workshop::build(project, out, &mut |step| {
        // Gone before something else is written.
        progress = None;
        match step {
            Step::Begins(what) => progress = Some(Progress::begin(&what)),
            Step::Said(what) => beside(&what),
        }
    })
}

/// Says something that is not what was asked for.
fn beside(text: &str) {
    use std::io::Write;
    // Who reads it may be gone.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

fn told(built: &Built) -> String {
    let file = built.file.display().to_string();
    let size = bytesize::ByteSize::b(built.bytes)
        .display()
        .iec()
        .to_string();
    let how = if built.was_current {
        "as it was: nothing in its folder has changed".to_owned()
    } else {
        format!("{:.1} s", built.took.as_secs_f64())
    };
    format!(
        "{} {file} {}",
        paint(GOOD, "built"),
        paint(QUIET, &format!("({size}, {how})"))
    )
}
