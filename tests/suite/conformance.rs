//! Every language sees the same of the contract: one list of expectations, held against a component of
//! each, which together call every function that `wit/` has and meet every case of its types.

use std::fs;
use std::path::Path;
use std::process::Command;

use hapta_tests::{PocketBase, Setup, root, rules};
use serde_json::json;
use wit_parser::{Resolve, TypeDefKind};

use crate::commands::HAPTA;

const LANGUAGES: [&str; 4] = ["rust", "typescript", "python", "c"];

/// Holds a built rule against a file of tests.
#[track_caller]
fn passes(rule: &str, tests: &Path) {
    let mut command = Command::new(HAPTA);
    command
        .arg("test")
        .arg(tests)
        .arg("--rule")
        .arg(rules::path(rule));
    let ended = command.output().expect("the command runs");
    let said = String::from_utf8_lossy(&ended.stdout);
    let complained = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{rule}:\n{said}\n{complained}");
    assert!(said.contains(" 0 failed"), "{rule}:\n{said}");
}

fn kit() -> String {
    let file = root().join("tests/guests/conformance/tests.toml");
    fs::read_to_string(file).expect("the kit's expectations")
}

#[test]
fn rust_sees_what_the_contract_says() {
    passes(
        "conformance_rust",
        &root().join("tests/guests/conformance/tests.toml"),
    );
}

#[test]
fn typescript_sees_what_the_contract_says() {
    passes(
        "conformance_typescript",
        &root().join("tests/guests/conformance/tests.toml"),
    );
}

#[test]
fn python_sees_what_the_contract_says() {
    passes(
        "conformance_python",
        &root().join("tests/guests/conformance/tests.toml"),
    );
}

#[test]
fn c_sees_what_the_contract_says() {
    passes(
        "conformance_c",
        &root().join("tests/guests/conformance/tests.toml"),
    );
}

#[test]
fn the_ownership_rule_is_the_same_in_rust() {
    passes(
        "ownership",
        &root().join("rules-examples/ownership/tests.toml"),
    );
}

#[test]
fn the_ownership_rule_is_the_same_in_typescript() {
    passes(
        "ownership_typescript",
        &root().join("rules-examples/ownership/tests.toml"),
    );
}

#[test]
fn the_ownership_rule_is_the_same_in_python() {
    passes(
        "ownership_python",
        &root().join("rules-examples/ownership/tests.toml"),
    );
}

#[test]
fn the_ownership_rule_is_the_same_in_c() {
    passes(
        "ownership_c",
        &root().join("rules-examples/ownership/tests.toml"),
    );
}

#[test]
fn wrong_settings_of_the_ownership_rule_are_refused_in_every_compiled_language_and_typescript() {
    for rule in ["ownership", "ownership_typescript", "ownership_c"] {
        passes(rule, &root().join("rules-examples/ownership/settings.toml"));
    }
}

#[test]
fn the_kit_calls_every_function_and_meets_every_case() {
    let kit = kit();
    let mut contract = Resolve::default();
    contract.push_dir(root().join("wit")).expect("the contract");
    let mut missing = Vec::new();
    for (_, interface) in &contract.interfaces {
        let of = interface.name.as_deref().unwrap_or_default();
        for function in interface.functions.keys() {
            let probe = match function.strip_prefix("[method]") {
                Some(method) => method.to_owned(),
                None => format!("{of}.{function}"),
            };
            if !kit.contains(&format!("x-probe = \"{probe}\"")) {
                missing.push(probe);
            }
        }
    }
    for (_, ty) in &contract.types {
        let cases: Vec<&str> = match &ty.kind {
            TypeDefKind::Enum(of) => of.cases.iter().map(|case| &*case.name).collect(),
            TypeDefKind::Variant(of) => of.cases.iter().map(|case| &*case.name).collect(),
            TypeDefKind::Flags(of) => of.flags.iter().map(|flag| &*flag.name).collect(),
            _ => Vec::new(),
        };
        let is_met = |case: &str| {
            let mut words = kit.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
            words.any(|word| word == case)
        };
        missing.extend(
            cases
                .into_iter()
                .filter(|case| !is_met(case))
                .map(str::to_owned),
        );
    }
    assert!(
        missing.is_empty(),
        "no case of the kit is about {missing:?}"
    );
}

#[tokio::test]
async fn what_a_rule_fails_with_is_told_to_the_operator() {
    let pocketbase = PocketBase::start().await;
    for language in LANGUAGES {
        let rule = format!("conformance_{language}");
        let entry = json!({
            "settings": { "refuse": "fail" },
            "grants": ["hapta:rule/records", "hapta:rule/counters", "hapta:rule/log"],
            "memory": "64MiB",
        });
        let entry = toml::Table::try_from(entry).expect("an entry");
        let setup = Setup::before(pocketbase.address()).rule_entry(&rule, &rule, entry);
        let error = setup.judged("posts", &[&rule]).try_start().await;
        let error = error.expect_err("it does not start");
        assert!(error.contains("conformance: failed"), "{language}: {error}");
    }
}
