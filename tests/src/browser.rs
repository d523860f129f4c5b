//! A headless Chromium, driven by the scripts of `tests/browser`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::root;

/// How long a script may take: a browser starts slowly on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Where it is looked for, as `.ci/fetch-browser` does.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The browser of a script: started by it, with a profile of its own, and gone with it.
///
/// A script takes it from `browser.mjs`; it reaches loopback and nothing else.
#[derive(Debug)]
pub struct Browser;

impl Browser {
    /// Runs a script of `tests/browser` with these environment variables; what it wrote.
    ///
    /// # Panics
    ///
    /// When the script fails, which it also does if one of its tests does, and
    /// when it takes too long; the message has what it wrote.
    pub async fn run(script: &str, variables: &[(&str, &str)]) -> String {
        let folder = root().join("tests/browser");
        assert!(
            folder.join("node_modules/puppeteer-core").exists(),
            "puppeteer-core is not installed: run `make setup`"
        );
        let profile = tempfile::tempdir().expect("a temporary folder");
        let script = Command::new("node")
            .arg("--test-reporter=spec")
            .arg(script)
            .env("HAPTA_BROWSER", binary())
            .env("HAPTA_BROWSER_PROFILE", profile.path())
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            // The browser ends when its pipe to the script does.
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, script)
            .await
            .expect("the script ends")
            .expect("node starts");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{report}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        report
    }
}

fn binary() -> PathBuf {
    let names = match env::var_os("CHROMIUM").filter(|name| !name.is_empty()) {
        Some(name) => vec![PathBuf::from(name)],
        None => NAMES.iter().map(PathBuf::from).collect(),
    };
    let found = names.iter().find_map(|name| on_path(name));
    found.unwrap_or_else(|| panic!("none of {names:?} is there: run `make setup`"))
}

/// A name on PATH, or a path as it is.
fn on_path(name: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
