//! The workshop: from a language to a rule.
//!
//! What a rule's folder looks like in each language ([`Project`]), and which tools are called in which
//! way to make a component of it ([`build`]). It asks no server and installs nothing: what is
//! missing is named, with the command that brings it.

mod begin;
mod c;
mod component;
mod error;
mod give_back;
mod javascript;
mod made_from;
mod project;
mod python;
mod rust;
mod sdk;
mod tool;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub use begin::{begin, first_commands};
pub use error::WorkshopError;
pub(crate) use made_from::is_left_out;

use self::error::{read, write};
use self::made_from::MadeFrom;
use self::tool::Shop;

/// A rule's folder, as its `rule.toml` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Where `rule.toml` lies.
    pub folder: PathBuf,
    /// The rule's, and that of the file that is built.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// The file that the rule is in, below the folder; none for Rust, whose `Cargo.toml` tells.
    pub source: Option<PathBuf>,
    /// What it may import.
    pub world: World,
    /// The cases of `hapta test`, whether they are there or not.
    pub tests: PathBuf,
}

/// What a rule is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// With the crate `hapta-rule`.
    Rust,
    /// Or JavaScript.
    #[serde(alias = "javascript")]
    TypeScript,
    /// With the package `hapta_rule`.
    Python,
    /// With `hapta.h`.
    C,
}

/// What a rule may import, by its name in the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// The request, and what is in it.
    #[default]
    Rule,
    /// Other records, counters and the log as well, each of which has to be granted.
    PoweredRule,
}

/// What [`build`] tells of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This has begun, and may take a while.
    Begins(String),
    /// What a tool said that did its work all the same: its warnings, whole.
    Said(String),
}

/// A rule that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Built {
    /// The component.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// Whether it was there already, made of just this.
    pub was_current: bool,
}

/// Makes a rule of a folder's sources: a component, validated, in its place by a rename. What was
/// there before is kept as `build/.previous.wasm`.
///
/// Does nothing where neither the sources nor what this binary brings along have changed. With
/// `out` the component is put there as well.
///
/// # Errors
///
/// A tool that is missing or fails, and a component that is none of this contract.
pub fn build(
    project: &Project,
    out: Option<&Path>,
    tell: &mut dyn FnMut(Step),
) -> Result<Built, WorkshopError> {
    let began = Instant::now();
    let place = project.folder.join(PLACE);
    fs::create_dir_all(&place).map_err(write(&place))?;
    // Who builds the same folder meanwhile waits: the tools share files in it.
    let lock = place.join(".lock");
    let held = File::create(&lock).map_err(write(&lock))?;
    held.lock().map_err(write(&lock))?;
    sdk::unpack(project)?;

    let file = project.output();
    let mut made_from = MadeFrom::of(project)?;
    let was_current = made_from.made(project);
    if !was_current {
        let mut shop = Shop::open(project, tell)?;
        let made = match project.language {
            Language::Rust => rust::make(&mut shop)?,
            Language::TypeScript => javascript::make(&mut shop)?,
            Language::Python => python::make(&mut shop)?,
            Language::C => c::make(&mut shop)?,
        };
        component::check(&made)?;
        let elsewhere = shop.close();
        put(&made, &file, &place.join(PREVIOUS))?;
        // Cargo writes down which crates it took.
        made_from.again(&project.folder.join("Cargo.lock"))?;
        made_from.also_of(project, &elsewhere)?;
        made_from.note(project, &made, &elsewhere)?;
    }
    let bytes = fs::metadata(&file).map_err(write(&file))?.len();
    let file = match out {
        Some(out) => {
            let made = fs::read(&file).map_err(write(&file))?;
            component::place(&made, out)?;
            out.to_owned()
        }
        None => file,
    };
    Ok(Built {
        file,
        bytes,
        took: began.elapsed(),
        was_current,
    })
}

/// What a build depends on, to be watched: files and folders.
///
/// # Errors
///
/// A folder that can't be read.
pub fn inputs(project: &Project) -> Result<Vec<PathBuf>, WorkshopError> {
    made_from::inputs(project)
}

/// Mends a component of componentize-qjs, in its place: see `give_back`. [`build`] does so by itself.
///
/// # Errors
///
/// A component that is not what the tool makes.
pub fn mend(component: &Path) -> Result<(), WorkshopError> {
    let made = fs::read(component).map_err(read(component))?;
    component::place(&give_back::give_back(&made)?, component)
}

/// Where everything lands that is built, below a rule's folder.
const PLACE: &str = "build";

/// What the last build but one made.
const PREVIOUS: &str = ".previous.wasm";

/// Puts a component in its place; another that was there is the previous one from now on.
fn put(made: &[u8], file: &Path, previous: &Path) -> Result<(), WorkshopError> {
    if fs::read(file).is_ok_and(|old| old != made) {
        // A copy: the rule's own place is never empty.
        let old = fs::read(file).map_err(write(file))?;
        component::place(&old, previous)?;
    }
    component::place(made, file)
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::TypeScript, Self::Python, Self::C];

    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::TypeScript => "TypeScript",
            Self::Python => "Python",
            Self::C => "C",
        }
    }
}

impl World {
    /// As the contract and `rule.toml` write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::PoweredRule => "powered-rule",
        }
    }
}
