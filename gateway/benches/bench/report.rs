//! What was measured: one table for people, one file for programs.
//!
//! A row is a number with its unit; where the project has an aim for it, the
//! row says so, and whether it holds. Values are medians unless the name says
//! otherwise. `target/bench/bench.json`, `bench-rules.json` or `bench-sockets.json` is the
//! array of the rows.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// Everything measured so far, in the order of the table.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Under what conditions, one sentence each.
    notes: Vec<String>,
}

/// One number.
#[derive(Serialize)]
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    /// In words, like `≤ 1.8`.
    aim: Option<String>,
    holds: Option<bool>,
}

impl Report {
    /// A number without an aim.
    pub(crate) fn plain(&mut self, name: &str, value: f64, unit: &'static str) {
        self.row(name, value, unit, None);
    }

    /// A number that should not be larger than this.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, unit: &'static str, bound: f64) {
        let aim = (format!("≤ {}", shown(bound)), value <= bound);
        self.row(name, value, unit, Some(aim));
    }

    /// A number that should not be smaller than this.
    pub(crate) fn at_least(&mut self, name: &str, value: f64, unit: &'static str, bound: f64) {
        let aim = (format!("≥ {}", shown(bound)), value >= bound);
        self.row(name, value, unit, Some(aim));
    }

    /// A number that could not be had, of which some bound was to hold; the note says why.
    pub(crate) fn missing(&mut self, name: &str, unit: &'static str, aim: &str, why: &str) {
        self.row(name, f64::NAN, unit, Some((aim.to_owned(), false)));
        self.note(format!("{name}: {why}"));
    }

    /// A condition of the measurements, printed under the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn row(&mut self, name: &str, value: f64, unit: &'static str, aim: Option<(String, bool)>) {
        let (aim, holds) = aim.unzip();
        self.rows.push(Row {
            name: name.to_owned(),
            value,
            unit,
            aim,
            holds,
        });
    }

    /// The rows as JSON, into a file.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(&self.rows)?;
        text.push('\n');
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// The table, and the conditions under it.
    pub(crate) fn table(&self) -> String {
        let mut table = line("what", "value", "unit", "aim", "holds");
        for row in &self.rows {
            let holds = match row.holds {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            let aim = row.aim.as_deref().unwrap_or_default();
            table += &line(&row.name, &shown(row.value), row.unit, aim, holds);
        }
        for note in &self.notes {
            // Writing to a string can't fail.
            let _ = write!(table, "\n- {note}");
        }
        table
    }
}

fn line(name: &str, value: &str, unit: &str, aim: &str, holds: &str) -> String {
    let line = format!("{name:<44} {value:>10} {unit:<6} {aim:<10} {holds}");
    format!("{}\n", line.trim_end())
}

/// A number with as many decimals as say something.
fn shown(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}
