//! The answer of `GET /api/collections` → [`Schema`].
//!
//! PocketBase 0.23 to 0.40. What guards a secret (`hidden`, `protected`, a type)
//! must be there: a field that is not understood halfway is not guessed at.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Collection, CollectionKind, Field, FieldKind, FileLimits, Schema, SchemaError};

impl Schema {
    /// Reads all pages of the list of collections.
    ///
    /// # Errors
    ///
    /// When a page has another shape, when the pages are not the whole list, or
    /// when a name could mean two collections.
    pub fn read(pages: &[Value]) -> Result<Self, SchemaError> {
        let mut schema = Self::default();
        for (number, page) in pages.iter().enumerate() {
            let items = page.get("items").and_then(Value::as_array);
            for (position, item) in items
                .ok_or_else(|| error("/items", "no array").within(number))?
                .iter()
                .enumerate()
            {
                let collection = collection(item)
                    .map_err(|error| error.within(position).within("items").within(number))?;
                schema
                    .add(collection)
                    .map_err(|error| error.within(position).within("items").within(number))?;
            }
        }
        let total = pages
            .last()
            .and_then(|page| page.get("totalItems"))
            .and_then(Value::as_u64);
        if total != u64::try_from(schema.by_id.len()).ok() {
            return Err(error(
                "/totalItems",
                "not the number of collections on the pages",
            ));
        }
        let mut names = schema.by_name.keys();
        if names.any(|name| schema.by_id.keys().any(|id| id.eq_ignore_ascii_case(name))) {
            return Err(error("", "the name of a collection is the id of one"));
        }
        Ok(schema)
    }

    fn add(&mut self, collection: Collection) -> Result<(), SchemaError> {
        let collection = Arc::new(collection);
        let name = collection.name.to_ascii_lowercase();
        if self.by_name.insert(name, Arc::clone(&collection)).is_some() {
            return Err(error("/name", "a second collection of this name"));
        }
        if self
            .by_id
            .insert(collection.id.clone(), collection)
            .is_some()
        {
            return Err(error("/id", "a second collection of this id"));
        }
        Ok(())
    }
}

impl SchemaError {
    fn within(mut self, outer: impl std::fmt::Display) -> Self {
        self.place.insert_str(0, &format!("/{outer}"));
        self
    }
}

fn collection(item: &Value) -> Result<Collection, SchemaError> {
    let Some(fields) = item.get("fields").and_then(Value::as_array) else {
        return Err(match item.get("schema") {
            Some(_) => error(
                "/schema",
                "PocketBase 0.22 or older; 0.23 or newer is needed",
            ),
            None => error("/fields", "no array"),
        });
    };
    let kind = match text(item, "type")? {
        "base" => CollectionKind::Base,
        "auth" => CollectionKind::Auth,
        "view" => CollectionKind::View,
        _ => return Err(error("/type", "neither base nor auth nor view")),
    };
    let mut names = HashMap::new();
    let mut read = Vec::with_capacity(fields.len());
    for (position, value) in fields.iter().enumerate() {
        let within = |error: SchemaError| error.within(position).within("fields");
        let field = field(value).map_err(within)?;
        if names.insert(field.name.clone(), position).is_some() {
            return Err(within(error("/name", "a second field of this name")));
        }
        read.push(field);
    }
    Ok(Collection {
        id: word(item, "id")?.to_owned(),
        name: word(item, "name")?.to_owned(),
        kind,
        system: flag(item, "system")?,
        masked: kind.masked(&read),
        masked_of_logins: kind.masked_of_logins(&read),
        fields: read,
    })
}

