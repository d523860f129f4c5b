//! A configuration for development, where there is none: made of the rules that are developed and
//! of the collections that PocketBase has, and made anew when either changes.
//!
//! It is a file like any other, in `.hapta/dev`, so the gateway follows it, and whoever wants to know
//! what is served can read it. Nothing is exposed by it that is not in the schema, so a new
//! collection is not served before it is known who judges it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::news::Superuser;
use super::place::{PocketBase, address_beside};
use crate::config::{Config, Environment};
use crate::rules::Manifest;
use crate::schema::Schema;
use crate::server::{ConfigFile, Overrides};
use crate::workshop::{Project, World};

/// Where it all is, below the folder in which the command runs.
const PLACE: &str = ".hapta/dev";

/// Where clients connect unless told otherwise: where they are used to find PocketBase.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8090);

/// Who the gateway is to the PocketBase that it starts.
const EMAIL: &str = "developer@example.com";

/// What a rule of the powered world is granted.
const GRANTS: &str = r#"["hapta:rule/records", "hapta:rule/counters", "hapta:rule/log"]"#;

/// A configuration in the making.
pub(super) struct Made {
    folder: PathBuf,
    listen: SocketAddr,
    pocketbase: PocketBase,
    /// Where the PocketBase that is started listens.
    beside: SocketAddr,
    superuser: Credentials,
    /// Whether nobody was told the password yet.
    is_new: bool,
    /// Of the rules that were tried out, by name.
    manifests: BTreeMap<String, Manifest>,
    /// As it was last written.
    text: String,
}

/// Which rules have an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entries {
    All,
    /// Those that can be loaded.
    TriedOut,
}

#[derive(Serialize, Deserialize)]
struct Credentials {
    email: String,
    password: String,
}

