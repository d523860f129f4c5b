//! What differs between two generations, for people.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::place::{short, time};
use crate::rules::{Exposed, Group, Joined, Kept, KeptRule, Limits, Source};

/// The lines of a difference; one that says so where there is none.
pub(super) fn told(from: &Kept, to: &Kept) -> String {
    let mut lines = vec![heading("---", from), heading("+++", to)];
    let head = lines.len();
    rules(from, to, &mut lines);
    exposure(from, to, &mut lines);
    let judged = |kept: &Kept| kept.settings.judge_superusers;
    if judged(from) != judged(to) {
        lines.push(format!(
            "~ superusers.judged: {} -> {}",
            judged(from),
            judged(to)
        ));
    }
    if lines.len() == head {
        lines.push("no difference".to_owned());
    }
    lines.join("\n")
}

fn group_text(group: &Group) -> String {
    let how = match group.how {
        Joined::All => "all",
        Joined::Any => "any",
    };
    format!("{}: {how} of {}", group.name, group.members.join(", "))
}

fn heading(mark: &str, kept: &Kept) -> String {
    let (digest, when) = (short(&kept.digest), time(kept.followed_ms));
    format!("{mark} generation {}  {digest}  {when}", kept.number)
}

fn rules(from: &Kept, to: &Kept, lines: &mut Vec<String>) {
    let (old, new) = (by_name(from), by_name(to));
    for (name, (rule, _)) in &old {
        if !new.contains_key(name) {
            lines.push(format!("- rule {name}  module {}", short(&rule.module)));
        }
    }
    for (name, (rule, source)) in &new {
        match old.get(name) {
            None => lines.push(format!(
                "+ rule {name}  module {}  settings {}",
                short(&rule.module),
                source.settings
            )),
            Some(before) => changes(name, *before, (rule, source), lines),
        }
    }
    // Of those that both have: what came or went moves the others.
    let order = |kept: &Kept, other: &BTreeMap<&str, _>| -> Vec<String> {
        let names = kept.rules.iter().map(|rule| rule.name.clone());
        names
            .filter(|name| other.contains_key(name.as_str()))
            .collect()
    };
    let (before, after) = (order(from, &new), order(to, &old));
    if before != after {
        lines.push(format!(
            "~ order: {} -> {}",
            before.join(", "),
            after.join(", ")
        ));
    }
}

fn changes(
    name: &str,
    (old_rule, old): (&KeptRule, &Source),
    (new_rule, new): (&KeptRule, &Source),
    lines: &mut Vec<String>,
) {
    let mut note = |what: &str, old: &str, new: &str| {
        if old != new {
            lines.push(format!("~ rule {name}: {what} {old} -> {new}"));
        }
    };
    note("module", short(&old_rule.module), short(&new_rule.module));
    note("settings", &old.settings, &new.settings);
    for ((what, old), (_, new)) in limits(&old.limits).into_iter().zip(limits(&new.limits)) {
        note(what, &old, &new);
    }
    for ((what, old), (_, new)) in terms(old).into_iter().zip(terms(new)) {
        note(what, &old, &new);
    }
}

/// What else an entry says, as text to compare.
fn terms(source: &Source) -> [(&'static str, String); 5] {
    let text = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
    [
        ("grants", text(serde_json::to_string(&source.powers))),
        ("isolation", text(serde_json::to_string(&source.isolation))),
        ("ahead", source.ahead.to_string()),
        ("limited to", text(serde_json::to_string(&source.scope))),
        ("shadow", source.shadow.to_string()),
    ]
}

fn limits(limits: &Limits) -> [(&'static str, String); 6] {
    [
        ("cpu", format!("{:?}", limits.cpu)),
        ("deadline", format!("{:?}", limits.deadline)),
        ("memory", limits.memory.to_string()),
        ("host_calls", limits.host_calls.to_string()),
        ("edits", limits.edits.to_string()),
        ("running", limits.running.to_string()),
    ]
}

fn exposure(from: &Kept, to: &Kept, lines: &mut Vec<String>) {
    for group in &from.settings.groups {
        if !to.settings.groups.contains(group) {
            lines.push(format!("- group {}", group_text(group)));
        }
    }
    for group in &to.settings.groups {
        if !from.settings.groups.contains(group) {
            lines.push(format!("+ group {}", group_text(group)));
        }
    }
    let (old, new) = (&from.settings.exposed, &to.settings.exposed);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(how), None) => lines.push(format!("- collection {name}: {}", judged(how))),
            (None, Some(how)) => lines.push(format!("+ collection {name}: {}", judged(how))),
            (Some(old), Some(new)) if old != new => lines.push(format!(
                "~ collection {name}: {} -> {}",
                judged(old),
                judged(new)
            )),
            _ => {}
        }
    }
}

