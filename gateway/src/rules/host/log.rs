//! `hapta:rule/log`: lines for the operator, and what a guest prints.

use super::CallState;
use crate::rules::bindings::hapta::rule::log::{self, Level};

/// Lines of one call, printed ones included.
pub(super) const LINES: u8 = 16;

/// Bytes of a line.
const LINE_BYTES: usize = 2_000;

impl log::Host for CallState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.count()?;
        self.say(level, &message);
        Ok(())
    }
}

impl CallState {
    /// Writes a line of the rule's, while it has lines left. Outside a request,
    /// when a rule is only tried, nobody wants to read it.
    pub(super) fn say(&mut self, level: Level, message: &str) {
        let Some(left) = self.lines.checked_sub(1) else {
            return;
        };
        self.lines = left;
        if let Some(trace) = &self.dossier.trace {
            trace.said(message);
        }
        let Some(request) = self.dossier.id() else {
            return;
        };
        let message = message
            .get(..message.floor_char_boundary(LINE_BYTES))
            .unwrap_or_default();
        let rule = &*self.terms.name;
        match level {
            Level::Debug => tracing::debug!(rule, request.id = request, message, "a rule says"),
            Level::Info => tracing::info!(rule, request.id = request, message, "a rule says"),
            Level::Warn => tracing::warn!(rule, request.id = request, message, "a rule says"),
            Level::Error => tracing::error!(rule, request.id = request, message, "a rule says"),
        }
    }
}
