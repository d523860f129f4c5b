//! The `hapta` command.

fn main() -> std::process::ExitCode {
    match hapta::cli::run() {
        Ok(code) => code,
        Err(error) => {
            // Logging may not have begun, and this is for whoever typed the command.
            #[expect(
                clippy::print_stderr,
                reason = "the last word of a command that failed"
            )]
            {
                eprintln!("hapta: {error:#}");
            }
            std::process::ExitCode::FAILURE
        }
    }
}
