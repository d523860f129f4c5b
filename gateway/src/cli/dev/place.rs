//! Which rules are developed, and with which PocketBase.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::workshop::Project;

/// How deep rules' folders are looked for.
const DEPTH: usize = 3;

/// Folders that hold no rule of the author's.
const LEFT_OUT: [&str; 3] = ["node_modules", "target", "build"];

/// Where PocketBase is, or what starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PocketBase {
    /// Somebody else's.
    At(String),
    /// The executable.
    Started(PathBuf),
}

/// The rules of these folders; of none, the rule of this folder, or those below it.
pub(super) fn projects(folders: &[PathBuf]) -> anyhow::Result<Vec<Project>> {
    let found = match folders {
        [] => below(Path::new("."), DEPTH),
        named => named.to_vec(),
    };
    if found.is_empty() {
        bail!(
            "there is no rule here, nor in a folder below: none has a rule.toml; hapta new NAME --lang ts begins one"
        );
    }
    let mut projects = Vec::new();
    for folder in found {
        let project = Project::open(&folder)?;
        let is_same = |other: &&Project| other.name == project.name;
        if let Some(other) = projects.iter().find(is_same) {
            bail!(
                "the rules in {} and {} have one name, {}; give one of them another in its rule.toml",
                other.folder.display(),
                project.folder.display(),
                project.name
            );
        }
        projects.push(project);
    }
    Ok(projects)
}

/// The folder itself if it is a rule's, else those of rules below it.
fn below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    if folder.join("rule.toml").is_file() {
        return vec![folder.to_owned()];
    }
    let Some(deeper) = depth.checked_sub(1) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && may_hold_rules(path))
        .collect();
    folders.sort();
    folders
        .iter()
        .flat_map(|folder| below(folder, deeper))
        .collect()
}

fn may_hold_rules(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.') && !LEFT_OUT.contains(&&*name)
}

impl PocketBase {
    /// What was asked for; else `POCKETBASE`, `./pocketbase`, or the one on the `PATH`.
    pub(super) fn find(asked: Option<&str>) -> anyhow::Result<Self> {
        let variable = std::env::var("POCKETBASE").ok().filter(|it| !it.is_empty());
        match asked.map(str::to_owned).or(variable) {
            Some(url) if is_url(&url) => Ok(Self::At(url)),
            Some(binary) => {
                let found = std::fs::canonicalize(&binary);
                let found = found.with_context(|| format!("the PocketBase {binary}"))?;
                Ok(Self::Started(found))
            }
            None => installed().map(Self::Started).context(
                "there is no PocketBase: take a release of 0.23 to 0.40 from https://github.com/pocketbase/pocketbase/releases and put it here as ./pocketbase or on the PATH, or say where one is: --pocketbase FILE, or --pocketbase URL for one that runs",
            ),
        }
    }
}

/// Whether this is where a PocketBase is, and not what starts one.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(PathBuf::from(".")).chain(std::env::split_paths(&path));
    let mut files = places.map(|folder| folder.join("pocketbase"));
    let found = files.find(|file| file.is_file())?;
    std::fs::canonicalize(found).ok()
}

/// A port of this machine for PocketBase: that beside the gateway's, or any that is free.
pub(super) fn address_beside(gateway: SocketAddr) -> anyhow::Result<SocketAddr> {
    let beside = match gateway.port() {
        0 => 0,
        port => port.checked_add(1).unwrap_or_default(),
    };
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let bound = bind(beside).or_else(|_| bind(0));
    let bound = bound.context("cannot find a free port for PocketBase")?;
    Ok(bound.local_addr()?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rule(folder: &Path, name: &str) {
        fs::create_dir_all(folder).unwrap();
        let text = format!("name = \"{name}\"\nlanguage = \"rust\"\n");
        fs::write(folder.join("rule.toml"), text).unwrap();
    }

    #[test]
    fn rules_are_found_below_and_not_where_things_are_built() {
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        for path in [
            "rules/b",
            "rules/a",
            "node_modules/x",
            ".hapta/dev/y",
            "one/two/three/four",
        ] {
            rule(&at(path), "r");
        }
        assert_eq!(below(place.path(), DEPTH), [at("rules/a"), at("rules/b")]);
        rule(place.path(), "r");
        assert_eq!(below(place.path(), DEPTH), [place.path()]);
    }

    #[test]
    fn two_rules_of_one_name_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let folders = ["a", "b"].map(|name| place.path().join(name));
        for folder in &folders {
            rule(folder, "own");
        }
        let refused = projects(&folders).unwrap_err().to_string();
        assert!(refused.contains("one name, own"), "{refused}");
        assert_eq!(projects(&folders[..1]).unwrap()[0].name, "own");
    }

    #[test]
    fn pocketbase_is_beside_the_gateway() {
        let any = address_beside("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(any.ip().is_loopback() && any.port() > 0);
        let taken = TcpListener::bind(any).unwrap();
        let before = any.port() - 1;
        let other = address_beside(SocketAddr::new(any.ip(), before)).unwrap();
        assert_ne!(other.port(), any.port());
        drop(taken);
    }
}
