//! What may stand in `hapta.toml`, as a JSON Schema: the types of `raw` with their texts and
//! defaults, and examples out of `hapta.example.toml`.

use serde_json::{Map, Value};

use super::raw;

/// Every key that there is, each with a value; those that are left out begin with a `#`.
const EXAMPLE: &str = include_str!("../../hapta.example.toml");

/// Beside the schema's own words.
const TITLE: &str = "hapta.toml";

/// The JSON Schema of `hapta.toml`, for editors and for the reference.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(raw::File).to_value();
    plain(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), TITLE.into());
    }
    let example = example();
    let mut definitions = take(&mut schema, "$defs");
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (key, property) in properties {
            // A section that is left out is as if it were empty.
            remove(property, "default");
            if let Some(value) = example.get(key) {
                show(property, value, &mut definitions);
            }
        }
    }
    if let Some(root) = schema.as_object_mut() {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

/// The example with what it leaves out put in.
fn example() -> Map<String, Value> {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with([' ', '#']) => rest,
        _ => line,
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    toml::from_str::<toml::Table>(&text)
        .ok()
        .and_then(|table| serde_json::to_value(table).ok())
        .and_then(|value| match value {
            Value::Object(map) => Some(map),
            _ => None,
        })
        .unwrap_or_default()
}

/// Shows the values of an example at the keys of what a property holds, to any depth.
fn show(property: &mut Value, value: &Value, definitions: &mut Map<String, Value>) {
    let Some(name) = definition_of(property) else {
        return put_example(property, value);
    };
    if name == "Rate" {
        // Those that are written out have their defaults.
        put(property, "default", value.clone());
        put_example(property, value);
    }
    let is_map = is_map(property);
    let entry = match value {
        Value::Array(entries) => entries.first(),
        Value::Object(entries) if is_map => entries.values().next(),
        other => Some(other),
    };
    let Some(mut definition) = definitions.remove(&name) else {
        return;
    };
    let inner = definition.get_mut("properties");
    match (inner.and_then(Value::as_object_mut), entry) {
        (Some(properties), Some(Value::Object(values))) => {
            for (key, property) in properties {
                if let Some(value) = values.get(key) {
                    show(property, value, definitions);
                }
            }
        }
        (Some(_), _) => {}
        (None, _) => put_example(property, value),
    }
    if is_map {
        put_example(property, value);
    }
    definitions.insert(name, definition);
}

/// The name of what a property refers to: itself, one of a list, or an entry of a table of them.
fn definition_of(property: &Value) -> Option<String> {
    let places = ["/$ref", "/items/$ref", "/additionalProperties/$ref"];
    let found = places.iter().find_map(|place| property.pointer(place))?;
    let name = found.as_str()?.strip_prefix("#/$defs/")?;
    let is_plain = ["Duration", "Size", "Address", "Encoding"].contains(&name);
    (!is_plain).then(|| name.to_owned())
}

fn is_map(property: &Value) -> bool {
    property
        .get("additionalProperties")
        .is_some_and(Value::is_object)
}

fn put_example(property: &mut Value, value: &Value) {
    put(property, "examples", Value::Array(vec![value.clone()]));
}

fn put(property: &mut Value, key: &str, value: Value) {
    if let Some(property) = property.as_object_mut() {
        property.insert(key.to_owned(), value);
    }
}

fn remove(property: &mut Value, key: &str) {
    if let Some(property) = property.as_object_mut() {
        property.remove(key);
    }
}

fn take(schema: &mut Value, key: &str) -> Map<String, Value> {
    match schema.as_object_mut().and_then(|root| root.remove(key)) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// TOML has no null: what may be null may be left out. Texts are in lines of the source, which
/// an editor wraps by itself.
fn plain(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(plain),
        Value::Object(map) => {
            if map
                .get("default")
                .is_some_and(|it| it.is_null() || it.is_object())
            {
                map.remove("default");
            }
            if let Some(Value::Array(kinds)) = map.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    let kind = kind.clone();
                    map.insert("type".to_owned(), kind);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(choice)] = choices.as_slice() {
                    let choice = choice.clone();
                    map.remove("anyOf");
                    map.extend(choice);
                }
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            map.remove("format");
            for (key, inner) in map {
                match inner {
                    // The keys of these are names of settings and types, not words of the schema.
                    Value::Object(named) if key == "properties" || key == "$defs" => {
                        named.values_mut().for_each(plain);
                    }
                    other => plain(other),
                }
            }
        }
        _ => {}
    }
}
