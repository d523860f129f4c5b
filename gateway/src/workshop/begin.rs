//! `hapta new`: a rule's folder, with a rule in it that builds and passes its tests.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{read, write};
use super::project::check_name;
use super::{Language, Project, WorkshopError, World, sdk};

/// A file by its path in the new folder, and what is in it but for the places in `{{…}}`.
type Template = (&'static str, &'static str);

/// A template of the repository.
macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("../../templates/", $file))
    };
}

/// What every language has.
const COMMON: &[Template] = &[
    ("rule.toml", template!("rule.toml")),
    ("tests.toml", template!("tests.toml")),
    ("README.md", template!("readme.md")),
    // By another name there, where it would leave templates out of the repository.
    (".gitignore", template!("gitignore")),
];

const RUST: &[Template] = &[
    ("Cargo.toml", template!("rust/Cargo.toml")),
    (".cargo/config.toml", template!("rust/.cargo/config.toml")),
    ("src/lib.rs", template!("rust/src/lib.rs")),
];

const TYPESCRIPT: &[Template] = &[
    ("rule.ts", template!("typescript/rule.ts")),
    ("package.json", template!("typescript/package.json")),
    ("tsconfig.json", template!("typescript/tsconfig.json")),
];

const PYTHON: &[Template] = &[
    ("rule.py", template!("python/rule.py")),
    ("requirements.txt", template!("python/requirements.txt")),
];

const C: &[Template] = &[("rule.c", template!("c/rule.c"))];

/// Begins a rule in a folder, which is made. Its last part is the rule's name.
///
/// # Errors
///
/// A name that can't be one, and a folder in which something is.
pub fn begin(folder: &Path, language: Language, world: World) -> Result<Project, WorkshopError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    check_name(&name).map_err(WorkshopError::Name)?;
    if !is_free(folder)? {
        return Err(WorkshopError::Taken(folder.to_owned()));
    }
    let project = Project {
        folder: folder.to_owned(),
        name: name.into_owned(),
        language,
        source: source(language).map(PathBuf::from),
        world,
        tests: folder.join("tests.toml"),
    };
    for (path, text) in COMMON.iter().chain(own(language)) {
        let file = folder.join(path);
        let above = file.parent().unwrap_or(folder);
        fs::create_dir_all(above).map_err(write(above))?;
        fs::write(&file, filled(text, &project)).map_err(write(&file))?;
    }
    sdk::unpack(&project)?;
    Project::open(folder)
}

/// What has to be called in the new folder until the rule is tested, one command a line.
#[must_use]
pub fn first_commands(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust | Language::C => &["hapta build", "hapta test"],
        Language::TypeScript => &["npm install", "hapta build", "hapta test"],
        Language::Python => &[
            "python3 -m venv .venv",
            ".venv/bin/pip install -r requirements.txt",
            "hapta build",
            "hapta test",
        ],
    }
}

fn own(language: Language) -> &'static [Template] {
    match language {
        Language::Rust => RUST,
        Language::TypeScript => TYPESCRIPT,
        Language::Python => PYTHON,
        Language::C => C,
    }
}

/// Whether nothing is there, or a folder with nothing in it.
fn is_free(folder: &Path) -> Result<bool, WorkshopError> {
    if fs::symlink_metadata(folder).is_err() {
        return Ok(true);
    }
    if !folder.is_dir() {
        return Ok(false);
    }
    let mut entries = fs::read_dir(folder).map_err(read(folder))?;
    Ok(entries.next().is_none())
}

fn source(language: Language) -> Option<&'static str> {
    match language {
        Language::Rust => None,
        Language::TypeScript => Some("rule.ts"),
        Language::Python => Some("rule.py"),
        Language::C => Some("rule.c"),
    }
}

/// What each file of a language is, for the README.
fn files(language: Language) -> &'static str {
    match language {
        Language::Rust => {
            "| `src/lib.rs` | the rule |\n| `Cargo.toml` | the crate, with the profile that rules are built with |\n| `.cargo/config.toml` | linker flags that make a call cheaper |\n"
        }
        Language::TypeScript => {
            "| `rule.ts` | the rule |\n| `package.json` | the tools: QuickJS, esbuild, TypeScript |\n| `tsconfig.json` | how types are checked, and where those of the SDK are |\n"
        }
        Language::Python => {
            "| `rule.py` | the rule |\n| `requirements.txt` | the tool that makes a component of it |\n"
        }
        Language::C => "| `rule.c` | the rule; other `.c` files beside it are compiled as well |\n",
    }
}

fn filled(text: &str, project: &Project) -> String {
    let language = project.language;
    let source = project
        .source
        .as_deref()
        .map_or_else(String::new, |source| {
            format!("source = \"{}\"\n", source.display())
        });
    let powers = "grants = [\"hapta:rule/records\", \"hapta:rule/counters\", \"hapta:rule/log\"]\n";
    let (grants, granted) = match project.world {
        World::Rule => ("", String::new()),
        World::PoweredRule => (powers, format!("\n{}", powers.trim_end())),
    };
    // The README says the language as people do, `rule.toml` as it is read.
    let written = language.name().to_lowercase();
    let is_prose = text.starts_with("# {{name}}");
    let said = if is_prose { language.name() } else { &written };
    [
        ("{{name}}", project.name.as_str()),
        ("{{language}}", said),
        ("{{source}}", &source),
        ("{{world}}", project.world.name()),
        ("{{grants}}", grants),
        ("{{granted}}", &granted),
        ("{{files}}", files(language)),
        ("{{commands}}", &first_commands(language).join("\n")),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (place, with)| {
        text.replace(place, with)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_a_folder_that_says_what_it_is() {
        for language in Language::ALL {
            let place = tempfile::tempdir().unwrap();
            let folder = place.path().join("own-posts");
            let project = begin(&folder, language, World::PoweredRule).unwrap();
            assert_eq!(
                (project.name.as_str(), project.language),
                ("own-posts", language)
            );
            assert_eq!(project.world, World::PoweredRule);
            assert!(project.tests.is_file());
            for (path, _) in COMMON.iter().chain(own(language)) {
                let text = fs::read_to_string(folder.join(path)).unwrap();
                assert!(!text.contains("{{"), "{path}: {text}");
            }
            let readme = fs::read_to_string(folder.join("README.md")).unwrap();
            for command in first_commands(language) {
                assert!(readme.contains(command), "{readme}");
            }
        }
    }

    #[test]
    fn nothing_is_written_over_and_a_name_is_one() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| begin(&place.path().join(name), Language::C, World::Rule);
        fs::write(place.path().join("taken"), "").unwrap();
        fs::create_dir(place.path().join("empty")).unwrap();
        assert!(at("empty").is_ok());
        for name in ["taken", "empty"] {
            let told = at(name).unwrap_err().to_string();
            assert!(told.contains("is there already"), "{told}");
        }
        let told = at("3 posts").unwrap_err().to_string();
        assert!(told.contains("begins with a letter"), "{told}");
        assert!(!place.path().join("3 posts").exists());
    }
}
