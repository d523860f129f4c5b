//! `hapta sessions`: who is logged in, and the end of that.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;

use super::place::{Nothing, Place, Visit, tell, time};
use crate::principal::SessionId;
use crate::sessions::{Ledger, Which};
use crate::state::Report;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell which sessions live.
    List(List),
    /// End a session; effective when the command returns.
    End(End),
    /// End all sessions of a user.
    EndUser(EndUser),
    /// End all sessions: everybody logs in again.
    EndAll(Nothing),
    /// Sign with a new key from now on; what was signed before stays good.
    Rotate(Nothing),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// COLLECTION/ID: those of one user.
    #[arg(long, value_name = "COLLECTION/ID", value_parser = user)]
    user: Option<Which>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct End {
    /// The session, as `hapta sessions list` tells it.
    #[arg(value_name = "SESSION", value_parser = session)]
    session: Which,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct EndUser {
    /// Whose: the collection, by its id or by the name that it had at the login, and the record's id.
    #[arg(value_name = "COLLECTION/ID", value_parser = user)]
    user: Which,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(List { user, place }) => {
            let (_, ledger) = find(place)?;
            let which = user.as_ref().unwrap_or(&Which::All);
            let all = ledger.list(which)?;
            let hint = elsewhere(&ledger, which)?;
            if all.is_empty() && !hint.is_empty() {
                bail!("there is no such session{hint}");
            }
            for listed in all {
                let (used, user_agent) = (time(listed.used_ms), harmless(&listed.user_agent));
                let (collection, record) = (&listed.collection, &listed.record);
                tell(&format!(
                    "{}  {collection}/{record}  used {used}  from {}  {user_agent}",
                    listed.id, listed.address
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::End(End { session, place }) => end(place, session),
        Command::EndUser(EndUser { user, place }) => end(place, user),
        Command::EndAll(Nothing { place }) => end(place, &Which::All),
        Command::Rotate(Nothing { place }) => {
            let (visit, ledger) = find(place)?;
            ledger.rotate()?;
            said(&visit, "a new key signs")
        }
    }
}

fn end(place: &Place, which: &Which) -> anyhow::Result<ExitCode> {
    let (visit, ledger) = find(place)?;
    let ended = ledger.end(which)?;
    if ended == 0 && *which != Which::All {
        let hint = elsewhere(&ledger, which)?;
        bail!("there is no such session; see hapta sessions list{hint}");
    }
    said(&visit, &format!("{ended} ended"))
}

/// Where else a record has sessions: its collection may have another name than it had at the
/// logins.
fn elsewhere(ledger: &Ledger, which: &Which) -> anyhow::Result<String> {
    let mut said = String::new();
    if let Which::Of { record, .. } = which {
        for (id, name) in ledger.collections_of(record)? {
            let more = format!("; {name}/{record} has some: say {id}/{record}");
            said.push_str(&more);
        }
    }
    Ok(said)
}

/// Has a gateway that runs look again, and tells what came of it.
fn said(visit: &Visit, what: &str) -> anyhow::Result<ExitCode> {
    let asked = visit.ask(|_| {})?;
    let has_looked = |report: &Report| report.sessions == asked.digest;
    let (when, code) = visit.heard(has_looked)?.when();
    tell(&format!("{what}: {when}"));
    Ok(code)
}

fn find(place: &Place) -> anyhow::Result<(Visit, Ledger)> {
    let visit = place.visit()?;
    let ledger = Ledger::find(&visit.state)?;
    let ledger = ledger.context(
        "this gateway keeps no sessions; it does with sessions.mode = \"rolling\" in its configuration",
    )?;
    Ok((visit, ledger))
}

fn user(text: &str) -> Result<Which, String> {
    match text.split_once('/') {
        Some((collection, record)) if !collection.is_empty() && !record.is_empty() => {
            Ok(Which::Of {
                collection: collection.to_owned(),
                record: record.to_owned(),
            })
        }
        _ => Err("expected COLLECTION/ID, like users/k2f9x0q4m1z7abc".to_owned()),
    }
}

fn session(text: &str) -> Result<Which, String> {
    let id = SessionId::parse(text).map(Which::One);
    id.ok_or_else(|| "expected a session's 32 digits, as hapta sessions list tells them".to_owned())
}

/// A client's own words, such that nothing in them moves a terminal's cursor.
fn harmless(text: &str) -> String {
    text.chars().flat_map(char::escape_default).collect()
}
