//! `hapta test --watch`: again at each save.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{Engines, Options, once};
use crate::cli::terminal::{QUIET, paint, say};
use crate::cli::trying::{self, Builds};
use crate::cli::watching::Saves;
use crate::workshop;

/// Tries all of it now and at each save, until Ctrl-C.
pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut saves = Saves::of(inputs(options));
    // One for all of the time: a Ctrl-C that comes while a rule is built counts afterwards.
    let mut stop = signal(SignalKind::interrupt())?;
    let mut engines = Engines::default();
    loop {
        tokio::select! {
            _ = stop.recv() => return Ok(ExitCode::SUCCESS),
            _ = once(options, &mut engines) => {}
        }
        // What is saved may say that other files matter from here on.
        saves.follow(inputs(options));
        say(&paint(QUIET, "waiting for a save; Ctrl-C ends"));
        tokio::select! {
            _ = stop.recv() => return Ok(ExitCode::SUCCESS),
            _ = saves.next() => {}
        }
    }
}

/// The files that a verdict hangs on.
fn inputs(options: &Options) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = options.rule.iter().cloned().collect();
    for place in &options.places {
        match trying::find(place, options.rule.as_deref(), Builds::No) {
            Ok(found) => {
                if let Some(project) = &found.project {
                    files.extend(workshop::inputs(project).into_iter().flatten());
                } else {
                    files.extend(found.rule.clone());
                }
                let tests = found.tests.clone();
                let read = tests
                    .as_deref()
                    .and_then(|file| crate::lab::Tests::read(file).ok());
                files.extend(read.and_then(|tests| tests.rule));
                files.extend(tests.or_else(|| Some(place.join("tests.toml"))));
            }
            Err(_) => files.push(place.clone()),
        }
    }
    files
}
