//! An identifier of a filter or a sort: which fields it reads.

use super::relation::{self, MAX_STEPS, PathError};
use super::{Collection, Field, FieldKind, Schema};

/// Words of PocketBase that read no field: times for filters, orders for sorts.
const MACROS: [&str; 18] = [
    "@now",
    "@second",
    "@minute",
    "@hour",
    "@weekday",
    "@day",
    "@month",
    "@year",
    "@yesterday",
    "@tomorrow",
    "@todayStart",
    "@todayEnd",
    "@monthStart",
    "@monthEnd",
    "@yearStart",
    "@yearEnd",
    "@random",
    "@rowid",
];

/// What may follow the last field of a path.
const MODIFIERS: [&str; 5] = ["isset", "changed", "length", "each", "lower"];

/// The fields that an identifier reads, each with its collection: those it leads
/// through as well as the last. None for `@now` and the like, `null`, `true` and `false`.
///
/// # Errors
///
/// When a part of it is no field that a request may ask for.
pub fn fields_on_path<'a>(
    schema: &'a Schema,
    from: &'a Collection,
    identifier: &str,
) -> Result<Vec<(&'a Collection, &'a Field)>, PathError> {
    if identifier.starts_with('@') {
        let known = MACROS.contains(&identifier);
        return if known {
            Ok(Vec::new())
        } else {
            Err(PathError::Reserved {
                segment: identifier.to_owned(),
            })
        };
    }
    let mut here = from;
    let mut found = Vec::new();
    let mut segments = identifier.split('.').peekable();
    while let Some(segment) = segments.next() {
        if segments.peek().is_none() {
            // `NULL` is a field where there is one of that name.
            if found.is_empty() && here.field(segment).is_none() && is_constant(segment) {
                return Ok(found);
            }
            found.push((here, last_field(here, segment)?));
            break;
        }
        // Inside a json value; of a text PocketBase will say that it has no inside.
        if let Some(field) = here
            .field(segment)
            .filter(|field| has_inside(&field.kind) && field.is_open())
        {
            found.push((here, field));
            break;
        }
        if found.len() == MAX_STEPS {
            return Err(PathError::TooLong {
                segment: segment.to_owned(),
            });
        }
        let step = relation::step(schema, here, segment)?;
        found.push((step.owner, step.field));
        here = step.target;
    }
    Ok(found)
}

/// The field of a last segment, which may have one modifier.
fn last_field<'a>(here: &'a Collection, segment: &str) -> Result<&'a Field, PathError> {
    let (name, modifier) = segment.split_once(':').unzip();
    let known = modifier.is_none_or(|modifier| MODIFIERS.contains(&modifier));
    let field = here.field(name.unwrap_or(segment)).filter(|_| known);
    let field = field.ok_or_else(|| relation::unknown(segment))?;
    if field.is_open() {
        Ok(field)
    } else {
        Err(PathError::Hidden {
            segment: segment.to_owned(),
        })
    }
}

/// Whether a path may end within the field: all but those that refuse it by themselves.
fn has_inside(kind: &FieldKind) -> bool {
    !matches!(
        kind,
        FieldKind::Password
            | FieldKind::Relation { .. }
            | FieldKind::File { .. }
            | FieldKind::Autodate { .. }
    )
}

fn is_constant(word: &str) -> bool {
    ["null", "true", "false"]
        .iter()
        .any(|constant| constant.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::read::tests::blog;

    #[track_caller]
    fn check(from: &str, identifier: &str, expected: &str) {
        let schema = blog();
        let shown = match fields_on_path(&schema, schema.by_name(from).unwrap(), identifier) {
            Ok(found) => {
                let names = found
                    .iter()
                    .map(|(collection, field)| format!("{}.{}", collection.name, field.name));
                names.collect::<Vec<_>>().join(" ")
            }
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(shown, expected, "{identifier}");
    }

    #[test]
    fn a_path_reads_what_it_leads_through() {
        check("posts", "title", "posts.title");
        check("posts", "title:lower", "posts.title");
        check("posts", "id", "posts.id");
        check("posts", "author", "posts.author");
        check(
            "comments",
            "post.author.email",
            "comments.post posts.author users.email",
        );
        check(
            "users",
            "posts_via_author.title",
            "posts.author posts.title",
        );
        check(
            "users",
            "pbc_posts_via_author.title:lower",
            "posts.author posts.title",
        );
        check("posts", "meta", "posts.meta");
        check("posts", "meta.a:b.0.c", "posts.meta");
        check(
            "users",
            "POSTS_via_author.meta.reviewer",
            "posts.author posts.meta",
        );
    }

    #[test]
    fn constants_and_macros_read_no_field() {
        for identifier in [
            "null", "TRUE", "False", "@now", "@yearEnd", "@random", "@rowid",
        ] {
            check("posts", identifier, "");
        }
        check("odd", "NULL", "odd.NULL");
        check("odd", "Null", "");
    }

    // All of these are 400 or 403 to a user of PocketBase 0.40.6, but `pin`: a
    // password that is not hidden can be filtered and sorted by there.
    #[test]
    fn a_path_that_a_request_may_not_take_names_the_segment() {
        for (from, identifier, segment) in [
            ("posts", "collectionId", "collectionId"),
            ("posts", "Title", "Title"),
            ("posts", "title:foo", "title:foo"),
            ("posts", "title:lower:lower", "title:lower:lower"),
            ("posts", "author:each.email", "author:each"),
            ("posts", "author.null", "null"),
            ("posts", "null.x", "null"),
            ("users", "posts_via_author", "posts_via_author"),
        ] {
            check(
                from,
                identifier,
                &format!("Unknown {{ segment: {segment:?} }}"),
            );
        }
        for (from, identifier, segment) in [
            ("posts", "reviewer", "reviewer"),
            ("posts", "reviewer.email", "reviewer"),
            ("users", "posts_via_reviewer.id", "posts_via_reviewer"),
            ("posts", "author.tokenKey:lower", "tokenKey:lower"),
            ("posts", "author.password", "password"),
            ("odd", "pin", "pin"),
            ("odd", "secret.x", "secret"),
        ] {
            check(
                from,
                identifier,
                &format!("Hidden {{ segment: {segment:?} }}"),
            );
        }
        for identifier in [
            "@request.auth.id",
            "@collection.users.id",
            "@NOW",
            "@now.x",
            "@rowid:lower",
        ] {
            check(
                "posts",
                identifier,
                &format!("Reserved {{ segment: {identifier:?} }}"),
            );
        }
    }

    #[test]
    fn a_path_ends_where_it_cannot_be_followed() {
        check("posts", "cover.x", r#"NotARelation { segment: "cover" }"#);
        let around = ["author", "posts_via_author"].repeat(4).join(".");
        let expected = r#"TooLong { segment: "author" }"#;
        check("posts", &format!("{around}.title"), expected);
    }
}
