//! Instances that wait for a call: made ahead of time for a rule whose fresh
//! start is dear, or kept from an earlier call for one that may be used again.
//!
//! They are bounded in number and in memory, over all rules: see [`Waiting`].
//! A call that finds none makes its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Isolation;
use super::component::Rule;
use super::engine::Engine;
use super::instance::{Instance, Rehearses};

/// Instances that may wait, of all rules together; the pool is made for as many more.
pub(super) const WAITING: u32 = 64;

/// Bytes of linear memory that those may have together.
const WAITING_BYTES: usize = 256 << 20;

/// Instances of one rule that are kept to be used again.
const KEPT: usize = 16;

/// The room for instances that wait, of all rules together.
pub(super) struct Waiting {
    places: Arc<Semaphore>,
    bytes: Arc<AtomicUsize>,
}

/// The room that one instance takes, also while it serves a call.
pub(super) struct Room {
    _place: OwnedSemaphorePermit,
    taken: usize,
    bytes: Arc<AtomicUsize>,
}

/// The instances of one rule that wait.
#[derive(Default)]
pub(super) struct Ready {
    /// How many are made ahead.
    ahead: usize,
    waiting: Mutex<Vec<Instance>>,
    /// Whether some are being made.
    is_making: AtomicBool,
    /// Set when the call about nothing did not end well: later ones go without.
    unrehearsed: AtomicBool,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(WAITING as usize)),
            bytes: Arc::default(),
        }
    }

    /// Room for an instance of so many bytes, if there is.
    fn room(&self, bytes: usize) -> Option<Room> {
        let mut room = Room {
            _place: Arc::clone(&self.places).try_acquire_owned().ok()?,
            taken: 0,
            bytes: Arc::clone(&self.bytes),
        };
        room.grow(bytes)?;
        Some(room)
    }
}

impl Room {
    /// Takes room for this many bytes in all, if there is.
    fn grow(&mut self, bytes: usize) -> Option<()> {
        let more = bytes.saturating_sub(self.taken);
        let add = |taken: usize| {
            let sum = taken.checked_add(more)?;
            (sum <= WAITING_BYTES).then_some(sum)
        };
        let added = self
            .bytes
            .try_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.ok()?;
        self.taken += more;
        Some(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

impl Ready {
    pub(super) fn new(ahead: u32) -> Self {
        Self {
            ahead: ahead as usize,
            ..Self::default()
        }
    }

    /// The one that came last: its pages are the likeliest to be in a cache.
    pub(super) fn take(&self) -> Option<Instance> {
        self.lock().pop()
    }

    /// How many wait now.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lacks(&self) -> bool {
        self.ahead > 0 && self.len() < self.ahead
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes as many instances as should wait, on the thread for long calls.
pub(super) fn refill(engine: &Arc<Engine>, rule: &Arc<Rule>) {
    if !rule.ready.lacks() || rule.ready.is_making.swap(true, Ordering::Relaxed) {
        return;
    }
    let (engine_, rule) = (Arc::clone(engine), Arc::clone(rule));
    engine.slow_lane.spawn(async move {
        while rule.ready.lacks() && make_one(&engine_, &rule).await.is_some() {
            // Calls that run long want their turn.
            tokio::task::yield_now().await;
        }
        rule.ready.is_making.store(false, Ordering::Relaxed);
    });
}

/// None where there is no room for one, or none can be made.
async fn make_one(engine: &Engine, rule: &Rule) -> Option<()> {
    // A rule asks for room before it has used any: at least so much is there.
    let mut room = engine.waiting.room(0)?;
    let rehearses = if rule.ready.unrehearsed.load(Ordering::Relaxed) {
        Rehearses::No
    } else {
        Rehearses::Yes
    };
    let mut made = Instance::ahead(engine, rule, rehearses).await;
    if let (Err(fault), Rehearses::Yes) = (&made, rehearses) {
        if !rule.ready.unrehearsed.swap(true, Ordering::Relaxed) {
            tracing::warn!(rule = %rule.terms.name, %fault, "the call that warms an instance failed; instances made ahead go without");
        }
        made = Instance::ahead(engine, rule, Rehearses::No).await;
    }
    let mut made = made
        .inspect_err(|fault| {
            tracing::warn!(rule = %rule.terms.name, %fault, "no instance could be made ahead");
        })
        .ok()?;
    let bytes = made.usage().memory;
    room.grow(bytes)?;
    made.room = Some(room);
    rule.ready.lock().push(made);
    Some(())
}

/// Lets go of an instance whose call ended well: it is kept where it may be used
/// again, else dropped. Where instances are made ahead, that happens on the
/// thread for long calls, and the next one is made there afterwards: both take
/// what the process has one of, its map of memory, and no call should wait for it.
pub(super) fn done(engine: &Arc<Engine>, rule: &Arc<Rule>, used: Instance) {
    match rule.terms.isolation {
        Isolation::Reuse { calls } => keep(engine, rule, used, calls),
        Isolation::Call if rule.ready.ahead > 0 => {
            let (engine_, rule) = (Arc::clone(engine), Arc::clone(rule));
            engine.slow_lane.spawn(async move {
                drop(used);
                refill(&engine_, &rule);
            });
        }
        Isolation::Call => {}
    }
}

/// Keeps an instance for another call, if there is room.
fn keep(engine: &Engine, rule: &Rule, mut used: Instance, calls: u32) {
    used.calls = used.calls.saturating_add(1);
    if used.calls >= calls || rule.ready.len() >= KEPT.max(rule.ready.ahead) {
        return;
    }
    let bytes = used.usage().memory;
    let room = match used.room.take() {
        Some(mut room) => room.grow(bytes).map(|()| room),
        None => engine.waiting.room(bytes),
    };
    if room.is_some() {
        used.room = room;
        used.forget();
        rule.ready.lock().push(used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_instances() {
        let waiting = Waiting::new();
        let rooms: Vec<_> = (0..WAITING).map_while(|_| waiting.room(1)).collect();
        assert_eq!(rooms.len(), WAITING as usize);
        assert!(waiting.room(1).is_none());
        drop(rooms);
        assert!(waiting.room(1).is_some());
    }

    #[test]
    fn there_is_room_for_so_many_bytes() {
        let waiting = Waiting::new();
        let most = waiting.room(WAITING_BYTES - 10).unwrap();
        assert!(waiting.room(11).is_none());
        let mut rest = waiting.room(5).unwrap();
        assert!(rest.grow(11).is_none());
        assert!(rest.grow(10).is_some());
        drop((most, rest));
        assert!(waiting.room(WAITING_BYTES).is_some());
    }
}
