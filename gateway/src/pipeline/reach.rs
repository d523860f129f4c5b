//! How far a request's filter, sort and expand may reach: to fields that may be
//! seen, of collections that are served.
//!
//! Each of them is a read: whoever can filter by a field can find its value out,
//! and an expand reads other collections than the one that is asked.

use crate::error::{Error, ReachProblem};
use crate::operation::{Expand, ListQuery, Operation};
use crate::rules::Generation;
use crate::schema::{Collection, Schema, fields_on_path, resolve};

/// Checks every path that an operation names.
pub(super) fn check(
    operation: &Operation,
    collection: &Collection,
    schema: &Schema,
    generation: &Generation,
) -> Result<(), Error> {
    let reach = Reach {
        collection,
        schema,
        generation,
    };
    match operation {
        Operation::List { query, .. } => reach.list(query),
        Operation::View { query, .. }
        | Operation::Create { query, .. }
        | Operation::Update { query, .. }
        | Operation::AuthMethods { query, .. }
        | Operation::AuthWithPassword { query, .. }
        | Operation::AuthRefresh { query, .. } => reach.expand(&query.expand),
        Operation::Health
        | Operation::Delete { .. }
        | Operation::Download { .. }
        | Operation::Superuser(_) => Ok(()),
    }
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
        self.expand(&query.expand)
    }

    /// A path to a field: every field and collection on it.
    fn fields(&self, part: &'static str, path: &str) -> Result<(), Error> {
        let refused = |problem| Error::Reach {
            part,
            path: path.to_owned(),
            problem,
        };
        let fields = fields_on_path(self.schema, self.collection, path)
            .map_err(|error| refused(error.into()))?;
        for (owner, field) in fields {
            if self.generation.chain(&owner.name).is_none() {
                return Err(refused(ReachProblem::NotExposed));
            }
            if self.generation.may_remove(&owner.name, &field.name) {
                return Err(refused(ReachProblem::MayBeHidden(field.name.clone())));
            }
        }
        Ok(())
    }

    fn expand(&self, expand: &Expand) -> Result<(), Error> {
        for path in expand.paths() {
            let refused = |problem| Error::Reach {
                part: "expand",
                path: path.join("."),
                problem,
            };
            let hops = resolve(self.schema, self.collection, path)
                .map_err(|error| refused(error.into()))?;
            if hops
                .into_iter()
                .any(|hop| self.generation.chain(&hop.name).is_none())
            {
                return Err(refused(ReachProblem::NotExposed));
            }
        }
        Ok(())
    }
}
