//! The documentation: every block of code has a kind, and what can run is run.
//!
//! | kind | what becomes of it |
//! |---|---|
//! | `toml` | `hapta.toml` or a part of it: loads, with what else it takes, and fits the schema |
//! | `toml tests RULE` | a test file, which this rule passes: one that is built here, or `template`, what `hapta new` begins |
//! | `toml rule` | a `rule.toml`, by which a rule builds |
//! | `toml cargo` | something of Cargo's: TOML |
//! | `json` | JSON |
//! | `json answer` | the same, and the shell block before it answers so |
//! | `sh` | runs to its end in a [scene](scene): the demo behind a gateway |
//! | `sh lines` | each line is a command line that is understood there, whatever comes of it |
//! | `sh install` | is shell; not run, for a reason that [`NOT_RUN`] gives |
//! | `js` | runs |
//! | `js part` | is JavaScript, which goes into something |
//! | `rust` | a whole rule: the page's doctests, in `rule-sdk/src/lib.rs` |
//! | `rs` | shown as it stands in a test of the SDK, which holds it |
//! | `ts`, `py`, `c` | a whole rule: `hapta build` makes a component of it |
//! | `ts part`, `rust part`, `py part`, `c part` | a piece of a rule; shown |
//! | `console`, `text`, `http`, `html` | what is seen, or written elsewhere |

mod blocks;
mod rules;
mod scene;
mod scripts;

use std::collections::BTreeSet;
use std::fs;

use hapta::config::{Config, Environment};
use hapta_tests::root;
use serde_json::Value;

use self::blocks::{Block, all, page};

/// Blocks of shell that are not run: the page, how the block begins, and why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    (
        "README.md",
        "make run",
        "starts what the tests are, on ports that are in the text",
    ),
    (
        "README.md",
        "# 7. Change the rule",
        "changes the source of a rule; `.ci/demo --check` runs it",
    ),
    (
        "README.md",
        "cargo build --release",
        "takes minutes; what it builds is what the tests run",
    ),
    (
        "README.md",
        "hapta dev --pocketbase",
        "goes on until Ctrl-C; the tests of `hapta dev` do it",
    ),
    (
        "README.md",
        "hapta init --pocketbase",
        "asks for a password; the tests of `hapta init` do it",
    ),
    (
        "README.md",
        "curl -X PATCH http://127.0.0.1:8090/api/collections/posts/records/ID",
        "of a collection that is made by hand",
    ),
    (
        "README.md",
        "cargo build --profile dist",
        "takes minutes; `make bench` builds it",
    ),
    (
        "gateway/docs/hardening.md",
        "curl --max-time 5 http://api.example.com",
        "asks the internet",
    ),
    (
        "rule-sdk/README.md",
        "rustup target add",
        "changes the toolchain; `make rules` does it",
    ),
    (
        "rules-examples/README.md",
        "cargo test",
        "`make test` does it in each folder",
    ),
];

/// What everybody's configuration has, for parts that leave it out.
const REST: &str = "[pocketbase]\nurl = \"http://127.0.0.1:8091\"\n[pocketbase.superuser]\nemail = \"a@example.com\"\npassword = \"p\"\n";

const KINDS: [&str; 26] = [
    "toml",
    "toml tests template",
    "toml tests ownership",
    "toml tests reader",
    "toml rule",
    "toml cargo",
    "json",
    "json answer",
    "sh",
    "sh lines",
    "sh install",
    "js",
    "js part",
    "ts",
    "ts part",
    "rust",
    "rust part",
    "rs",
    "c",
    "c part",
    "py",
    "py part",
    "console",
    "text",
    "http",
    "html",
];

#[test]
fn every_block_has_a_kind() {
    let blocks = all();
    assert!(blocks.len() > 40, "only {} blocks", blocks.len());
    let unknown: Vec<String> = blocks
        .iter()
        .filter(|block| !KINDS.contains(&block.kind.as_str()))
        .map(|block| format!("{}: no such kind: \"{}\"", block.place(), block.kind))
        .collect();
    assert!(unknown.is_empty(), "\n{}", unknown.join("\n"));
}

