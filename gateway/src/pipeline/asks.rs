//! What is asked, held against what there is: the collection that is named and
//! exposed, where filter, sort and expand lead, and the body.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::allowance::Allowance;
use super::trace::Trace;
use super::{RequestBody, as_sent, body, reach};
use crate::error::{BodyError, Error};
use crate::exchange::{AsSent, Client, Held, Upload, files, hold_body, hold_uploads};
use crate::gateway::{Gateway, InForce};
use crate::operation::Operation;
use crate::principal::Principal;
use crate::schema::{Collection, Hidden, Schema};
use crate::spool::{Bound, Owner, Spooled};

/// What an operation names, found in the schema and exposed.
pub(super) struct Found {
    pub(super) collection: Arc<Collection>,
    /// The collections that its expand leads to.
    pub(super) expanded: Vec<Arc<Collection>>,
}

/// A body that has arrived and fits.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) body: Option<Value>,
    /// In its place, where nobody here reads it.
    pub(super) unread: Option<AsSent>,
    pub(super) files: Option<Arc<Spooled>>,
    /// What is known of those, or of those of one part of a batch.
    pub(super) uploads: Vec<Upload>,
}

/// Somebody who asks for something.
pub(super) struct Asks<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) in_force: &'a InForce,
    pub(super) operation: &'a Operation,
    pub(super) principal: &'a Principal,
}

impl Asks<'_> {
    /// The collection that the operation names, and those that it leads to, if
    /// this principal may ask about all that is named.
    pub(super) fn reach(&self, schema: &Schema) -> Result<Option<Found>, Error> {
        let found = match self.operation {
            Operation::FileToken { .. } => self.own(schema)?,
            operation => find(schema, self.in_force, operation)?,
        };
        let Some(collection) = found else {
            return Ok(None);
        };
        let by = reach::By {
            in_force: self.in_force,
            principal: self.principal,
            denies: &self.gateway.denies(),
        };
        let expanded = reach::check(self.operation, &collection, schema, by)?;
        Ok(Some(Found {
            collection,
            expanded,
        }))
    }

    /// The collection of who asks, which must be exposed. Superusers, where they
    /// are served, need not be: who judges them has named their collection.
    fn own(&self, schema: &Schema) -> Result<Option<Arc<Collection>>, Error> {
        let Some(record) = self.principal.record() else {
            return Ok(None);
        };
        let own = schema.by_name(&record.collection);
        let exposed = own.filter(|own| self.in_force.generation.chain(&own.name).is_some());
        match exposed {
            None if !record.superuser => Err(Error::NotExposed(record.collection.clone())),
            exposed => Ok(exposed.map(Arc::clone)),
        }
    }

    /// Reads the body, within its bounds. Files have bounds of their own, and
    /// their time is added to the request's.
    pub(super) async fn read(
        &self,
        under_way: OwnedSemaphorePermit,
        client: &Client,
        body: RequestBody,
        allowance: &Allowance,
    ) -> Result<(OwnedSemaphorePermit, Sent), Error> {
        let bounds = &self.gateway.server;
        let (headers, bound) = (&client.headers, bounds.max_body);
        if matches!(self.operation, Operation::Custom(_)) {
            let reading = in_time(bounds.body_timeout, as_sent::read(headers, body, bound));
            let (under_way, as_sent) = aside(self.gateway, under_way, reading).await?;
            return Ok((under_way, Sent::as_it_is(as_sent)));
        }
        let reading = body::read(self.operation, headers, body, bound);
        let reading = in_time(bounds.body_timeout, reading);
        let (under_way, read) = aside(self.gateway, under_way, reading).await?;
        let parts = match read {
            body::Read::Whole(body) => return Ok((under_way, Sent::value(body))),
            body::Read::Files(parts) => parts,
        };
        let spools = &self.gateway.spools;
        let within = spools.settings().timeout;
        // To arrive, and to be sent on.
        allowance.add(within.saturating_mul(2));
        let owner = Owner::of(self.principal, client.address);
        let reading = in_time(within, parts.spool(spools, owner));
        let (under_way, (body, files)) = aside(self.gateway, under_way, reading).await?;
        Ok((under_way, Sent::with_files(body, files)))
    }

    /// Holds a body against what the operation names, looked up again: the body
    /// took its time, and the newest picture counts.
    pub(super) async fn hold(
        &self,
        found: Option<Found>,
        sent: Sent,
        client: &Client,
        trace: &mut Trace<'_>,
    ) -> Result<(Option<Found>, Sent), Error> {
        let Some(body) = &sent.body else {
            return Ok((found, sent));
        };
        let look = |schema: &Schema| {
            let found = self.reach(schema)?;
            let collection = found.as_ref().map(|found| found.collection.as_ref());
            let held = hold_body(self.operation, collection, body.clone(), &client.surface);
            let held = held.map_err(BodyError::from)?;
            self.hold_files(&sent, collection, &held.body)?;
            Ok((found, held))
        };
        let looked = with_schema(self.gateway, look).await;
        if let Err(Error::Body(BodyError::Files(error))) = &looked
            && error.is_untaken()
        {
            self.gateway.spools.refused(Bound::Types);
        }
        let (mut found, mut held) = looked?;
        if !held.unnamed.is_empty() {
            // What is let in unnamed may be a field that is new.
            let upstream = &self.gateway.upstream;
            if let Some(newer) = upstream.refresh_schema(&upstream.schema()).await? {
                (found, held) = look(&newer)?;
            }
        }
        let Held { body, unnamed } = held;
        trace.let_in(unnamed);
        let body = Some(body);
        Ok((found, Sent { body, ..sent }))
    }

    /// Holds the files of a create or an update against its fields.
    fn hold_files(
        &self,
        sent: &Sent,
        collection: Option<&Collection>,
        body: &Value,
    ) -> Result<(), BodyError> {
        if let (Some(collection), Value::Object(body)) = (collection, body)
            && self.operation.writes_record()
        {
            let takes = files::Takes {
                operation: self.operation,
                collection,
                hidden: Hidden::of(self.principal),
                types: &self.gateway.spools.settings().types,
            };
            hold_uploads(&sent.uploads, body, &takes)?;
        }
        Ok(())
    }
}

