//! The rules of the house, kept by a test: see `ARCHITECTURE.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hapta_tests::root;

/// From the top down. A module names what stands below its own line; modules of
/// one line name each other only where it says so.
const LAYERS: &[Layer] = &[
    Layer {
        modules: &["main", "lib", "cli"],
        among_themselves: true,
    },
    Layer {
        modules: &["lab", "setup", "workshop"],
        among_themselves: false,
    },
    Layer {
        modules: &["config", "server", "serve", "admin", "doors"],
        among_themselves: true,
    },
    Layer {
        modules: &["error"],
        among_themselves: false,
    },
    Layer {
        modules: &["gateway", "pipeline"],
        among_themselves: true,
    },
    Layer {
        modules: &["telemetry"],
        among_themselves: false,
    },
    Layer {
        modules: &["sessions", "limits", "locks", "rules", "cache", "realtime"],
        among_themselves: false,
    },
    Layer {
        modules: &["upstream", "state"],
        among_themselves: false,
    },
    Layer {
        modules: &["spool"],
        among_themselves: false,
    },
    Layer {
        modules: &[
            "operation",
            "principal",
            "exchange",
            "schema",
            "filter",
            "record",
            "surface",
            "network",
            "deny",
            "pages",
            "application",
            "secret",
        ],
        among_themselves: true,
    },
];

/// What may be named from below all the same: (the one below, the one above).
const EXCEPTIONS: &[(&str, &str)] = &[
    // The conductor hands its callers the error that wraps every station's own.
    ("gateway", "error"),
    ("pipeline", "error"),
    // `Gateway` is built from it.
    ("gateway", "config"),
];

/// Each foreign crate's home.
const HOMES: &[Home] = &[
    Home {
        name: "wasmtime",
        at: &["rules"],
    },
    Home {
        name: "wasmtime_wizer",
        at: &["rules"],
    },
    Home {
        name: "wit_component",
        at: &["rules", "workshop"],
    },
    Home {
        name: "wit_parser",
        at: &["rules", "workshop"],
    },
    Home {
        name: "wasmprinter",
        at: &["workshop"],
    },
    Home {
        name: "wat",
        at: &["workshop"],
    },
    Home {
        name: "clap_complete",
        at: &["cli"],
    },
    Home {
        name: "clap_mangen",
        at: &["cli"],
    },
    Home {
        name: "notify",
        at: &["rules", "config", "server", "serve", "cli"],
    },
    Home {
        name: "axum",
        at: &["server", "serve", "admin", "doors"],
    },
    Home {
        name: "tower_http",
        at: &["server", "admin", "doors"],
    },
    Home {
        name: "hyper_util::client",
        at: &["upstream"],
    },
    Home {
        name: "hyper::client",
        at: &["upstream"],
    },
    Home {
        name: "hyper_rustls",
        at: &["upstream"],
    },
    Home {
        name: "rustls_native_certs",
        at: &["upstream"],
    },
    Home {
        name: "tokio_rustls",
        at: &["server", "upstream"],
    },
    Home {
        name: "if_addrs",
        at: &["server"],
    },
    Home {
        name: "listenfd",
        at: &["server"],
    },
    Home {
        name: "sd_notify",
        at: &["server"],
    },
    Home {
        name: "anyhow",
        at: &["main", "cli"],
    },
    Home {
        name: "prometheus_client",
        at: &["telemetry"],
    },
    Home {
        name: "governor",
        at: &["limits"],
    },
    Home {
        name: "toml",
        at: &["config", "lab", "setup", "workshop"],
    },
    // The derive of a word of the vocabulary is told there, the schema is made at the edge.
    Home {
        name: "schemars",
        at: &["config", "operation"],
    },
    Home {
        name: "quick_junit",
        at: &["lab"],
    },
    Home {
        name: "similar",
        at: &["lab"],
    },
    Home {
        name: "rusqlite",
        at: &["sessions"],
    },
    Home {
        name: "mimetype_detector",
        at: &["spool"],
    },
    // Only who asked PocketBase may say who somebody is; in the laboratory nobody is anybody.
    Home {
        name: "Principal::vouched",
        at: &["sessions", "principal", "lab"],
    },
];

struct Layer {
    modules: &'static [&'static str],
    among_themselves: bool,
}

struct Home {
    name: &'static str,
    at: &'static [&'static str],
}

/// A source file of the gateway.
struct Source {
    path: PathBuf,
    /// The module below the crate's root, like `rules`.
    module: String,
    text: String,
}

#[test]
fn every_file_says_what_it_is_for() {
    each(&all_sources(), |source| {
        let opens =
            source.text.starts_with("//! ") || source.text.starts_with("#![doc = include_str!");
        (!opens).then(|| "does not open with //!".to_owned())
    });
}

#[test]
fn no_file_is_longer_than_500_lines() {
    each(&all_sources(), |source| {
        let lines = source.text.lines().count();
        (lines > 500).then(|| format!("has {lines} lines"))
    });
}

#[test]
fn nothing_is_left_undone() {
    // Written apart, so that this file has none of them.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("unim", "plemented!"),
        concat!("#[", "ignore"),
    ];
    each(&all_sources(), |source| {
        let found = marks.iter().find(|mark| source.text.contains(**mark));
        found.map(|mark| format!("has a {mark}"))
    });
}

