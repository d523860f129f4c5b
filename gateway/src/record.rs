//! Every record of an answer, handed out one by one.
//!
//! A record is at the top of an answer or in an `expand`, at any depth, and
//! nowhere else: what a JSON field holds is no record, whatever it looks like.
//!
//! The answer is taken apart once, by moves. Records are then handed out in the
//! answer's order, expanded ones before the record that carries them, so that
//! each comes with its `expand` as it was let through. A record that is not put
//! back is left out, so what nobody looked at does not leave.

use serde_json::{Map, Value};

use crate::operation::RecordAction;

/// Where an answer keeps its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{items, page, perPage, totalItems, totalPages}`.
    List,
    /// The answer is the record.
    Record,
    /// `{token, record, meta?}`.
    Auth,
    /// `{action, record}`.
    Event,
}

/// An answer whose records pass through somebody's hands.
#[derive(Debug)]
pub struct Records {
    shape: Shape,
    /// The answer without its records.
    rest: Value,
    /// Every record before those that it expands.
    nodes: Vec<Node>,
    /// Positions in `nodes`, in the order of handing out.
    order: std::vec::IntoIter<usize>,
    /// The one that is handed out now.
    current: Option<usize>,
    /// The records at the top that were put back.
    kept: Vec<Value>,
}

/// A record to look at, and perhaps to put back.
#[derive(Debug)]
pub struct Taken {
    /// An object with `id`, `collectionId` and `collectionName` as texts.
    pub record: Value,
    /// Where it belongs.
    pub place: Place,
}

/// Where in the answer a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An item of the list, or the one record.
    Top,
    /// In the `expand` of another record.
    Expanded,
}

/// What is left of an answer.
#[derive(Debug, PartialEq)]
pub struct Released {
    /// Nothing, if the one record was left out. A list stays, with its totals as they were.
    pub answer: Option<Value>,
    /// How many records at the top were left out.
    pub dropped: usize,
}

/// An answer of PocketBase has not the shape it should.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the answer is not as expected at \"{place}\": {problem}")]
pub struct ShapeError {
    /// Where, as a JSON Pointer.
    pub place: String,
    /// What is wrong there.
    pub problem: &'static str,
}

/// A record out of its place.
#[derive(Debug)]
struct Node {
    record: Value,
    home: Home,
}

#[derive(Debug)]
enum Home {
    Top,
    /// In the `expand` of the node `parent`; if that has an array under `key`, at `position`.
    Expand {
        parent: usize,
        key: String,
        position: Option<usize>,
    },
}

/// The records found so far.
#[derive(Default)]
struct Harvest {
    nodes: Vec<Node>,
    order: Vec<usize>,
}

impl Records {
    /// Takes the records out of an answer.
    ///
    /// # Errors
    ///
    /// When it is no such answer: a record that is not recognised could not be looked at.
    pub fn take(mut answer: Value, shape: Shape) -> Result<Self, ShapeError> {
        let mut harvest = Harvest::default();
        match shape {
            Shape::Record => harvest.record(answer.take(), Home::Top)?,
            Shape::Auth | Shape::Event => {
                let record = match shape {
                    Shape::Event => event_record(&mut answer)?.take(),
                    _ => auth_record(&mut answer)?.take(),
                };
                harvest
                    .record(record, Home::Top)
                    .map_err(|error| error.within("/record"))?;
            }
            Shape::List => {
                for (position, item) in std::mem::take(list_items(&mut answer)?)
                    .into_iter()
                    .enumerate()
                {
                    let within = |error: ShapeError| error.within(&format!("/items/{position}"));
                    harvest.record(item, Home::Top).map_err(within)?;
                }
            }
        }
        let Harvest { nodes, order } = harvest;
        Ok(Self {
            shape,
            rest: answer,
            nodes,
            order: order.into_iter(),
            current: None,
            kept: Vec::new(),
        })
    }

    /// Whether the answer stands or falls with one record, as a list does not.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.shape != Shape::List
    }

    /// Every record that is not handed out yet, the expanded ones too.
    pub fn each(&self) -> impl Iterator<Item = &Value> {
        self.nodes.iter().map(|node| &node.record)
    }

    /// The next record. The one before it is left out unless it was put back.
    pub fn next_record(&mut self) -> Option<Taken> {
        let position = self.order.next()?;
        self.current = Some(position);
        let node = self.nodes.get_mut(position)?;
        let mut record = node.record.take();
        if let Some(Value::Object(expand)) = record.get_mut("expand") {
            expand.retain(|_, expanded| sweep(expanded));
        }
        let place = if matches!(node.home, Home::Top) {
            Place::Top
        } else {
            Place::Expanded
        };
        Some(Taken { record, place })
    }

    /// Puts the record that was handed out last into its place, as it is now.
    /// What is no object any more counts as left out.
    pub fn put_back(&mut self, record: Value) {
        if !record.is_object() {
            return;
        }
        let Some(current) = self.current.take() else {
            return;
        };
        let Some((before, from)) = self.nodes.split_at_mut_checked(current) else {
            return;
        };
        match from.first().map(|node| &node.home) {
            Some(Home::Top) => self.kept.push(record),
            Some(Home::Expand {
                parent,
                key,
                position,
            }) => {
                let expand = before
                    .get_mut(*parent)
                    .and_then(|parent| parent.record.get_mut("expand"));
                let place = expand.and_then(|expand| expand.get_mut(key));
                let place = match position {
                    Some(position) => place.and_then(|array| array.get_mut(position)),
                    None => place,
                };
                if let Some(place) = place {
                    *place = record;
                }
            }
            None => {}
        }
    }

    /// The answer with the records that were put back.
    #[must_use]
    pub fn release(self) -> Released {
        let top = self
            .nodes
            .iter()
            .filter(|node| matches!(node.home, Home::Top))
            .count();
        let dropped = top - self.kept.len();
        let mut answer = self.rest;
        let mut kept = self.kept;
        let answer = match self.shape {
            Shape::Record => kept.pop(),
            Shape::Auth | Shape::Event => kept.pop().map(|record| {
                if let Some(place) = answer.get_mut("record") {
                    *place = record;
                }
                answer
            }),
            Shape::List => {
                if let Some(items) = answer.get_mut("items") {
                    *items = Value::Array(kept);
                }
                Some(answer)
            }
        };
        Released { answer, dropped }
    }
}

