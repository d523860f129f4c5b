//! Every event is a release: through the rules of its record's collection, once for
//! all who see the same.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::line::Waiting;
use super::{feed, prove, subscribe};
use crate::error::Error;
use crate::exchange::{Client, Exchange};
use crate::gateway::{Gateway, Seen};
use crate::operation::{Operation, RecordAction};
use crate::pipeline::{answer, closed, permit, release as reply};
use crate::realtime::{Class, Ear, Line, Sighting, Turn, digest};
use crate::record::{Records, Shape};
use crate::rules::{Leaving, RuleError};
use crate::schema::Collection;
use crate::telemetry::EventOutcome;
use crate::upstream::UpstreamError;

/// Judges what one line tells, in the order of its coming.
pub(super) async fn judge(
    gateway: Arc<Gateway>,
    line: Arc<Line>,
    mut queue: mpsc::Receiver<Waiting>,
) {
    if matches!(line.ear, Ear::Gateway) {
        return feed::judge(gateway, line, queue).await;
    }
    loop {
        let next = tokio::select! {
            next = queue.recv() => next,
            () = line.overran() => {
                if line.was_overrun() {
                    missed(&gateway, &line);
                }
                continue;
            }
        };
        let Some(Waiting { notice, room }) = next else {
            return;
        };
        // On a line of one identity a topic is one class.
        if let Some(class) = line.classes(&notice.topic).pop() {
            event(&gateway, &class, notice.action, notice.record).await;
        }
        drop(room);
    }
}

/// Whoever waits to hear of these topics waits no longer.
pub(super) fn confirm(gateway: &Arc<Gateway>, line: &Line, topics: &HashSet<Arc<str>>) {
    for class in line.take_waiting(topics) {
        match line.ear {
            Ear::Person(_) => class.set_live(),
            Ear::Gateway => feed::begin(gateway, class),
        }
    }
}

/// For a while nothing was told of these topics: what came then must be fetched by those
/// who listened. Who is new has not fetched yet.
pub(super) fn catch_up(gateway: &Arc<Gateway>, line: &Line, topics: &[Arc<str>]) {
    let classes = topics.iter().flat_map(|topic| line.classes(topic));
    fetch_again(gateway, line, classes.collect());
    let is_of_people = topics.iter().any(|topic| line.watches_people(topic));
    if is_of_people {
        gateway.ask_all.notify_one();
    }
}

/// Something was told that nobody could take.
pub(super) fn missed(gateway: &Arc<Gateway>, line: &Line) {
    gateway.count_event(EventOutcome::Overrun);
    fetch_again(gateway, line, line.all_classes());
}

fn fetch_again(gateway: &Arc<Gateway>, line: &Line, mut classes: Vec<Arc<Class>>) {
    classes.retain(|class| class.is_live());
    Class::resync_all(&classes);
    if matches!(line.ear, Ear::Gateway) {
        // What they fetch now is what they have.
        for class in classes {
            feed::begin(gateway, class);
        }
    }
}

/// Tells a class of an event that PocketBase told it.
async fn event(gateway: &Gateway, class: &Arc<Class>, action: RecordAction, record: Value) {
    let collection = current(gateway, class);
    match class.turn(sighting(&collection, action, &record)) {
        Turn::Next => {
            tell(gateway, class, action, record).await;
        }
        Turn::Repeated => gateway.count_event(EventOutcome::Repeated),
        Turn::Overtaken => gateway.count_event(EventOutcome::Overtaken),
        Turn::Unclear => prove::look_up(gateway, class, action, record).await,
    }
}

/// Whether an event was told, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    /// Rules keep it back.
    Denied,
    /// An operator does, for now.
    Closed,
    /// There was no verdict.
    Failed,
}

