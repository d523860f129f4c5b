//! How far a request's filter, sort and expand may reach: to fields that may be
//! seen, of collections that are served, and no further than is allowed.
//!
//! Each of them is a read: whoever can filter by a field can find its value out,
//! and an expand reads other collections than the one that is asked.

use std::sync::Arc;

use super::closed;
use crate::deny::Denies;
use crate::error::{Error, ReachProblem};
use crate::filter::Filter;
use crate::gateway::InForce;
use crate::operation::{Expand, ExpandBounds, Operation, SortKey};
use crate::principal::Principal;
use crate::schema::{Collection, FieldKind, Hop, PathError, Schema, fields_on_path, resolve};

/// What decides how far somebody may reach.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) in_force: &'a InForce,
    pub(super) principal: &'a Principal,
    pub(super) denies: &'a Denies,
}

/// Checks every path that an operation names, and tells the collections that
/// its expand leads to.
pub(super) fn check(
    operation: &Operation,
    collection: &Collection,
    schema: &Schema,
    by: By<'_>,
) -> Result<Vec<Arc<Collection>>, Error> {
    let By {
        in_force,
        principal,
        denies,
    } = by;
    let reach = Reach {
        collection,
        schema,
        in_force,
        denies,
        // PocketBase hides nothing from superusers; nor do rules that let them by.
        unbound: in_force.generation.lets_by(principal),
    };
    let asked = match operation {
        Operation::List { query, .. } => Some((query.filter.as_ref(), query.sort.keys())),
        // Whether an event comes tells as much as whether a record is in a list.
        Operation::Watch { query, .. } => Some((query.filter.as_ref(), [].as_slice())),
        _ => None,
    };
    if let Some((filter, sort)) = asked {
        if reach.unbound {
            reach.closed(filter, sort)?;
        } else {
            reach.told_by(filter, sort)?;
        }
    }
    operation
        .expand()
        .map_or(Ok(Vec::new()), |expand| reach.expand(expand))
}

struct Reach<'a> {
    collection: &'a Collection,
    schema: &'a Schema,
    in_force: &'a InForce,
    denies: &'a Denies,
    /// Whether everything may be looked at.
    unbound: bool,
}

impl Reach<'_> {
    fn told_by(&self, filter: Option<&Filter>, sort: &[SortKey]) -> Result<(), Error> {
        for path in filter.iter().flat_map(|filter| filter.identifiers()) {
            self.fields("filter", path)?;
        }
        for key in sort {
            self.fields("sort", &key.path)?;
        }
        Ok(())
    }

    /// Of whom nothing is hidden, what an operator closed is closed all the same.
    fn closed(&self, filter: Option<&Filter>, sort: &[SortKey]) -> Result<(), Error> {
        let filtered = filter.iter().flat_map(|filter| filter.identifiers());
        let sorted = sort.iter().map(|key| key.path.as_str());
        for path in filtered.chain(sorted) {
            let fields = fields_on_path(self.schema, self.collection, path);
            for (owner, _) in fields.into_iter().flatten() {
                closed::collection(self.denies, owner)?;
            }
        }
        Ok(())
    }

    /// A path to a field: every field and collection on it.
    fn fields(&self, part: &'static str, path: &str) -> Result<(), Error> {
        let generation = &self.in_force.generation;
        let refused = |problem| Error::Reach {
            part,
            path: path.to_owned(),
            problem,
        };
        let fields = fields_on_path(self.schema, self.collection, path);
        let mut here = &self.collection.id;
        for (at, (owner, field)) in fields
            .map_err(|error| refused(error.into()))?
            .into_iter()
            .enumerate()
        {
            let is_back = owner.id != *here;
            if generation.chain(&owner.name).is_none() {
                let segment = path.split('.').nth(at).unwrap_or(path);
                return Err(refused(unexposed(is_back, segment)));
            }
            closed::collection(self.denies, owner)?;
            here = match &field.kind {
                FieldKind::Relation { collection, .. } if !is_back => collection,
                _ => &owner.id,
            };
            if generation.may_remove(&owner.name, &field.name) {
                return Err(refused(ReachProblem::MayBeHidden(field.name.clone())));
            }
            // Records of another collection that a rule may hold back are not
            // to be told of by which records of this one match.
            if owner.id != self.collection.id && generation.may_drop(&owner.name) {
                return Err(refused(ReachProblem::MayBeDropped(owner.name.clone())));
            }
            if part == "sort" && owner.is_auth() && field.name == "email" {
                return Err(refused(ReachProblem::Addresses));
            }
        }
        Ok(())
    }

    fn expand(&self, expand: &Expand) -> Result<Vec<Arc<Collection>>, Error> {
        let bounds = self.in_force.serving.expand;
        let mut targets = Vec::new();
        for (at, path) in expand.paths().iter().enumerate() {
            let refused = |problem| Error::Reach {
                part: "expand",
                path: path.join("."),
                problem,
            };
            if at == bounds.paths {
                return Err(refused(ReachProblem::TooManyPaths(bounds.paths)));
            }
            let hops = match resolve(self.schema, self.collection, path) {
                // It is a superuser's: PocketBase follows it.
                Err(PathError::Hidden { .. }) if self.unbound => continue,
                hops => hops.map_err(|error| refused(error.into()))?,
            };
            if let Some(problem) = too_far(&hops, bounds) {
                return Err(refused(problem));
            }
            for (hop, segment) in hops.into_iter().zip(path) {
                self.hop(&hop, segment).map_err(refused)?;
                closed::collection(self.denies, hop.target)?;
                targets.push(Arc::clone(hop.target));
            }
        }
        Ok(targets)
    }

    fn hop(&self, hop: &Hop<'_>, segment: &str) -> Result<(), ReachProblem> {
        let generation = &self.in_force.generation;
        if generation.chain(&hop.target.name).is_none() {
            return Err(unexposed(hop.owner.id == hop.target.id, segment));
        }
        // The answer would tell what the field points at.
        if !self.unbound && generation.may_remove(&hop.owner.name, &hop.field.name) {
            return Err(ReachProblem::MayBeHidden(hop.field.name.clone()));
        }
        Ok(())
    }
}

/// Backwards, the name of the collection is the client's guess: what is not
/// exposed is then as if it were not there.
fn unexposed(is_back: bool, segment: &str) -> ReachProblem {
    if is_back {
        let segment = segment.to_owned();
        ReachProblem::Path(PathError::Unknown { segment })
    } else {
        ReachProblem::NotExposed
    }
}

/// Each relation to many multiplies the records of the answer: three in a row
/// over forty records are hundreds of megabytes, which PocketBase gathers before
/// it sends the first byte. So they are counted before it is asked.
fn too_far(hops: &[Hop<'_>], bounds: ExpandBounds) -> Option<ReachProblem> {
    if hops.len() > bounds.depth {
        return Some(ReachProblem::TooDeep(bounds.depth));
    }
    let many = hops.iter().filter(|hop| hop.to_many).count();
    (many > bounds.many).then_some(ReachProblem::TooWide(bounds.many))
}
