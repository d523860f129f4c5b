//! What is made of `wit/` is what `wit/` says: the bindings of the SDKs, and the page about the contract.
//!
//! `UPDATE_BINDINGS=1` and `UPDATE_DOCS=1` write them.

mod page;

use std::env;
use std::fs;

use hapta_tests::root;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_bindgen_core::{Files, WorldGenerator};

/// Holds a file against what it has to be, or writes it where that is asked for.
#[track_caller]
fn holds(path: &str, made: &str, update: &str) {
    let file = root().join(path);
    if env::var_os(update).is_some() {
        fs::write(&file, made).expect("writes it");
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == made,
        "{path} is not what wit/ says: run the tests with {update}=1, and commit it"
    );
}

fn world(name: &str) -> (Resolve, WorldId) {
    let mut contract = Resolve::default();
    let (package, _) = contract.push_dir(root().join("wit")).expect("the contract");
    let world = contract.select_world(&[package], Some(name));
    (contract, world.expect("a world of the contract"))
}

fn made(mut by: Box<dyn WorldGenerator>, of: &str) -> Files {
    let mut files = Files::default();
    let (mut contract, world) = world(of);
    by.generate(&mut contract, world, &mut files)
        .expect("bindings");
    files
}

fn text(files: &Files, name: &str) -> String {
    let (_, text) = files
        .iter()
        .find(|(file, _)| *file == name)
        .expect("the file");
    String::from_utf8(text.to_vec()).expect("text")
}

#[test]
fn the_bindings_for_rust_are_those_of_the_contract() {
    let options = wit_bindgen_rust::Opts {
        pub_export_macro: true,
        export_macro_name: Some("export_component".to_owned()),
        default_bindings_module: Some("hapta_rule::bindings".to_owned()),
        runtime_path: Some("hapta_rule::rt".to_owned()),
        format: true,
        ..wit_bindgen_rust::Opts::default()
    };
    let files = made(Box::new(options.build()), "powered-rule");
    let about = "//! Made of `wit/` by wit-bindgen, not written: see `bindings.rs`.\n";
    let made = format!("{about}{}", text(&files, "powered_rule.rs"));
    holds(
        "rule-sdk/src/bindings/generated.rs",
        &made,
        "UPDATE_BINDINGS",
    );
}

#[test]
fn the_glue_for_c_is_that_of_the_contract() {
    for (of, file) in [("rule", "rule.c"), ("powered-rule", "powered_rule.c")] {
        let options = wit_bindgen_c::Opts {
            no_object_file: true,
            // One name for both: so one header is for both, and the SDK need not know which world it is in.
            rename_world: Some("contract".to_owned()),
            ..wit_bindgen_c::Opts::default()
        };
        let files = made(options.build(), of);
        holds(
            &format!("rule-sdk/c/{file}"),
            &text(&files, "contract.c"),
            "UPDATE_BINDINGS",
        );
        if of == "powered-rule" {
            holds(
                "rule-sdk/c/contract.h",
                &text(&files, "contract.h"),
                "UPDATE_BINDINGS",
            );
        }
    }
}

#[test]
fn the_page_about_the_contract_says_what_the_contract_says() {
    holds(
        "gateway/docs/contract.md",
        &page::of_the_contract(),
        "UPDATE_DOCS",
    );
}
