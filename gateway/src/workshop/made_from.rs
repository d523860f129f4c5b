//! What a build was made from: whether there is anything to do.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ring::digest;

use super::error::{read, write};
use super::{Language, PLACE, Project, WorkshopError, sdk};

/// All that goes into a build, by its digest.
pub(super) struct MadeFrom {
    /// What this binary brings along.
    own: String,
    /// By their path. Those of elsewhere are known by what the last build noted.
    files: BTreeMap<PathBuf, String>,
}

/// Folders that no source is in, wherever they are.
const NO_SOURCES: [&str; 2] = ["node_modules", "__pycache__"];

/// Folders that no source is in at the top of what is built: elsewhere they are an author's own.
const BUILT: [&str; 2] = ["build", "target"];

impl MadeFrom {
    /// Of the folder as it is now.
    pub(super) fn of(project: &Project) -> Result<Self, WorkshopError> {
        let carried = sdk::files(project.language).flat_map(|(path, text)| [*path, *text]);
        let version = env!("CARGO_PKG_VERSION");
        let mut made_from = Self {
            own: digest([version].into_iter().chain(carried)),
            files: BTreeMap::new(),
        };
        for file in sources(project)?.iter().chain(&elsewhere(project)) {
            made_from.again(file)?;
        }
        Ok(made_from)
    }

    /// Takes these files of elsewhere, for those that an earlier build was made of.
    pub(super) fn also_of(
        &mut self,
        project: &Project,
        elsewhere: &[PathBuf],
    ) -> Result<(), WorkshopError> {
        for file in self::elsewhere(project) {
            self.files.remove(&file);
        }
        for file in elsewhere {
            self.again(file)?;
        }
        Ok(())
    }

    /// Takes a file as it is now; one that is not there is none.
    pub(super) fn again(&mut self, file: &Path) -> Result<(), WorkshopError> {
        match fs::read(file) {
            Ok(bytes) => {
                self.files.insert(file.to_owned(), digest([bytes]));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.files.remove(file);
            }
            Err(error) => return Err(read(file)(error)),
        }
        Ok(())
    }

    /// Whether what lies there was made of just this, and nobody touched it since.
    pub(super) fn made(&self, project: &Project) -> bool {
        let noted = fs::read_to_string(file(project)).unwrap_or_default();
        let noted = noted.lines().next().unwrap_or_default();
        fs::read(project.output()).is_ok_and(|made| noted == self.line(&made))
    }

    /// Notes of what this was made, and which files of elsewhere are to be looked at for it.
    pub(super) fn note(
        &self,
        project: &Project,
        made: &[u8],
        elsewhere: &[PathBuf],
    ) -> Result<(), WorkshopError> {
        let file = file(project);
        let mut text = self.line(made);
        for path in elsewhere {
            text.push('\n');
            text.push_str(&path.to_string_lossy());
        }
        text.push('\n');
        fs::write(&file, text).map_err(write(&file))
    }

    fn line(&self, made: &[u8]) -> String {
        let files = self
            .files
            .iter()
            .flat_map(|(file, digest)| [file.as_os_str().as_encoded_bytes(), digest.as_bytes()]);
        let all = digest([self.own.as_bytes()].into_iter().chain(files));
        format!("{all} {}", digest([made]))
    }
}

/// Files and folders of which a change means to build anew.
pub(super) fn inputs(project: &Project) -> Result<Vec<PathBuf>, WorkshopError> {
    let mut inputs = sources(project)?;
    // What is added counts as well as what changes.
    let mut folders: Vec<_> = inputs
        .iter()
        .filter_map(|file| file.parent().map(Path::to_owned))
        .collect();
    folders.sort();
    folders.dedup();
    inputs.extend(folders);
    // Without their folders, which are not the rule's.
    inputs.extend(elsewhere(project));
    Ok(inputs)
}

/// The files outside of the folder that the last build was made of.
fn elsewhere(project: &Project) -> Vec<PathBuf> {
    let noted = fs::read_to_string(file(project)).unwrap_or_default();
    noted.lines().skip(1).map(PathBuf::from).collect()
}

/// Whether a folder is what no source is in.
pub(crate) fn is_left_out(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_top = || {
        folder.parent().is_some_and(|above| {
            ["rule.toml", "Cargo.toml"]
                .iter()
                .any(|file| above.join(file).is_file())
        })
    };
    NO_SOURCES.contains(&name.as_ref()) || (BUILT.contains(&name.as_ref()) && is_top())
}

/// Every file that may be a source: of the folder, and for Rust of the crates beside it that it is
/// built with.
pub(super) fn sources(project: &Project) -> Result<Vec<PathBuf>, WorkshopError> {
    let mut found = Vec::new();
    let mut folders = vec![project.folder.clone()];
    if project.language == Language::Rust {
        crates_beside(&project.folder, &mut folders);
    }
    for folder in folders {
        collect(&folder, &mut found)?;
    }
    // Cases are not built.
    found.retain(|file| *file != project.tests);
    found.sort();
    found.dedup();
    Ok(found)
}

/// The folders of the crates that a crate names by their path, and of those that they name.
fn crates_beside(folder: &Path, found: &mut Vec<PathBuf>) {
    let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    // Where it can't be read, Cargo says so.
    let manifest: toml::Table = toml::from_str(&text).unwrap_or_default();
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    for dependency in dependencies.into_iter().flat_map(toml::Table::values) {
        let path = dependency.get("path").and_then(toml::Value::as_str);
        let Some(beside) = path.and_then(|path| folder.join(path).canonicalize().ok()) else {
            continue;
        };
        if !found.contains(&beside) {
            found.push(beside.clone());
            crates_beside(&beside, found);
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), WorkshopError> {
    for entry in fs::read_dir(folder).map_err(read(folder))? {
        let entry = entry.map_err(read(folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // Cargo's settings count; Git's, those of editors and virtual environments don't.
        let hidden = name.starts_with('.') && name != ".cargo";
        if hidden || is_left_out(&path) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.is_file() && !is_no_source(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_no_source(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "wasm")
        || file.file_name().is_some_and(|name| name == "README.md")
}

fn file(project: &Project) -> PathBuf {
    let name = &project.name;
    project
        .folder
        .join(PLACE)
        .join(format!(".{name}.made-from"))
}

/// A digest of all of these, in their order.
fn digest<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    use std::fmt::Write;
    let mut all = digest::Context::new(&digest::SHA256);
    for part in parts {
        // Lengths keep the parts apart.
        all.update(&part.as_ref().len().to_le_bytes());
        all.update(part.as_ref());
    }
    let mut text = String::new();
    for byte in all.finish().as_ref() {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
