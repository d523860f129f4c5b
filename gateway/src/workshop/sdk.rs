//! What a rule's folder is given of this binary, so that the SDK and the gateway never differ: the
//! contract and the SDK of its language, in `.hapta/`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::error::{read, write};
use super::{Language, Project, WorkshopError};

/// A file by its path below [`FOLDER`], and what is in it.
pub(super) type Carried = (&'static str, &'static str);

/// Where it is put; not in git.
pub(super) const FOLDER: &str = ".hapta";

/// Files of a folder of the repository, and the folder below [`FOLDER`] that they get to.
macro_rules! carried {
    ($from:literal => $to:literal: $($file:literal)*) => {
        &[$((
            concat!($to, $file),
            include_str!(concat!("../../../", $from, $file)),
        )),*]
    };
}

/// The contract.
const WIT: &[Carried] = carried!("wit/" => "wit/":
    "counters.wit" "json.wit" "log.wit" "records.wit" "types.wit" "world.wit");

const RUST: &[Carried] = carried!("rule-sdk/" => "rust/":
    "Cargo.toml" "README.md"
    "src/bindings.rs" "src/bindings/generated.rs" "src/denial.rs" "src/document.rs" "src/fault.rs" "src/heap.rs" "src/host.rs"
    "src/host/convert.rs" "src/host/document.rs" "src/host/request.rs" "src/lib.rs" "src/manifest.rs"
    "src/memory.rs" "src/memory/document.rs" "src/memory/place.rs" "src/memory/request.rs"
    "src/memory/strict.rs" "src/operation.rs" "src/records.rs" "src/request.rs" "src/response.rs"
    "src/rule.rs" "src/settings.rs" "src/testing.rs" "src/testing/request.rs" "src/testing/rule.rs"
    "src/value.rs");

const TYPESCRIPT: &[Carried] = carried!("rule-sdk/typescript/" => "typescript/":
    "index.d.ts" "index.js" "package.json");

const PYTHON: &[Carried] = carried!("rule-sdk/python/" => "python/":
    "hapta_rule/__init__.py" "hapta_rule/_contract.py" "hapta_rule/_document.py" "hapta_rule/_errors.py"
    "hapta_rule/_powers.py" "hapta_rule/_request.py" "hapta_rule/_rule.py" "hapta_rule/_settings.py"
    "hapta_rule/component.py" "hapta_rule/py.typed");

const C: &[Carried] = carried!("rule-sdk/c/" => "c/":
    "contract.h" "hapta.c" "hapta.h" "powered_rule.c" "rule.c");

/// What a language is given, the contract first.
pub(super) fn files(language: Language) -> impl Iterator<Item = &'static Carried> {
    let sdk = match language {
        Language::Rust => RUST,
        Language::TypeScript => TYPESCRIPT,
        Language::Python => PYTHON,
        Language::C => C,
    };
    WIT.iter().chain(sdk)
}

/// Puts all of it in its place, and leaves alone what is right already: a new file means to tools
/// that they have to build anew.
pub(super) fn unpack(project: &Project) -> Result<(), WorkshopError> {
    if !wants(project) {
        return Ok(());
    }
    let folder = project.folder.join(FOLDER);
    for (path, text) in files(project.language) {
        let file = folder.join(path);
        if fs::read(&file).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        let above = file.parent().unwrap_or(&folder);
        fs::create_dir_all(above).map_err(write(above))?;
        fs::write(&file, text).map_err(write(&file))?;
    }
    only_ours(&folder.join("wit"))
}

/// Whether the project goes by what it is given. A crate may name another `hapta-rule`.
fn wants(project: &Project) -> bool {
    let manifest = fs::read_to_string(project.folder.join("Cargo.toml"));
    project.language != Language::Rust || manifest.is_ok_and(|text| text.contains(".hapta/rust"))
}

/// Takes out what an earlier binary left: a folder of the contract is read as a whole.
fn only_ours(wit: &Path) -> Result<(), WorkshopError> {
    let entries = match fs::read_dir(wit) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(read(wit))?,
    };
    for entry in entries {
        let file = entry.map_err(read(wit))?.path();
        let is_ours = WIT
            .iter()
            .any(|(path, _)| wit.with_file_name("").join(path) == file);
        if !is_ours && file.is_file() {
            fs::remove_file(&file).map_err(write(&file))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    /// Every file of a folder of the repository is in a table, and every file of the table is there.
    #[track_caller]
    fn holds(table: &[Carried], from: &str, to: &str, is_part: fn(&str) -> bool) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(from);
        let mut files = Vec::new();
        below(&from, &mut files);
        let there: BTreeSet<_> = files
            .iter()
            .map(|file| file.strip_prefix(&from).unwrap().to_str().unwrap())
            .filter(|path| is_part(path))
            .map(|path| format!("{to}{path}"))
            .collect();
        let carried: BTreeSet<_> = table.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(there, carried);
    }

    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "node_modules", "__pycache__"].contains(&name.as_str())
            {
                below(&path, found);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }

    /// A README is for who reads the repository; the crate alone carries its own, which is its
    /// documentation (`include_str!`).
    fn is_no_readme(path: &str) -> bool {
        path != "README.md"
    }

    #[test]
    fn every_file_of_the_contract_is_carried() {
        holds(WIT, "wit", "wit/", |_| true);
    }

    #[test]
    fn every_file_of_the_sdk_for_rust_is_carried() {
        holds(RUST, "rule-sdk", "rust/", |path| {
            path.starts_with("src/") || path == "Cargo.toml" || path == "README.md"
        });
    }

    #[test]
    fn every_file_of_the_sdk_for_typescript_is_carried() {
        holds(
            TYPESCRIPT,
            "rule-sdk/typescript",
            "typescript/",
            is_no_readme,
        );
    }

    #[test]
    fn every_file_of_the_sdk_for_python_is_carried() {
        holds(PYTHON, "rule-sdk/python", "python/", |path| {
            path.starts_with("hapta_rule/")
        });
    }

    #[test]
    fn every_file_of_the_sdk_for_c_is_carried() {
        holds(C, "rule-sdk/c", "c/", is_no_readme);
    }

    #[test]
    fn what_is_right_is_left_alone_and_what_is_old_is_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project {
            folder: folder.path().to_owned(),
            name: "r".to_owned(),
            language: Language::C,
            source: None,
            world: super::super::World::Rule,
            tests: folder.path().join("tests.toml"),
        };
        unpack(&project).unwrap();
        let world = folder.path().join(".hapta/wit/world.wit");
        let written = fs::metadata(&world).unwrap().modified().unwrap();
        let (old, json) = (
            world.with_file_name("old.wit"),
            world.with_file_name("json.wit"),
        );
        fs::write(&old, "").unwrap();
        fs::write(&json, "changed").unwrap();
        unpack(&project).unwrap();
        assert!(!old.exists());
        assert_ne!(fs::read_to_string(&json).unwrap(), "changed");
        assert_eq!(fs::metadata(&world).unwrap().modified().unwrap(), written);
    }
}
