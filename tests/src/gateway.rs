//! The gateway under test, in this process: the one file that knows how the library is started.

use std::error::Error;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hapta::config::Config;
use hapta::server::{self, ConfigFile, Overrides, Running};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::setup::{CONFIGURATION, Written};
use crate::{Client, Setup};

/// The key of the admin listener.
pub const ADMIN_KEY: &str = "admin-key-of-the-tests";

/// A gateway with a folder, ports and rules of its own; ended with this value.
pub struct TestGateway {
    /// None once it is stopped.
    running: Option<Running>,
    address: SocketAddr,
    admin_address: SocketAddr,
    folder: TempDir,
}

impl Setup {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it does not start; the message says why.
    pub async fn start(self) -> TestGateway {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("the gateway does not start: {error}"))
    }

    /// Starts it, or tells why not.
    ///
    /// # Errors
    ///
    /// The message that an operator would read.
    pub async fn try_start(self) -> Result<TestGateway, String> {
        let Written {
            text,
            environment,
            folder,
        } = self.write();
        let file = ConfigFile {
            path: folder.path().join(CONFIGURATION),
            environment,
            overrides: Overrides::default(),
        };
        let config =
            Config::parse(&text, folder.path(), &file.environment).map_err(|error| told(&error))?;
        // Boxed: else it would be a part of every future of a test.
        let running = Box::pin(server::start(config, Some(file)))
            .await
            .map_err(|error| told(&error))?;
        Ok(TestGateway {
            address: running.address(),
            admin_address: running
                .admin_address()
                .expect("an admin listener is configured"),
            running: Some(running),
            folder,
        })
    }
}

impl TestGateway {
    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators connect.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// A guest.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// An operator, at the admin listener.
    #[must_use]
    pub fn operator(&self) -> Client {
        Client::new(self.admin_address).with_token(format!("Bearer {ADMIN_KEY}"))
    }

    /// The folder of the configuration: rules with an entry lie in it, others in its `rules`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of a rule that has an entry.
    #[must_use]
    pub fn rule_file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.wasm"))
    }

    /// Replaces a rule's file as deploy tools do: written beside it, then renamed over it.
    pub fn replace_rule(&self, name: &str, bytes: &[u8]) {
        let beside = self.folder().join(format!("{name}.wasm.new"));
        fs::write(&beside, bytes).expect("writes the new file");
        fs::rename(&beside, self.rule_file(name)).expect("renames it over the old");
    }

    /// Changes the configuration under the running gateway: replaces a text in `hapta.toml`.
    ///
    /// # Panics
    ///
    /// When there is no such text in it.
    pub fn reconfigure(&self, text: &str, by: &str) {
        let file = self.folder().join(CONFIGURATION);
        let before = fs::read_to_string(&file).expect("reads the configuration");
        assert!(before.contains(text), "no {text} in {before}");
        fs::write(&file, before.replace(text, by)).expect("writes the configuration");
    }

    /// Why the latest change was not taken, if it was not, as the operator is told.
    pub async fn rejected(&self) -> Option<String> {
        let status = self.operator().get("/status").await.expect(200);
        status["lastReloadFailure"].as_str().map(str::to_owned)
    }

    /// A metric's value, by its name with its labels as they are printed; nothing if it isn't there.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let reply = self.operator().get("/metrics").await;
        let text = reply.text();
        let mut values = text.lines().filter_map(|line| line.rsplit_once(' '));
        let (_, value) = values.find(|(at, _)| *at == name)?;
        Some(value.parse().expect("a number"))
    }

    /// Stops it as an operator would, and waits for requests in flight.
    pub async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        // Else its tasks would run on to the end of the test.
        if let (Some(running), Ok(runtime)) = (self.running.take(), Handle::try_current()) {
            runtime.spawn(running.stop());
        }
    }
}

impl fmt::Debug for TestGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestGateway({})", self.address)
    }
}

/// An error with all that caused it, as the command line shows it.
fn told(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}
