//! One part of a batch: its method and address, in a grammar of their own.
//!
//! PocketBase does not decode the address of a part, looks for its collection and
//! record by a pattern, and makes a form of the part, so that every parameter of
//! its query is a field of the record too. So nothing is encoded in the path
//! here, and `expand` and `fields` are all that a query may have.

use http::Method;

use super::{Asked, Operation, OperationError, RecordId};
use crate::surface::Surface;

/// What a part asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// A create, an update or a delete.
    pub operation: Operation,
    /// Whether the create is an update where its record is there already.
    pub is_upsert: bool,
}

/// As long as PocketBase takes.
const LONGEST_ADDRESS: usize = 2_000;

impl Part {
    /// Reads the method and the address of a part, as they stand in a batch.
    ///
    /// # Errors
    ///
    /// Whatever is no write of one record in its one spelling.
    pub fn parse(method: &str, address: &str, surface: &Surface) -> Result<Self, OperationError> {
        if address.len() > LONGEST_ADDRESS {
            return Err(OperationError::Path("it has more than 2000 characters"));
        }
        let (path, query) = match address.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (address, None),
        };
        if path.contains('%') {
            return Err(OperationError::Path(
                "nothing is decoded in the path of a part",
            ));
        }
        let (method, is_upsert) = match method {
            "POST" => (Method::POST, false),
            "PUT" => (Method::POST, true),
            "PATCH" => (Method::PATCH, false),
            "DELETE" => (Method::DELETE, false),
            _ => return Err(OperationError::UnknownRoute),
        };
        let Asked { operation, .. } = Operation::parse(&method, path, query, surface)?;
        let is_write = matches!(
            operation,
            Operation::Create { .. } | Operation::Update { .. } | Operation::Delete { .. }
        );
        if !is_write {
            return Err(OperationError::UnknownRoute);
        }
        if let Some((key, _)) = operation.also().first() {
            return Err(OperationError::Query {
                key: key.clone(),
                problem: "in a batch PocketBase would take it for a field",
            });
        }
        if !operation.record_id().is_none_or(RecordId::is_plain) {
            return Err(ID);
        }
        Ok(Self {
            operation,
            is_upsert,
        })
    }

    /// An upsert whose record is there, as the update that it is then.
    ///
    /// # Errors
    ///
    /// An id that can't stand in the address of a part.
    pub fn update(upsert: &Operation, id: &RecordId) -> Result<Operation, OperationError> {
        match upsert {
            Operation::Create { collection, query } if id.is_plain() => Ok(Operation::Update {
                collection: collection.clone(),
                id: id.clone(),
                query: query.clone(),
            }),
            _ => Err(ID),
        }
    }
}

const ID: OperationError =
    OperationError::Path("a record's id in a batch has only letters, digits, - and _");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::{Compat, Mode};

    /// What PocketBase would be sent, or why it is not.
    #[track_caller]
    fn check(method: &str, address: &str, expected: &str) {
        let surface = Surface {
            mode: Mode::Observe,
            compat: Compat {
                query: ["tenant".to_owned()].into(),
                ..Compat::default()
            },
            dashboard: true,
            ..Surface::default()
        };
        let found = match Part::parse(method, address, &surface) {
            Ok(part) => {
                let operation = &part.operation;
                let line = operation.upstream_path_and_query("posts");
                let upsert = if part.is_upsert { " or update" } else { "" };
                format!("{}{upsert} {line}", operation.kind())
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{method} {address}");
    }

    #[test]
    fn a_part_writes_one_record() {
        let records = "/api/collections/posts/records";
        check("POST", records, &format!("create {records}"));
        check(
            "PUT",
            &format!("{records}?expand=author&fields=id"),
            &format!("create or update {records}?expand=author"),
        );
        check(
            "PATCH",
            "/api/collections/POSTS/records/a_b-1?",
            &format!("update {records}/a_b-1"),
        );
        check(
            "DELETE",
            &format!("{records}/abc"),
            &format!("delete {records}/abc"),
        );
    }

    #[test]
    fn whatever_pocketbase_would_read_as_something_else_is_refused() {
        let records = "/api/collections/posts/records";
        let no_route = "no such route";
        for (method, address) in [
            ("GET", records.to_owned()),
            ("post", records.to_owned()),
            ("", records.to_owned()),
            ("PUT", format!("{records}/abc")),
            ("POST", format!("{records}/abc")),
            (
                "POST",
                "/api/collections/users/auth-with-password".to_owned(),
            ),
            ("DELETE", "/api/collections/posts".to_owned()),
            ("POST", "/api/batch".to_owned()),
        ] {
            check(method, &address, no_route);
        }
        let decoded = "the path is refused: nothing is decoded in the path of a part";
        check("POST", "/api/collections/%70osts/records", decoded);
        check("PATCH", &format!("{records}/%61bc"), decoded);
        for (address, problem) in [
            ("/api//collections/posts/records", "two slashes in a row"),
            (
                "api/collections/posts/records",
                "it must start with a slash",
            ),
            (
                "http://127.0.0.1/api/collections/posts/records",
                "it must start with a slash",
            ),
        ] {
            check("POST", address, &format!("the path is refused: {problem}"));
        }
        check(
            "PATCH",
            &format!("{records}/a!b"),
            "the path is refused: a record's id in a batch has only letters, digits, - and _",
        );
        check(
            "POST",
            &format!("{records}?{}", "x".repeat(2_000)),
            "the path is refused: it has more than 2000 characters",
        );
    }

    #[test]
    fn the_query_of_a_part_is_never_a_field() {
        let records = "/api/collections/posts/records";
        for key in ["role", "tenant", "title"] {
            check(
                "POST",
                &format!("{records}?{key}=admin"),
                &format!(
                    "the query parameter \"{key}\" is refused: in a batch PocketBase would take it for a field"
                ),
            );
        }
        check(
            "POST",
            &format!("{records}?@jsonPayload=%7B%7D"),
            "the query parameter \"@jsonPayload\" is refused: there is no such parameter here",
        );
    }
}
