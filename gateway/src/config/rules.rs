//! `[rules]` and `[[rule]]` → what is loaded, and how it is bounded.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ConfigError, collections, invalid, not_nothing, raw, within};
use crate::gateway::{AlarmSettings, GoBack};
use crate::operation::OperationKind;
use crate::rules::{
    Group, Isolation, Joined, Limits, MEMORY_CEILING, POCKETBASE, Powers, Scope, Settings, Source,
    Watching,
};

/// How many instances of one rule may be made ahead: each keeps its memory.
const AHEAD: u32 = 32;

/// How many calls an instance that is used again serves.
const REUSE_CALLS: u32 = 256;

/// How many instances the pool may be made for: each costs address space.
const INSTANCES: std::ops::RangeInclusive<u32> = 1..=1_000;

impl From<raw::Watching> for Watching {
    fn from(raw: raw::Watching) -> Self {
        match raw {
            raw::Watching::Notify => Self::Notified,
            raw::Watching::Poll => Self::Polling,
        }
    }
}

pub(super) fn instances(raw: &raw::Rules) -> Result<u32, ConfigError> {
    within("rules.instances", raw.instances, &INSTANCES)?;
    Ok(raw.instances)
}

/// How many faults may be counted: each takes its place in memory.
const FAULTS: std::ops::RangeInclusive<usize> = 1..=10_000;

pub(super) fn alarm(raw: &raw::Rules) -> Result<AlarmSettings, ConfigError> {
    let bounded = |key, number| {
        within(key, number, &FAULTS)?;
        Ok(number)
    };
    let go_back = |raw: &raw::GoBack| {
        not_nothing(&[("rules.go_back.within", raw.within.is_zero())])?;
        if !(2..=raw.faults).contains(&raw.principals) {
            return Err(invalid(
                "rules.go_back.principals",
                "must be at least 2, and at most rules.go_back.faults: one user alone must not bring it about",
            ));
        }
        Ok(GoBack {
            faults: bounded("rules.go_back.faults", raw.faults)?,
            principals: raw.principals,
            within: raw.within,
        })
    };
    Ok(AlarmSettings {
        faults: bounded("rules.alarm_faults", raw.alarm_faults)?,
        go_back: raw.go_back.as_ref().map(go_back).transpose()?,
    })
}

pub(super) fn resolve(
    raw: raw::Rules,
    (rules, groups): (Vec<raw::Rule>, Vec<raw::Group>),
    exposed: BTreeMap<String, raw::Collection>,
    superusers: &raw::Superusers,
    folder: &Path,
) -> Result<Settings, ConfigError> {
    let limits = Limits {
        cpu: raw.cpu,
        deadline: raw.deadline,
        memory: raw.memory,
        host_calls: raw.host_calls,
        edits: raw.edits,
        running: raw.running,
    };
    check(&limits, "rules")?;
    not_nothing(&[
        ("rules.debounce", raw.debounce.is_zero()),
        ("rules.poll", raw.poll.is_zero()),
        ("rules.list_scan", raw.list_scan == 0),
    ])?;
    let sources = rules
        .into_iter()
        .map(|rule| source(rule, &limits, folder))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Settings {
        exposed: collections::resolve(exposed, raw.folder.as_deref(), superusers)?,
        sources,
        groups: groups.into_iter().map(group).collect::<Result<_, _>>()?,
        reads: raw.reads,
        folder: raw.folder.map(|rules| folder.join(rules)),
        dropped_in: None,
        limits,
        judge_superusers: superusers.judged,
    })
}

