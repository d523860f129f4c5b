//! The command line. Its help is where many meet Hapta first.

mod check;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Environment;
use crate::server::{ConfigFile, Overrides};
use crate::telemetry::{LogFormat, start_logging};

/// What both commands say of the environment; a macro, since only literals can
/// be put together at compile time.
macro_rules! environment {
    () => {
        "\
Environment, over the file: DB_URL, ADMIN_EMAIL, ADMIN_PASSWORD (the gateway's
superuser), HAPTA_ADMIN_KEY (opens the admin listener), SSL_ENABLED (true or
false), JWT_SECRET (checked; for rolling sessions to come), RUST_LOG (what is
logged; \"info\" by default)."
    };
}

/// A policy gateway for PocketBase, whose rules are WebAssembly components.
///
/// Clients speak to Hapta as they would to PocketBase; the official SDKs work
/// unchanged, only the URL differs. Every request is parsed, judged by your
/// rules before and after the call to PocketBase, and refused when anything
/// about it is not understood.
#[derive(Debug, Parser)]
#[command(version, about, long_about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve: start the gateway and keep it running.
    ///
    /// Configuration and rules are followed: change a file and it takes effect,
    /// or is refused in the log while what was in force stays. SIGHUP reads
    /// everything again; SIGTERM or Ctrl-C ends gracefully.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Options),
    /// Check: load everything as `serve` would, say what is wrong, and stop.
    ///
    /// Ends with status 0 if `serve` would start, 1 if it would not.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Options),
}

const CHECK_EXAMPLES: &str = concat!(
    "\
Examples:
  hapta check                                 hapta.toml in this folder
  hapta check --config /etc/hapta/hapta.toml && systemctl reload hapta

With [pocketbase.run] a PocketBase is started for the check: not while one runs.

",
    environment!()
);

const SERVE_EXAMPLES: &str = concat!(
    "\
Examples:
  hapta serve                                 hapta.toml in this folder
  hapta serve --config /etc/hapta/hapta.toml
  hapta serve --listen 0.0.0.0:3000           clients connect here
  hapta serve --pocketbase http://127.0.0.1:8091
  DB_URL=http://127.0.0.1:8091 ADMIN_EMAIL=… ADMIN_PASSWORD=… hapta serve

",
    environment!()
);

#[derive(Debug, clap::Args)]
struct Options {
    /// The configuration file.
    #[arg(long, short, default_value = "hapta.toml", value_name = "FILE")]
    config: PathBuf,
    /// Where clients connect, over server.listen of the file.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where PocketBase is, over pocketbase.url of the file and `DB_URL`.
    #[arg(long, value_name = "URL")]
    pocketbase: Option<String>,
    /// How log lines are written.
    #[arg(long, value_enum, default_value = "text")]
    log: LogFormat,
}

/// Runs the command that the command line asks for.
///
/// # Errors
///
/// Whatever keeps the command from doing its work, in words for its user.
pub fn run() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Serve(options) => serve::run(options.start()),
        Command::Check(options) => check::run(&options.start()),
    }
}

impl Options {
    fn start(self) -> ConfigFile {
        start_logging(self.log);
        ConfigFile {
            path: self.config,
            environment: Environment::of_process(),
            overrides: Overrides {
                listen: self.listen,
                pocketbase: self.pocketbase,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