impl Sent {
    fn value(body: Option<Value>) -> Self {
        Self {
            body,
            ..Self::default()
        }
    }

    fn as_it_is(as_sent: AsSent) -> Self {
        Self {
            unread: Some(as_sent),
            ..Self::default()
        }
    }

    fn with_files(body: Value, files: Spooled) -> Self {
        let stored = files.files().iter();
        Self {
            body: Some(body),
            uploads: stored.map(|stored| stored.upload.clone()).collect(),
            files: Some(Arc::new(files)),
            unread: None,
        }
    }
}

/// Looks something up in the schema; what is not there is looked for once more
/// in a schema loaded anew.
pub(super) async fn with_schema<T>(
    gateway: &Gateway,
    look: impl Fn(&Schema) -> Result<T, Error>,
) -> Result<T, Error> {
    let schema = gateway.upstream.schema();
    match look(&schema) {
        Err(error) if error.is_mismatch() => {
            match gateway.upstream.refresh_schema(&schema).await? {
                Some(newer) => look(&newer),
                None => Err(error),
            }
        }
        found => found,
    }
}

/// The collection that an operation names, if it is there and exposed.
pub(super) fn find(
    schema: &Schema,
    in_force: &InForce,
    operation: &Operation,
) -> Result<Option<Arc<Collection>>, Error> {
    let Some(named) = operation.collection() else {
        return Ok(None);
    };
    let found = schema.find(named);
    let is_superusers = found.is_some_and(|collection| collection.is_superusers());
    if is_superusers && operation.auth_action().is_some() && !in_force.serving.superusers {
        return Err(Error::SuperuserRoute);
    }
    let collection =
        found.filter(|collection| in_force.generation.chain(&collection.name).is_some());
    match collection {
        Some(collection) => Ok(Some(Arc::clone(collection))),
        None => Err(Error::NotExposed(named.as_str().to_owned())),
    }
}

/// Takes a place among the requests under way.
pub(super) fn enter(gateway: &Gateway) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(&gateway.under_way)
        .try_acquire_owned()
        .map_err(|_| Error::Busy)
}

/// Waits for something without a place among the requests under way: whoever is slow
/// must not keep others out. What is there at once keeps its place.
pub(super) async fn aside<T>(
    gateway: &Gateway,
    under_way: OwnedSemaphorePermit,
    doing: impl Future<Output = Result<T, Error>>,
) -> Result<(OwnedSemaphorePermit, T), Error> {
    let mut doing = std::pin::pin!(doing);
    if let Some(done) = doing.as_mut().now_or_never() {
        return Ok((under_way, done?));
    }
    drop(under_way);
    let done = doing.await?;
    Ok((enter(gateway)?, done))
}

/// Reads a body within its time.
async fn in_time<T>(
    within: Duration,
    reading: impl Future<Output = Result<T, BodyError>>,
) -> Result<T, Error> {
    let read = tokio::time::timeout(within, reading).await;
    Ok(read.map_err(|_| BodyError::Late)??)
}
