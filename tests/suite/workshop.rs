//! Rules that are begun, built and looked at here, by the real tools of each language.

/// What `hapta new` leaves, and that it writes over nothing.
mod begin;
/// `hapta build`: each language's way to a rule that judges, and what goes wrong on it.
mod build;
/// `hapta inspect`: files that are rules, and files that are not.
mod inspect;
/// What is missing is named, with the command that brings it.
mod missing;
/// Completions and manual pages.
mod shell;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hapta_tests::root;
use tempfile::TempDir;
use tokio::process::Command;

use crate::commands::HAPTA;

/// A place for rules, with a space in its path.
pub(crate) struct Workshop {
    _place: TempDir,
    folder: PathBuf,
    path: OsString,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Workshop {
    pub(crate) fn open() -> Self {
        let place = TempDir::new().expect("a folder");
        let folder = place.path().join("my rules");
        fs::create_dir(&folder).expect("makes it");
        // The tools that the project has pinned, and what the machine has.
        let tools = root().join(".build/guest-tools/bin");
        let path = std::env::var_os("PATH").expect("a PATH");
        let path = [tools].into_iter().chain(std::env::split_paths(&path));
        Self {
            _place: place,
            folder,
            path: std::env::join_paths(path).expect("a PATH"),
        }
    }

    /// One in which these programs, and no others, are found; each is a script.
    fn with_programs(programs: &[(&str, &str)]) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let mut workshop = Self::open();
        let programs_at = workshop.folder.join("programs");
        fs::create_dir(&programs_at).expect("makes it");
        for (name, script) in programs {
            let file = programs_at.join(name);
            fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("writes it");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("may run");
        }
        workshop.path = programs_at.into();
        workshop
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Begins a rule, and gives its folder, with the tools of npm that the project has pinned.
    pub(crate) async fn begin(&self, name: &str, language: &str) -> PathBuf {
        self.hapta(&["new", name, "--lang", language]).await.well();
        let folder = self.at(name);
        if language == "ts" {
            let tools = root().join("rules-examples/ownership-typescript/node_modules");
            std::os::unix::fs::symlink(tools, folder.join("node_modules")).expect("links it");
        }
        folder
    }

    /// Runs the command.
    pub(crate) async fn hapta(&self, arguments: &[&str]) -> Said {
        let home = std::env::var_os("HOME").expect("a HOME");
        // Of those for C, `ziglang`, where the machine has no other compiler for it.
        let packages = [".build/guest-tools", ".build/c-tools"].map(|tools| root().join(tools));
        let packages = std::env::join_paths(packages).expect("paths");
        let mut command = Command::new(HAPTA);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", home)
            .env("PYTHONPATH", packages)
            // What crates need was fetched for the examples; nothing is fetched by tests.
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", root().join("target/workshop"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        for kept in ["CARGO_HOME", "RUSTUP_HOME", "WASI_SDK_PATH"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        let ended = command.output().await.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            status: ended.status.code(),
            out: text(&ended.stdout),
            err: text(&ended.stderr),
        }
    }
}

impl Said {
    /// It ended well, or this place is named.
    #[track_caller]
    pub(crate) fn well_at(&self, place: &str) {
        assert_eq!(self.status, Some(0), "{place}\n{}\n{}", self.out, self.err);
    }

    /// It ended well.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.status, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// It ended with 1, and said all of this, and nothing of a panic.
    #[track_caller]
    fn refused(self, words: &[&str]) {
        assert_eq!(self.status, Some(1), "{self:?}");
        self.has(words);
    }

    #[track_caller]
    fn has(&self, words: &[&str]) {
        let all = format!("{}\n{}", self.out, self.err);
        for word in words {
            assert!(all.contains(word), "no {word} in:\n{all}");
        }
        assert!(!all.contains("panicked"), "{all}");
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is a text")
}

/// Changes a file's text.
fn edit(file: &Path, change: impl FnOnce(String) -> String) {
    let old = fs::read_to_string(file).expect("reads it");
    fs::write(file, change(old)).expect("writes it");
}