fn source(raw: raw::Rule, defaults: &Limits, folder: &Path) -> Result<Source, ConfigError> {
    let key = format!("[[rule]] \"{}\"", raw.name);
    check_name(&raw.name, &key)?;
    let limits = Limits {
        cpu: raw.cpu.unwrap_or(defaults.cpu),
        deadline: raw.deadline.unwrap_or(defaults.deadline),
        memory: raw.memory.unwrap_or(defaults.memory),
        host_calls: raw.host_calls.unwrap_or(defaults.host_calls),
        edits: raw.edits.unwrap_or(defaults.edits),
        running: raw.running.unwrap_or(defaults.running),
    };
    check(&limits, &key)?;
    let settings = serde_json::to_string(&raw.settings).map_err(|error| {
        invalid(
            format!("{key}, settings"),
            format!("cannot be told as JSON: {error}"),
        )
    })?;
    let powers = Powers::new(raw.grants, raw.reads);
    let powers = powers.map_err(|error| invalid(format!("{key}, grants"), error.to_string()))?;
    if raw.ahead > AHEAD {
        let most = format!("must be at most {AHEAD}");
        return Err(invalid(format!("{key}, ahead"), most));
    }
    let isolation = match (raw.isolation, raw.reuse_calls) {
        (raw::Isolation::Call, None) => Isolation::Call,
        (raw::Isolation::Call, Some(_)) => {
            let problem = "is for isolation = \"reuse\"";
            return Err(invalid(format!("{key}, reuse_calls"), problem));
        }
        (raw::Isolation::Reuse, Some(0)) => {
            let problem = "must be more than nothing";
            return Err(invalid(format!("{key}, reuse_calls"), problem));
        }
        (raw::Isolation::Reuse, calls) => Isolation::Reuse {
            calls: calls.unwrap_or(REUSE_CALLS),
        },
    };
    Ok(Source {
        name: raw.name,
        file: folder.join(raw.file),
        settings,
        limits,
        powers,
        isolation,
        ahead: raw.ahead,
        scope: scope(raw.collections, raw.operations, &key)?,
        shadow: raw.shadow,
    })
}

fn scope(
    collections: Option<Vec<String>>,
    operations: Option<Vec<OperationKind>>,
    key: &str,
) -> Result<Scope, ConfigError> {
    if collections.as_ref().is_some_and(Vec::is_empty) {
        let problem = "names no collection; leave it out for all that name the rule";
        return Err(invalid(format!("{key}, collections"), problem));
    }
    let of_collections = |kind: &OperationKind| {
        !matches!(
            kind,
            OperationKind::Health
                | OperationKind::Superuser
                | OperationKind::Custom
                | OperationKind::Dashboard
                | OperationKind::Static
                | OperationKind::Session
        )
    };
    match &operations {
        Some(kinds) if kinds.is_empty() => {
            let problem = "names no operation; leave it out for all that the rule judges";
            Err(invalid(format!("{key}, operations"), problem))
        }
        Some(kinds) if !kinds.iter().all(of_collections) => {
            let problem = "no rule is asked about operations that have no collection";
            Err(invalid(format!("{key}, operations"), problem))
        }
        _ => Ok(Scope {
            collections,
            operations,
        }),
    }
}

fn group(raw: raw::Group) -> Result<Group, ConfigError> {
    let key = format!("[[group]] \"{}\"", raw.name);
    check_name(&raw.name, &key)?;
    let (how, members) = match (raw.all, raw.any) {
        (Some(members), None) => (Joined::All, members),
        (None, Some(members)) => (Joined::Any, members),
        _ => {
            let choices = "write all = [\"a-rule\", …] or any = [\"a-rule\", …], one of the two";
            return Err(invalid(key, choices));
        }
    };
    if members.len() < 2 {
        return Err(invalid(key, "a group has at least two members"));
    }
    Ok(Group {
        name: raw.name,
        how,
        members,
    })
}

fn check_name(name: &str, key: &str) -> Result<(), ConfigError> {
    if name.is_empty() || name.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(invalid(
            key,
            "a name has at least one character and no spaces",
        ));
    }
    if name == POCKETBASE {
        let problem =
            "stands for PocketBase's own rules among the rules of a collection; take another name";
        return Err(invalid(key, problem));
    }
    Ok(())
}

fn check(limits: &Limits, key: &str) -> Result<(), ConfigError> {
    if limits.memory.as_u64() > MEMORY_CEILING as u64 {
        let most = format!("must be at most {}MiB", MEMORY_CEILING >> 20);
        return Err(invalid(format!("{key}, memory"), most));
    }
    not_nothing(&[
        (&format!("{key}, cpu"), limits.cpu.is_zero()),
        (&format!("{key}, deadline"), limits.deadline.is_zero()),
        (&format!("{key}, memory"), limits.memory.as_u64() == 0),
        (&format!("{key}, running"), limits.running == 0),
    ])
}