/// Takes an event through the rules and tells the class of what is left.
pub(super) async fn tell(
    gateway: &Gateway,
    class: &Arc<Class>,
    action: RecordAction,
    record: Value,
) -> Told {
    let released = release(gateway, class, action, record).await;
    match released {
        Ok((event, generation)) => {
            class.deliver(&event, generation).await;
            gateway.count_event(EventOutcome::Told);
            Told::Yes
        }
        Err(Error::Rule(RuleError::Denied { .. })) => {
            gateway.count_event(EventOutcome::Denied);
            Told::Denied
        }
        Err(Error::Closed(_)) => {
            gateway.count_event(EventOutcome::Denied);
            Told::Closed
        }
        Err(error) => {
            failed(gateway, class, &error);
            Told::Failed
        }
    }
}

/// An event without a verdict is not told; that there was something is.
pub(super) fn failed(gateway: &Gateway, class: &Arc<Class>, error: &Error) {
    let collection = class.watched.collection.name.as_str();
    // One for each class and event; the metric and the alarm tell how many.
    tracing::debug!(%error, collection, "an event could not be judged, and was not told");
    if let Error::Rule(RuleError::Faulted { fault, .. }) = error {
        let principal = class.person.principal();
        let principal = principal.record();
        let principal = principal.map(|record| format!("{}/{}", record.collection, record.id));
        gateway.note_fault(&Seen {
            generation: gateway.in_force().generation.number,
            principal: principal.as_deref(),
            fault,
        });
    }
    gateway.count_event(EventOutcome::Failed);
    // They may have of it what they fetch.
    class.has_more();
    class.resync();
}

/// Takes an event through the rules, and tells by those of which generation. Of a record that is gone nothing is left but what names it.
pub(super) async fn release(
    gateway: &Gateway,
    class: &Arc<Class>,
    action: RecordAction,
    record: Value,
) -> Result<(Value, u64), Error> {
    let exchange = Arc::new(exchange(gateway, class, action, &record)?);
    closed::exchange(gateway, &exchange)?;
    let event = json!({ "action": action.as_str(), "record": record });
    let records = Records::take(event, Shape::Event)?;
    answer::hold_records(gateway, &exchange, &records).await?;
    let in_force = gateway.in_force();
    let generation = &in_force.generation;
    let dossier = generation.dossier(&next_id(), Arc::clone(&gateway.upstream));
    let leaving = Leaving {
        exchange,
        dossier: Arc::new(dossier),
        sent: None,
        status: 200,
    };
    let released = generation.release(leaving, records).await?;
    let mut event = released.answer.unwrap_or_default();
    if action == RecordAction::Delete
        && let Some(record) = event.get_mut("record")
    {
        *record = reply::name_of(record);
    }
    Ok((event, in_force.serial))
}

/// The collection as it is now.
pub(super) fn current(gateway: &Gateway, class: &Class) -> Arc<Collection> {
    let known = &class.watched.collection;
    let schema = gateway.upstream.schema();
    schema
        .by_id(&known.id)
        .map_or_else(|| Arc::clone(known), Arc::clone)
}

pub(super) fn sighting<'a>(
    collection: &Collection,
    action: RecordAction,
    record: &'a Value,
) -> Sighting<'a> {
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    Sighting {
        id: text("id").unwrap_or_default(),
        stamp: collection.stamp().and_then(text),
        action,
        digest: digest(record),
    }
}

/// What is asked, by whom, of the rules: an event has no request of its own.
fn exchange(
    gateway: &Gateway,
    class: &Arc<Class>,
    action: RecordAction,
    record: &Value,
) -> Result<Exchange, Error> {
    let collection = current(gateway, class);
    let is = |key: &str, own: &str| record.get(key).and_then(Value::as_str) == Some(own);
    let (Some(id), true) = (prove::id_of(record), is("collectionId", &collection.id)) else {
        let problem = "an event of another record than was asked for".to_owned();
        return Err(UpstreamError::Garbled(problem).into());
    };
    let watched = &class.watched;
    let operation = Operation::event(&watched.operation, id, action);
    let headers = subscribe::headers(&operation);
    let client = Client::of_class(headers, Arc::clone(&watched.surface));
    Ok(Exchange {
        operation,
        collection: Some(collection),
        expanded: watched.expanded.clone(),
        principal: class.person.principal(),
        client,
        uploads: Vec::new(),
        batch: None,
        received_ms: permit::now_ms(),
    })
}

fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("event-{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
}
