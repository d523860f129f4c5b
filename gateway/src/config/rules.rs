//! `[rules]` and `[[rule]]` → what is loaded, and how it is bounded.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ConfigError, collections, invalid, raw};
use crate::rules::{Limits, Settings, Source};

/// How many instances the pool may be made for: each costs address space.
const INSTANCES: std::ops::RangeInclusive<u32> = 1..=1_000;

pub(super) fn instances(raw: &raw::Rules) -> Result<u32, ConfigError> {
    if INSTANCES.contains(&raw.instances) {
        Ok(raw.instances)
    } else {
        Err(invalid(
            "rules.instances",
            format!("must be from {} to {}", INSTANCES.start(), INSTANCES.end()),
        ))
    }
}

pub(super) fn resolve(
    raw: raw::Rules,
    rules: Vec<raw::Rule>,
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
    let sources = rules
        .into_iter()
        .map(|rule| source(rule, &limits, folder))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Settings {
        exposed: collections::resolve(
            exposed,
            raw.folder.is_some(),
            superusers.routes == raw::Switch::On,
        )?,
        sources,
        folder: raw.folder.map(|rules| folder.join(rules)),
        limits,
        judge_superusers: superusers.judged,
    })
}

fn source(raw: raw::Rule, defaults: &Limits, folder: &Path) -> Result<Source, ConfigError> {
    let key = format!("[[rule]] \"{}\"", raw.name);
    if raw.name.is_empty()
        || raw
            .name
            .contains(|c: char| c.is_control() || c.is_whitespace())
    {
        return Err(invalid(
            key,
            "a name has at least one character and no spaces",
        ));
    }
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
    Ok(Source {
        name: raw.name,
        file: folder.join(raw.file),
        settings,
        limits,
    })
}

fn check(limits: &Limits, key: &str) -> Result<(), ConfigError> {
    for (name, is_zero) in [
        ("cpu", limits.cpu.is_zero()),
        ("deadline", limits.deadline.is_zero()),
        ("memory", limits.memory.as_u64() == 0),
        ("running", limits.running == 0),
    ] {
        if is_zero {
            return Err(invalid(
                format!("{key}, {name}"),
                "must be more than nothing",
            ));
        }
    }
    Ok(())
}