impl Made {
    /// Makes the folder, and what in it outlives the command.
    pub(super) fn prepare(
        pocketbase: PocketBase,
        listen: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let folder = std::path::absolute(PLACE)?;
        let listen = listen.unwrap_or(LISTEN);
        if !listen.ip().is_loopback() {
            bail!(
                "{listen} can be reached by others, and what hapta dev makes up is for this machine alone; name an address like 127.0.0.1:8090, or write a hapta.toml"
            );
        }
        let making = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder.join("rules"))?;
            // Nothing of it is for a repository.
            std::fs::write(folder.join(".gitignore"), "*\n")
        };
        making().with_context(|| format!("cannot make {}", folder.display()))?;
        let (superuser, is_new) = match &pocketbase {
            PocketBase::At(_) => (Credentials::of_environment()?, false),
            PocketBase::Started(_) => Credentials::keep(&folder)?,
        };
        Ok(Self {
            beside: address_beside(listen)?,
            folder,
            listen,
            pocketbase,
            superuser,
            is_new,
            manifests: BTreeMap::new(),
            text: String::new(),
        })
    }

    /// Sees to it that PocketBase, which is not started yet, knows the superuser.
    pub(super) fn make_superuser(&self) -> anyhow::Result<()> {
        let PocketBase::Started(binary) = &self.pocketbase else {
            return Ok(());
        };
        if !self.is_new && self.data().join("data.db").is_file() {
            return Ok(());
        }
        let Credentials { email, password } = &self.superuser;
        let ran = std::process::Command::new(binary)
            .args(["superuser", "upsert"])
            .arg(format!("--dir={}", self.data().display()))
            .args(self.arguments())
            // A password may begin like a flag.
            .args(["--", email, password])
            .stdin(std::process::Stdio::null())
            .output()
            .with_context(|| format!("cannot run the PocketBase {}", binary.display()))?;
        if !ran.status.success() {
            let said = String::from_utf8_lossy(&ran.stderr);
            let said = said.replace(password.as_str(), "[masked]");
            bail!(
                "PocketBase ({}) does not take a superuser: {}",
                binary.display(),
                said.trim()
            );
        }
        Ok(())
    }

    /// Decides where PocketBase listens: right before it is started, since a port that was free
    /// while rules were built may be taken since.
    pub(super) fn choose_port(&mut self) -> anyhow::Result<()> {
        self.beside = address_beside(self.listen)?;
        Ok(())
    }

    /// Where the gateway reads it from, and with what in the environment.
    pub(super) fn file(&self) -> ConfigFile {
        ConfigFile {
            path: self.folder.join("hapta.toml"),
            environment: self.environment(),
            overrides: Overrides::default(),
        }
    }

    /// Where a rule's file is put.
    pub(super) fn target(&self, rule: &str) -> PathBuf {
        self.folder.join("rules").join(format!("{rule}.wasm"))
    }

    /// Who opens the dashboard of the PocketBase that is started; the password once.
    pub(super) fn superuser(&mut self) -> Option<Superuser> {
        let is_new = std::mem::take(&mut self.is_new);
        matches!(self.pocketbase, PocketBase::Started(_)).then(|| Superuser {
            email: self.superuser.email.clone(),
            file: format!("{PLACE}/{SUPERUSER}"),
            password: is_new.then(|| self.superuser.password.clone()),
        })
    }

    /// Takes down what a rule said of itself.
    pub(super) fn knows(&mut self, rule: &str, manifest: Manifest) {
        self.manifests.insert(rule.to_owned(), manifest);
    }

    /// The configuration with all these rules, also those that nobody has tried out yet.
    pub(super) fn config(&self, projects: &[Project], schema: &Schema) -> anyhow::Result<Config> {
        let text = self.written(projects, schema, Entries::All);
        Ok(Config::parse(&text, &self.folder, &self.environment())?)
    }

    /// Writes it anew if anything in it changed, and tells whether it did. Collections are exposed
    /// when every rule has said which ones it is for.
    pub(super) fn write(&mut self, projects: &[Project], schema: &Schema) -> anyhow::Result<bool> {
        let text = self.written(projects, schema, Entries::TriedOut);
        if text == self.text {
            return Ok(false);
        }
        let file = self.folder.join("hapta.toml");
        replace(&file, text.as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
        self.text = text;
        Ok(true)
    }

    fn environment(&self) -> Environment {
        Environment {
            admin_email: Some(self.superuser.email.clone()),
            admin_password: Some(self.superuser.password.clone()),
            ..Environment::default()
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("pb_data")
    }

    /// Migrations, hooks and public files of an application that has them where PocketBase looks.
    fn arguments(&self) -> Vec<String> {
        let flags = [
            ("--migrationsDir", "pb_migrations"),
            ("--hooksDir", "pb_hooks"),
            ("--publicDir", "pb_public"),
        ];
        let here = std::env::current_dir().unwrap_or_default();
        let own = |folder: &str| match here.join(folder) {
            there if there.is_dir() => there,
            _ => self.folder.join(folder),
        };
        flags
            .map(|(flag, folder)| format!("{flag}={}", own(folder).display()))
            .into()
    }

    fn written(&self, projects: &[Project], schema: &Schema, entries: Entries) -> String {
        let names = collections(schema);
        let mut text = self.head();
        let has_entry = |project: &&Project| {
            entries == Entries::All || self.manifests.contains_key(&project.name)
        };
        for project in projects.iter().filter(has_entry) {
            self.rule(&mut text, project, &names);
        }
        let is_known = |project: &Project| self.manifests.contains_key(&project.name);
        if !projects.iter().all(is_known) {
            // Whose they are is not known.
            return text;
        }
        for name in names {
            let is_for = |project: &&Project| {
                let manifest = self.manifests.get(&project.name);
                manifest.is_some_and(|manifest| manifest.is_for(name))
            };
            let judges = projects.iter().filter(is_for);
            let judges: Vec<_> = judges.map(|project| quoted(&project.name)).collect();
            let rules = match judges.as_slice() {
                [] => "\"pocketbase\"".to_owned(),
                judges => format!("[{}]", judges.join(", ")),
            };
            let _ = writeln!(text, "\n[collections.{}]\nrules = {rules}", quoted(name));
        }
        text
    }

    /// All but rules and collections.
    fn head(&self) -> String {
        let mut text = format!(
            "# Made by hapta dev, and made anew by it: what is written here is lost. For a configuration of your\n\
             # own, copy it to hapta.toml beside your rules, or begin with hapta init. The superuser comes by\n\
             # ADMIN_EMAIL and ADMIN_PASSWORD.\n\n\
             [server]\nlisten = \"{}\"\nshutdown_timeout = \"2s\"\n\n\
             [superusers]\nroutes = \"on\"\n\n[limits]\nmode = \"off\"\n\n\
             [state]\nfolder = {}\n\n[rules]\ndebounce = \"50ms\"\n\n\
             [pocketbase]\nschema_interval = \"2s\"\n",
            self.listen,
            quoted(&self.folder.join("state").display().to_string()),
        );
        match &self.pocketbase {
            PocketBase::At(url) => {
                let _ = writeln!(text, "url = {}", quoted(url));
            }
            PocketBase::Started(binary) => {
                let arguments: Vec<_> = self.arguments().iter().map(|it| quoted(it)).collect();
                let _ = writeln!(
                    text,
                    "\n[pocketbase.run]\nbinary = {}\ndata = {}\nlisten = \"{}\"\nargs = [{}]",
                    quoted(&binary.display().to_string()),
                    quoted(&self.data().display().to_string()),
                    self.beside,
                    arguments.join(", "),
                );
            }
        }
        text
    }

    fn rule(&self, text: &mut String, project: &Project, collections: &[&str]) {
        let _ = writeln!(
            text,
            "\n[[rule]]\nname = {}\nfile = {}",
            quoted(&project.name),
            quoted(&self.target(&project.name).display().to_string())
        );
        if project.world == World::PoweredRule {
            let reads: Vec<_> = collections.iter().map(|name| quoted(name)).collect();
            let _ = writeln!(text, "grants = {GRANTS}\nreads = [{}]", reads.join(", "));
        }
    }
}

/// The file of the superuser that was made.
const SUPERUSER: &str = "superuser.json";

impl Credentials {
    /// Those of a PocketBase that somebody else made.
    fn of_environment() -> anyhow::Result<Self> {
        let environment = Environment::of_process();
        match (environment.admin_email, environment.admin_password) {
            (Some(email), Some(password)) => Ok(Self { email, password }),
            _ => bail!(
                "the gateway reads the schema of that PocketBase as one of its superusers; say which: ADMIN_EMAIL=… ADMIN_PASSWORD=… hapta dev --pocketbase URL"
            ),
        }
    }

    /// Those that were made before, or new ones, and whether they are.
    fn keep(folder: &Path) -> anyhow::Result<(Self, bool)> {
        let file = folder.join(SUPERUSER);
        let about = || format!("the superuser kept in {}", file.display());
        if let Ok(kept) = std::fs::read(&file) {
            let kept = serde_json::from_slice(&kept);
            return Ok((kept.with_context(about)?, false));
        }
        let mut secret = [0; 24];
        if SystemRandom::new().fill(&mut secret).is_err() {
            bail!("the system gives no random numbers, of which to make a password");
        }
        let made = Self {
            email: EMAIL.to_owned(),
            password: URL_SAFE_NO_PAD.encode(secret),
        };
        replace(&file, &serde_json::to_vec_pretty(&made)?).with_context(about)?;
        Ok((made, true))
    }
}

/// All but PocketBase's own, by name.
fn collections(schema: &Schema) -> Vec<&str> {
    let all = schema.collections().filter(|collection| !collection.system);
    let mut names: Vec<&str> = all.map(|collection| collection.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// As TOML writes a text: a subset of it is how JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Puts a file in its place at once, readable for its owner alone.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    // Behind a dot, where no watcher takes it for what it is to become.
    let mut new = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o600))?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests;
