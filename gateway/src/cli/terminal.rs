//! What a command says: colour where a terminal is, and a sign of life in what takes long.
//!
//! What is asked for goes to standard output, signs of life to standard error. Colour is left
//! out where there is no terminal, and with `NO_COLOR`.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

/// What passed.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What failed.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What somebody should look at.
pub(super) const LOOK: Style = AnsiColor::Yellow.on_default();
/// What is there for the record.
pub(super) const QUIET: Style = Style::new().dimmed();
/// What a paragraph is about.
pub(super) const STRONG: Style = Style::new().bold();

/// How often a sign of life moves.
const TICK: Duration = Duration::from_millis(100);

/// The same text in this style.
pub(super) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a line. Who reads it may be gone: that is no failure of the command.
pub(super) fn say(line: &str) {
    let _ = writeln!(anstream::stdout().lock(), "{line}");
}

/// Prints a line for who has to do something about it: to standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Something that takes long. Its sign of life is gone when it is dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Says what has begun: a line that moves where a terminal is, else a line.
    pub(super) fn begin(what: &str) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            let _ = writeln!(anstream::stderr().lock(), "{what} …");
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
