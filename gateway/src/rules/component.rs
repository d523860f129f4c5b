//! From a file to a rule that can be called: load → lift → check → configure →
//! freeze → compile → smoke call. Boot, reload and `hapta check` all come here.
//!
//! A component that can't be frozen, as those of interpreters, is configured in
//! each of its instances instead: see `instance`.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use ring::digest;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use wasmtime::component::Component;

use super::bindings::RulePre;
use super::cache::{About, CacheKey, Compiled};
use super::engine::Engine;
use super::host::CallState;
use super::instance::{self, Instance};
use super::lane::Crossed;
use super::manifest::Manifest;
use super::powers::Powers;
use super::problem::{FILE_BYTES, LoadError, LoadProblem};
use super::ready::{self, Ready};
use super::snapshot::{self, Configured};
use super::{Isolation, Limits, Scope, Terms};

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
    pub(super) terms: Arc<Terms>,
    pub(super) pre: RulePre<CallState>,
    /// A permit for each call of this rule that may run at once.
    pub(super) running: Arc<Semaphore>,
    /// The settings with which each instance is configured; none: the component was frozen.
    pub(super) each: Option<String>,
    /// The instances that wait for a call.
    pub(super) ready: Ready,
}

/// What to load: a file, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Names the rule in the configuration, the log and the metrics.
    pub name: String,
    /// A component, or a core module that carries its WIT.
    pub file: PathBuf,
    /// JSON, `{}` where the configuration has none.
    pub settings: String,
    /// For each call; but `configure` has CPU time of its own.
    pub limits: Limits,
    /// What it may reach beyond the request.
    pub powers: Powers,
    /// Whether an instance may serve more than one call.
    pub isolation: Isolation,
    /// Instances that are made before they are asked for.
    pub ahead: u32,
    /// To what it is limited, beyond what it says of itself.
    pub scope: Scope,
    /// Whether its word does not count.
    pub shadow: bool,
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
    engine: &Arc<Engine>,
    source: &Source,
    read: &Read,
) -> Result<Arc<Rule>, LoadError> {
    // What takes components apart holds some of what it meets for impossible.
    let loading = AssertUnwindSafe(try_load(engine, source, read)).catch_unwind();
    let loaded = loading.await.unwrap_or(Err(LoadProblem::Broke));
    loaded.map_err(|problem| source.failed(problem))
}

async fn try_load(
    engine: &Arc<Engine>,
    source: &Source,
    read: &Read,
) -> Result<Arc<Rule>, LoadProblem> {
    let unfit = |error: wasmtime::Error| LoadProblem::Unfit(format!("{error:#}"));
    let terms = Arc::new(source.terms());
    let Compiled { component, about } = compiled(engine, source, read, &terms).await?;
    // Also what comes from the cache: it may have been granted more then.
    snapshot::check_imports(engine, &component, &terms)?;
    let pre = engine
        .linker
        .instantiate_pre(&component)
        .and_then(RulePre::new)
        .map_err(unfit)?;
    let rule = Arc::new(Rule {
        name: source.name.clone(),
        manifest: about.manifest,
        digest: read.digest.clone(),
        terms,
        pre,
        running: Arc::new(Semaphore::new(source.limits.running as usize)),
        each: about.each.then(|| source.settings.clone()),
        ready: Ready::new(source.ahead),
    });
    smoke(engine, &rule).await?;
    if let Isolation::Reuse { calls } = source.isolation {
        tracing::warn!(
            rule = rule.name,
            calls,
            "isolation is \"reuse\": what the rule keeps from one request can reach another"
        );
    }
    ready::refill(engine, &rule);
    Ok(rule)
}

/// The rule's component with its configured state: of the cache, or compiled now.
async fn compiled(
    engine: &Engine,
    source: &Source,
    read: &Read,
    terms: &Arc<Terms>,
) -> Result<Compiled, LoadProblem> {
    let key = CacheKey::of(&engine.wasmtime, &read.bytes, &source.settings);
    if let Some(known) = engine.cache.load(&engine.wasmtime, &key) {
        engine.loads.cached.fetch_add(1, Ordering::Relaxed);
        return Ok(known);
    }
    let component = lift(engine, &read.bytes)?;
    let configured = snapshot::configure(engine, &component, &source.settings, terms).await?;
    let compiled = match configured {
        Configured::Frozen(manifest, frozen) => Compiled {
            component: Component::new(&engine.wasmtime, &frozen)
                .map_err(|error| LoadProblem::Unfit(format!("{error:#}")))?,
            about: About {
                manifest,
                each: false,
            },
        },
        Configured::Each(manifest, component) => Compiled {
            component,
            about: About {
                manifest,
                each: true,
            },
        },
    };
    engine.loads.compiled.fetch_add(1, Ordering::Relaxed);
    engine.cache.keep(&key, &compiled);
    Ok(compiled)
}

/// Makes a component of a core module that carries its WIT, as Rust for
/// `wasm32-unknown-unknown` and C come out of their compilers.
pub(super) fn lift(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadProblem> {
    let unfit = |error: &dyn std::fmt::Display| LoadProblem::Unfit(format!("{error:#}"));
    if !bytes.starts_with(CORE) {
        return Ok(bytes.to_vec());
    }
    wasmtime::Module::validate(&engine.wasmtime, bytes).map_err(|error| unfit(&error))?;
    wit_component::ComponentEncoder::default()
        .module(bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| unfit(&error))
}

/// Starts one instance: what the frozen component can't do, it shows here.
async fn smoke(engine: &Engine, rule: &Rule) -> Result<(), LoadProblem> {
    let nobody = instance::nobody(&rule.terms);
    let started = Instance::start(engine, rule, nobody, &Crossed::default()).await;
    started.map(drop).map_err(LoadProblem::Start)
}

impl Source {
    pub(super) fn terms(&self) -> Terms {
        Terms {
            name: self.name.as_str().into(),
            limits: self.limits.clone(),
            powers: self.powers.clone(),
            isolation: self.isolation,
        }
    }

    pub(super) fn failed(&self, problem: LoadProblem) -> LoadError {
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
            format!("{:?}", (self.terms(), self.ahead)).as_bytes(),
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
