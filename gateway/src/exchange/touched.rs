//! What the earlier parts of a batch change: a rule that judges a later part must
//! not go by how that was before.

use std::collections::BTreeSet;

use crate::schema::{Collection, CollectionKind, FieldKind, Schema};

/// Records and collections that earlier parts of a batch change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// By the collection's id and the record's.
    records: BTreeSet<(String, String)>,
    /// Collections, by id, of which some record is new, another or gone.
    collections: BTreeSet<String>,
    /// Collections, by id, of which any record may be another or gone, since what it
    /// points at is deleted.
    followers: BTreeSet<String>,
}

impl Touched {
    /// A create or an update; of a new record the id may not be known, and nobody
    /// can ask for it then.
    pub fn write(&mut self, collection: &Collection, record: Option<&str>) {
        self.collections.insert(collection.id.clone());
        if let Some(record) = record {
            let key = (collection.id.clone(), record.to_owned());
            self.records.insert(key);
        }
    }

    /// A delete takes along, or changes, what points at the record, and what points
    /// at that.
    pub fn delete(&mut self, collection: &Collection, record: &str, schema: &Schema) {
        self.write(collection, Some(record));
        let mut gone = vec![collection.id.clone()];
        while let Some(id) = gone.pop() {
            for other in schema.collections() {
                if points_at(other, &id) && self.followers.insert(other.id.clone()) {
                    gone.push(other.id.clone());
                }
            }
        }
    }

    /// Whether one record may be another now. Rows of a view are made of anything.
    #[must_use]
    pub fn has_record(&self, collection: &Collection, record: &str) -> bool {
        let key = (collection.id.clone(), record.to_owned());
        self.is_view_of_it(collection)
            || self.followers.contains(&collection.id)
            || self.records.contains(&key)
    }

    /// Whether what is found in the collection may be something else now.
    #[must_use]
    pub fn has_some_of(&self, collection: &Collection) -> bool {
        self.is_view_of_it(collection)
            || self.followers.contains(&collection.id)
            || self.collections.contains(&collection.id)
    }

    /// Whether nothing is changed before.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.collections.is_empty()
    }

    fn is_view_of_it(&self, collection: &Collection) -> bool {
        collection.kind == CollectionKind::View && !self.is_empty()
    }
}

fn points_at(collection: &Collection, id: &str) -> bool {
    collection.fields.iter().any(
        |field| matches!(&field.kind, FieldKind::Relation { collection, .. } if collection == id),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let collection = |id: &str, name: &str, kind: &str, to: Option<&str>| {
            let relation = |to: &str| {
                json!({
                    "name": "r", "type": "relation", "hidden": false, "maxSelect": 1,
                    "collectionId": to,
                })
            };
            let fields: Vec<_> = to.map(relation).into_iter().collect();
            json!({ "id": id, "name": name, "type": kind, "system": false, "fields": fields })
        };
        let page = json!({ "totalItems": 5, "items": [
            collection("a", "authors", "base", None),
            collection("p", "posts", "base", Some("a")),
            collection("c", "comments", "base", Some("p")),
            collection("x", "others", "base", None),
            collection("v", "numbers", "view", None),
        ] });
        Schema::read(&[page]).unwrap()
    }

    /// Of the collections, whose record `1` and whose any record is touched.
    #[track_caller]
    fn check(touch: impl Fn(&mut Touched, &Schema), ones: &[&str], some: &[&str]) {
        let schema = schema();
        let mut touched = Touched::default();
        touch(&mut touched, &schema);
        let found = |is: &dyn Fn(&Collection) -> bool| {
            let names = ["authors", "posts", "comments", "others", "numbers"];
            let known = names.into_iter();
            let found = known.filter(|name| is(schema.by_name(name).unwrap()));
            found.collect::<Vec<_>>()
        };
        assert_eq!(found(&|one| touched.has_record(one, "1")), ones);
        assert_eq!(found(&|one| touched.has_some_of(one)), some);
    }

    #[test]
    fn what_is_written_is_touched_and_so_is_what_is_found_among_its_like() {
        check(|_, _| {}, &[], &[]);
        let posts = |schema: &Schema| std::sync::Arc::clone(schema.by_name("posts").unwrap());
        check(
            |touched, schema| touched.write(&posts(schema), Some("1")),
            &["posts", "numbers"],
            &["posts", "numbers"],
        );
        check(
            |touched, schema| touched.write(&posts(schema), Some("2")),
            &["numbers"],
            &["posts", "numbers"],
        );
        check(
            |touched, schema| touched.write(&posts(schema), None),
            &["numbers"],
            &["posts", "numbers"],
        );
    }

    #[test]
    fn what_points_at_a_deleted_record_is_touched_however_far() {
        check(
            |touched, schema| touched.delete(schema.by_name("authors").unwrap(), "2", schema),
            &["posts", "comments", "numbers"],
            &["authors", "posts", "comments", "numbers"],
        );
    }
}
