//! The configuration of a gateway under test, and the folder it lies in.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use hapta::config::Environment;
use serde_json::Value;
use tempfile::TempDir;
use toml::{Table, toml};

use crate::pocketbase::{self, free_address};
use crate::{ADMIN_KEY, PocketBase, demo, rules};

/// The configuration's file in its folder.
pub(crate) const CONFIGURATION: &str = "hapta.toml";

/// A configuration in the making.
#[derive(Debug)]
#[must_use = "a setup does nothing until it is started"]
pub struct Setup {
    config: Table,
    environment: Environment,
    folder: TempDir,
}

/// A configuration in its place.
#[derive(Debug)]
pub struct Written {
    /// Of `hapta.toml`.
    pub text: String,
    /// What is to be in force beside it.
    pub environment: Environment,
    /// Removed with this value.
    pub folder: TempDir,
}

impl Setup {
    /// Nothing exposed, no rules, before the PocketBase at this address.
    pub fn before(upstream: SocketAddr) -> Self {
        Self::new().also(&format!("[pocketbase]\nurl = \"http://{upstream}\""))
    }

    /// The same with a PocketBase that the gateway starts itself, on the demo's
    /// data in the folder `pb_data` of this setup.
    pub async fn with_a_child() -> Self {
        let setup = Self::new();
        let data = setup.folder().join("pb_data");
        PocketBase::copy_data_to(&data).await;
        let (binary, listen) = (path(&pocketbase::binary()), free_address().to_string());
        let (data, migrations) = (path(&data), path(&pocketbase::migrations()));
        let run = toml! {
            [pocketbase.run]
            binary = binary
            data = data
            listen = listen
            args = ["--migrationsDir", migrations, "--automigrate=false", "--hooksDir", "none", "--publicDir", "none"]
        };
        setup.also(&run.to_string())
    }

    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("rules")).expect("makes the rules folder");
        let (superuser, password, header) =
            (demo::SUPERUSER, demo::PASSWORD, demo::FORWARDING_HEADER);
        let config = toml! {
            [server]
            listen = "127.0.0.1:0"
            connections_per_address = 10_000
            [admin]
            listen = "127.0.0.1:0"
            [pocketbase]
            superuser = { email = superuser, password = password }
            forwarding_header = header
            [limits]
            mode = "off"
            [rules]
            folder = "rules"
        };
        let environment = Environment {
            admin_key: Some(ADMIN_KEY.to_owned()),
            ..Environment::default()
        };
        Self {
            config,
            environment,
            folder,
        }
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
    pub fn rule_entry(self, name: &str, built: &str, entry: Table) -> Self {
        self.rule_of_bytes(name, &rules::bytes(built), entry)
    }

    /// The same with bytes that are no built rule's.
    pub fn rule_of_bytes(mut self, name: &str, bytes: &[u8], mut entry: Table) -> Self {
        let file = format!("{name}.wasm");
        fs::write(self.folder.path().join(&file), bytes).expect("writes the rule");
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

    /// Changes what the environment says: as it stands, the key of [`ADMIN_KEY`] and nothing else.
    pub fn environment(mut self, change: impl FnOnce(&mut Environment)) -> Self {
        change(&mut self.environment);
        self
    }

    /// Writes `hapta.toml` into the folder: for a gateway that reads it by itself.
    #[must_use]
    pub fn write(self) -> Written {
        let text = self.config.to_string();
        fs::write(self.folder.path().join(CONFIGURATION), &text).expect("writes the configuration");
        Written {
            text,
            environment: self.environment,
            folder: self.folder,
        }
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

/// A path as it can stand in TOML.
fn path(path: &Path) -> String {
    path.to_str().expect("a path that is text").to_owned()
}
