//! `hapta rules remove`: a rule of the folder may be gone.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::bail;

use super::{not_yet, reason};
use crate::cli::place::{Heard, Visit, move_file, tell};
use crate::state::{Asked, Refused, Removed, Report};

/// A refusal that stands for so long is no accident.
const LASTING: Duration = Duration::from_secs(1);

pub(super) fn run(visit: &Visit, name: &str) -> anyhow::Result<ExitCode> {
    let before = visit.report()?;
    let file = find(visit, &before, name)?;
    // First that it may be gone: else it would be missed for a moment.
    let asked = allow(visit, &before, name)?;
    let is_tried = |now: &Report| now.settled == asked.digest;
    // Nor is it to vanish while the gateway reads it.
    visit.heard(is_tried)?;
    let mut told = format!("the rule \"{name}\" is removed");
    if let Some(file) = file {
        let place = format!("removed/{name}.wasm");
        move_file(&file, &visit.state, &place)?;
        let place = visit.state.folder().join(place);
        told = format!("{told}, and its file kept as {}", place.display());
    }
    let has = |report: &Report| report.rules.iter().any(|rule| rule.name == name);
    let is_refused = |now: &Report| {
        let refused = now.refused.as_ref();
        refused.is_some_and(|refused| lasts(refused) && Some(refused) != before.refused.as_ref())
    };
    let is_over =
        |now: &Report| !has(now) || (is_tried(now) && (now.pinned.is_some() || is_refused(now)));
    match visit.heard(is_over)? {
        Heard::Now(now) if !has(&now) => told.push_str("; it is out of service"),
        Heard::Now(now) if now.pinned.is_some() => {
            let generation = now.generation;
            told = format!(
                "{told}; generation {generation} is pinned and has it, until hapta rules pin --off"
            );
        }
        Heard::Now(now) => bail!(
            "{told}; but what is left can't be served, so generation {} stays in force: {}",
            now.generation,
            reason(&now)
        ),
        Heard::AtTheNextStart => told.push_str("; no gateway runs"),
        Heard::NotYet => return not_yet(),
    }
    tell(&told);
    Ok(ExitCode::SUCCESS)
}

/// Its file in the rules folder, if it is there; it must be a rule of that folder.
fn find(visit: &Visit, report: &Report, name: &str) -> anyhow::Result<Option<PathBuf>> {
    let in_force = report.rules.iter().find(|rule| rule.name == name);
    if in_force.is_some_and(|rule| !rule.dropped_in) {
        bail!("the rule \"{name}\" has a [[rule]] of its own; take it out of the configuration");
    }
    // A name that leads elsewhere is no rule's.
    let folder = visit.rules.as_ref().filter(|_| !name.contains(['/', '\\']));
    let file = folder.map(|folder| folder.join(format!("{name}.wasm")));
    let file = file.filter(|file| file.exists());
    if file.is_none() && in_force.is_none() {
        bail!("there is no rule \"{name}\" in the rules folder, nor in force");
    }
    Ok(file)
}

/// Whether a refusal is more than of a moment in which a file was half gone.
fn lasts(refused: &Refused) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = now.map_or(u128::MAX, |now| now.as_millis());
    now_ms.saturating_sub(u128::from(refused.at_ms)) >= LASTING.as_millis()
}

fn allow(visit: &Visit, report: &Report, name: &str) -> anyhow::Result<Asked> {
    let removed = Removed {
        rule: name.to_owned(),
        from: report.followed.clone(),
    };
    visit.ask(|control| {
        control
            .removed
            .retain(|known| known.from == removed.from && known.rule != removed.rule);
        control.removed.push(removed);
    })
}