fn field(value: &Value) -> Result<Field, SchemaError> {
    let kind = match text(value, "type")? {
        "text" => FieldKind::Text,
        "email" => FieldKind::Email,
        "url" => FieldKind::Url,
        "editor" => FieldKind::Editor,
        "date" => FieldKind::Date,
        "number" => FieldKind::Number,
        "bool" => FieldKind::Bool,
        "select" => FieldKind::Select {
            multiple: multiple(value)?,
        },
        "relation" => FieldKind::Relation {
            collection: word(value, "collectionId")?.to_owned(),
            multiple: multiple(value)?,
        },
        "file" => FieldKind::File {
            protected: flag(value, "protected")?,
            multiple: multiple(value)?,
            limits: limits(value)?,
        },
        "json" => FieldKind::Json,
        "geoPoint" => FieldKind::GeoPoint,
        "password" => FieldKind::Password,
        "autodate" => FieldKind::Autodate {
            // One that no update sets may do without.
            on_update: match value.get("onUpdate") {
                None => false,
                Some(_) => flag(value, "onUpdate")?,
            },
        },
        _ => FieldKind::Other,
    };
    Ok(Field {
        name: word(value, "name")?.to_owned(),
        kind,
        hidden: flag(value, "hidden")?,
    })
}

/// Letters, digits and `_` of ASCII: beyond it PocketBase folds case by other rules.
fn word<'a>(value: &'a Value, key: &str) -> Result<&'a str, SchemaError> {
    let word = text(value, key)?;
    if word.is_empty()
        || !word
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_')
    {
        return Err(error(&format!("/{key}"), "not of letters, digits and _"));
    }
    Ok(word)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, SchemaError> {
    value
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| error(&format!("/{key}"), "no text"))
}

fn flag(value: &Value, key: &str) -> Result<bool, SchemaError> {
    value
        .get(key)
        .and_then(Value::as_bool)
        .ok_or_else(|| error(&format!("/{key}"), "neither true nor false"))
}

/// What is not there was never set. What PocketBase holds its files against is
/// not guessed at.
fn limits(value: &Value) -> Result<FileLimits, SchemaError> {
    let number = |key: &str| match value.get(key) {
        None => Ok(0),
        Some(number) => number
            .as_u64()
            .ok_or_else(|| error(&format!("/{key}"), "no number")),
    };
    let types = match value.get("mimeTypes") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(types) => types.as_array().and_then(|types| {
            let names = types.iter().map(Value::as_str);
            names.map(|name| name.map(str::to_owned)).collect()
        }),
    };
    Ok(FileLimits {
        max_select: number("maxSelect")?,
        max_size: number("maxSize")?,
        mime_types: types.ok_or_else(|| error("/mimeTypes", "no texts"))?,
    })
}

/// PocketBase stores one text for a `maxSelect` of 0 or 1, which is also the
/// one that was never set, and an array above.
fn multiple(value: &Value) -> Result<bool, SchemaError> {
    match value.get("maxSelect") {
        None => Ok(false),
        Some(most) => most
            .as_u64()
            .map(|most| most > 1)
            .ok_or_else(|| error("/maxSelect", "no number")),
    }
}

