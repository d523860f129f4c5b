//! The page `configuration.md`, and the keys that it is made of.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Keys whose texts are not the example's, which says things of several keys at once.
pub(super) const OWN_TEXTS: &[&str] = &[
    "server.tls.certificate",
    "server.tls.key",
    "admin.listen",
    "pocketbase.superuser.email",
    "pocketbase.superuser.password",
    "live.queue",
    "live.queue_bytes",
    "limits.create",
    "limits.custom",
    "limits.default",
    "limits.delete",
    "limits.list",
    "limits.superuser",
    "limits.update",
    "rules.go_back.faults",
    "rules.go_back.principals",
    "rules.go_back.within",
    "rule.collections",
    "rule.cpu",
    "rule.deadline",
    "rule.edits",
    "rule.host_calls",
    "rule.isolation",
    "rule.memory",
    "rule.operations",
    "rule.reuse_calls",
    "rule.running",
    "group.all",
    "group.any",
    "group.name",
    "collections.NAME.rules",
];

const EXAMPLE: &str = include_str!("../../../gateway/hapta.example.toml");

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    /// As operators name it: `server.listen`.
    pub(super) path: String,
    /// Its last part.
    pub(super) name: String,
    /// What it does.
    pub(super) text: String,
    /// What is written there.
    pub(super) kind: String,
    /// As TOML, `none` or `required`.
    pub(super) default: String,
    /// As TOML.
    pub(super) example: Option<String>,
}

/// One section, with what stands at its head.
struct Section {
    head: String,
    text: String,
    keys: Vec<Key>,
}

const INTRODUCTION: &str = "\
# Configuration

Every key of `hapta.toml`. This page is made of the program's own types (`UPDATE_DOCS=1 make test` writes it), and so is
[hapta.schema.json](../hapta.schema.json), by which editors complete and check the file: with its first line `#:schema ./hapta.schema.json`, as
`hapta init` writes it, or `hapta init --schema` to have the schema alone. [hapta.example.toml](../hapta.example.toml) has all of it in one file.

An unknown key stops the start. Durations are texts like `\"250ms\"`, `\"30s\"`, `\"5m\"` or `\"90d\"`, sizes like `\"64KiB\"` or `\"2MiB\"`; paths are relative
to the file's folder. `hapta check` loads a file as `hapta serve` would, and says what is wrong. What takes effect at once when the file changes, and
what at the next start, is in [Reload](operating.md#reload).

From the environment, over the file: `DB_URL` (pocketbase.url), `ADMIN_EMAIL` and `ADMIN_PASSWORD` (pocketbase.superuser), `SSL_ENABLED` (true or false:
server.tls), `HAPTA_APP_KEYS` (application.keys_file). From the environment alone: `HAPTA_ADMIN_KEY`, which opens the listener of `[admin]`.
";

/// The order of the example.
const SECTIONS: [&str; 26] = [
    "server",
    "server.tls",
    "admin",
    "pocketbase",
    "pocketbase.superuser",
    "pocketbase.run",
    "sessions",
    "sessions.rolling",
    "application",
    "logins",
    "live",
    "uploads",
    "writes",
    "limits",
    "batch",
    "superusers",
    "expand",
    "pages",
    "compat",
    "strict",
    "log",
    "state",
    "rules",
    "rules.go_back",
    "rule",
    "group",
];

/// The whole page.
pub(super) fn page(schema: &Value) -> String {
    let sections = sections(schema);
    let mut page = INTRODUCTION.to_owned();
    page.push('\n');
    for section in &sections {
        let _ = writeln!(page, "- [`{}`](#{})", section.head, anchor(&section.head));
    }
    for section in &sections {
        let _ = writeln!(
            page,
            "\n## `{}`\n\n{}",
            section.head,
            escaped(&section.text)
        );
        for key in &section.keys {
            let _ = writeln!(page, "\n### `{}`\n\n{}\n", key.path, escaped(&key.text));
            let example = key.example.as_deref().unwrap_or_default();
            let _ = writeln!(
                page,
                "{} · default: {} · example: `{} = {example}`",
                key.kind,
                quoted(&key.default),
                key.name
            );
        }
    }
    page
}

/// All keys that there are, without sections.
pub(super) fn keys(schema: &Value) -> Vec<Key> {
    sections(schema)
        .into_iter()
        .flat_map(|section| section.keys)
        .collect()
}

fn sections(schema: &Value) -> Vec<Section> {
    let mut sections: Vec<Section> = SECTIONS.iter().map(|path| section(schema, path)).collect();
    sections.push(section(schema, "collections"));
    let known: Vec<&str> = SECTIONS
        .iter()
        .copied()
        .chain(["collections"])
        .filter(|path| !path.contains('.'))
        .collect();
    let all = schema["properties"].as_object().expect("properties");
    for name in all.keys() {
        assert!(
            known.contains(&name.as_str()),
            "{name} is missing in SECTIONS"
        );
    }
    sections
}

fn section(schema: &Value, path: &str) -> Section {
    let mut place = schema.clone();
    for part in path.split('.') {
        place = resolved(schema, &place["properties"][part]).clone();
    }
    let (head, path) = match path {
        "rule" | "group" => (format!("[[{path}]]"), path.to_owned()),
        "collections" => (format!("[{path}.NAME]"), format!("{path}.NAME")),
        _ => (format!("[{path}]"), path.to_owned()),
    };
    let none = Map::new();
    let properties = place["properties"].as_object().unwrap_or(&none);
    let required = place["required"].as_array().cloned().unwrap_or_default();
    let mut keys: Vec<Key> = properties
        .iter()
        .filter(|(_, property)| !is_section(schema, property))
        .map(|(name, property)| Key::of(schema, (&path, name, property), &required))
        .collect();
    keys.sort_by_key(|key| shown_at(&path, &key.name));
    Section {
        head,
        text: place["description"].as_str().unwrap_or_default().to_owned(),
        keys,
    }
}

/// Where a key stands in the example, whose texts lead from one to the next.
fn shown_at(section: &str, name: &str) -> Option<usize> {
    let lines: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| line.trim_start_matches('#'))
        .collect();
    let name_of = section.split(".NAME").next().unwrap_or_default();
    let head = lines.iter().position(|line| {
        line.trim_start_matches('[').starts_with(name_of) && line.starts_with('[')
    });
    let head = head.unwrap_or_default();
    let key = format!("{name} = ");
    let below = lines[head..].iter().position(|line| line.starts_with(&key));
    Some(head + below?)
}

