//! A folder in which somebody develops a rule, and `hapta dev` in it.

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hapta_tests::{
    Client, Program, Setup, Signal, eventually, free_address, pocketbase_binary, processes_with,
    root,
};
use serde_json::Value;

use crate::commands::HAPTA;

/// Before `hapta dev` is started.
pub(super) struct Workplace {
    program: Program,
}

/// While it runs.
pub(super) struct Working {
    process: hapta_tests::Process,
    /// How many objects of the stream were looked at.
    seen: Cell<usize>,
}

/// A rule whose `before` says this.
pub(super) fn judge(says: &str) -> String {
    format!(
        "//! A rule that is being developed.

#![allow(unused_imports, unused_variables, reason = \"it changes all the time\")]

use hapta_rule::{{
    Denial, Hook, Level, Manifest, NoSettings, Operation, Request, Rule, SettingsError, Verdict,
}};

struct Judge;

impl Rule for Judge {{
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, SettingsError> {{
        Ok(Self)
    }}

    fn manifest(&self) -> Manifest {{
        Manifest::hooks([Hook::Before])
    }}

    fn before(&self, request: &Request) -> Verdict {{
        {says}
    }}
}}

hapta_rule::export!(Judge);
"
    )
}

/// Makes the rule's folder: a copy of the example's crate.
pub(super) fn begin(place: &Path) {
    let folder = place.join("rules/judge");
    fs::create_dir_all(folder.join("src")).expect("makes the folder");
    fs::create_dir_all(folder.join(".cargo")).expect("makes the folder");
    let example = root().join("rules-examples/ownership");
    let read = |file: &str| fs::read_to_string(example.join(file)).expect("reads the example");
    let sdk = root().join("rule-sdk").display().to_string();
    let manifest = read("Cargo.toml")
        .replace("../../rule-sdk", &sdk)
        .replace("name = \"ownership\"", "name = \"judge\"");
    let lock = read("Cargo.lock").replace("name = \"ownership\"", "name = \"judge\"");
    let rule = "name = \"judge\"\nlanguage = \"rust\"\nworld = \"powered-rule\"\n";
    let flags = fs::read_to_string(root().join("rules-examples/.cargo/config.toml"));
    for (file, text) in [
        ("Cargo.toml", manifest.as_str()),
        ("Cargo.lock", &lock),
        ("rule.toml", rule),
        (
            ".cargo/config.toml",
            &flags.expect("reads the example's flags"),
        ),
        ("src/lib.rs", &judge("Ok(())")),
    ] {
        fs::write(folder.join(file), text).expect("writes the rule");
    }
}

impl Workplace {
    /// Without a configuration; with the demo's collections.
    pub(super) fn made_up() -> Self {
        let place = Self::configured(Setup::before(free_address()));
        let folder = place.program.folder();
        fs::remove_file(folder.join("hapta.toml")).expect("removes the configuration");
        fs::create_dir(folder.join("pb_migrations")).expect("makes the folder");
        let migrations = root().join("tests/fixtures/demo/pb_migrations");
        for file in fs::read_dir(migrations).expect("the demo's migrations") {
            let file = file.expect("reads the folder");
            let copy = folder.join("pb_migrations").join(file.file_name());
            fs::copy(file.path(), copy).expect("copies it");
        }
        place
    }

    /// With a configuration.
    pub(super) fn configured(setup: Setup) -> Self {
        let program = Program::new(HAPTA, setup);
        begin(program.folder());
        Self { program }
    }

    /// Writes the rule's source.
    pub(super) fn save(&self, source: &str) {
        save(self.program.folder(), source);
    }

    /// Adds a file to the rule's folder.
    pub(super) fn add(&self, file: &str, text: &str) {
        fs::write(rule(self.program.folder()).join(file), text).expect("writes the file");
    }

    /// Starts it with these arguments.
    pub(super) fn start(self, arguments: &[&str]) -> Working {
        self.build();
        let mut program = self.program;
        for (name, value) in variables() {
            program = program.variable(&name, &value);
        }
        program = program.argument("--listen").argument("127.0.0.1:0");
        for argument in arguments {
            program = program.argument(argument);
        }
        Working {
            process: program.start("dev"),
            seen: Cell::new(0),
        }
    }

