//! `hapta shell`: completions and manual pages, from the definition of the command line itself.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use super::Arguments;
use super::terminal::say;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write what completes `hapta` in your shell to the output.
    #[command(after_help = super::help::COMPLETIONS)]
    Completions(Completions),
    /// Write the manual pages, one for each command, into a folder.
    #[command(after_help = super::help::MAN)]
    Man(Man),
}

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The folder; it is made if it is not there.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let mut line = Arguments::command();
    match command {
        Command::Completions(Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut line, "hapta", &mut script);
            say(String::from_utf8_lossy(&script).trim_end());
        }
        Command::Man(Man { folder }) => {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            clap_mangen::generate_to(line, folder)
                .with_context(|| format!("cannot write into {}", folder.display()))?;
            let folder = folder.display();
            say(&format!("the manual is in {folder}: man {folder}/hapta.1"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
