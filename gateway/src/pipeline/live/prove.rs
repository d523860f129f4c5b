//! What is true now: PocketBase is asked as the one who listens, and it is its answer
//! that is told.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::judge::{self, Told, tell};
use super::subscribe;
use crate::error::Error;
use crate::exchange::{Client, Exchange, token};
use crate::gateway::Gateway;
use crate::operation::{
    CollectionRef, ListQuery, Operation, OperationError, RecordAction, RecordId, RecordQuery,
};
use crate::pipeline::release as reply;
use crate::realtime::{Class, Had, SHOWN};
use crate::schema::Collection;
use crate::sessions::SessionError;
use crate::telemetry::EventOutcome;
use crate::upstream::{Found, Standing, UpstreamError};

/// Records in one page of those that are looked up as somebody begins to listen.
const PAGE: u16 = 1_000;

/// Tells what is true of a record whose event may be older than what was told.
pub(super) async fn look_up(
    gateway: &Gateway,
    class: &Arc<Class>,
    action: RecordAction,
    record: Value,
) {
    let Some(id) = id_of(&record) else { return };
    let place = gateway.proving.acquire().await;
    let seen = see(gateway, class, &id).await;
    drop(place);
    let (action, now) = match seen {
        Ok(Some(now)) if action == RecordAction::Create => (action, now),
        Ok(Some(now)) => (RecordAction::Update, now),
        // PocketBase told them of its end, and it is not there again.
        Ok(None) if action == RecordAction::Delete => (action, record),
        // It is gone, of which there is an event of its own, or they may not see it.
        Ok(None) => return gateway.count_event(EventOutcome::Unseen),
        Err(error) => return judge::failed(gateway, class, &error),
    };
    let collection = judge::current(gateway, class);
    if class.settle(judge::sighting(&collection, action, &now)) {
        tell(gateway, class, action, now).await;
    } else {
        gateway.count_event(EventOutcome::Overtaken);
    }
}

/// Proves what the gateway was told of a record, and tells the class what it may know.
pub(super) async fn prove(
    gateway: &Gateway,
    class: &Arc<Class>,
    action: RecordAction,
    record: &Value,
) {
    let Some(id) = id_of(record) else { return };
    if action == RecordAction::Delete {
        return end(gateway, class, record).await;
    }
    match see(gateway, class, &id).await {
        Ok(Some(seen)) => {
            let collection = judge::current(gateway, class);
            let sighting = judge::sighting(&collection, action, &seen);
            if !class.settle(sighting) {
                return gateway.count_event(EventOutcome::Repeated);
            }
            match tell(gateway, class, action, seen).await {
                Told::Yes => class.has(id.as_str(), gateway.in_force().serial),
                Told::Denied => leave(gateway, class, record, Leaves::ByRule).await,
                Told::Closed | Told::Failed => {}
            }
        }
        Ok(None) => leave(gateway, class, record, Leaves::Unseen).await,
        Err(error) => judge::failed(gateway, class, &error),
    }
}

/// Why somebody sees a record no more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// PocketBase does not show it.
    Unseen,
    /// A rule keeps it back.
    ByRule,
}

/// Tells those who had a record that it is no longer there for them. An id that they
/// never saw is not told.
async fn leave(gateway: &Gateway, class: &Arc<Class>, record: &Value, why: Leaves) {
    let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
    match (class.had(id, gateway.in_force().serial), why) {
        (Had::No, _) => gateway.count_event(EventOutcome::Unseen),
        (Had::Told, _) => gone(gateway, class, record).await,
        // Rules may have kept it back all along.
        (Had::Seeded, Leaves::Unseen) => end(gateway, class, record).await,
        (Had::Seeded, Leaves::ByRule) | (Had::Unsure, _) => {
            class.has_no_more(id);
            gateway.count_event(EventOutcome::Unseen);
            class.resync_unsure();
        }
    }
}

/// Tells of the end of a record, judged as it was, to those who had it.
async fn end(gateway: &Gateway, class: &Arc<Class>, record: &Value) {
    let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
    let had = class.had(id, gateway.in_force().serial);
    class.has_no_more(id);
    let collection = judge::current(gateway, class);
    let own = judge::sighting(&collection, RecordAction::Delete, record);
    match had {
        Had::No => gateway.count_event(EventOutcome::Unseen),
        Had::Unsure => {
            gateway.count_event(EventOutcome::Unseen);
            class.resync_unsure();
        }
        Had::Told | Had::Seeded if !class.settle(own) => {
            gateway.count_event(EventOutcome::Repeated);
        }
        Had::Told | Had::Seeded => {
            let seen = as_seen(&collection, record);
            tell(gateway, class, RecordAction::Delete, seen).await;
        }
    }
}

