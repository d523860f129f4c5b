//! What `[application]` may say.

use std::fs;

use super::super::tests::{BASE, parse, refuses};
use super::OperationKind::{AuthWithOAuth2, Batch, Create, List, Subscribe, Update};
use super::*;
use crate::config::Config;

const GOOD: &str = "k7Qd9xZrT3mWv5Ye";
const OTHER: &str = "Lw8Rb2NcXf6Hj1Us";

const REQUIRED: &str = "[application]\nkeys = \"required\"";

/// What a configuration says beside keys in the environment.
fn with(more: &str, app_keys: &str) -> Result<Config, ConfigError> {
    let environment = Environment {
        app_keys: Some(app_keys.to_owned()),
        ..Environment::default()
    };
    Config::parse(
        &format!("{BASE}\n{more}"),
        Path::new("/etc/hapta"),
        &environment,
    )
}

/// The names of the keys that are asked for.
fn names(config: &Config) -> Vec<&str> {
    let keys = config.serving.application.keys.iter();
    let known = keys.flat_map(|keys| &keys.known);
    known.map(|(name, _)| &**name).collect()
}

#[test]
fn nothing_is_asked_for_by_default() {
    let application = parse("").unwrap().serving.application;
    assert_eq!((application.keys, application.proofs), (None, Signing::Off));
    assert_eq!(application.remembered, 200_000);
    let keys = with("", &format!("app:{GOOD}")).unwrap();
    assert!(names(&keys).is_empty());
}

#[test]
fn keys_have_names_and_are_told_apart_by_nothing_but_themselves() {
    let config = with(REQUIRED, &format!(" web:{GOOD}, web:{OTHER} ,")).unwrap();
    assert_eq!(names(&config), ["web", "web"]);
    let keys = config.serving.application.keys.unwrap();
    assert!(keys.known[0].1.opens(GOOD.as_bytes()) && keys.known[1].1.opens(OTHER.as_bytes()));
}

#[test]
fn a_key_that_is_none_is_refused_and_not_repeated() {
    refuses(
        REQUIRED,
        "application.keys: is \"required\", but there are no keys",
    );
    let twice = format!("web:{GOOD},app:{GOOD}");
    let many: Vec<_> = (0..=64).map(|at| format!("a:{GOOD}{at}")).collect();
    for (keys, expected) in [
        (format!("web{GOOD}"), "entry 1: expected NAME:KEY"),
        (format!(":{GOOD}"), "entry 1: expected NAME:KEY"),
        (format!("a b:{GOOD}"), "entry 1: expected NAME:KEY"),
        (format!("a:{GOOD},b:brief"), "too short"),
        ("a:changemechangeme".to_owned(), "tried first"),
        (
            format!("a:{GOOD}\u{fc}ber"),
            "entry 1: the key must be of letters",
        ),
        (twice, "entry 2: the key is there twice"),
        (many.join(","), "more than 64 keys"),
    ] {
        let error = with(REQUIRED, &keys).unwrap_err().to_string();
        assert!(error.starts_with("HAPTA_APP_KEYS: "), "{error}");
        assert!(error.contains(expected) && !error.contains(GOOD), "{error}");
    }
}

#[test]
fn keys_may_be_in_a_file_that_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{BASE}\n{REQUIRED}\nkeys_file = \"keys\"");
    let of = |environment: &Environment| Config::parse(&text, folder.path(), environment);
    let missing = of(&Environment::default()).unwrap_err().to_string();
    assert!(
        missing.starts_with("application.keys_file: cannot read "),
        "{missing}"
    );
    let file = folder.path().join("keys");
    fs::write(
        &file,
        format!("# of the web\nweb:{GOOD}\n\nphone:{OTHER}\n"),
    )
    .unwrap();
    let config = of(&Environment::default()).unwrap();
    assert_eq!(names(&config), ["web", "phone"]);
    assert_eq!(config.keys_file, Some(file));
    // The environment wins.
    let environment = Environment {
        app_keys: Some(format!("desk:{GOOD}")),
        ..Environment::default()
    };
    assert_eq!(names(&of(&environment).unwrap()), ["desk"]);
}

#[test]
fn what_leads_to_the_same_needs_a_key_as_well() {
    let needed = |operations: &str| {
        let config = with(&format!("{REQUIRED}\n{operations}"), &format!("a:{GOOD}")).unwrap();
        config.serving.application.keys.unwrap().needed
    };
    let of = |kinds: &[OperationKind]| Needed::For(kinds.iter().copied().collect());
    let create = needed("operations = [\"create\"]");
    assert_eq!(create, of(&[Create, Batch, AuthWithOAuth2]));
    assert_eq!(needed("operations = [\"update\"]"), of(&[Update, Batch]));
    assert_eq!(needed("operations = [\"list\"]"), of(&[List, Subscribe]));
    let Needed::But(free) = needed("") else {
        panic!("all that can have one");
    };
    assert!(free.contains(&OperationKind::Download) && !free.contains(&Create));
    let text = |kind: &str| format!("[application]\noperations = [\"{kind}\"]");
    for kind in ["download", "realtime", "health", "static"] {
        refuses(&text(kind), "can't need a key");
    }
    refuses(&text("creat"), "unknown variant `creat`");
}

#[test]
fn proofs_are_bounded_and_all_of_it_takes_effect_at_once() {
    refuses(
        "[application]\nproofs = 999",
        "application.proofs: must be from 1000",
    );
    refuses("[application]\ndpop = \"on\"", "unknown variant `on`");
    let changed = parse("[application]\ndpop = \"optional\"\nproofs = 1000").unwrap();
    assert_eq!(changed.serving.application.proofs, Signing::Optional);
    assert!(changed.needs_restart(&parse("").unwrap()).is_empty());
    assert_ne!(changed.serving, parse("").unwrap().serving);
}
