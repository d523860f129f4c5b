//! `hapta status`.

use std::process::ExitCode;

use super::place::{Place, short, tell, time};
use crate::state::Report;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
    /// Everything, as JSON; times are milliseconds since 1970.
    #[arg(long)]
    json: bool,
}

/// As the exit status says it.
const FINE: u8 = 0;
const LOOK: u8 = 1;
const AWAY: u8 = 2;

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (folder, visit) = options.place.find()?;
    let Some(visit) = visit else {
        let folder = folder.display();
        tell(&format!(
            "not running: no gateway has ever had the state folder {folder}"
        ));
        return Ok(ExitCode::from(AWAY));
    };
    let is_running = visit.state.is_held();
    let report = visit.report()?;
    if options.json {
        let mut all = serde_json::to_value(&report)?;
        if let Some(all) = all.as_object_mut() {
            all.insert("running".to_owned(), is_running.into());
        }
        tell(&serde_json::to_string_pretty(&all)?);
    } else {
        tell(&told(&report, is_running));
    }
    Ok(ExitCode::from(match &report {
        _ if !is_running => AWAY,
        report if report.degraded.is_some() || report.alarm.is_some() => LOOK,
        report if !report.problems.is_empty() => LOOK,
        _ => FINE,
    }))
}

fn told(report: &Report, is_running: bool) -> String {
    let mut lines = Vec::new();
    if !is_running {
        lines.push("not running; this is how things stood last".to_owned());
    }
    lines.push(format!(
        "generation {}  {}  in force since {}",
        report.generation,
        short(&report.digest),
        time(report.since_ms)
    ));
    let names: Vec<&str> = report.rules.iter().map(|rule| rule.name.as_str()).collect();
    lines.push(match names.as_slice() {
        [] => "rules       none".to_owned(),
        names => format!("rules       {}", names.join(", ")),
    });
    if let Some(pinned) = report.pinned {
        lines.push(format!(
            "pinned      generation {pinned}: files are not followed until hapta rules pin --off"
        ));
    }
    if let Some(reason) = &report.degraded {
        lines.push(format!(
            "degraded    the last good generation is served, since the files can't be: {reason}"
        ));
    }
    if let Some(refused) = &report.refused {
        let at = time(refused.at_ms);
        lines.push(format!("refused     at {at}: {}", refused.reason));
    }
    if let Some(alarm) = &report.alarm {
        lines.push(format!(
            "alarm       rules failed {} times or more within a minute, first at {}; hapta rules rollback takes back what came last",
            alarm.faults,
            time(alarm.since_ms)
        ));
    }
    for deny in &report.denies {
        lines.push(format!("denied      {deny}"));
    }
    for problem in &report.problems {
        lines.push(format!("problem     {problem}"));
    }
    lines.join("\n")
}
