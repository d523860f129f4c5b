//! Whole rules, their tests and their `rule.toml`: by the commands that the pages name for them.

use std::collections::BTreeSet;
use std::fs;

use hapta_tests::{root, rules};

use super::blocks::{Block, all};
use super::of;
use crate::workshop::Workshop;

/// The file of a rule, by the kind of its block.
const SOURCES: [(&str, &str); 3] = [("ts", "rule.ts"), ("py", "rule.py"), ("c", "rule.c")];

/// The pages that show the rule that `hapta new` begins, the kind of the block, and the file that it is.
const TEMPLATES: [(&str, &str, &str); 5] = [
    ("README.md", "ts", "typescript/rule.ts"),
    (
        "gateway/docs/writing/typescript.md",
        "ts",
        "typescript/rule.ts",
    ),
    ("gateway/docs/writing/python.md", "py", "python/rule.py"),
    ("gateway/docs/writing/c.md", "c", "c/rule.c"),
    ("gateway/docs/writing/rust.md", "rust", "rust/src/lib.rs"),
];

#[test]
fn pages_show_the_rule_that_is_begun() {
    for (page, kind, file) in TEMPLATES {
        let file = root().join("gateway/templates").join(file);
        let begun = fs::read_to_string(file).expect("a template");
        let blocks: Vec<Block> = of(kind).into_iter().filter(|it| it.page == page).collect();
        let [block] = blocks.as_slice() else {
            panic!("{page}: {} blocks of {kind}", blocks.len());
        };
        assert!(block.text == begun, "{} is not the template", block.place());
    }
}

#[tokio::test]
async fn rules_in_typescript_build() {
    build("ts", 10).await;
}

#[tokio::test]
async fn rules_in_python_build() {
    build("py", 1).await;
}

#[tokio::test]
async fn rules_in_c_build() {
    build("c", 1).await;
}

#[tokio::test]
async fn tests_pass_and_a_rule_toml_builds() {
    let workshop = Workshop::open();
    let template = workshop.begin("template", "c").await;
    workshop.hapta(&["build", "template"]).await.well();
    let mut held = 0;
    for block in all() {
        if let Some(rule) = block.kind.strip_prefix("toml tests ") {
            let rule = match rule {
                "template" => template.join("build/template.wasm"),
                other => rules::path(other),
            };
            fs::write(workshop.at("tests.toml"), &block.text).expect("writes it");
            let rule = rule.to_str().expect("a path that is a text");
            let said = workshop
                .hapta(&["test", "tests.toml", "--rule", rule])
                .await;
            said.well_at(&block.place());
            held += 1;
        }
        if block.kind == "toml rule" {
            let folder = workshop.begin("of-a-page", "ts").await;
            fs::write(folder.join("rule.toml"), &block.text).expect("writes it");
            let said = workshop.hapta(&["build", "of-a-page"]).await;
            said.well_at(&block.place());
            held += 1;
        }
    }
    assert!(held > 5, "only {held}");
}

/// Builds each different rule of a kind once: there are at least so many.
async fn build(kind: &str, least: usize) {
    let (_, source) = SOURCES
        .iter()
        .find(|(of, _)| *of == kind)
        .expect("a language");
    let workshop = Workshop::open();
    let mut built = BTreeSet::new();
    for block in of(kind) {
        if !built.insert(block.text.clone()) {
            continue;
        }
        let name = format!("rule-{}", built.len());
        let language = if kind == "py" { "python" } else { kind };
        let folder = workshop.begin(&name, language).await;
        fs::write(folder.join(source), &block.text).expect("writes it");
        workshop
            .hapta(&["build", &name])
            .await
            .well_at(&block.place());
        assert!(folder.join(format!("build/{name}.wasm")).exists());
    }
    assert!(built.len() >= least, "only {}", built.len());
}
