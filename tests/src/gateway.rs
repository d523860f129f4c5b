//! The gateway under test, in this process: the one file that knows how the library is started.

use std::error::Error;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hapta::config::{Config, Environment};
use hapta::server::{self, ConfigFile, Overrides, Running};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Handle;
use toml::{Table, toml};

use crate::{Client, demo, rules};

/// The key of the admin listener.
pub const ADMIN_KEY: &str = "admin-key-of-the-tests";

const CONFIGURATION: &str = "hapta.toml";

/// A gateway with a folder, ports and rules of its own; ended with this value.
pub struct TestGateway {
    /// None once it is stopped.
    running: Option<Running>,
    address: SocketAddr,
    admin_address: SocketAddr,
    folder: TempDir,
}

/// A configuration in the making.
#[derive(Debug)]
#[must_use = "a setup does nothing until it is started"]
pub struct Setup {
    config: Table,
    folder: TempDir,
}

impl Setup {
    /// Nothing exposed, no rules, before the PocketBase at this address.
    pub fn before(upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("rules")).expect("makes the rules folder");
        let url = format!("http://{upstream}");
        let (superuser, password, header) =
            (demo::SUPERUSER, demo::PASSWORD, demo::FORWARDING_HEADER);
        let config = toml! {
            [server]
            listen = "127.0.0.1:0"
            [admin]
            listen = "127.0.0.1:0"
            [pocketbase]
            url = url
            superuser = { email = superuser, password = password }
            forwarding_header = header
            [rules]
            folder = "rules"
        };
        Self { config, folder }
    }

    /// Adds a `[[rule]]`: a built rule, copied into this gateway's folder.
    pub fn rule(self, name: &str) -> Self {
        self.rule_entry(name, name, Table::new())
    }

    /// The same with settings.
    pub fn rule_with(self, name: &str, settings: &Value) -> Self {
        let settings = Table::try_from(settings).expect("settings that TOML can say");
        self.rule_entry(
            name,
            name,
            Table::from_iter([("settings".to_owned(), settings.into())]),
        )
    }

    /// The same with any keys of the entry, and under a name that is not the built rule's.
    pub fn rule_entry(mut self, name: &str, built: &str, mut entry: Table) -> Self {
        let file = format!("{name}.wasm");
        fs::write(self.folder.path().join(&file), rules::bytes(built)).expect("writes the rule");
        entry.insert("name".to_owned(), name.into());
        entry.insert("file".to_owned(), file.into());
        let list = self
            .config
            .entry("rule")
            .or_insert_with(|| toml::Value::Array(Vec::new()));
        list.as_array_mut()
            .expect("a list of rules")
            .push(entry.into());
        self
    }

    /// Puts a built rule into the rules folder, without an entry of its own.
    pub fn dropped_in(self, name: &str) -> Self {
        let file = self
            .folder
            .path()
            .join("rules")
            .join(format!("{name}.wasm"));
        fs::write(file, rules::bytes(name)).expect("writes the rule");
        self
    }

    /// Exposes a collection, judged by these rules in this order.
    pub fn judged(self, collection: &str, rules: &[&str]) -> Self {
        self.expose(collection, toml::Value::from(rules.to_vec()))
    }

    /// Exposes a collection, judged by the rules folder.
    pub fn judged_by_folder(self, collection: &str) -> Self {
        self.expose(collection, "folder".into())
    }

    /// Exposes a collection under PocketBase's own rules alone.
    pub fn open(self, collection: &str) -> Self {
        self.expose(collection, "pocketbase".into())
    }

    /// The folder that the configuration's paths are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds any other settings, as they would stand in `hapta.toml`.
    pub fn also(mut self, settings: &str) -> Self {
        merge(&mut self.config, settings.parse().expect("TOML"));
        self
    }

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
        let Self { config, folder } = self;
        let environment = Environment {
            admin_key: Some(ADMIN_KEY.to_owned()),
            ..Environment::default()
        };
        let file = ConfigFile {
            path: folder.path().join(CONFIGURATION),
            environment,
            overrides: Overrides::default(),
        };
        let text = config.to_string();
        fs::write(&file.path, &text).expect("writes the configuration");
        let config =
            Config::parse(&text, folder.path(), &file.environment).map_err(|error| told(&error))?;
        let running = server::start(config, Some(file))
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

    fn expose(mut self, collection: &str, rules: toml::Value) -> Self {
        let collections = self
            .config
            .entry("collections")
            .or_insert_with(|| Table::new().into());
        let collections = collections.as_table_mut().expect("a table of collections");
        collections.insert(
            collection.to_owned(),
            Table::from_iter([("rules".to_owned(), rules)]).into(),
        );
        self
    }
}

impl TestGateway {
    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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

/// Adds `more` to `base`: tables key by key, lists at the end, anything else replaced.
fn merge(base: &mut Table, more: Table) {
    for (key, value) in more {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(more)) => merge(base, more),
            (Some(toml::Value::Array(base)), toml::Value::Array(more)) => base.extend(more),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