/// Tells that a record is gone, of which they were told before: no rule is asked about
/// a name that they have.
async fn gone(gateway: &Gateway, class: &Arc<Class>, record: &Value) {
    let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
    class.has_no_more(id);
    let collection = judge::current(gateway, class);
    class.settle(judge::sighting(&collection, RecordAction::Delete, record));
    let event = serde_json::json!({
        "action": RecordAction::Delete.as_str(),
        "record": reply::name_of(record),
    });
    let generation = gateway.in_force().serial;
    class.deliver(&event, generation).await;
    gateway.count_event(EventOutcome::Left);
}

/// The record as the class sees it; none: it does not.
async fn see(gateway: &Gateway, class: &Arc<Class>, id: &RecordId) -> Result<Option<Value>, Error> {
    let collection = judge::current(gateway, class);
    let Operation::Watch {
        collection: named,
        id: one,
        query,
    } = &class.watched.operation
    else {
        return Ok(None);
    };
    let operation = match (one, &query.filter) {
        (Some(_), None) => Operation::View {
            collection: named.clone(),
            id: id.clone(),
            query: RecordQuery {
                expand: query.expand.clone(),
                fields: None,
                also: query.also.clone(),
            },
        },
        (_, filter) => {
            let by_id = Operation::by_id(id).map_err(OperationError::from)?;
            let filter = match filter.clone() {
                Some(filter) => by_id.and(filter).map_err(OperationError::from)?,
                None => by_id,
            };
            Operation::List {
                collection: CollectionRef::of(&collection.name),
                query: ListQuery {
                    per_page: 1,
                    skip_total: true,
                    filter: Some(filter),
                    expand: query.expand.clone(),
                    also: query.also.clone(),
                    ..ListQuery::default()
                },
            }
        }
    };
    let asking = asking(class);
    if let Some(vouched) = asking.principal.record()
        && token::expiry(vouched.token.expose()).is_none_or(|ends| ends <= SystemTime::now())
    {
        // PocketBase would answer as to a guest, and that is not what they may see.
        return Err(SessionError::Refused.into());
    }
    let upstream = &gateway.upstream;
    let found = upstream.read(Standing::Caller, &asking, &collection.name, &operation);
    match found.await? {
        Found::Record(record) => Ok(record.map(Arc::unwrap_or_clone)),
        Found::Count(_) | Found::Refused => {
            let problem = "what a topic asks for is refused".to_owned();
            Err(UpstreamError::Garbled(problem).into())
        }
    }
}

/// Takes down which records a class may read as it begins to listen.
pub(super) async fn seed(gateway: &Gateway, class: &Arc<Class>) -> Result<(), UpstreamError> {
    let collection = judge::current(gateway, class);
    let Operation::Watch { id: one, query, .. } = &class.watched.operation else {
        return Ok(());
    };
    if let Some(id) = one {
        let seen = see(gateway, class, id).await;
        let seen = seen.map_err(|error| match error {
            Error::Upstream(error) => error,
            other => UpstreamError::Garbled(other.to_string()),
        })?;
        let ids: Vec<String> = seen.iter().map(|_| id.as_str().to_owned()).collect();
        class.seed(&ids, false);
        return Ok(());
    }
    let asking = asking(class);
    let mut ids = Vec::new();
    let mut page = 1;
    loop {
        let list = Operation::List {
            collection: CollectionRef::of(&collection.name),
            query: ListQuery {
                page,
                per_page: PAGE,
                skip_total: true,
                filter: query.filter.clone(),
                also: query.also.clone(),
                ..ListQuery::default()
            },
        };
        let some = gateway
            .upstream
            .ids(&asking, &collection.name, &list)
            .await?;
        let is_last = some.len() < usize::from(PAGE);
        ids.extend(some);
        if is_last || ids.len() >= SHOWN {
            class.seed(&ids, !is_last);
            return Ok(());
        }
        page += 1;
    }
}

/// A question of nobody's request, as the one who listens.
fn asking(class: &Arc<Class>) -> Exchange {
    let watched = &class.watched;
    let headers = subscribe::headers(&watched.operation);
    Exchange {
        principal: class.person.principal(),
        client: Client::of_class(headers, Arc::clone(&watched.surface)),
        ..Exchange::nothing()
    }
}

/// A record that the gateway was told of past all rules, as its watcher could see it.
fn as_seen(collection: &Collection, record: &Value) -> Value {
    let shows_email = record.get("emailVisibility").and_then(Value::as_bool);
    let is_seen = |key: &str| {
        let field = collection.fields.iter().find(|field| field.name == key);
        let is_hidden = field.is_some_and(|field| field.hidden);
        let is_kept_email = collection.is_auth() && key == "email" && shows_email != Some(true);
        key != "expand" && !is_hidden && !is_kept_email
    };
    let fields = record.as_object().into_iter().flatten();
    let fields = fields.filter(|(key, _)| is_seen(key));
    let fields: Map<String, Value> = fields
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    fields.into()
}

pub(super) fn id_of(record: &Value) -> Option<RecordId> {
    record
        .get("id")
        .and_then(Value::as_str)
        .and_then(RecordId::new)
}
