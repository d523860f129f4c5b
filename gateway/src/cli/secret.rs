//! Asks for a secret at the terminal, which does not show it.

use std::io::{BufRead, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The terminal as it was, for when this value ends.
struct Shown(Termios);

/// Asks, and reads a line.
pub(super) fn ask(question: &str) -> anyhow::Result<String> {
    let _ = write!(anstream::stderr().lock(), "{question}");
    let before = tcgetattr(std::io::stdin()).context("cannot ask at this terminal")?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    let shown = Shown(before);
    tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)
        .context("cannot keep the terminal from showing what is typed")?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    drop(shown);
    let _ = writeln!(anstream::stderr().lock());
    let secret = line.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        bail!("no password was given");
    }
    Ok(secret.to_owned())
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}
