//! What a configuration may say, and what it is told when it may not.

use std::path::Path;

use super::*;
use crate::rules::Exposed;
use crate::surface::{ProviderTokens, TakenEmail};
use crate::telemetry::{Destination, Telling};
use crate::upstream::{self, Credential};

pub(super) const BASE: &str = r#"
    [pocketbase]
    url = "http://127.0.0.1:8091"
    superuser = { email = "a@b.c", password = "secret" }
"#;

pub(super) fn parse(more: &str) -> Result<Config, ConfigError> {
    Config::parse(
        &format!("{BASE}\n{more}"),
        Path::new("/etc/hapta"),
        &Environment::default(),
    )
}

#[track_caller]
pub(super) fn refuses(more: &str, expected: &str) {
    let message = parse(more).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
}

#[test]
fn every_default_is_in_place() {
    let config = parse("").unwrap();
    assert_eq!(config.server.listen.port(), 8090);
    assert!(config.server.worker_threads > 0);
    assert!(config.rules.exposed.is_empty());
    assert!(!config.serving.superusers && config.rules.judge_superusers);
}

#[test]
fn unknown_keys_are_refused_by_name_and_line() {
    refuses("[server]\nlissten = \"1\"", "unknown field `lissten`");
    refuses("[surver]", "unknown field `surver`");
    refuses(
        "[collections.posts]\nrules = \"folder\"\nextra = 1",
        "extra",
    );
}

#[test]
fn a_collection_says_who_judges_it() {
    refuses(
        "[collections.posts]",
        "collections.posts: does not say who judges it",
    );
    refuses(
        "[collections.posts]\nrules = \"nobody\"",
        "none of the choices",
    );
    refuses("[collections.posts]\nrules = []", "names no rule");
    refuses(
        "[collections.posts]\nrules = \"folder\"",
        "rules.folder is not set",
    );
    let config = parse("[collections.posts]\nrules = [\"a\", \"b\"]").unwrap();
    assert_eq!(
        config.rules.exposed["posts"],
        Exposed::Rules(vec!["a".to_owned(), "b".to_owned()])
    );
}

#[test]
fn superusers_are_all_or_nothing() {
    refuses(
        "[collections._superusers]\nrules = \"pocketbase\"",
        "superusers.routes is \"off\"",
    );
    let config = parse("[superusers]\nroutes = \"on\"").unwrap();
    assert_eq!(config.rules.exposed["_superusers"], Exposed::PocketBase);
    assert!(config.serving.superusers);
}

