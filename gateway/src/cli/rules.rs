//! `hapta rules`: what was in force, what changed, and going back to it.

mod diff;
mod remove;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;

use super::place::{Heard, Place, Visit, short, tell, time};
use crate::rules::{Kept, Listed};
use crate::state::{Control, Report};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the generations that are kept, the newest last.
    History(There),
    /// Tell what differs between two generations.
    ///
    /// Rules that came, went or changed (module, settings, limits, place), and who
    /// judges which collection. Settings are shown as they are.
    Diff(Diff),
    /// Go back: bring an earlier generation into force and stay there.
    ///
    /// It works also while the files of the rules are broken. Files are not followed
    /// until `hapta rules pin --off`. Without a number it is the generation that the
    /// files asked for before the one in force.
    Rollback(Numbered),
    /// Keep a generation in force whatever files say, across restarts too.
    ///
    /// Without a number it is the one in force. What judges is held: rules, their
    /// settings and limits, which collections are exposed and by whom they are judged.
    /// All other sections of the configuration are followed as always.
    Pin(Pin),
    /// Take a rule of the rules folder out of service.
    ///
    /// A rule whose file vanishes stays in force: a slip must not loosen the gateway.
    /// This says that it is meant. The file, if it is there, goes to the folder
    /// `removed` of the state folder.
    Remove(Named),
}

#[derive(Debug, clap::Args)]
pub(super) struct There {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Numbered {
    /// As `hapta rules history` tells it.
    number: Option<u64>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Pin {
    /// As `hapta rules history` tells it; the one in force if none is given.
    number: Option<u64>,
    /// Follow files again.
    #[arg(long, conflicts_with = "number")]
    off: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// The generation to begin with.
    from: u64,
    /// The one to end with; the one in force if none is given.
    to: Option<u64>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The rule's name: its file's, without the ending.
    name: String,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::History(There { place }) => history(&place.visit()?),
        Command::Diff(Diff { from, to, place }) => {
            let visit = place.visit()?;
            let history = visit.history();
            let to = match to {
                Some(to) => *to,
                None => visit.report()?.generation,
            };
            tell(&diff::told(&history.get(*from)?, &history.get(to)?));
            Ok(ExitCode::SUCCESS)
        }
        Command::Rollback(Numbered { number, place }) => {
            let visit = place.visit()?;
            let number = match number {
                Some(number) => *number,
                None => before(&visit)?,
            };
            pin(&visit, number)
        }
        Command::Pin(Pin {
            off: true, place, ..
        }) => unpin(&place.visit()?),
        Command::Pin(Pin { number, place, .. }) => {
            let visit = place.visit()?;
            let number = match number {
                Some(number) => *number,
                None => visit.report()?.generation,
            };
            pin(&visit, number)
        }
        Command::Remove(Named { name, place }) => remove::run(&place.visit()?, name),
    }
}

fn history(visit: &Visit) -> anyhow::Result<ExitCode> {
    let Listed { kept, broken } = visit.history().list()?;
    let report = Report::load(&visit.state)?.unwrap_or_default();
    let asked = Control::load(&visit.state)?;
    tell("NUMBER  WHEN                     DIGEST        RULES");
    for each in &kept {
        let names: Vec<&str> = each.rules.iter().map(|rule| rule.name.as_str()).collect();
        tell(&format!(
            "{:>6}  {}  {}  {}{}",
            each.number,
            time(each.followed_ms),
            short(&each.digest),
            names.join(", "),
            marks(each, &report, asked.control.pinned)
        ));
    }
    for error in &broken {
        tell(&format!("not usable: {error}"));
    }
    Ok(if broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is special about a generation.
fn marks(kept: &Kept, report: &Report, pinned: Option<u64>) -> String {
    let marks = [
        (kept.number == report.generation, "in force"),
        (pinned == Some(kept.number), "pinned"),
        (kept.alarmed_ms.is_some(), "failed too often"),
    ];
    let marks: Vec<&str> = marks
        .into_iter()
        .filter_map(|(is, mark)| is.then_some(mark))
        .collect();
    if marks.is_empty() {
        String::new()
    } else {
        format!("  <- {}", marks.join(", "))
    }
}

/// The generation before the one in force.
fn before(visit: &Visit) -> anyhow::Result<u64> {
    let generation = visit.report()?.generation;
    let listed = visit.history().list()?;
    let before = listed.before(generation).map(|kept| kept.number);
    before.with_context(|| {
        format!("nothing before generation {generation} is kept; name one of hapta rules history")
    })
}

fn pin(visit: &Visit, number: u64) -> anyhow::Result<ExitCode> {
    let history = visit.history();
    // What could not come into force must not keep the next start from starting.
    history.settings(&history.get(number)?)?;
    let before = Control::load(&visit.state)?.control.pinned;
    let asked = visit.ask(|control| control.pinned = Some(number))?;
    let stays = "files are not followed until hapta rules pin --off";
    // Another command may have asked for more meanwhile, and been heard instead.
    let is_over = |report: &Report| {
        report.settled == asked.digest
            || (report.pinned, report.generation) == (Some(number), number)
    };
    match visit.heard(is_over)? {
        Heard::Now(report) if report.generation == number => {
            tell(&format!(
                "generation {number} is in force and pinned: {stays}"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Heard::Now(report) => {
            // Else the next start would be refused as well.
            visit.ask(|control| {
                if control.pinned == Some(number) {
                    control.pinned = before;
                }
            })?;
            visit.heard(|report| report.pinned != Some(number))?;
            bail!(
                "generation {number} was refused, and generation {} stays in force: {}",
                report.generation,
                reason(&report)
            )
        }
        Heard::AtTheNextStart => {
            tell(&format!(
                "generation {number} is pinned; no gateway runs, so it takes effect at the next start: {stays}"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Heard::NotYet => not_yet(),
    }
}

fn unpin(visit: &Visit) -> anyhow::Result<ExitCode> {
    let asked = visit.ask(|control| control.pinned = None)?;
    match visit.heard(|report| report.settled == asked.digest)? {
        Heard::Now(report) if report.refused.is_none() => {
            let generation = report.generation;
            tell(&format!(
                "files are followed again: generation {generation} is in force"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Heard::Now(report) => bail!(
            "files are followed again, but can't be served as they are, so generation {} stays in force: {}",
            report.generation,
            reason(&report)
        ),
        Heard::AtTheNextStart => {
            tell("files are followed again from the next start on; no gateway runs");
            Ok(ExitCode::SUCCESS)
        }
        Heard::NotYet => not_yet(),
    }
}

fn reason(report: &Report) -> &str {
    let refused = report.refused.as_ref();
    refused.map_or("see its log", |refused| refused.reason.as_str())
}

fn not_yet() -> anyhow::Result<ExitCode> {
    bail!("asked for, but the gateway has not answered yet; see hapta status")
}
