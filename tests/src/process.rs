//! The `hapta` command, in a process of its own.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::{ADMIN_KEY, Client, PATIENCE, Setup, eventually};

/// A command line in the making. It runs in the setup's folder, and sees no environment but its own.
#[derive(Debug)]
#[must_use = "a program does nothing until it is run or started"]
pub struct Program {
    binary: PathBuf,
    folder: TempDir,
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
}

/// The command under way; ended with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    folder: TempDir,
    output: Arc<Mutex<String>>,
    readers: [JoinHandle<()>; 2],
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// None: by a signal.
    pub status: Option<i32>,
    /// All that it wrote, to either stream.
    pub output: String,
}

impl Program {
    /// This binary, and the configuration that it is to find.
    pub fn new(binary: &str, setup: Setup) -> Self {
        Self {
            binary: binary.into(),
            folder: setup.write().folder,
            arguments: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Adds an argument.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where the configuration lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it with this first argument.
    ///
    /// # Panics
    ///
    /// When there is no such binary.
    #[must_use]
    pub fn start(self, subcommand: &str) -> Process {
        let mut child = Command::new(&self.binary)
            .arg(subcommand)
            .args(self.arguments)
            .env_clear()
            .envs(self.variables)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        let output = Arc::default();
        let readers = [
            read(child.stdout.take(), &output),
            read(child.stderr.take(), &output),
        ];
        Process {
            child,
            folder: self.folder,
            output,
            readers,
        }
    }

    /// Runs it to its end.
    pub async fn run(self, subcommand: &str) -> Ended {
        self.start(subcommand).ended().await
    }

    /// Starts `serve`, and waits until it does.
    pub async fn serve(self) -> Process {
        let process = self
            .argument("--log")
            .argument("json")
            .variable("HAPTA_ADMIN_KEY", ADMIN_KEY)
            .start("serve");
        process.said("\"message\":\"serving\"").await;
        process
    }
}

impl Process {
    /// A guest at the listener for clients.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address("address"))
    }

    /// An operator, at the admin listener.
    #[must_use]
    pub fn operator(&self) -> Client {
        Client::new(self.address("admin")).with_token(format!("Bearer {ADMIN_KEY}"))
    }

    /// Where the configuration lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it has written so far, to either stream.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().expect("no panic while writing").clone()
    }

    /// Waits until it has written this.
    pub async fn said(&self, text: &str) {
        let said = async || {
            let is_over = self.readers.iter().all(JoinHandle::is_finished);
            let said = self.output().contains(text);
            (said || is_over).then_some(said)
        };
        let said = eventually(&format!("it writes {text}"), said).await;
        assert!(said, "it ended without {text}:\n{}", self.output());
    }

    /// Its number.
    ///
    /// # Panics
    ///
    /// When it has ended.
    #[must_use]
    pub fn id(&self) -> i32 {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        id.expect("it has not ended")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id()).expect("an id");
        kill_process(id, signal).expect("the signal is sent");
    }

    /// Waits until it ends.
    pub async fn ended(mut self) -> Ended {
        let ended = async {
            let status = self.child.wait().await.expect("it can be waited for");
            for reader in &mut self.readers {
                reader.await.expect("no panic while reading");
            }
            status.code()
        };
        let Ok(status) = tokio::time::timeout(PATIENCE, ended).await else {
            panic!("it does not end:\n{}", self.output());
        };
        Ended {
            status,
            output: self.output(),
        }
    }

    /// An address from its log, which it writes as JSON.
    fn address(&self, key: &str) -> SocketAddr {
        let output = self.output();
        let lines = output
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let serving = lines
            .into_iter()
            .find(|line: &Value| line["message"] == "serving");
        let address = serving
            .as_ref()
            .and_then(|line| line[key].as_str()?.parse().ok());
        address.unwrap_or_else(|| panic!("no {key} in\n{output}"))
    }
}

/// The ids of the processes that have this among their arguments.
#[must_use]
pub fn processes_with(argument: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("there is a /proc");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // A process that is dead but not yet waited for has no arguments.
    let has = |id: &i32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0)
            .any(|each| each == argument.as_bytes())
    };
    ids.filter(has).collect()
}

/// Sends a process that is not this one's own a signal.
pub fn signal(id: i32, signal: Signal) {
    let id = Pid::from_raw(id).expect("an id");
    kill_process(id, signal).expect("the signal is sent");
}

fn read(
    stream: Option<impl AsyncRead + Unpin + Send + 'static>,
    output: &Arc<Mutex<String>>,
) -> JoinHandle<()> {
    let mut lines = BufReader::new(stream.expect("the stream is piped")).lines();
    let output = Arc::clone(output);
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let mut output = output.lock().expect("no panic while writing");
            output.push_str(&line);
            output.push('\n');
        }
    })
}
