//! Components: made of core modules, held against the contract, put in their place.

use std::fs;
use std::path::Path;

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding};
use wit_parser::{Resolve, WorldId, WorldItem};

use super::error::write;
use super::{WorkshopError, World};

/// The contract's package, as interfaces of it begin.
const PACKAGE: &str = "hapta:rule/";

/// What a C library imports where a rule opens files, prints or asks for the time.
const WASI: &str = "wasi_snapshot_preview1";

/// What a rule exports.
const EXPORTS: [&str; 4] = ["configure", "before", "reveal", "after"];

/// Makes a component of a core module that carries its type.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, WorkshopError> {
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| {
        let problem = format!("{error:#}");
        if problem.contains(WASI) {
            WorkshopError::Imports(format!("WASI ({problem})"))
        } else {
            WorkshopError::Unfit(problem)
        }
    })
}

/// Puts into a core module which functions of the contract its own are.
pub(super) fn embed(module: &mut Vec<u8>, wit: &Path, world: World) -> Result<(), WorkshopError> {
    let mut resolve = Resolve::default();
    let embedded = resolve.push_dir(wit).and_then(|(package, _)| {
        let world = resolve.select_world(&[package], Some(world.name()))?;
        wit_component::embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
    });
    embedded.map_err(|error| WorkshopError::Unfit(format!("{error:#}")))
}

/// Holds a component against the contract: what a rule exports, and nothing else imported.
pub(super) fn check(component: &[u8]) -> Result<(), WorkshopError> {
    let unfit = |problem: &str| Err(WorkshopError::Unfit(problem.to_owned()));
    let (resolve, id) = match wit_component::decode(component) {
        Ok(DecodedWasm::Component(resolve, id)) => (resolve, id),
        Ok(DecodedWasm::WitPackage(..)) => {
            return unfit("it describes interfaces and does nothing");
        }
        Err(error) => return unfit(&format!("{error:#}")),
    };
    if let Some(foreign) = imports(&resolve, id)
        .into_iter()
        .find(|name| !name.starts_with(PACKAGE))
    {
        return Err(WorkshopError::Imports(foreign));
    }
    let Some(world) = resolve.worlds.get(id) else {
        return unfit("it has no world");
    };
    let exports: Vec<_> = world
        .exports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    match EXPORTS
        .iter()
        .find(|name| !exports.iter().any(|export| export == *name))
    {
        Some(missing) => unfit(&format!("it exports no function {missing}")),
        None => Ok(()),
    }
}

/// What it imports: interfaces and functions, as it spells them.
fn imports(resolve: &Resolve, id: WorldId) -> Vec<String> {
    let items = resolve.worlds.get(id).map(|world| &world.imports);
    let powers = items.into_iter().flatten().filter(|(_, item)| {
        // A type is a name, not a power.
        !matches!(item, WorldItem::Type { .. })
    });
    powers.map(|(key, _)| resolve.name_world_key(key)).collect()
}

/// Writes a file whole: who reads it meanwhile has the old one.
pub(super) fn place(bytes: &[u8], file: &Path) -> Result<(), WorkshopError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let fresh = file.with_file_name(format!(".{}.new", name.trim_start_matches('.')));
    fs::write(&fresh, bytes).map_err(write(&fresh))?;
    fs::rename(&fresh, file).map_err(write(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, words: &str) {
        let told = check(&wat::parse_str(text).unwrap())
            .unwrap_err()
            .to_string();
        assert!(told.contains(words), "{told}");
    }

    #[test]
    fn what_is_no_rule_is_told_so() {
        refused("(component)", "exports no function configure");
        refused(
            "(component (import \"wasi:clocks/wall-clock@0.2.6\" (instance)))",
            "imports wasi:clocks/wall-clock@0.2.6",
        );
        assert!(check(b"nothing").is_err());
    }
}