fn error(place: &str, problem: &'static str) -> SchemaError {
    SchemaError {
        place: place.to_owned(),
        problem,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    fn field(name: &str, kind: &str) -> Value {
        json!({"id": format!("{kind}1"), "name": name, "type": kind, "system": false, "hidden": false, "required": false})
    }

    fn relation(name: &str, to: &str) -> Value {
        let mut field = field(name, "relation");
        field["collectionId"] = to.into();
        field
    }

    fn hidden(mut field: Value) -> Value {
        field["hidden"] = true.into();
        field
    }

    fn collection(name: &str, kind: &str, more: &[Value]) -> Value {
        let fields: Vec<&Value> = more.iter().collect();
        let mut answer = json!({"id": format!("pbc_{name}"), "name": name, "type": kind, "system": false, "listRule": "", "fields": fields});
        if let Some(fields) = answer["fields"].as_array_mut() {
            fields.insert(0, field("id", "text"));
        }
        answer
    }

    fn page(items: &[Value]) -> Value {
        json!({"items": items, "page": 1, "perPage": 500, "totalItems": items.len(), "totalPages": 1})
    }

    /// users, posts of an author, comments on a post, and one odd collection.
    pub(in crate::schema) fn blog() -> Schema {
        let mut cover = field("cover", "file");
        cover["protected"] = true.into();
        cover["maxSelect"] = 1.into();
        cover["maxSize"] = 9.into();
        cover["mimeTypes"] = json!(["image/png"]);
        let secrets = [
            hidden(field("password", "password")),
            hidden(field("tokenKey", "text")),
        ];
        let users = [
            &secrets[..],
            &[field("email", "email"), field("updated", "autodate")],
        ]
        .concat();
        let posts = [
            field("title", "text"),
            relation("author", "pbc_users"),
            hidden(relation("reviewer", "pbc_users")),
            field("meta", "json"),
            cover,
        ];
        let odd = [
            field("NULL", "text"),
            field("pin", "password"),
            hidden(field("secret", "json")),
            field("x", "vector"),
        ];
        let comments = [
            relation("post", "pbc_posts"),
            relation("author", "pbc_users"),
        ];
        let all = [
            ("users", "auth", &users[..]),
            ("posts", "base", &posts),
            ("comments", "base", &comments),
            ("odd", "view", &odd),
        ];
        Schema::read(&[page(
            &all.map(|(name, kind, fields)| collection(name, kind, fields)),
        )])
        .unwrap()
    }

    #[test]
    fn collections_are_found_by_name_and_id() {
        let schema = blog();
        assert_eq!(schema.by_name("PoSTs").unwrap().id, "pbc_posts");
        assert_eq!(schema.by_id("pbc_posts").unwrap().name, "posts");
        assert_eq!(schema.by_id("PBC_posts"), None);
        assert_eq!(schema.by_id("posts"), None);
        assert_eq!(schema.by_name("poſts"), None);
        assert_eq!(schema.collections().count(), 4);
    }

    #[test]
    fn fields_keep_what_the_gateway_tells_apart() {
        let schema = blog();
        let posts = schema.by_name("posts").unwrap();
        assert_eq!(
            posts.field("author").unwrap().kind,
            FieldKind::Relation {
                collection: "pbc_users".to_owned(),
                multiple: false,
            }
        );
        assert_eq!(
            posts.field("cover").unwrap().kind,
            FieldKind::File {
                protected: true,
                multiple: false,
                limits: FileLimits {
                    max_select: 1,
                    max_size: 9,
                    mime_types: vec!["image/png".to_owned()],
                },
            }
        );
        assert_eq!(posts.field("meta").unwrap().kind, FieldKind::Json);
        assert_eq!(posts.field("Title"), None);
        assert!(posts.field("reviewer").unwrap().hidden);
        let odd = schema.by_name("odd").unwrap();
        assert_eq!(
            (odd.kind, &odd.field("x").unwrap().kind),
            (CollectionKind::View, &FieldKind::Other)
        );
    }

    #[test]
    fn more_than_one_is_an_array() {
        let mut select = field("x", "select");
        assert_eq!(super::multiple(&select), Ok(false));
        for (most, expected) in [(0, false), (1, false), (2, true)] {
            select["maxSelect"] = most.into();
            let read = super::field(&select).unwrap().kind;
            assert_eq!(read, FieldKind::Select { multiple: expected });
        }
        select["maxSelect"] = "2".into();
        assert_eq!(super::field(&select).unwrap_err().place, "/maxSelect");
    }

    #[test]
    fn the_limits_of_a_file_may_be_unset_but_not_unreadable() {
        let mut file = field("x", "file");
        file["protected"] = false.into();
        assert_eq!(super::limits(&file), Ok(FileLimits::default()));
        for (key, wrong) in [
            ("maxSelect", json!("2")),
            ("maxSize", json!(-1)),
            ("mimeTypes", json!("image/png")),
            ("mimeTypes", json!([1])),
        ] {
            let mut file = file.clone();
            file[key] = wrong;
            assert_eq!(super::field(&file).unwrap_err().place, format!("/{key}"));
        }
    }

    #[test]
    fn what_every_update_sets_is_a_stamp() {
        let date = |name: &str, on_update: bool| {
            let mut field = field(name, "autodate");
            field["onCreate"] = true.into();
            field["onUpdate"] = on_update.into();
            field
        };
        let stamp = |fields: &[Value]| {
            let read = super::collection(&collection("a", "base", fields)).unwrap();
            read.stamp().map(str::to_owned)
        };
        assert_eq!(stamp(&[]), None);
        assert_eq!(stamp(&[field("updated", "autodate")]), None);
        assert_eq!(
            stamp(&[date("created", false), field("updated", "date")]),
            None
        );
        assert_eq!(stamp(&[hidden(date("updated", true))]), None);
        let changed = date("changed", true);
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            stamp(&[date("updated", false), changed.clone()]),
            some("changed")
        );
        let both = [changed, date("updated", true)];
        assert_eq!(stamp(&both), some("updated"));
        let mut odd = date("updated", true);
        odd["onUpdate"] = "yes".into();
        assert_eq!(super::field(&odd).unwrap_err().place, "/onUpdate");
    }

    #[test]
    fn secrets_are_masked_by_name() {
        let schema = blog();
        let users = schema.by_name("users").unwrap();
        assert!(users.is_auth());
        assert_eq!(
            *users.masked,
            ["oldPassword", "password", "passwordConfirm", "tokenKey"]
        );
        assert_eq!(*schema.by_name("odd").unwrap().masked, ["pin"]);
    }

    #[test]
    fn all_pages_make_one_schema() {
        let mut pages = [
            page(&[collection("a", "base", &[])]),
            page(&[collection("b", "base", &[])]),
        ];
        assert_eq!(Schema::read(&pages).unwrap_err().place, "/totalItems");
        for page in &mut pages {
            page["totalItems"] = 2.into();
        }
        assert_eq!(Schema::read(&pages).unwrap().collections().count(), 2);
    }

    #[track_caller]
    fn check(items: &[Value], expected: &str) {
        let error = Schema::read(&[page(items)]).unwrap_err();
        assert_eq!(format!("{}: {}", error.place, error.problem), expected);
    }

    #[test]
    fn a_list_of_another_shape_says_where() {
        let with = |field: Value| collection("a", "base", &[field]);
        check(
            &[json!({"name": "a", "schema": []})],
            "/0/items/0/schema: PocketBase 0.22 or older; 0.23 or newer is needed",
        );
        check(&[json!({"name": "a"})], "/0/items/0/fields: no array");
        check(
            &[collection("a", "graph", &[])],
            "/0/items/0/type: neither base nor auth nor view",
        );
        check(
            &[with(json!({"name": "x", "type": "text"}))],
            "/0/items/0/fields/1/hidden: neither true nor false",
        );
        check(
            &[with(field("x", "relation"))],
            "/0/items/0/fields/1/collectionId: no text",
        );
        check(
            &[with(field("x", "file"))],
            "/0/items/0/fields/1/protected: neither true nor false",
        );
        check(
            &[with(field("id", "text"))],
            "/0/items/0/fields/1/name: a second field of this name",
        );
        check(
            &[collection("poſts", "base", &[])],
            "/0/items/0/id: not of letters, digits and _",
        );
        check(
            &[collection("a", "base", &[]), collection("A", "base", &[])],
            "/0/items/1/name: a second collection of this name",
        );
        check(
            &[
                collection("a", "base", &[]),
                collection("PBC_A", "base", &[]),
            ],
            ": the name of a collection is the id of one",
        );
        assert_eq!(
            Schema::read(&[json!({"code": 200})]).unwrap_err().place,
            "/0/items"
        );
        assert_eq!(Schema::read(&[]).unwrap_err().place, "/totalItems");
    }
}
