//! One path of an `expand`: which collections it reads.
//!
//! PocketBase passes over what it cannot expand, and follows a hidden relation
//! as if it were none. Here both are an error.

use std::sync::Arc;

use super::relation::{self, MAX_STEPS, PathError, Step};
use super::{Collection, Field, Schema};

/// One hop of an expand: along a field, to a collection.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// Whose field it is: the target's, if the hop goes backwards.
    pub owner: &'a Collection,
    /// The relation.
    pub field: &'a Field,
    /// Whose records are read.
    pub target: &'a Arc<Collection>,
    /// Whether it may lead from one record to several: backwards it always may.
    pub to_many: bool,
}

/// The hops of an expand path, one for each segment.
///
/// # Errors
///
/// When a segment is no relation that a request may follow.
pub fn resolve<'a>(
    schema: &'a Schema,
    from: &'a Collection,
    path: &[String],
) -> Result<Vec<Hop<'a>>, PathError> {
    let mut here = from;
    let mut hops = Vec::with_capacity(path.len());
    for segment in path {
        if hops.len() == MAX_STEPS {
            return Err(PathError::TooLong {
                segment: segment.clone(),
            });
        }
        let Step {
            owner,
            field,
            target,
            to_many,
        } = relation::step(schema, here, segment)?;
        hops.push(Hop {
            owner,
            field,
            target,
            to_many,
        });
        here = target;
    }
    Ok(hops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::read::tests::blog;

    #[track_caller]
    fn check(from: &str, path: &str, expected: &str) {
        let schema = blog();
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        let shown = match resolve(&schema, schema.by_name(from).unwrap(), &path) {
            Ok(targets) => targets
                .iter()
                .map(|hop| hop.target.name.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_path_leads_from_collection_to_collection() {
        check("posts", "author", "users");
        check("comments", "post.author", "posts users");
        check(
            "users",
            "posts_via_author.comments_via_post",
            "posts comments",
        );
        check("users", "POSTS_via_author", "posts");
        check("users", "pbc_posts_via_author", "posts");
        check(
            "posts",
            "author.posts_via_author.author",
            "users posts users",
        );
    }

    #[test]
    fn a_path_that_leads_nowhere_names_the_segment() {
        check("posts", "nope", r#"Unknown { segment: "nope" }"#);
        check("posts", "Author", r#"Unknown { segment: "Author" }"#);
        check(
            "posts",
            "author:each",
            r#"Unknown { segment: "author:each" }"#,
        );
        check(
            "posts",
            "author.posts_via_title",
            r#"Unknown { segment: "posts_via_title" }"#,
        );
        check(
            "posts",
            "comments_via_author",
            r#"Unknown { segment: "comments_via_author" }"#,
        );
        check(
            "users",
            "poſts_via_author",
            r#"Unknown { segment: "poſts_via_author" }"#,
        );
        check("posts", "title", r#"NotARelation { segment: "title" }"#);
        check("posts", "reviewer", r#"Hidden { segment: "reviewer" }"#);
        check(
            "users",
            "posts_via_reviewer",
            r#"Hidden { segment: "posts_via_reviewer" }"#,
        );
        let around = ["author", "posts_via_author"].repeat(4).join(".");
        check("posts", &around, r#"TooLong { segment: "author" }"#);
    }
}
