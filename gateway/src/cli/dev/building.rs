//! One build, or one run of the cases: `hapta build` or `hapta test`, in a process of its own.
//!
//! Tools start tools, and all of them are to end with the command. As a process group they do,
//! whatever they started.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::workshop::Project;

/// Bytes that are kept of what tools say.
const SAID: u64 = 256 << 10;

/// How long what a build has left behind may hold its output after its end.
const REST: Duration = Duration::from_secs(2);

/// What came of a call of this program.
pub(super) struct Called {
    pub(super) succeeded: bool,
    /// What it was asked for.
    pub(super) told: String,
    /// What it had to say beside that.
    pub(super) complained: String,
}

/// A process and what it started; ended with this value.
struct Group(Child);

/// Builds a rule.
pub(super) async fn build(project: &Project) -> anyhow::Result<Called> {
    call(&["build"], project).await
}

/// Tries the cases that are written beside a rule, as it is built; none where there are none.
pub(super) async fn test(project: &Project) -> anyhow::Result<Option<Called>> {
    if !project.tests.is_file() {
        return Ok(None);
    }
    call(&["test", "--no-build"], project).await.map(Some)
}

/// Calls this very program with these words and the rule's folder.
async fn call(words: &[&str], project: &Project) -> anyhow::Result<Called> {
    let program = std::env::current_exe().context("cannot find this program again")?;
    let child = Command::new(program)
        .args(words)
        .arg(&project.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start a build")?;
    let mut group = Group(child);
    let told = tokio::spawn(read(group.0.stdout.take()));
    let complained = tokio::spawn(read(group.0.stderr.take()));
    let status = group.0.wait().await.context("cannot wait for a build")?;
    Ok(Called {
        succeeded: status.success(),
        told: rest(told).await,
        complained: of_tools(&rest(complained).await),
    })
}

/// What was read, when all is.
async fn rest(mut reading: JoinHandle<String>) -> String {
    if let Ok(read) = tokio::time::timeout(REST, &mut reading).await {
        return read.unwrap_or_default();
    }
    reading.abort();
    String::new()
}

/// Reads to the end, and keeps the beginning.
async fn read(output: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut output) = output {
        let _ = (&mut output).take(SAID).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Without this program's signs of life, and its name before what went wrong.
fn of_tools(output: &str) -> String {
    let lines = output.lines().filter(|line| !line.ends_with(" …"));
    let lines = lines.map(|line| line.strip_prefix("hapta: ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

impl Drop for Group {
    fn drop(&mut self) {
        // The number of a process that was waited for may be another's by now.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // It may just have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life_are_no_words_of_tools() {
        let output = "cargo builds the crate …\nerror[E0425]: no\n --> src/lib.rs\nhapta: cargo build failed\n";
        assert_eq!(
            of_tools(output),
            "error[E0425]: no\n --> src/lib.rs\ncargo build failed"
        );
    }
}
