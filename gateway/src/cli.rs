//! The command line. Its help is where many meet Hapta first.

mod bench;
mod build;
mod check;
mod deny;
mod dev;
mod help;
mod init;
mod inspect;
mod new;
mod place;
mod rules;
mod run;
mod secret;
mod serve;
mod sessions;
mod shell;
mod status;
mod terminal;
mod test;
mod trying;
mod watching;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Environment;
use crate::server::{ConfigFile, Overrides};
use crate::telemetry::{LogFormat, start_logging};

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
    #[command(after_help = help::SERVE)]
    Serve(Options),
    /// Check: load everything as `serve` would, say what is wrong, and stop.
    ///
    /// Ends with status 0 if `serve` would start, 1 if it would not.
    #[command(after_help = help::CHECK)]
    Check(Options),
    /// Status: tell what is in force, and what is wrong.
    ///
    /// Ends with status 0 if all is well, 1 if the gateway is degraded, its rules
    /// fail too often or its state folder is damaged, 2 if it does not run.
    #[command(after_help = help::STATUS)]
    Status(status::Options),
    /// Rules: what was in force, what changed, and going back to it.
    ///
    /// A generation is a set of rules that was in force, with their settings and
    /// limits, and which collections they judge. The last ones are kept in the state
    /// folder. These commands work whether or not a gateway runs; they must run as
    /// the gateway's own user.
    #[command(subcommand, after_help = help::RULES)]
    Rules(rules::Command),
    /// Deny: close a collection, a user or an address in an emergency.
    ///
    /// What is closed is answered with 403 and the code `denied_by_operator`, also
    /// across restarts, until it is removed. Nobody else notices.
    #[command(subcommand, after_help = help::DENY)]
    Deny(deny::Command),
    /// Sessions: who is logged in, where sessions are the gateway's own, and the end of that.
    ///
    /// These commands work whether or not a gateway runs; they must run as the
    /// gateway's own user.
    #[command(subcommand, after_help = help::SESSIONS)]
    Sessions(sessions::Command),
    /// Init: write `hapta.toml` from the schema of a running PocketBase.
    ///
    /// Each collection is left to PocketBase's own rules, which are told as they stand, with
    /// what to look at. What is written passes `hapta check`. Secrets are not in it.
    #[command(after_help = help::INIT)]
    Init(init::Options),
    /// New: begin a rule, in a folder that builds.
    ///
    /// The folder has a rule that is small and commented, cases that it passes, and a
    /// README with what comes next. Nothing that is there already is written over.
    #[command(after_help = help::NEW)]
    New(new::Options),
    /// Build: make a rule of its source, with its language's own tools.
    ///
    /// What comes out is a component that imports nothing but the contract, put in its
    /// place whole. The contract and the SDK in `.hapta/` are those of this binary.
    #[command(after_help = help::BUILD)]
    Build(build::Options),
    /// Inspect: tell what a rule is, what it may do and what it asks for.
    ///
    /// Its imports and the grants that they need, its hooks, operations, collections and
    /// denials, the fields that it may take out, and what it says to its settings.
    #[command(after_help = help::INSPECT)]
    Inspect(inspect::Options),
    /// Test: hold a rule to the cases that are written beside it.
    #[command(after_help = help::TEST)]
    Test(test::Options),
    /// Run: one request through a rule, with all that it did on the way.
    #[command(after_help = help::RUN)]
    Run(run::Options),
    /// Bench: how long a rule takes, called as in production.
    #[command(after_help = help::BENCH)]
    Bench(bench::Options),
    /// Dev: PocketBase, the gateway and your rules, built at each save.
    ///
    /// Shows each request as it is answered, with what every rule said of it. A save that does
    /// not build, or is no rule, leaves serving what was there. Ends with Ctrl-C or SIGTERM, and takes
    /// PocketBase and builds along; with status 1 if PocketBase ends by itself.
    #[command(after_help = help::DEV)]
    Dev(dev::Options),
    /// Shell: completions for your shell, and manual pages.
    #[command(subcommand, after_help = help::SHELL)]
    Shell(shell::Command),
}

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
pub fn run() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Serve(options) => serve::run(options.start()).map(|()| ExitCode::SUCCESS),
        Command::Check(options) => check::run(&options.start()).map(|()| ExitCode::SUCCESS),
        Command::Status(options) => status::run(&options),
        Command::Rules(command) => rules::run(&command),
        Command::Deny(command) => deny::run(&command),
        Command::Sessions(command) => sessions::run(&command),
        Command::Init(options) => init::run(&options),
        Command::New(options) => new::run(&options),
        Command::Build(options) => build::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Run(options) => run::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Dev(options) => dev::run(&options),
        Command::Shell(command) => shell::run(&command),
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
