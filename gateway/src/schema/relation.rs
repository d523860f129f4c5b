//! One step from a collection to another: the segments of expands, filters and sorts.

use std::sync::Arc;

use super::{Collection, Field, FieldKind, Schema};

/// PocketBase goes no further, in an expand as in a filter.
pub(super) const MAX_STEPS: usize = 6;

/// A path that leads nowhere, or where nobody may go.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PathError {
    /// Neither a field nor a back relation.
    #[error("there is no field \"{segment}\" here")]
    Unknown {
        /// The part of the path.
        segment: String,
    },
    /// A hidden field or a password. It reads as if there were none.
    #[error("there is no field \"{segment}\" here")]
    Hidden {
        /// The part of the path.
        segment: String,
    },
    /// A field that points at no collection.
    #[error("the field \"{segment}\" is no relation")]
    NotARelation {
        /// The part of the path.
        segment: String,
    },
    /// More than six steps.
    #[error("the path is too long at \"{segment}\"")]
    TooLong {
        /// The part of the path.
        segment: String,
    },
    /// `@request`, `@collection`, or a macro that does not exist.
    #[error("\"{segment}\" is not for requests")]
    Reserved {
        /// The part of the path.
        segment: String,
    },
}

/// A step along a relation, or backwards along one.
pub(super) struct Step<'a> {
    /// Whose field it is: the target's, if the step goes backwards.
    pub(super) owner: &'a Collection,
    pub(super) field: &'a Field,
    pub(super) target: &'a Arc<Collection>,
    /// Whether it may lead from one record to several.
    pub(super) to_many: bool,
}

/// Goes from a collection along `field`, or along `COLL_via_FIELD` back to COLL.
pub(super) fn step<'a>(
    schema: &'a Schema,
    from: &'a Collection,
    segment: &str,
) -> Result<Step<'a>, PathError> {
    if let Some(field) = from.field(segment) {
        if !field.is_open() {
            return Err(PathError::Hidden {
                segment: segment.to_owned(),
            });
        }
        let FieldKind::Relation {
            collection,
            multiple,
        } = &field.kind
        else {
            return Err(PathError::NotARelation {
                segment: segment.to_owned(),
            });
        };
        let target = schema.by_id(collection).ok_or_else(|| unknown(segment))?;
        return Ok(Step {
            owner: from,
            field,
            target,
            to_many: *multiple,
        });
    }
    // The last `_via_`: a field's name cannot have one, a collection's could once.
    let (collection, field) = segment
        .rsplit_once("_via_")
        .ok_or_else(|| unknown(segment))?;
    let target = schema
        .by_id_or_name(collection)
        .ok_or_else(|| unknown(segment))?;
    let field = target.field(field).ok_or_else(|| unknown(segment))?;
    match &field.kind {
        FieldKind::Relation { collection, .. } if *collection == from.id => {}
        _ => return Err(unknown(segment)),
    }
    if !field.is_open() {
        return Err(PathError::Hidden {
            segment: segment.to_owned(),
        });
    }
    Ok(Step {
        owner: target,
        field,
        target,
        to_many: true,
    })
}

pub(super) fn unknown(segment: &str) -> PathError {
    PathError::Unknown {
        segment: segment.to_owned(),
    }
}
