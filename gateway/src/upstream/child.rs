//! A PocketBase that the gateway starts and looks after itself.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long a child may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// A child that ends is started again after a wait that doubles up to the second.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A child that lived this long was well: the next wait is short again.
const WELL: Duration = Duration::from_mins(1);

/// How to start PocketBase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The executable of PocketBase.
    pub binary: PathBuf,
    /// Its data folder.
    pub data: PathBuf,
    /// Address and port it listens on.
    pub listen: String,
    /// More arguments of its `serve`.
    pub args: Vec<String>,
}

/// PocketBase can't be started at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot start PocketBase ({}): {problem}", binary.display())]
pub struct ChildError {
    binary: PathBuf,
    problem: std::io::Error,
}

impl Child {
    /// Starts PocketBase, and starts it again whenever it ends, until the token
    /// is cancelled; then it is asked to end and waited for. `ended` is notified of
    /// every end that nobody asked for.
    ///
    /// # Errors
    ///
    /// When the first start fails: a wrong path should stop the gateway's start.
    pub fn supervise(
        self,
        stop: CancellationToken,
        ended: Arc<Notify>,
    ) -> Result<tokio::task::JoinHandle<()>, ChildError> {
        let first = self.spawn()?;
        Ok(tokio::spawn(self.look_after(first, stop, ended)))
    }

    fn spawn(&self) -> Result<tokio::process::Child, ChildError> {
        let mut child = Command::new(&self.binary)
            .arg("serve")
            .arg(format!("--http={}", self.listen))
            .arg(format!("--dir={}", self.data.display()))
            .args(&self.args)
            // The gateway's secrets are not for its child.
            .env_remove("ADMIN_EMAIL")
            .env_remove("ADMIN_PASSWORD")
            .env_remove("HAPTA_ADMIN_KEY")
            .env_remove("JWT_SECRET")
            .env_remove("HAPTA_APP_KEYS")
            // Nor is what systemd hands to the gateway.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_FDNAMES")
            .env_remove("WATCHDOG_PID")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // Ctrl-C in a terminal is for the gateway: it ends PocketBase last.
            .process_group(0)
            .spawn()
            .map_err(|problem| ChildError {
                binary: self.binary.clone(),
                problem,
            })?;
        if let Some(output) = child.stdout.take() {
            tokio::spawn(log_lines(output));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(log_lines(output));
        }
        Ok(child)
    }

    async fn look_after(
        self,
        first: tokio::process::Child,
        stop: CancellationToken,
        notice: Arc<Notify>,
    ) {
        let mut child = Some(first);
        let mut wait = WAITS.0;
        loop {
            let started = tokio::time::Instant::now();
            if let Some(running) = &mut child {
                tokio::select! {
                    ended = running.wait() => {
                        tracing::error!(?ended, "PocketBase ended; starting it again");
                        notice.notify_one();
                    }
                    () = stop.cancelled() => return end(running).await,
                }
            }
            wait = if started.elapsed() > WELL {
                WAITS.0
            } else {
                wait
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
            wait = (wait * 2).min(WAITS.1);
            child = self
                .spawn()
                .inspect_err(|error| tracing::error!(%error, "PocketBase not started"))
                .ok();
        }
    }
}

/// Asks a child to end, waits, and ends it if it won't.
async fn end(child: &mut tokio::process::Child) {
    let asked = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM).is_ok());
    if asked && tokio::time::timeout(GRACE, child.wait()).await.is_ok() {
        return;
    }
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "PocketBase could not be ended");
    }
}

/// Passes the child's lines on to the log, but for tokens: at its first start
/// PocketBase prints a link that makes whoever opens it a superuser.
async fn log_lines(output: impl AsyncRead + Unpin) {
    let mut output = BufReader::new(output);
    let mut bytes = Vec::new();
    // Read to the end whatever comes: a child that can't write ends.
    while matches!(output.read_until(b'\n', &mut bytes).await, Ok(read) if read > 0) {
        let line = without_tokens(String::from_utf8_lossy(&bytes).trim_end());
        bytes.clear();
        tracing::info!(line, "PocketBase says");
    }
}

/// Cuts every word where a JSON Web Token begins in it.
fn without_tokens(line: &str) -> String {
    let cut = |word: &str| {
        word.find("eyJ").map_or_else(
            || word.to_owned(),
            |at| word.split_at(at).0.to_owned() + "[token]",
        )
    };
    line.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_token_is_cut_out_of_a_line() {
        let line = "open http://127.0.0.1/_/#/pbinstal/eyJhbGciOi.eyJpZ.sig now";
        assert_eq!(
            super::without_tokens(line),
            "open http://127.0.0.1/_/#/pbinstal/[token] now"
        );
    }
}
