//! How a bench runs: what of it is asked for, and what becomes of its report.

use std::io::Write;

use crate::fixtures;
use crate::report::Report;

/// The measurements that are asked for by name; none: all of them.
pub(crate) struct Chosen(Vec<String>);

impl Chosen {
    fn by_arguments() -> Self {
        // Cargo adds arguments of its own, which begin with a dash.
        let names = std::env::args().skip(1);
        Self(names.filter(|name| !name.starts_with('-')).collect())
    }

    /// Whether this one is asked for.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|one| one == name)
    }
}

/// Measures what is asked for, prints the table and writes the rows into a file of this
/// name. What is measured runs on this thread, loads are laid on from one other.
pub(crate) fn run<F>(file: &str, measure: impl FnOnce(Chosen) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<Report>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let report = runtime.block_on(measure(Chosen::by_arguments()))?;
    std::fs::create_dir_all(fixtures::results())?;
    report.write(&fixtures::results().join(file))?;
    writeln!(std::io::stdout(), "\n{}", report.table())?;
    Ok(())
}

/// What there is of the machine, and how busy it was with other things.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let busy = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let busy = busy.split(' ').next().unwrap_or_default();
    format!("{cores} cores, load average before {busy}")
}