#[test]
fn a_rule_has_the_limits_of_all_but_for_its_own() {
    let config = parse(
        "[rules]\nmemory = \"8MiB\"\n[[rule]]\nname = \"a\"\nfile = \"a.wasm\"\ncpu = \"3ms\"\nsettings = { list = [1] }",
    )
    .unwrap();
    let source = &config.rules.sources[0];
    assert_eq!(source.file, Path::new("/etc/hapta/a.wasm"));
    assert_eq!(source.settings, r#"{"list":[1]}"#);
    assert_eq!(
        (source.limits.cpu.as_millis(), source.limits.memory.as_u64()),
        (3, 8 << 20)
    );
    refuses(
        "[rules]\ncpu = \"0s\"",
        "rules, cpu: must be more than nothing",
    );
    refuses("[rules]\ninstances = 0", "rules.instances");
}

#[test]
fn a_state_folder_that_is_named_is_one_that_must_work() {
    let state = parse("").unwrap().state;
    assert_eq!(state.folder, Path::new("/etc/hapta/hapta_state"));
    assert!(!state.is_named && state.generations == 10);
    let state = parse("[state]\nfolder = \"/var/lib/hapta\"").unwrap().state;
    assert_eq!(state.folder, Path::new("/var/lib/hapta"));
    assert!(state.is_named);
    refuses("[state]\nfolder = \"\"", "state.folder");
    refuses("[state]\ngenerations = 0", "state.generations");
}

#[test]
fn going_back_by_itself_takes_more_than_one_user() {
    assert_eq!(parse("").unwrap().serving.alarm.go_back, None);
    let alarm = parse("[rules.go_back]").unwrap().serving.alarm;
    assert!(
        alarm
            .go_back
            .is_some_and(|back| (back.faults, back.principals) == (50, 5))
    );
    refuses("[rules.go_back]\nprincipals = 1", "at least 2");
    refuses("[rules.go_back]\nfaults = 3", "rules.go_back.principals");
    refuses("[rules.go_back]\nwithin = \"0s\"", "rules.go_back.within");
    refuses("[rules]\nalarm_faults = 0", "rules.alarm_faults");
}

#[test]
fn commands_find_the_state_folder_in_a_file_that_is_wrong_otherwise() {
    let folder = std::env::temp_dir().join(format!("hapta-{}-place", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("hapta.toml");
    let place = |text: &str| {
        std::fs::write(&file, text).unwrap();
        StatePlace::read(&file)
    };
    let found =
        place("[state]\nfolder = \"s\"\nother = 1\n[rules]\nfolder = \"r\"\n[nonsense]").unwrap();
    assert_eq!(
        (found.state, found.rules),
        (folder.join("s"), Some(folder.join("r")))
    );
    assert_eq!(place("").unwrap().state, folder.join("hapta_state"));
    assert!(place("[state").is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_original_environment_wins_over_the_file() {
    let environment = Environment {
        db_url: Some("http://10.0.0.1:80".to_owned()),
        admin_email: Some("e@f.g".to_owned()),
        admin_password: Some("other".to_owned()),
        admin_key: Some("0123456789abcdef".to_owned()),
        app_keys: None,
        ssl_enabled: Some("true".to_owned()),
        jwt_secret: Some("0123456789abcdef".to_owned()),
    };
    let text = format!("{BASE}\n[admin]\nlisten = \"127.0.0.1:1\"");
    let config = Config::parse(&text, Path::new("/x"), &environment).unwrap();
    assert_eq!(config.pocketbase.upstream.url.host(), Some("10.0.0.1"));
    assert_eq!(
        config.pocketbase.upstream.credential,
        Credential::Password {
            email: "e@f.g".to_owned(),
            password: "other".to_owned()
        }
    );
    assert_eq!(
        config.server.tls.unwrap().certificate,
        Path::new("/x/certs/public.pem")
    );
    assert!(config.admin.unwrap().key.is_some());

    let short = Environment {
        jwt_secret: Some("short".to_owned()),
        ..environment
    };
    let message = Config::parse(&text, Path::new("/x"), &short)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("JWT_SECRET: is too short") && !message.contains("\"short\""),
        "{message}"
    );
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let config = parse("").unwrap();
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("a@b.c"),
        "{shown}"
    );
}

#[test]
fn the_place_of_pocketbase_is_said_once_and_in_full() {
    let check = |text: &str, expected: &str| {
        let message = Config::parse(text, Path::new("/"), &Environment::default())
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{message}");
    };
    check("", "needs a url");
    check("[pocketbase]\nurl = \"ftp://x\"", "must begin with http://");
    check(
        "[pocketbase]\nurl = \"http://x\"\nca = \"ca.pem\"",
        "begins with https://",
    );
    check("[pocketbase]\nurl = \"http://x/y\"", "no path");
    check(
        "[pocketbase]\nurl = \"http://x\"",
        "needs email and password",
    );
    check(
        "[pocketbase]\nurl = \"http://x\"\nrun = { binary = \"b\", data = \"d\", listen = \"127.0.0.1:1\" }",
        "both a url",
    );
    check(
        "[pocketbase]\nurl = \"http://x\"\nforwarding_header = \"X-Mine\"",
        "must be one of",
    );
    check(
        "[pocketbase]\nurl = \"http://x\"\nuntested = \"maybe\"",
        "expected `refuse` or `allow`",
    );
}

#[test]
fn the_logs_are_bounded_and_apart() {
    let config = parse("[log]\ndecisions = \"log/decisions\"\nrotate = \"0B\"\naddress = \"hash\"");
    let log = config.unwrap().log;
    assert_eq!(
        log.decisions,
        Destination::File("/etc/hapta/log/decisions".into())
    );
    assert_eq!(log.address, Telling::Hash);
    refuses("[log]\nrotate = \"1KiB\"", "log.rotate: must be at least");
    refuses("[log]\nkeep = 0", "log.keep: must be from 1");
    refuses("[log]\nqueue = 0", "log.queue: must be from 1");
    refuses("[log]\ndecisions = \"\"", "log.decisions: is empty");
    refuses(
        "[log]\ndecisions = \"a\"\nsecurity = \"a\"",
        "each stream has its own",
    );
    refuses(
        "[log]\nprincipal = \"hide\"",
        "expected one of `tell`, `hash`, `omit`",
    );
    let changed = parse("[log]\nqueue = 1").unwrap();
    assert_eq!(changed.needs_restart(&parse("").unwrap()), ["[log]"]);
}

#[test]
fn what_logins_tell_takes_effect_at_once_and_leads_to_addresses_alone() {
    let told = |text: &str| parse(&format!("[logins]\n{text}")).unwrap();
    let default = told("");
    assert_eq!(
        default.serving.surface.logins.provider_tokens,
        ProviderTokens::Withhold
    );
    assert_eq!(default.serving.surface.logins.taken_email, TakenEmail::Tell);
    assert_eq!(default.serving.surface.logins.redirect_urls, None);
    let changed = told(
        "provider_tokens = \"tell\"\ntaken_email = \"conceal\"\nredirect_urls = [\"app://in\"]",
    );
    assert_eq!(
        changed.serving.surface.logins.provider_tokens,
        ProviderTokens::Tell
    );
    assert_eq!(
        changed.serving.surface.logins.taken_email,
        TakenEmail::Conceal
    );
    assert_eq!(
        changed.serving.surface.logins.redirect_urls,
        Some(vec!["app://in".to_owned()])
    );
    assert!(changed.needs_restart(&default).is_empty());
    refuses(
        "[logins]\nredirect_urls = [\"/in\"]",
        "logins.redirect_urls: \"/in\": expected an address",
    );
    let many = vec!["\"a://b\""; 201].join(",");
    refuses(
        &format!("[logins]\nredirect_urls = [{many}]"),
        "logins.redirect_urls: names more than 200",
    );
}

#[test]
fn pending_logins_are_bounded_in_time() {
    for bad in ["\"999ms\"", "\"3601s\""] {
        refuses(
            &format!("[logins]\npending_for = {bad}"),
            "logins.pending_for: must be from",
        );
    }
    for edge in ["1s", "1h"] {
        let changed = parse(&format!("[logins]\npending_for = \"{edge}\"")).unwrap();
        let restart = changed.needs_restart(&parse("").unwrap());
        assert_eq!(restart, ["logins.pending_for"]);
    }
    // Bounds of streams, which are those of [live].
    for gone in ["pending", "pending_per_address"] {
        refuses(
            &format!("[logins]\n{gone} = 1"),
            &format!("unknown field `{gone}`"),
        );
    }
}

#[test]
fn writes_wait_and_batches_have_parts_within_bounds() {
    let config = parse("[batch]\nparts = 3\nheaders = [\"X-Tenant\"]").unwrap();
    let batch = &config.serving.surface.batch;
    assert_eq!((batch.parts, batch.headers.len()), (3, 1));
    refuses("[batch]\nparts = 0", "batch.parts: must be from 1 to 200");
    refuses(
        "[batch]\nheaders = [\"Authorization\"]",
        "batch.headers: \"Authorization\"",
    );
    refuses("[writes]\nwait = \"0s\"", "writes.wait: must be from");
    refuses("[writes]\nwaiting = 1000001", "writes.waiting: must be");
}

const EXAMPLE: &str = include_str!("../../hapta.example.toml");

#[test]
fn the_example_loads_and_is_the_default_but_for_places() {
    let example = Config::parse(EXAMPLE, Path::new("/etc/hapta"), &Environment::default()).unwrap();
    let default = parse("[admin]\nlisten = \"127.0.0.1:8092\"").unwrap();
    assert_eq!(example.server, default.server);
    assert_eq!(example.admin, default.admin);
    assert_eq!(example.sessions, default.sessions);
    assert_eq!(example.live, default.live);
    assert_eq!(example.limits, default.limits);
    assert_eq!(example.uploads, default.uploads);
    assert_eq!(example.writes, default.writes);
    assert_eq!(example.instances, default.instances);
    assert_eq!(example.watch, default.watch);
    assert_eq!(example.log, default.log);
    assert_eq!(default.log, LogSettings::default());
    assert_eq!(example.state, default.state);
    assert_eq!(example.serving, default.serving);
    assert_eq!(example.rules.limits, default.rules.limits);
    assert_eq!(
        example.rules.judge_superusers,
        default.rules.judge_superusers
    );
    let upstream = upstream::Settings {
        credential: default.pocketbase.upstream.credential.clone(),
        ..example.pocketbase.upstream
    };
    assert_eq!(upstream, default.pocketbase.upstream);
}

#[test]
fn the_transparent_example_needs_a_place_and_a_superuser_and_nothing_else() {
    let transparent = include_str!("../../examples/transparent.toml");
    let environment = Environment {
        db_url: Some("http://127.0.0.1:8091".to_owned()),
        admin_email: Some("a@example.com".to_owned()),
        admin_password: Some("secret".to_owned()),
        ..Environment::default()
    };
    let config = Config::parse(transparent, Path::new("/"), &environment).unwrap();
    assert!(config.serving.superusers && config.serving.surface.dashboard);
    assert_eq!(config.rules.exposed.len(), 6);
    let nowhere = Environment {
        db_url: None,
        ..environment
    };
    let error = Config::parse(transparent, Path::new("/"), &nowhere).unwrap_err();
    assert!(error.to_string().contains("needs a url"), "{error}");
}

#[test]
fn the_example_has_every_key() {
    // Settings that are left out begin right after their `#`, comments after a space.
    let full: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            Some(_) | None => line,
        })
        .collect();
    let full = full.join("\n");
    toml::from_str::<raw::File>(&full).unwrap();
    assert_eq!(keys_of("[server.tls]"), ["certificate", "key"]);
    let whole = toml::Value::Table(toml::from_str(&full).unwrap());
    assert_eq!(absent("", &[&whole]), Vec::<String>::new());
}

/// The keys that the file takes under a header: it names them when it is given another.
fn keys_of(header: &str) -> Vec<String> {
    let error = toml::from_str::<raw::File>(&format!("{header}\nno-such-key = 0")).unwrap_err();
    error
        .message()
        .split_once("unknown field `no-such-key`, expected ")
        .map(|(_, keys)| keys.split('`').skip(1).step_by(2))
        .map_or_else(Vec::new, |keys| keys.map(str::to_owned).collect())
}

/// The keys below a path that none of these sections has.
fn absent(path: &str, sections: &[&toml::Value]) -> Vec<String> {
    // A section, a section of sections with names of one's own, or one of many.
    let headers = match path {
        "" => vec![String::new()],
        _ => vec![
            format!("[{path}]"),
            format!("[{path}.any]"),
            format!("[[{path}]]"),
        ],
    };
    let Some((kind, keys)) = headers
        .iter()
        .map(|header| keys_of(header))
        .enumerate()
        .find(|(_, keys)| !keys.is_empty())
    else {
        return Vec::new();
    };
    let (path, inner): (_, Vec<&toml::Value>) = match kind {
        0 => (path.to_owned(), sections.to_vec()),
        1 => {
            let tables = sections.iter().filter_map(|section| section.as_table());
            let inner = tables.flat_map(toml::Table::values).collect();
            (format!("{path}.any"), inner)
        }
        _ => {
            let lists = sections.iter().filter_map(|section| section.as_array());
            (path.to_owned(), lists.flatten().collect())
        }
    };
    keys.iter()
        .flat_map(|key| {
            let path = format!("{path}.{key}").trim_start_matches('.').to_owned();
            let there: Vec<&toml::Value> = inner
                .iter()
                .filter_map(|section| section.get(key))
                .collect();
            if there.is_empty() {
                vec![path]
            } else {
                absent(&path, &there)
            }
        })
        .collect()
}