/// Follows references, into lists and tables too.
fn resolved<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    let places = ["/$ref", "/items/$ref", "/additionalProperties/$ref"];
    let found = places.iter().find_map(|place| property.pointer(place));
    match found.and_then(Value::as_str) {
        Some(found) => &schema["$defs"][found.trim_start_matches("#/$defs/")],
        None => property,
    }
}

/// Whether a property has a section of its own on the page.
fn is_section(schema: &Value, property: &Value) -> bool {
    let is_rate = property["$ref"] == "#/$defs/Rate"
        || property["additionalProperties"]["$ref"] == "#/$defs/RatesOfCollection";
    !is_rate && resolved(schema, property)["properties"].is_object()
}

impl Key {
    fn of(
        schema: &Value,
        (path, name, property): (&str, &str, &Value),
        required: &[Value],
    ) -> Self {
        let is_required = required.iter().any(|key| key == name);
        let own = property["description"].as_str();
        let text = own.or_else(|| resolved(schema, property)["description"].as_str());
        Self {
            path: format!("{path}.{name}"),
            name: name.to_owned(),
            text: text.unwrap_or_default().to_owned(),
            kind: kind(schema, property),
            default: match &property["default"] {
                _ if is_required => "required".to_owned(),
                Value::Null => "none".to_owned(),
                value => toml(value),
            },
            example: property["examples"].get(0).map(toml),
        }
    }
}

/// What is to be written there, and in which unit.
fn kind(schema: &Value, property: &Value) -> String {
    let named = property["$ref"].as_str().unwrap_or_default();
    match named.trim_start_matches("#/$defs/") {
        "Duration" => return "A duration".to_owned(),
        "Size" => return "A size".to_owned(),
        "Address" => return "An address and a port".to_owned(),
        "Rate" => return "A limit".to_owned(),
        "Judges" => return "A word or a list of names".to_owned(),
        _ => {}
    }
    let whole = if named.is_empty() {
        property
    } else {
        resolved(schema, property)
    };
    if let Some(words) = words(whole) {
        return format!("One of {words}");
    }
    match whole["type"].as_str() {
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => "A number".to_owned(),
        Some("string") => "A text".to_owned(),
        Some("object") => "A table".to_owned(),
        Some("array") => match words(resolved(schema, &whole["items"])) {
            Some(words) => format!("A list of {words}"),
            None if whole["items"]["$ref"] == "#/$defs/Duration" => "Two durations".to_owned(),
            None => "A list of texts".to_owned(),
        },
        other => panic!("{property} is of no kind: {other:?}"),
    }
}

fn words(schema: &Value) -> Option<String> {
    let plain = schema["enum"].as_array().cloned().unwrap_or_default();
    let told = schema["oneOf"].as_array().cloned().unwrap_or_default();
    let told = told.iter().flat_map(|one| {
        let several = one["enum"].as_array().cloned().unwrap_or_default();
        several.into_iter().chain(one.get("const").cloned())
    });
    let words: Vec<String> = plain
        .into_iter()
        .chain(told)
        .filter_map(|word| Some(format!("`\"{}\"`", word.as_str()?)))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// A value as one line of TOML.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let pairs: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{key} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted(default: &str) -> String {
    match default {
        "none" | "required" => default.to_owned(),
        value => format!("`{value}`"),
    }
}

/// What Markdown would take for its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at > 0 {
            escaped.push('`');
        }
        if at % 2 == 1 {
            escaped.push_str(part);
            continue;
        }
        for letter in part.chars() {
            if "*_<[]".contains(letter) {
                escaped.push('\\');
            }
            escaped.push(letter);
        }
    }
    escaped
}

fn anchor(head: &str) -> String {
    head.to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}
