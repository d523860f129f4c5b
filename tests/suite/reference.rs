//! The reference of `hapta.toml`: made of the types, and what is written beside them is held against it.
//!
//! `UPDATE_DOCS=1` writes `gateway/docs/configuration.md` and `gateway/hapta.schema.json`.

mod page;

use std::fs;
use std::path::PathBuf;

use hapta::config::{Config, Environment};
use hapta_tests::root;
use serde_json::{Value, json};

use self::page::{keys, page};

/// Every key once, with what it does.
const EXAMPLE: &str = include_str!("../../gateway/hapta.example.toml");

#[test]
fn the_schema_and_the_page_are_those_of_the_types() {
    let schema = hapta::config::schema();
    let text = serde_json::to_string_pretty(&schema).expect("JSON");
    is_written("gateway/hapta.schema.json", &format!("{text}\n"));
    is_written("gateway/docs/configuration.md", &page(&schema));
}

#[test]
fn no_key_is_without_text_default_and_example() {
    let schema = hapta::config::schema();
    let keys = keys(&schema);
    assert!(keys.len() > 150, "only {} keys", keys.len());
    let mut bare = Vec::new();
    for key in keys {
        let missing = [
            ("text", key.text.is_empty()),
            ("default", key.default.is_empty()),
            ("example", key.example.is_none()),
        ];
        for (what, _) in missing.into_iter().filter(|(_, is_missing)| *is_missing) {
            bare.push(format!("{}: no {what}", key.path));
        }
    }
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn the_example_s_comments_are_the_texts_of_the_types() {
    let schema = hapta::config::schema();
    let told: String = plain(EXAMPLE);
    let mut elsewhere = Vec::new();
    for key in keys(&schema) {
        // What the example says of several keys at once is cut up for the page.
        if !told.contains(&plain(&key.text)) && !page::OWN_TEXTS.contains(&key.path.as_str()) {
            elsewhere.push(key.path);
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    for own in page::OWN_TEXTS {
        let is_there = keys(&schema).iter().any(|key| key.path == *own);
        assert!(is_there, "there is no {own} any more: correct OWN_TEXTS");
    }
}

#[test]
fn what_is_written_out_as_a_default_is_one() {
    let default = Config::parse(
        "[pocketbase]\nurl = \"http://127.0.0.1:8091\"\nsuperuser = { email = \"a\", password = \"b\" }",
        std::path::Path::new("."),
        &Environment::default(),
    );
    assert!(default.is_ok(), "{default:?}");
    let schema = hapta::config::schema();
    let rate = &schema["$defs"]["Limits"]["properties"]["authenticate"]["default"];
    assert_eq!(rate["limit"], 20);
    let server = &schema["$defs"]["Server"]["properties"];
    assert_eq!(server["max_body"]["default"], "2MiB");
    assert_eq!(server["hsts"]["default"], "365d");
    assert_eq!(server["listen"]["default"], "127.0.0.1:8090");
}

#[test]
fn the_schema_takes_the_example_and_refuses_what_the_parser_refuses() {
    let schema = hapta::config::schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let complaints = |text: &str| -> Vec<String> {
        let value: Value = toml::from_str(text).expect("TOML");
        validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    };
    assert_eq!(complaints(EXAMPLE), Vec::<String>::new());
    for wrong in [
        "lissten = 1",
        "[server]\nlissten = \"127.0.0.1:1\"",
        "[server]\nlisten = 8090",
        "[server]\nmax_requests = \"many\"",
        "[server]\ncompression = [\"lzma\"]",
        "[server.tls]\ncertificate = \"a\"",
        "[pocketbase]\nuntested = \"perhaps\"",
        "[pocketbase]\ntimeout = 30",
        "[limits]\nlist = { limit = 1 }",
        "[limits]\nlist = { limit = 1, every = \"1m\", more = 1 }",
        "[limits.collections.posts]\nfly = { limit = 1, every = \"1m\" }",
        "[[rule]]\nname = \"a\"",
        "[[rule]]\nname = \"a\"\nfile = \"b\"\noperations = [\"fly\"]",
        "[collections.posts]\nrules = 3",
        "[collections.posts]\nrule = \"pocketbase\"",
        "[application]\ndpop = \"sometimes\"",
    ] {
        assert_ne!(complaints(wrong), Vec::<String>::new(), "{wrong}");
        let folder = std::path::Path::new(".");
        let whole = if wrong.starts_with("[pocketbase]") {
            format!("{wrong}\nurl = \"http://127.0.0.1:1\"")
        } else {
            format!("{wrong}\n[pocketbase]\nurl = \"http://127.0.0.1:1\"")
        };
        let whole = format!("{whole}\nsuperuser = {{ email = \"a\", password = \"b\" }}");
        let parsed = Config::parse(&whole, folder, &Environment::default());
        assert!(parsed.is_err(), "{wrong}");
    }
    assert!(validator.is_valid(&json!({})));
}

/// Without signs and breaks of lines.
fn plain(text: &str) -> String {
    let words = text
        .lines()
        .flat_map(|line| line.trim_start_matches(['#', ' ']).split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

/// Holds a file against what it should be, or writes it.
#[track_caller]
fn is_written(name: &str, expected: &str) {
    let file: PathBuf = root().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, expected).expect("writes it");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{name} is not what the types say; UPDATE_DOCS=1 writes it anew"
    );
}
