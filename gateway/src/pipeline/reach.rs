//! How far a request's filter, sort and expand may reach: to fields that may be
//! seen, of collections that are served.
//!
//! Each of them is a read: whoever can filter by a field can find its value out,
//! and an expand reads other collections than the one that is asked.

use std::sync::Arc;

use crate::error::{Error, ReachProblem};
use crate::operation::{Expand, ListQuery, Operation};
use crate::rules::Generation;
use crate::schema::{Collection, Hop, Schema, fields_on_path, resolve};

/// Checks every path that an operation names, and tells the collections that
/// its expand leads to.
pub(super) fn check(
    operation: &Operation,
    collection: &Collection,
    schema: &Schema,
    generation: &Generation,
) -> Result<Vec<Arc<Collection>>, Error> {
    let reach = Reach {
        collection,
        schema,
        generation,
    };
    if let Operation::List { query, .. } = operation {
        reach.list(query)?;
    }
    operation
        .expand()
        .map_or(Ok(Vec::new()), |expand| reach.expand(expand))
}

struct Reach<'a> {
    collection: &'a Collection,
    schema: &'a Schema,
    generation: &'a Generation,
}

impl Reach<'_> {
    fn list(&self, query: &ListQuery) -> Result<(), Error> {
        if let Some(filter) = &query.filter {
            for path in filter.identifiers() {
                self.fields("filter", path)?;
            }
        }
        for key in query.sort.keys() {
            self.fields("sort", &key.path)?;
        }
        Ok(())
    }

    /// A path to a field: every field and collection on it.
    fn fields(&self, part: &'static str, path: &str) -> Result<(), Error> {
        let refused = |problem| Error::Reach {
            part,
            path: path.to_owned(),
            problem,
        };
        let fields = fields_on_path(self.schema, self.collection, path);
        for (owner, field) in fields.map_err(|error| refused(error.into()))? {
            if self.generation.chain(&owner.name).is_none() {
                return Err(refused(ReachProblem::NotExposed));
            }
            if self.generation.may_remove(&owner.name, &field.name) {
                return Err(refused(ReachProblem::MayBeHidden(field.name.clone())));
            }
            // Records of another collection that a rule may hold back are not
            // to be told of by which records of this one match.
            if owner.id != self.collection.id && self.generation.may_drop(&owner.name) {
                return Err(refused(ReachProblem::MayBeDropped(owner.name.clone())));
            }
            // PocketBase hides e-mails record by record, and yet sorts by them.
            if part == "sort" && owner.is_auth() && field.name == "email" {
                return Err(refused(ReachProblem::MayBeHidden(field.name.clone())));
            }
        }
        Ok(())
    }

    fn expand(&self, expand: &Expand) -> Result<Vec<Arc<Collection>>, Error> {
        let mut targets = Vec::new();
        for path in expand.paths() {
            let refused = |problem| Error::Reach {
                part: "expand",
                path: path.join("."),
                problem,
            };
            let hops = resolve(self.schema, self.collection, path);
            for Hop {
                owner,
                field,
                target,
            } in hops.map_err(|error| refused(error.into()))?
            {
                if self.generation.chain(&target.name).is_none() {
                    return Err(refused(ReachProblem::NotExposed));
                }
                // The answer would tell what the field points at.
                if self.generation.may_remove(&owner.name, &field.name) {
                    return Err(refused(ReachProblem::MayBeHidden(field.name.clone())));
                }
                targets.push(Arc::clone(target));
            }
        }
        Ok(targets)
    }
}
