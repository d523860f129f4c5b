//! The built rules, from `rules-examples`, `tests/rules` and `tests/guests`.

use std::fs;
use std::path::PathBuf;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::root;

/// The file of a built rule.
///
/// # Panics
///
/// When it isn't built.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let places = [".build/test-rules", ".build/rules", ".build/guests"];
    let file = |place| root().join(place).join(format!("{name}.wasm"));
    places
        .into_iter()
        .map(file)
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("the rule {name} is not built: run `make setup`"))
}

/// The bytes of a built rule.
#[must_use]
pub fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).expect("reads a built rule")
}

/// A rule written in WebAssembly's text: a core module that meets the contract by hand, and so can
/// break it as no compiler would.
///
/// # Panics
///
/// When the text is none.
#[must_use]
pub fn assembled(text: &str) -> Vec<u8> {
    of_module(wat::parse_str(text).unwrap_or_else(|error| panic!("{error}")))
}

/// A core module with the contract's description added, as compilers leave it for the gateway.
///
/// # Panics
///
/// When the contract can't be read.
#[must_use]
pub fn of_module(mut module: Vec<u8>) -> Vec<u8> {
    let mut contract = Resolve::default();
    let (package, _) = contract.push_dir(root().join("wit")).expect("the contract");
    let world = contract.select_world(&[package], Some("rule"));
    let world = world.expect("the world of rules");
    embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8)
        .expect("the contract goes into the module");
    module
}

/// The folders below one that hold a crate, by name and sorted: the rules there are.
#[must_use]
pub fn crates(folder: &str) -> Vec<String> {
    let folder = root().join(folder);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("reads a folder").path())
        .filter(|path| path.join("Cargo.toml").exists())
        .map(|path| {
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
