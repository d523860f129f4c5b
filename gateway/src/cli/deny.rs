//! `hapta deny`: closes a collection, a user or an address at once.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;

use super::place::{Heard, Nothing, Place, tell};
use crate::deny::Deny;
use crate::state::{Control, Report};

/// More than this is no emergency but a firewall's work.
const MOST: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Close something; effective when the command returns.
    Add(What),
    /// Open it again.
    Remove(What),
    /// Tell what is closed.
    List(Nothing),
}

#[derive(Debug, clap::Args)]
pub(super) struct What {
    /// collection:NAME, user:COLLECTION/ID, address:IP or address:NETWORK/BITS.
    #[arg(required = true, value_name = "WHAT")]
    what: Vec<Deny>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(Nothing { place }) => {
            let asked = Control::load(&place.visit()?.state)?;
            for deny in &asked.control.denies {
                tell(&deny.to_string());
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Add(What { what, place }) => {
            let visit = place.visit()?;
            let known = Control::load(&visit.state)?.control.denies.len();
            if known + what.len() > MOST {
                bail!("{known} denies are there already, and {MOST} are the most");
            }
            visit.ask(|control| control.denies.extend(what.iter().cloned()))?;
            let is_closed = |report: &Report| what.iter().all(|deny| report.denies.contains(deny));
            Ok(say(what, "denied", &visit.heard(is_closed)?))
        }
        Command::Remove(What { what, place }) => {
            let visit = place.visit()?;
            let denies = Control::load(&visit.state)?.control.denies;
            if let Some(open) = what.iter().find(|deny| !denies.contains(deny)) {
                bail!("{open} is not denied; see hapta deny list");
            }
            visit.ask(|control| control.denies.retain(|deny| !what.contains(deny)))?;
            let is_open = |report: &Report| !what.iter().any(|deny| report.denies.contains(deny));
            Ok(say(what, "no longer denied", &visit.heard(is_open)?))
        }
    }
}

fn say(what: &[Deny], word: &str, heard: &Heard) -> ExitCode {
    let (when, code) = heard.when();
    for deny in what {
        tell(&format!("{deny} {word}: {when}"));
    }
    code
}