#[test]
fn no_module_is_written_as_mod_rs() {
    each(&all_sources(), |source| {
        source
            .path
            .ends_with("mod.rs")
            .then(|| "is a mod.rs: write foo.rs + foo/".to_owned())
    });
}

#[test]
fn production_code_does_not_unwrap() {
    let marks = [".unwrap()", ".expect(", "panic!(", "unreachable!("];
    each(&gateway(), |source| {
        let code = code(&source.text);
        let found = marks
            .iter()
            .find(|mark| code.contains(**mark) && !source.path.ends_with("tests.rs"));
        found.map(|mark| format!("has {mark}"))
    });
}

#[test]
fn modules_name_only_what_stands_below_them() {
    each(&gateway(), |source| {
        let Some(own) = layer(&source.module) else {
            return Some(format!(
                "belongs to no layer: put {} into LAYERS",
                source.module
            ));
        };
        named(&code(&source.text)).into_iter().find_map(|other| {
            let below = layer(&other)?;
            let excepted = EXCEPTIONS.contains(&(source.module.as_str(), other.as_str()));
            let allowed = other == source.module
                || below > own
                || (below == own && LAYERS[own].among_themselves);
            (!allowed && !excepted).then(|| format!("names {other}"))
        })
    });
}

#[test]
fn foreign_crates_stay_at_home() {
    each(&gateway(), |source| {
        if source.path.ends_with("tests.rs") {
            return None;
        }
        let code = code(&source.text);
        let guest = HOMES
            .iter()
            .find(|home| mentions(&code, home.name) && !home.at.contains(&source.module.as_str()));
        guest.map(|home| format!("names {}, whose home is {:?}", home.name, home.at))
    });
}

#[test]
fn the_rules_of_this_test_are_about_what_exists() {
    let modules: BTreeSet<_> = gateway().into_iter().map(|source| source.module).collect();
    for module in [
        "operation",
        "principal",
        "exchange",
        "schema",
        "filter",
        "record",
        "rules",
        "sessions",
        "realtime",
        "upstream",
        "pipeline",
        "error",
    ] {
        assert!(
            modules.contains(module),
            "there is no module {module} any more: correct LAYERS"
        );
    }
}

#[test]
fn names_are_found_in_grouped_uses() {
    let text = "use crate::{\n    rules::{self, Rule},\n    upstream::Upstream,\n};\nfn x() { crate::schema::y(); }";
    let found: Vec<_> = named(text).into_iter().collect();
    assert_eq!(found, ["rules", "schema", "upstream"]);
}

/// Fails with every file that has a complaint against it, and says which.
#[track_caller]
fn each(sources: &[Source], complaint: impl Fn(&Source) -> Option<String>) {
    assert!(!sources.is_empty());
    let found: Vec<_> = sources
        .iter()
        .filter_map(|source| {
            complaint(source).map(|complaint| format!("{} {complaint}", source.path.display()))
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn gateway() -> Vec<Source> {
    sources(&root().join("gateway/src"))
}

fn all_sources() -> Vec<Source> {
    let folders = ["gateway", "rule-sdk", "rules-examples", "tests"];
    folders
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .collect()
}

fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    collect(folder, folder, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(base: &Path, folder: &Path, found: &mut Vec<Source>) {
    // A part of the tree that isn't there yet has no sources.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("reads a folder").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // What a program wrote is as long as it is.
        if path.is_dir() && !["target", "node_modules", ".hapta"].contains(&&*name) {
            collect(base, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && name != "generated.rs"
        {
            let below = path.strip_prefix(base).expect("below its base");
            let module = below.iter().next().unwrap_or_default().to_string_lossy();
            let module = module.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("reads a source");
            found.push(Source { path, module, text });
        }
    }
}

/// The text without comments and without the tests at its end.
fn code(text: &str) -> String {
    // A test module ends a file; a line like `#[cfg(test)] mod tests;` does not.
    let tests = text.match_indices("\n#[cfg(test)]\n").find(|(at, mark)| {
        text[at + mark.len()..]
            .lines()
            .next()
            .is_some_and(|line| line.ends_with('{'))
    });
    let production = tests.map_or(text, |(at, _)| &text[..at]);
    let lines = production
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn layer(module: &str) -> Option<usize> {
    LAYERS
        .iter()
        .position(|layer| layer.modules.contains(&module))
}

/// The modules of the crate that a text names: `crate::this`, `crate::{this, that::x}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => names.extend(heads(group)),
            None => names.extend(word(rest)),
        }
    }
    names
}

/// The first word of every path of a group, to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut at_start) = (0, Vec::new(), true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            _ if at_start && !letter.is_whitespace() => {
                heads.extend(word(&group[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> Option<String> {
    let end = text
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Whether a path is named as such and not as a part of a longer name.
fn mentions(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].chars().next();
        let inside = |letter: Option<char>| {
            letter.is_some_and(|letter| letter.is_alphanumeric() || "_.\"-".contains(letter))
        };
        let path =
            name.contains("::") || code[at + name.len()..].starts_with("::") || after == Some(';');
        path && !inside(before) && !inside(after)
    })
}
