//! What PocketBase answers in a case, in the shape in which it does.

use serde_json::{Map, Value, json};

use super::values;
use crate::exchange::Exchange;
use crate::operation::{Answer, Operation, OperationKind, Route};
use crate::record::Shape;
use crate::schema::{FieldKind, Schema};

/// An answer on its way out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Response {
    /// No body: a deletion, a file.
    Empty,
    /// Without records.
    Object(Value),
    /// With records, in their places.
    Records(Value, Shape),
}

/// Puts what a case tells into the shape of an answer to its request.
pub(super) fn response(
    told: &toml::Value,
    exchange: &Exchange,
    schema: &Schema,
) -> Result<Response, String> {
    let told = values::json(told);
    let operation = &exchange.operation;
    let kind = operation.kind();
    let shape = match kind {
        OperationKind::Event => Some(Shape::Event),
        OperationKind::Subscribe => {
            return Err("a subscription has no answer; what it tells of is an event: request = \"event posts/p1\"".to_owned());
        }
        kind => match Route::of(kind).map(|route| route.answer) {
            Some(Answer::List) => Some(Shape::List),
            Some(Answer::Record) => Some(Shape::Record),
            Some(Answer::Auth) => Some(Shape::Auth),
            Some(Answer::Nothing | Answer::File) => {
                return match told.as_str() {
                    Some("empty") => Ok(Response::Empty),
                    _ => Err(format!(
                        "{kind} is answered without JSON; write response = \"empty\""
                    )),
                };
            }
            _ => None,
        },
    };
    let Some(shape) = shape else {
        return match told {
            Value::Object(_) => Ok(Response::Object(told)),
            _ => Err(format!("{kind} is answered with an object")),
        };
    };
    let filled = fill(told, shape, exchange, schema)?;
    Ok(Response::Records(filled, shape))
}

/// Adds what PocketBase tells with every answer of this shape, where it is left out.
pub(super) fn fill(
    told: Value,
    shape: Shape,
    exchange: &Exchange,
    schema: &Schema,
) -> Result<Value, String> {
    let own = exchange.collection.as_ref();
    let own = own.map(|collection| collection.name.as_str());
    match (shape, told) {
        (Shape::Record, mut record) => {
            complete(&mut record, own, schema)?;
            Ok(record)
        }
        (Shape::List, Value::Array(items)) => list(items, Map::new(), (own, exchange), schema),
        (Shape::List, Value::Object(mut list_of)) => match list_of.remove("items") {
            Some(Value::Array(items)) => list(items, list_of, (own, exchange), schema),
            _ => Err("a list is an array of records, or an object with items".to_owned()),
        },
        (Shape::List, _) => {
            Err("a list is an array of records, or an object with items".to_owned())
        }
        (Shape::Auth, Value::Object(mut login)) => {
            let record = login.entry("record").or_insert_with(|| json!({}));
            complete(record, own, schema)?;
            login.entry("token").or_insert_with(|| "a-token".into());
            Ok(Value::Object(login))
        }
        (Shape::Auth, _) => Err("a login is answered with { record = { … } }".to_owned()),
        (Shape::Event, mut record) => {
            complete(&mut record, own, schema)?;
            let action = match &exchange.operation {
                Operation::Event { action, .. } => action.as_str(),
                _ => "update",
            };
            Ok(json!({ "action": action, "record": record }))
        }
    }
}

fn list(
    mut items: Vec<Value>,
    mut rest: Map<String, Value>,
    (own, exchange): (Option<&str>, &Exchange),
    schema: &Schema,
) -> Result<Value, String> {
    for (at, item) in items.iter_mut().enumerate() {
        complete(item, own, schema).map_err(|problem| format!("record {at}: {problem}"))?;
    }
    let (page, per_page) = match &exchange.operation {
        Operation::List { query, .. } => (query.page, query.per_page),
        _ => (1, 30),
    };
    let total = items.len();
    let own = json!({
        "page": page, "perPage": per_page, "totalItems": total,
        "totalPages": total.div_ceil(usize::from(per_page.max(1))),
    });
    for (key, value) in own.as_object().into_iter().flatten() {
        rest.entry(key.clone()).or_insert_with(|| value.clone());
    }
    rest.insert("items".to_owned(), Value::Array(items));
    Ok(Value::Object(rest))
}

/// A record says of which collection it is, and so do those that it expands.
pub(super) fn complete(
    record: &mut Value,
    own: Option<&str>,
    schema: &Schema,
) -> Result<(), String> {
    let Some(record) = record.as_object_mut() else {
        return Err("a record is an object".to_owned());
    };
    let name = match record.get("collectionName") {
        Some(name) => name.as_str().map(str::to_owned),
        None => own.map(str::to_owned),
    };
    let name = name.ok_or("of which collection it is is not told; write collectionName")?;
    let collection = schema.by_name(&name).filter(|found| found.name == name);
    let collection = collection.ok_or_else(|| {
        format!("there is no collection \"{name}\"; tell of it: [collections.{name}]")
    })?;
    if !record.get("id").is_some_and(Value::is_string) {
        return Err("it has no id".to_owned());
    }
    record.insert("collectionName".to_owned(), name.into());
    record
        .entry("collectionId")
        .or_insert_with(|| collection.id.clone().into());
    let Some(expand) = record.get_mut("expand").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    for (key, expanded) in expand {
        let to = match collection.field(key).map(|field| &field.kind) {
            Some(FieldKind::Relation { collection, .. }) => schema.by_id(collection),
            _ => None,
        };
        let to = to.map(|collection| collection.name.as_str());
        let each = match expanded {
            Value::Array(records) => records.iter_mut(),
            one => std::slice::from_mut(one).iter_mut(),
        };
        for one in each {
            complete(one, to, schema).map_err(|problem| format!("expand.{key}: {problem}"))?;
        }
    }
    Ok(())
}
