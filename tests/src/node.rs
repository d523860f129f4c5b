//! Programs of `tests/sdk` that run beside a test.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::{eventually, root};

/// How much of a line is shown when a test fails, in characters.
const LONGEST: usize = 600;

/// A program in Node that tells what happens in lines of JSON, the first of them where it listens; ended
/// with this value.
#[derive(Debug)]
pub(crate) struct Node {
    program: &'static str,
    /// The first line.
    hello: Value,
    _child: Child,
    output: Arc<Mutex<Output>>,
}

#[derive(Debug, Default)]
struct Output {
    /// What it told, as far as nobody took it.
    told: Vec<Value>,
    /// All that it wrote, to either stream.
    text: String,
}

impl Node {
    /// Starts a file of `tests/sdk`, which sees these variables beside the test's own.
    ///
    /// # Panics
    ///
    /// When it does not come up in time; the message shows what it wrote.
    pub(crate) async fn start(program: &'static str, variables: &[(&str, &str)]) -> Self {
        let folder = root().join("tests/sdk");
        assert!(
            folder.join("node_modules/oidc-provider").exists(),
            "the programs beside the tests lack what they need: run `make setup`"
        );
        let mut child = Command::new("node")
            .arg(program)
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("node {program}: {error}"));
        let output = Arc::<Mutex<Output>>::default();
        collect(child.stdout.take(), &output);
        collect(child.stderr.take(), &output);
        let mut started = Self {
            program,
            hello: Value::Null,
            _child: child,
            output,
        };
        started.hello = eventually(program, async || {
            started.take(|line| line["address"].is_string())
        })
        .await;
        started
    }

    /// The first line: all that it has to say of itself.
    pub(crate) fn hello(&self) -> &Value {
        &self.hello
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.hello["address"].as_str().expect("a text");
        address.parse().expect("an address")
    }

    /// Whether one of its lines that nobody took is meant.
    pub(crate) fn has(&self, is_meant: impl Fn(&Value) -> bool) -> bool {
        let output = self.output.lock().expect("no panic while writing");
        output.told.iter().any(is_meant)
    }

    /// Takes the first of its lines that is meant; nothing if there is none so far.
    pub(crate) fn take(&self, is_meant: impl Fn(&Value) -> bool) -> Option<Value> {
        let told = &mut self.output.lock().expect("no panic while writing").told;
        let at = told.iter().position(is_meant)?;
        Some(told.remove(at))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(output) = self.output.lock()
        {
            eprintln!("{} wrote:\n{}", self.program, output.text);
        }
    }
}

fn collect(stream: Option<impl AsyncRead + Unpin + Send + 'static>, output: &Arc<Mutex<Output>>) {
    let mut lines = BufReader::new(stream.expect("the stream is piped")).lines();
    let output = output.clone();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let mut output = output.lock().expect("no panic while writing");
            // Libraries write notes of their own, which are no JSON.
            output
                .told
                .extend(serde_json::from_str::<Value>(&line).ok());
            // The page of a mail is of no use to whoever reads why a test failed.
            output.text.extend(line.chars().take(LONGEST));
            output.text.push('\n');
        }
    });
}