#[test]
fn configurations_load() {
    let schema = hapta::config::schema();
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let blocks = of("toml");
    assert!(blocks.len() > 8);
    let mut wrong = Vec::new();
    for block in &blocks {
        if let Err(problem) = loads(&block.text, &schema) {
            wrong.push(format!("{}: {problem}", block.place()));
        }
    }
    for file in [
        "gateway/hapta.example.toml",
        "gateway/examples/transparent.toml",
        "tests/fixtures/demo/hapta.toml",
    ] {
        let text = fs::read_to_string(root().join(file)).expect(file);
        if let Err(problem) = loads(&text, &schema) {
            wrong.push(format!("{file}: {problem}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn other_toml_and_json_can_be_read() {
    let mut wrong = Vec::new();
    for block in all() {
        let problem = match block.kind.as_str() {
            "toml cargo" => block
                .text
                .parse::<toml::Table>()
                .err()
                .map(|it| it.to_string()),
            "json" | "json answer" => serde_json::from_str::<Value>(&block.text)
                .err()
                .map(|it| it.to_string()),
            _ => None,
        };
        wrong.extend(problem.map(|problem| format!("{}: {problem}", block.place())));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn rules_in_rust_are_doctests() {
    let tested = fs::read_to_string(root().join("rule-sdk/src/lib.rs")).expect("the SDK");
    let pages: BTreeSet<String> = of("rust").into_iter().map(|block| block.page).collect();
    assert!(pages.len() > 1);
    for page in pages {
        let name = page
            .strip_prefix("rule-sdk/")
            .map_or(format!("../../{page}"), |own| format!("../{own}"));
        assert!(
            tested.contains(&format!("include_str!(\"{name}\")")),
            "{page} has rules in Rust: add it to the doctests at the end of rule-sdk/src/lib.rs"
        );
    }
}

#[test]
fn shell_that_is_not_run_has_a_reason() {
    let blocks = of("sh install");
    for block in &blocks {
        assert!(
            NOT_RUN
                .iter()
                .any(|(page, begins, _)| block.page == *page && block.text.starts_with(begins)),
            "{}: say in NOT_RUN why it is not run, or let it run as sh",
            block.place()
        );
    }
    for (page, begins, why) in NOT_RUN {
        assert!(!why.is_empty());
        assert!(
            blocks
                .iter()
                .any(|block| block.page == *page && block.text.starts_with(begins)),
            "{page}: there is no block any more that begins with {begins}"
        );
    }
}

#[tokio::test]
async fn scripts_are_what_they_say() {
    scripts::hold().await;
}

#[tokio::test]
async fn shell_runs_in_its_scene() {
    let with_shell = |block: &Block| ["sh", "sh lines"].contains(&block.kind.as_str());
    let pages: BTreeSet<String> = all()
        .into_iter()
        .filter(with_shell)
        .map(|it| it.page)
        .collect();
    assert!(pages.len() > 2, "{pages:?}");
    for name in pages {
        scene::play(&name, &page(&name)).await;
    }
}

#[test]
fn a_kind_that_nobody_knows_and_a_block_without_one_are_found() {
    let blocks = blocks::of(
        "x.md",
        "```\na\n```\n\n    indented\n\n- list\n\n  ```toml  cargo\n  b = 1\n  ```\n",
    );
    let found: Vec<_> = blocks
        .iter()
        .map(|it| (it.kind.as_str(), it.text.as_str(), it.line))
        .collect();
    assert_eq!(
        found,
        [
            ("", "a\n", 1),
            ("indented", "indented\n", 5),
            ("toml cargo", "b = 1\n", 9)
        ]
    );
}

/// The blocks of one kind.
fn of(kind: &str) -> Vec<Block> {
    all()
        .into_iter()
        .filter(|block| block.kind == kind)
        .collect()
}

/// Loads a configuration, or a part of one with what it leaves out.
fn loads(text: &str, schema: &jsonschema::Validator) -> Result<(), String> {
    let mut whole: toml::Table = text.parse().map_err(|it: toml::de::Error| it.to_string())?;
    let value = serde_json::to_value(&whole).map_err(|it| it.to_string())?;
    if let Some(error) = schema.iter_errors(&value).next() {
        return Err(format!("{}: {error}", error.instance_path()));
    }
    let rest: toml::Table = REST.parse().map_err(|it: toml::de::Error| it.to_string())?;
    for (section, rest) in rest {
        let own = whole
            .entry(section)
            .or_insert_with(|| toml::Table::new().into());
        let (Some(own), toml::Value::Table(rest)) = (own.as_table_mut(), rest) else {
            continue;
        };
        let runs = own.contains_key("run");
        for (key, value) in rest {
            if !(runs && key == "url") {
                own.entry(key).or_insert(value);
            }
        }
    }
    let folder = tempfile::tempdir().map_err(|it| it.to_string())?;
    // The one file that is read with the configuration.
    fs::write(folder.path().join("app-keys"), "web:k7Qd9xZr-Lm3vTw8p\n")
        .map_err(|it| it.to_string())?;
    Config::parse(&whole.to_string(), folder.path(), &Environment::default())
        .map(drop)
        .map_err(|error| error.to_string())
}
