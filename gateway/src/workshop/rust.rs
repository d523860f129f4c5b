//! Rust: by Cargo, for `wasm32-unknown-unknown`.
//!
//! Two ways lead there: a toolchain that has the target, as rustup adds it; and Debian's compiler,
//! which builds the standard library for the target itself.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::tool::{Shop, answer, on_path};
use super::{WorkshopError, component, error::read};

const TARGET: &str = "wasm32-unknown-unknown";

/// What Debian's way takes beside each other: `cargo-web`, `rustc-web`, `lld-22`.
const PROGRAMS: [&str; 3] = ["cargo", "rustc", LINKER];
const LINKER: &str = "wasm-ld-22";
/// And `rust-web-src`, from where those are.
const LIBRARY: &str = "../lib/rustlib/src/rust/library";

/// A message of Cargo's, of those that matter here.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    crate_types: Vec<String>,
}

/// Builds the crate, and makes a component of it.
pub(super) fn make(shop: &mut Shop<'_>) -> Result<Vec<u8>, WorkshopError> {
    let (mut cargo, options) = cargo(&shop.project.folder)?;
    cargo.args(["build", "--quiet", "--profile", "rule", "--target", TARGET]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    cargo.args(options);
    shop.begins("cargo builds the crate");
    let messages = shop.run("cargo build", &mut cargo)?;
    let module = module(&messages, &shop.project.folder.join("Cargo.toml")).ok_or_else(|| {
        WorkshopError::Unfit(
            "the crate is no library for others than Rust; write crate-type = [\"cdylib\"] under [lib] in its Cargo.toml".to_owned(),
        )
    })?;
    component::encode(&fs::read(&module).map_err(read(&module))?)
}

/// The file that was built of this package.
fn module(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let ours = artifacts.filter(|artifact| {
        let target = artifact.target.as_ref();
        artifact.reason == "compiler-artifact"
            && artifact.manifest_path == manifest
            && target.is_some_and(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))
    });
    let mut files = ours.flat_map(|artifact| artifact.filenames);
    files.find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
}

/// The Cargo to call, and what it is told beside the usual.
fn cargo(folder: &Path) -> Result<(Command, &'static [&'static str]), WorkshopError> {
    if let Some(cargo) = on_path("cargo")
        && has_target(folder)
    {
        return Ok((Command::new(cargo), &[]));
    }
    if let Some(programs) = debian() {
        let mut cargo = Command::new(programs.join("cargo"));
        cargo
            // Its library's source is its own, and to build that is no stable feature.
            .env("RUSTC", programs.join("rustc"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
                programs.join(LINKER),
            )
            // Of two compilers each undoes what the other left.
            .env("CARGO_TARGET_DIR", target_folder(folder).join("debian"))
            .env_remove("RUSTUP_TOOLCHAIN");
        return Ok((cargo, &["-Zbuild-std=std,panic_abort"]));
    }
    let debian =
        "on Debian, without rustup: apt-get install rustc-web cargo-web rust-web-src lld-22";
    Err(match on_path("rustup") {
        Some(_) => WorkshopError::Missing {
            tool: format!("Rust's target {TARGET}"),
            install: format!("rustup target add {TARGET} brings it ({debian})"),
        },
        None => WorkshopError::Missing {
            tool: format!("cargo, with Rust's target {TARGET},"),
            install: format!(
                "install rustup from https://rustup.rs, then: rustup target add {TARGET} ({debian})"
            ),
        },
    })
}

/// The folder of the `PATH` in which Debian's programs are.
fn debian() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find(|folder| {
        let has_all = PROGRAMS.iter().all(|name| folder.join(name).exists());
        folder.is_absolute() && has_all && folder.join(LIBRARY).exists()
    })
}

/// Whether the toolchain that is in use in this folder can build for the target.
fn has_target(folder: &Path) -> bool {
    let Some(rustc) = on_path("rustc") else {
        return false;
    };
    let mut ask = Command::new(rustc);
    let sysroot = answer(ask.args(["--print", "sysroot"]).current_dir(folder));
    sysroot.is_some_and(|sysroot| {
        Path::new(&sysroot)
            .join("lib/rustlib")
            .join(TARGET)
            .exists()
    })
}

fn target_folder(folder: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(set) => folder.join(set),
        None => folder.join("target"),
    }
}
