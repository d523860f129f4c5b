//! What the gateway itself is told: of accounts that may have changed, and in feed mode
//! of every record that anybody watches. None of it leaves; it is what PocketBase is
//! asked about.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::line::Waiting;
use super::{accounts, judge, prove};
use crate::gateway::Gateway;
use crate::operation::RecordAction;
use crate::realtime::{Class, Identity, Line};
use crate::upstream::Notice;

/// Records whose events are under way; with one more, watchers are told to fetch.
const RECORDS: usize = 1_024;

/// When it is asked again what somebody may read.
const AGAIN: Duration = Duration::from_secs(1);

/// Which record: by its collection's id and its own.
type Key = (String, String);

/// What is being proven.
struct Feed {
    gateway: Arc<Gateway>,
    line: Arc<Line>,
    /// With what came of each meanwhile: of several the last counts.
    under_way: HashMap<Key, Option<Waiting>>,
    proofs: JoinSet<Key>,
}

/// Judges what the gateway is told, each record's events one after another.
pub(super) async fn judge(
    gateway: Arc<Gateway>,
    line: Arc<Line>,
    mut queue: mpsc::Receiver<Waiting>,
) {
    let mut feed = Feed {
        gateway,
        line: Arc::clone(&line),
        under_way: HashMap::new(),
        proofs: JoinSet::new(),
    };
    loop {
        tokio::select! {
            notice = queue.recv() => match notice {
                Some(waiting) => feed.hear(waiting),
                None => return,
            },
            () = line.overran() => feed.look(),
            Some(done) = feed.proofs.join_next() => match done {
                Ok(key) => feed.done(&key),
                // It can't be told whose it was: whoever watches fetches.
                Err(_) => feed.forget_all(),
            },
        }
    }
}

/// Finds out what a class may read as it begins to listen, until that is known.
pub(super) fn begin(gateway: &Arc<Gateway>, class: Arc<Class>) {
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        loop {
            let place = gateway.seeding.acquire().await;
            let seeded = prove::seed(&gateway, &class).await;
            drop(place);
            match seeded {
                Ok(()) => return class.set_live(),
                Err(error) => {
                    let collection = class.watched.collection.name.as_str();
                    tracing::debug!(%error, collection, "it is not known yet what somebody who listens may read");
                }
            }
            tokio::time::sleep(super::jittered(AGAIN)).await;
            // Whoever begins it has joined it by now.
            if class.is_empty() {
                return;
            }
        }
    });
}

impl Feed {
    /// Whether something was told that nobody could take.
    fn look(&self) {
        if self.line.was_overrun() {
            self.miss();
        }
    }

    fn miss(&self) {
        judge::missed(&self.gateway, &self.line);
        self.gateway.ask_all.notify_one();
    }

    fn hear(&mut self, waiting: Waiting) {
        self.look();
        let text = |key: &str| {
            let text = waiting.notice.record.get(key).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let key = (text("collectionId"), text("id"));
        if let Some(after) = self.under_way.get_mut(&key) {
            *after = Some(match after.take() {
                Some(before) => later(&before, waiting),
                None => waiting,
            });
        } else if self.under_way.len() >= RECORDS {
            self.miss();
        } else {
            self.begin(key, waiting);
        }
    }

    fn begin(&mut self, key: Key, Waiting { notice, room }: Waiting) {
        self.under_way.insert(key.clone(), None);
        let gateway = Arc::clone(&self.gateway);
        let classes = self.line.classes(&notice.topic);
        let is_person = self.line.watches_people(&notice.topic);
        self.proofs.spawn(async move {
            if is_person {
                account(&gateway, &notice).await;
            }
            spread(&gateway, classes, &notice).await;
            drop(room);
            key
        });
    }

    fn done(&mut self, key: &Key) {
        if let Some(Some(waiting)) = self.under_way.remove(key) {
            self.begin(key.clone(), waiting);
        }
    }

    fn forget_all(&mut self) {
        tracing::error!("the proof of an event failed");
        self.proofs = JoinSet::new();
        self.under_way.clear();
        self.miss();
    }
}

/// Whose account it is: what their tokens are worth is asked again.
async fn account(gateway: &Gateway, notice: &Notice) {
    let text = |key: &str| {
        let text = notice.record.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let (collection, id) = (text("collectionName"), text("id"));
    // Also where nobody of that name listens yet: somebody may be about to.
    gateway.sessions.forget(&collection, &id);
    let identity = Identity::Record { collection, id };
    if let Some(person) = gateway.realtime.person(&identity) {
        accounts::ask_again(gateway, &person).await;
    }
}

/// Proves an event for every class that it may concern.
async fn spread(gateway: &Gateway, classes: Vec<Arc<Class>>, notice: &Notice) {
    let id = notice.record.get("id").and_then(Value::as_str);
    let concerned = classes.into_iter().filter(|class| {
        let one = class.watched.operation.record_id();
        one.is_none_or(|one| Some(one.as_str()) == id)
    });
    let most = gateway.live.proofs;
    stream::iter(concerned)
        .for_each_concurrent(most, async |class| {
            // Over all records, too.
            let place = gateway.proving.acquire().await;
            prove::prove(gateway, &class, notice.action, &notice.record).await;
            drop(place);
        })
        .await;
}

/// Two events of one record as one, where nobody was told of the first yet.
fn later(before: &Waiting, mut after: Waiting) -> Waiting {
    let (first, last) = (before.notice.action, after.notice.action);
    if first == RecordAction::Create && last == RecordAction::Update {
        after.notice.action = first;
    }
    after
}

#[cfg(test)]
mod tests;
