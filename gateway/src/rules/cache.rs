//! Compiled rules on disk, so that a start need not compile what an earlier one
//! did; and in memory the functions of what was compiled, so that a rule that
//! changed a little is compiled as little.
//!
//! A file is named by all that it depends on, and sealed with the state
//! folder's key: what somebody else put there is never run.

use std::borrow::Cow;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use quick_cache::Weighter;
use ring::digest;
use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use wasmtime::{CacheStore, Engine as Wasmtime};

use super::component::hex;
use super::manifest::Manifest;
use crate::state::State;

/// The folder within the state folder, and what its files are sealed for.
const FOLDER: &str = "cache";
const PURPOSE: &str = "compiled rule";

/// Changes when what a file holds is read otherwise.
const FORMAT: u32 = 2;

/// The largest file that is read, in bytes: an interpreter's code has 40 MB.
const FILE_BYTES: u64 = 256 << 20;

/// The largest sum of all files, in bytes, and their number.
const FOLDER_BYTES: u64 = 1 << 30;
const FILES: usize = 512;

/// Bytes of compiled functions that are kept in memory.
const FUNCTION_BYTES: u64 = 48 << 20;

/// Where compiled rules are kept.
pub(super) struct Cache {
    /// None: nowhere.
    state: Option<Arc<State>>,
}

/// A rule's component, ready to be instantiated, with what `configure` answered.
pub(super) struct Compiled {
    pub(super) component: Component,
    pub(super) about: About,
}

/// What is known of a compiled component.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) manifest: Manifest,
    /// Whether each instance has to be configured.
    pub(super) each: bool,
}

/// What a compiled rule depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CacheKey(String);

impl CacheKey {
    /// The same module with the same settings, compiled by the same compiler
    /// for the same processor, is the same.
    pub(super) fn of(wasmtime: &Wasmtime, module: &[u8], settings: &str) -> Self {
        let mut compiler = DefaultHasher::new();
        wasmtime.precompile_compatibility_hash().hash(&mut compiler);
        let version = format!(
            "{FORMAT} {} {:x}",
            env!("CARGO_PKG_VERSION"),
            compiler.finish()
        );
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [module, settings.as_bytes(), version.as_bytes()] {
            // Lengths keep the parts apart.
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hex(hash.finish().as_ref()))
    }

    fn file(&self) -> String {
        format!("{FOLDER}/{}", self.0)
    }
}

impl Cache {
    pub(super) fn new(state: Option<Arc<State>>) -> Self {
        Self { state }
    }

    /// What was compiled earlier; none if there is nothing, or nothing to be trusted.
    pub(super) fn load(&self, wasmtime: &Wasmtime, key: &CacheKey) -> Option<Compiled> {
        let state = self.state.as_ref()?;
        let refused = |problem: &str| {
            tracing::warn!(
                file = key.file(),
                problem,
                "a compiled rule is not taken from the cache"
            );
        };
        let sealed = state
            .read(&key.file(), FILE_BYTES)
            .inspect_err(|error| refused(&error.to_string()))
            .ok()??;
        let Some(bytes) = state.unseal(&key.purpose(), &sealed) else {
            refused("it was not written by this gateway, or was changed since");
            return None;
        };
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (about, code) = rest.split_at_checked(length)?;
        let about = serde_json::from_slice(about)
            .inspect_err(|error| refused(&error.to_string()))
            .ok()?;
        let component = deserialize(wasmtime, code)
            .inspect_err(|error| refused(&format!("{error:#}")))
            .ok()?;
        Some(Compiled { component, about })
    }

    /// Keeps what was compiled. A cache that can't be written costs time and nothing else.
    pub(super) fn keep(&self, key: &CacheKey, compiled: &Compiled) {
        // A check leaves the folder as it is.
        let Some(state) = self.state.as_ref().filter(|state| state.is_ours()) else {
            return;
        };
        let kept = || -> Option<()> {
            let about = serde_json::to_vec(&compiled.about).ok()?;
            let code = compiled.component.serialize().ok()?;
            let mut bytes = u32::try_from(about.len()).ok()?.to_le_bytes().to_vec();
            bytes.extend(about);
            bytes.extend(code);
            let sealed = state.seal(&key.purpose(), &bytes);
            state
                .write(&key.file(), &sealed)
                .inspect_err(|error| tracing::warn!(%error, "a compiled rule was not kept"))
                .ok()
        };
        if kept().is_some() {
            sweep(&state.folder().join(FOLDER));
        }
    }
}

impl CacheKey {
    /// With the name: a file under another's name is not what it says.
    fn purpose(&self) -> String {
        format!("{PURPOSE} {}", self.0)
    }
}

#[expect(
    unsafe_code,
    reason = "code that was compiled earlier can't be checked by looking at it"
)]
fn deserialize(wasmtime: &Wasmtime, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are those that `Component::serialize` gave: the seal over
    // them was made with a key that nobody but the gateway's user can read.
    unsafe { Component::deserialize(wasmtime, code) }
}

/// Takes the oldest files out until the rest is within the bounds.
fn sweep(folder: &std::path::Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let about = entry.metadata().ok()?;
            Some((about.modified().ok()?, about.len(), entry.path()))
        })
        .collect();
    files.sort_by_key(|(modified, ..)| std::cmp::Reverse(*modified));
    let mut sum = 0_u64;
    for (at, (_, bytes, file)) in files.into_iter().enumerate() {
        sum = sum.saturating_add(bytes);
        if sum > FOLDER_BYTES || at >= FILES {
            // What can't be removed is tried again with the next one.
            let _ = fs::remove_file(file);
        }
    }
}

/// Compiled functions, by what they were compiled of. In memory alone: what is
/// on disk is whole rules, each under one seal.
pub(super) struct Functions(quick_cache::sync::Cache<Vec<u8>, Arc<[u8]>, ByBytes>);

#[derive(Clone)]
struct ByBytes;

impl Weighter<Vec<u8>, Arc<[u8]>> for ByBytes {
    fn weight(&self, key: &Vec<u8>, code: &Arc<[u8]>) -> u64 {
        (key.len() + code.len()) as u64
    }
}

impl Functions {
    pub(super) fn new() -> Self {
        Self(quick_cache::sync::Cache::with_weighter(
            10_000,
            FUNCTION_BYTES,
            ByBytes,
        ))
    }
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.get(key).map(|code| Cow::Owned(code.to_vec()))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        self.0.insert(key.to_vec(), code.into());
        true
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Functions").field(&self.0.len()).finish()
    }
}