impl Harvest {
    /// Adds a record and all that it expands.
    fn record(&mut self, mut record: Value, home: Home) -> Result<(), ShapeError> {
        for key in ["id", "collectionId", "collectionName"] {
            if !record.get(key).is_some_and(Value::is_string) {
                return Err(error(&format!("/{key}"), "no text, so this is no record"));
            }
        }
        let position = self.nodes.len();
        self.nodes.push(Node {
            record: Value::Null,
            home,
        });
        match record.get_mut("expand") {
            None => {}
            Some(Value::Object(expand)) => {
                for (key, expanded) in expand {
                    let within = |error: ShapeError| error.within(&format!("/expand/{key}"));
                    self.expanded(position, key, expanded).map_err(within)?;
                }
            }
            Some(_) => return Err(error("/expand", "no object")),
        }
        if let Some(node) = self.nodes.get_mut(position) {
            node.record = record;
        }
        self.order.push(position);
        Ok(())
    }

    /// Adds the one record or the records under a key of an `expand`.
    fn expanded(
        &mut self,
        parent: usize,
        key: &str,
        expanded: &mut Value,
    ) -> Result<(), ShapeError> {
        let home = |position| Home::Expand {
            parent,
            key: key.to_owned(),
            position,
        };
        match expanded {
            Value::Array(records) => {
                for (position, record) in records.iter_mut().enumerate() {
                    let within = |error: ShapeError| error.within(&format!("/{position}"));
                    self.record(record.take(), home(Some(position)))
                        .map_err(within)?;
                }
                Ok(())
            }
            record => self.record(record.take(), home(None)),
        }
    }
}

impl ShapeError {
    fn within(mut self, outer: &str) -> Self {
        self.place.insert_str(0, outer);
        self
    }
}

fn auth_record(answer: &mut Value) -> Result<&mut Value, ShapeError> {
    let members = members(answer, &["token", "record", "meta"])?;
    if !members.get("token").is_some_and(Value::is_string) {
        return Err(error("/token", "no text"));
    }
    members
        .get_mut("record")
        .ok_or_else(|| error("/record", "missing"))
}

fn event_record(event: &mut Value) -> Result<&mut Value, ShapeError> {
    let members = members(event, &["action", "record"])?;
    let action = members.get("action").and_then(Value::as_str);
    if action.and_then(RecordAction::parse).is_none() {
        return Err(error("/action", "none that a record can meet with"));
    }
    members
        .get_mut("record")
        .ok_or_else(|| error("/record", "missing"))
}

fn list_items(answer: &mut Value) -> Result<&mut Vec<Value>, ShapeError> {
    let totals = ["page", "perPage", "totalItems", "totalPages"];
    let members = members(
        answer,
        &["items", "page", "perPage", "totalItems", "totalPages"],
    )?;
    if let Some(key) = totals
        .into_iter()
        .find(|key| !members.get(*key).is_some_and(Value::is_i64))
    {
        return Err(error(&format!("/{key}"), "no whole number"));
    }
    match members.get_mut("items") {
        Some(Value::Array(items)) => Ok(items),
        _ => Err(error("/items", "no array")),
    }
}

/// The members of an object that has none but these.
fn members<'a>(
    answer: &'a mut Value,
    known: &[&str],
) -> Result<&'a mut Map<String, Value>, ShapeError> {
    let Value::Object(members) = answer else {
        return Err(error("", "no object"));
    };
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(error(&format!("/{unknown}"), "unknown")),
        None => Ok(members),
    }
}

/// Clears what was not put back out of one entry of an `expand`; whether the entry stays.
fn sweep(expanded: &mut Value) -> bool {
    match expanded {
        Value::Array(records) => {
            let before = records.len();
            records.retain(|record| !record.is_null());
            records.len() == before || !records.is_empty()
        }
        record => !record.is_null(),
    }
}

fn error(place: &str, problem: &'static str) -> ShapeError {
    ShapeError {
        place: place.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests;
