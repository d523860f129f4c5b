//! From a file to a rule that can be called: load → lift → check → configure →
//! freeze → compile → smoke call. Boot, reload and `hapta check` all come here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use wasmtime::Store;
use wasmtime::component::Component;

use super::bindings::RulePre;
use super::engine::Engine;
use super::host::CallState;
use super::manifest::Manifest;
use super::problem::{FILE_BYTES, LoadError, LoadProblem};
use super::{Dossier, Limits, snapshot, store};
use crate::exchange::Exchange;

/// How a core module begins; a component has another version and layer here.
const CORE: &[u8] = b"\0asm\x01\0\0\0";

/// A rule, ready to be called.
pub struct Rule {
    /// From its entry, or its file's stem if it was dropped in.
    pub name: String,
    /// What `configure` answered.
    pub manifest: Manifest,
    /// SHA-256 of file, settings and limits, in hex.
    pub digest: String,
    pub(super) limits: Limits,
    pub(super) pre: RulePre<CallState>,
    /// A permit for each call of this rule that may run at once.
    pub(super) running: Arc<Semaphore>,
}

/// What to load: a file, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Names the rule in the configuration, the log and the metrics.
    pub name: String,
    /// A component, or a core module that carries its WIT.
    pub file: PathBuf,
    /// JSON, `{}` where the configuration has none.
    pub settings: String,
    /// For each call; but `configure` has CPU time of its own.
    pub limits: Limits,
}

/// The file's bytes and what names this rule with these settings.
pub(super) struct Read {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: String,
}

/// Reads a rule's file.
pub(super) fn read(source: &Source) -> Result<Read, LoadError> {
    let read = || {
        if std::fs::metadata(&source.file)
            .map_err(LoadProblem::Read)?
            .len()
            > FILE_BYTES
        {
            return Err(LoadProblem::TooLarge);
        }
        std::fs::read(&source.file).map_err(LoadProblem::Read)
    };
    let bytes = read().map_err(|problem| source.failed(problem))?;
    let digest = source.digest(&bytes);
    Ok(Read { bytes, digest })
}

/// Makes a rule of a file's bytes. Takes as long as compiling takes.
pub(super) async fn load(
    engine: &Engine,
    source: &Source,
    read: &Read,
) -> Result<Arc<Rule>, LoadError> {
    match try_load(engine, source, read).await {
        Ok(rule) => Ok(Arc::new(rule)),
        Err(problem) => Err(source.failed(problem)),
    }
}

async fn try_load(engine: &Engine, source: &Source, read: &Read) -> Result<Rule, LoadProblem> {
    let unfit = |error: wasmtime::Error| LoadProblem::Unfit(format!("{error:#}"));
    let component = lift(&read.bytes)?;
    let (manifest, frozen) =
        snapshot::configure(engine, &component, &source.settings, &source.limits).await?;
    let frozen = Component::new(&engine.wasmtime, &frozen).map_err(unfit)?;
    let pre = engine
        .linker
        .instantiate_pre(&frozen)
        .and_then(RulePre::new)
        .map_err(unfit)?;
    let rule = Rule {
        name: source.name.clone(),
        manifest,
        digest: read.digest.clone(),
        limits: source.limits.clone(),
        pre,
        running: Arc::new(Semaphore::new(source.limits.running as usize)),
    };
    smoke(engine, &rule).await?;
    Ok(rule)
}

/// Makes a component of a core module that carries its WIT, as Rust for
/// `wasm32-unknown-unknown` and C come out of their compilers.
fn lift(bytes: &[u8]) -> Result<Vec<u8>, LoadProblem> {
    let unfit = |error: &dyn std::fmt::Display| LoadProblem::Unfit(format!("{error:#}"));
    if !bytes.starts_with(CORE) {
        return Ok(bytes.to_vec());
    }
    wit_component::ComponentEncoder::default()
        .module(bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| unfit(&error))
}

/// Starts one instance: what the frozen component can't do, it shows here.
async fn smoke(engine: &Engine, rule: &Rule) -> Result<(), LoadProblem> {
    let state = CallState::new(
        Arc::new(Exchange::nothing()),
        Arc::new(Dossier::nothing()),
        &rule.limits,
    );
    let mut store: Store<CallState> = store::store(engine, state, &super::lane::Crossed::default());
    rule.pre
        .instantiate_async(&mut store)
        .await
        .map(drop)
        .map_err(|error| LoadProblem::Start(store::fault(&error)))
}

impl Source {
    fn failed(&self, problem: LoadProblem) -> LoadError {
        LoadError {
            name: self.name.clone(),
            file: self.file.clone(),
            problem,
        }
    }

    fn digest(&self, bytes: &[u8]) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [
            bytes,
            self.name.as_bytes(),
            self.settings.as_bytes(),
            format!("{:?}", self.limits).as_bytes(),
        ] {
            // Lengths keep the parts apart.
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        }
        hex(hash.finish().as_ref())
    }
}

/// The name of a rule that was dropped in: its file's, without the ending.
pub(super) fn name_of(file: &Path) -> String {
    file.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