    /// The first build of all compiles what rules are made with, which takes long.
    fn build(&self) {
        let folder = rule(self.program.folder());
        if folder.join("build.rs").exists() {
            return;
        }
        let built = std::process::Command::new(HAPTA)
            .arg("build")
            .env_clear()
            .envs(variables())
            .current_dir(folder)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
    }

    /// Starts it where nobody reads what it tells.
    pub(super) fn start_unread(self) -> (std::process::Child, Program) {
        self.build();
        let child = std::process::Command::new(HAPTA)
            .args(["dev", "--json", "--listen", "127.0.0.1:0"])
            .env_clear()
            .envs(variables())
            .current_dir(self.program.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        (child, self.program)
    }
}

/// What tools need of the environment. Rules of all tests are built in one folder, where their
/// dependencies are compiled already.
fn variables() -> Vec<(String, String)> {
    let mut variables: Vec<_> = [
        "PATH",
        "HOME",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
    ]
    .into_iter()
    .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
    .collect();
    let shared = root().join(".build/rules-target").display().to_string();
    variables.push(("CARGO_TARGET_DIR".to_owned(), shared));
    variables.push((
        "POCKETBASE".to_owned(),
        pocketbase_binary().display().to_string(),
    ));
    variables
}

/// Where clients connect, of a first screen in either form.
pub(super) fn address_in(output: &str) -> SocketAddr {
    let screens = ["\"url\":\"http://", "clients      http://"];
    let after = |mark: &str| output.split(mark).nth(1);
    let rest = screens.into_iter().find_map(after).expect("a first screen");
    let ends = |letter: char| !letter.is_ascii_digit() && !".:".contains(letter);
    let address = rest.split(ends).next().expect("a word");
    address.parse().expect("an address")
}

fn rule(place: &Path) -> PathBuf {
    place.join("rules/judge")
}

fn save(place: &Path, source: &str) {
    fs::write(rule(place).join("src/lib.rs"), source).expect("saves the rule");
}

impl Working {
    /// Where clients connect, as the first screen says.
    pub(super) fn address(&self) -> SocketAddr {
        address_in(&self.process.output())
    }

    /// Where it was started.
    pub(super) fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Saves the rule's source.
    pub(super) fn save(&self, source: &str) {
        save(self.folder(), source);
    }

    /// Waits until this is in the stream.
    pub(super) async fn said(&self, text: &str) {
        self.process.said(text).await;
    }

    /// Waits for the next object of the stream that is one of these.
    pub(super) async fn told(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        let found = async || {
            let output = self.process.output();
            let objects = output
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            let objects: Vec<Value> = objects.collect();
            let mut new = objects.into_iter().enumerate().skip(self.seen.get());
            let (place, object) = new.find(|(_, object)| is_it(object))?;
            self.seen.set(place + 1);
            Some(object)
        };
        eventually("the stream tells it", found).await
    }

    /// The password that was made, as it is kept.
    pub(super) fn kept(&self) -> String {
        let kept = fs::read(self.folder().join(".hapta/dev/superuser.json"));
        let kept: Value = serde_json::from_slice(&kept.expect("a file")).expect("JSON");
        kept["password"].as_str().expect("a password").to_owned()
    }

    /// The superuser that was made, at the gateway.
    pub(super) async fn superuser(&self) -> Client {
        let client = Client::new(self.address());
        let login =
            serde_json::json!({ "identity": "developer@example.com", "password": self.kept() });
        let path = "/api/collections/_superusers/auth-with-password";
        let reply = client.post(path).json(&login).await.expect(200);
        client.with_token(reply["token"].as_str().expect("a token"))
    }

    /// The processes of its PocketBase.
    pub(super) fn pocketbases(&self) -> Vec<i32> {
        let data = self.folder().join(".hapta/dev/pb_data");
        processes_with(&format!("--dir={}", data.display()))
    }

    /// Asks it to end, and gives all that it told.
    pub(super) async fn ended_by_term(self) -> String {
        let data = self.folder().join(".hapta/dev/pb_data");
        self.process.signal(Signal::TERM);
        let ended = self.process.ended().await;
        assert_eq!(ended.status, Some(0), "{}", ended.output);
        let left = processes_with(&format!("--dir={}", data.display()));
        assert!(left.is_empty(), "still there: {left:?}");
        ended.output
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(self) -> hapta_tests::Ended {
        self.process.ended().await
    }
}
