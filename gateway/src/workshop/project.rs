//! `rule.toml`: what a rule's folder says of itself.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::read;
use super::{Language, PLACE, Project, WorkshopError, World};

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    language: Language,
    source: Option<PathBuf>,
    #[serde(default)]
    world: World,
    tests: Option<PathBuf>,
}

/// Its name.
pub(super) const FILE: &str = "rule.toml";

impl Project {
    /// Reads what a folder says of itself.
    ///
    /// # Errors
    ///
    /// No `rule.toml`, or one that doesn't say what it should.
    pub fn open(folder: &Path) -> Result<Self, WorkshopError> {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                WorkshopError::NoProject(folder.to_owned())
            }
            _ => read(&file)(error),
        })?;
        let wrong = |problem: String| WorkshopError::Manifest {
            file: file.clone(),
            problem,
        };
        let raw: Raw = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        check_name(&raw.name).map_err(|problem| wrong(format!("name: {problem}")))?;
        let source = source(folder, &raw).map_err(wrong)?;
        // Tools are called within the folder, so its path must hold from there.
        let folder = fs::canonicalize(folder).map_err(read(folder))?;
        Ok(Self {
            tests: folder.join(raw.tests.as_deref().unwrap_or(Path::new("tests.toml"))),
            name: raw.name,
            language: raw.language,
            source,
            world: raw.world,
            folder,
        })
    }

    /// What [`build`](super::build) makes.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.folder.join(PLACE).join(format!("{}.wasm", self.name))
    }
}

/// What a rule may be called: a file, a crate and a package have this name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let goes_on = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let fits = begins && name.chars().all(goes_on) && name.len() <= 64;
    match (fits, name) {
        (false, _) => Err(format!(
            "\"{name}\" can't be a rule's name: one begins with a letter and goes on with letters, digits, - and _, 64 at most, like own-posts"
        )),
        // Cargo keeps two packages of one name apart by where they are from, and these are of one place.
        (true, "hapta-rule" | "pocketbase") => Err(format!(
            "\"{name}\" can't be a rule's name: it has a meaning of its own"
        )),
        (true, _) => Ok(()),
    }
}

fn source(folder: &Path, raw: &Raw) -> Result<Option<PathBuf>, String> {
    let endings: &[&str] = match raw.language {
        Language::Rust => {
            return match &raw.source {
                Some(_) => Err("source: leave it out, Cargo.toml tells it for Rust".to_owned()),
                None => Ok(None),
            };
        }
        Language::TypeScript => &["ts", "js", "mts", "mjs"],
        Language::Python => &["py"],
        Language::C => &["c"],
    };
    let ends = |source: &Path| {
        let ending = source.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| endings.contains(&ending))
    };
    let example = format!("rule.{}", endings.first().copied().unwrap_or_default());
    let source = raw
        .source
        .clone()
        .ok_or_else(|| format!("source: say in which file the rule is: source = \"{example}\""))?;
    if !ends(&source) || source.is_absolute() {
        let language = raw.language.name();
        return Err(format!(
            "source: {} is no file of {language} in this folder; expected one like \"{example}\"",
            source.display()
        ));
    }
    if !folder.join(&source).is_file() {
        let source = source.display();
        return Err(format!("source: there is no file {source} in this folder"));
    }
    Ok(Some(source))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn open(text: &str) -> Result<Project, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rule.ts"), "").unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        Project::open(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let project =
            open("name = \"a-b\"\nlanguage = \"typescript\"\nsource = \"rule.ts\"").unwrap();
        assert_eq!(project.world, World::Rule);
        assert_eq!(project.tests, project.folder.join("tests.toml"));
        assert_eq!(project.output(), project.folder.join("build/a-b.wasm"));
        let rust = open("name = \"r\"\nlanguage = \"rust\"\nworld = \"powered-rule\"").unwrap();
        assert_eq!((rust.source, rust.world), (None, World::PoweredRule));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_was_expected() {
        let typescript = "name = \"r\"\nlanguage = \"typescript\"\n";
        for (text, words) in [
            (
                "name = \"r\"\nlanguage = \"cobol\"",
                "expected one of `rust`",
            ),
            (
                "name = \"r\"\nlanguage = \"rust\"\nsourse = \"x\"",
                "sourse",
            ),
            (
                "name = \"r\"\nlanguage = \"rust\"\nsource = \"x.rs\"",
                "leave it out",
            ),
            ("name = \"3r\"\nlanguage = \"rust\"", "begins with a letter"),
            (
                "name = \"a/b\"\nlanguage = \"rust\"",
                "begins with a letter",
            ),
            (
                "name = \"pocketbase\"\nlanguage = \"rust\"",
                "meaning of its own",
            ),
            (typescript, "source = \"rule.ts\""),
            (
                &format!("{typescript}source = \"rule.py\""),
                "no file of TypeScript",
            ),
            (
                &format!("{typescript}source = \"other.ts\""),
                "there is no file other.ts",
            ),
            (
                &format!("{typescript}source = \"rule.ts\"\nworld = \"all\""),
                "powered-rule",
            ),
        ] {
            let told = open(text).unwrap_err();
            assert!(
                told.contains(words) && told.contains(FILE),
                "{text}\n{told}"
            );
        }
    }

    #[test]
    fn a_folder_without_one_is_told_how_to_begin() {
        let folder = tempfile::tempdir().unwrap();
        let told = Project::open(folder.path()).unwrap_err().to_string();
        assert!(told.contains("hapta new"), "{told}");
    }
}