fn judged(how: &Exposed) -> String {
    match how {
        Exposed::PocketBase => "judged by PocketBase alone".to_owned(),
        Exposed::Folder => "judged by the folder".to_owned(),
        Exposed::Rules(names) => format!("judged by {}", names.join(", ")),
    }
}

fn by_name(kept: &Kept) -> BTreeMap<&str, (&KeptRule, &Source)> {
    let rules = kept.rules.iter().zip(kept.sources());
    rules
        .map(|(rule, source)| (rule.name.as_str(), (rule, source)))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::rules::Settings;

    fn kept(number: u64, rules: &[(&str, &str, &str)], exposed: &[(&str, Exposed)]) -> Kept {
        let source = |(name, _, settings): &(&str, &str, &str)| Source {
            name: (*name).to_owned(),
            file: "x.wasm".into(),
            settings: (*settings).to_owned(),
            ..Source::default()
        };
        let exposed = exposed
            .iter()
            .map(|(name, how)| ((*name).to_owned(), how.clone()));
        Kept {
            number,
            digest: format!("{number:064}"),
            made_ms: 0,
            followed_ms: 0,
            alarmed_ms: None,
            rules: rules
                .iter()
                .map(|(name, module, _)| KeptRule {
                    name: (*name).to_owned(),
                    module: (*module).to_owned(),
                    digest: String::new(),
                })
                .collect(),
            settings: Settings {
                sources: rules.iter().map(source).collect(),
                exposed: exposed.collect(),
                ..Settings::default()
            },
        }
    }

    #[test]
    fn all_that_differs_is_told_and_nothing_else() {
        let a = kept(
            1,
            &[
                ("gone", "aaa", "{}"),
                ("same", "bbb", "{}"),
                ("new-file", "ccc", "{}"),
            ],
            &[
                ("posts", Exposed::Folder),
                ("users", Exposed::PocketBase),
                ("tags", Exposed::PocketBase),
            ],
        );
        let mut b = kept(
            2,
            &[
                ("new-file", "ddd", "{}"),
                ("same", "bbb", r#"{"x":1}"#),
                ("added", "eee", "{}"),
            ],
            &[
                ("posts", Exposed::Rules(vec!["same".to_owned()])),
                ("users", Exposed::PocketBase),
                ("files", Exposed::PocketBase),
            ],
        );
        b.settings.judge_superusers = true;
        if let Some(source) = b.settings.sources.get_mut(1) {
            source.limits.memory = ByteSize::mib(8);
        }
        let told: Vec<String> = told(&a, &b).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            told,
            [
                "- rule gone  module aaa",
                "+ rule added  module eee  settings {}",
                "~ rule new-file: module ccc -> ddd",
                "~ rule same: settings {} -> {\"x\":1}",
                "~ rule same: memory 16.0 MiB -> 8.0 MiB",
                "~ order: same, new-file -> new-file, same",
                "+ collection files: judged by PocketBase alone",
                "~ collection posts: judged by the folder -> judged by same",
                "- collection tags: judged by PocketBase alone",
                "~ superusers.judged: false -> true",
            ]
        );
        assert!(super::told(&a, &a).ends_with("no difference"));
    }
}
