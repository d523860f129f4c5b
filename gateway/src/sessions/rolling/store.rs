//! What keeps sessions: the one way in which the rest asks for it. Behind it is the
//! database, written by one thread, many changes at once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::database::{Change, Database};
use super::ring::RingKey;
use crate::principal::SessionId;

/// What waits to be written; beyond it whoever asks waits.
const QUEUE: usize = 1_024;

/// What is written in one go: all of it waits for the disk once.
const GROUP: usize = 256;

/// Keeps sessions and keys.
pub(super) struct Store {
    /// None: at the end.
    orders: Option<mpsc::Sender<Order>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What is there, at one moment.
pub(super) struct Present {
    pub(super) ids: HashSet<SessionId>,
    pub(super) keys: Vec<RingKey>,
}

/// Hears what came of changes.
type Told = oneshot::Sender<Result<bool, StoreError>>;

enum Order {
    Write(Vec<Change>, Told),
    Look(oneshot::Sender<Result<Present, StoreError>>),
}

impl Store {
    /// Begins to write.
    pub(super) fn new(database: Database) -> Result<Self, StoreError> {
        let (orders, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("sessions".to_owned());
        let thread = thread.spawn(move || follow(&database, receiver));
        let thread = thread.map_err(|problem| StoreError::Write(problem.to_string()))?;
        Ok(Self {
            orders: Some(orders),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Makes these changes, all or none; they are on the disk when this returns. Whether
    /// there was something to change for each of them.
    pub(super) async fn write(&self, changes: Vec<Change>) -> Result<bool, StoreError> {
        let (told, hear) = oneshot::channel();
        self.order(Order::Write(changes, told)).await?;
        hear.await.map_err(|_| StoreError::Stopped)?
    }

    /// What is there, whoever wrote it; after all that was asked for before.
    pub(super) async fn look(&self) -> Result<Present, StoreError> {
        let (told, hear) = oneshot::channel();
        self.order(Order::Look(told)).await?;
        hear.await.map_err(|_| StoreError::Stopped)?
    }

    /// How much waits to be written.
    pub(super) fn queued(&self) -> usize {
        let orders = self.orders.as_ref();
        orders.map_or(0, |orders| orders.max_capacity() - orders.capacity())
    }

    async fn order(&self, order: Order) -> Result<(), StoreError> {
        let orders = self.orders.as_ref().ok_or(StoreError::Stopped)?;
        orders.send(order).await.map_err(|_| StoreError::Stopped)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The thread ends with what was asked for, and gives the file up.
        self.orders = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = { thread }.take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("what writes sessions has failed");
        }
    }
}

/// Does what is asked for, until nobody asks any more.
fn follow(database: &Database, mut orders: mpsc::Receiver<Order>) {
    while let Some(first) = orders.blocking_recv() {
        let mut next = Some(first);
        let mut group = Vec::new();
        while let Some(order) = next.take() {
            match order {
                Order::Write(changes, told) => group.push((changes, told)),
                Order::Look(told) => {
                    write(database, std::mem::take(&mut group));
                    // Whoever asked may have gone.
                    let _ = told.send(look(database));
                }
            }
            if group.len() < GROUP {
                next = orders.try_recv().ok();
            }
        }
        write(database, group);
    }
}

/// Writes what came together.
fn write(database: &Database, group: Vec<(Vec<Change>, Told)>) {
    if group.is_empty() {
        return;
    }
    let changes: Vec<_> = group
        .iter()
        .map(|(changes, _)| changes.as_slice())
        .collect();
    let written = database.write(&changes);
    for (at, (_, told)) in group.into_iter().enumerate() {
        let own = match &written {
            Ok(done) => Ok(done.get(at).copied().unwrap_or_default()),
            Err(error) => Err(error.clone()),
        };
        // Whoever asked may have gone.
        let _ = told.send(own);
    }
}

fn look(database: &Database) -> Result<Present, StoreError> {
    Ok(Present {
        ids: database.ids()?,
        keys: database.keys()?,
    })
}
