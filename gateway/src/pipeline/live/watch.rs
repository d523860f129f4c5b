//! What may not go on: streams whose time is over, whom an operator closed, or which
//! were permitted by rules that are in force no more.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;
use crate::realtime::{Class, Closing, Identity};

/// How often it is looked at: what may not go on ends within a second.
const EVERY: Duration = Duration::from_millis(500);

/// Streams that are to ask again at one look after a change of rules, at least; and
/// the part of all of them: within ten seconds everybody has asked, but not all at once.
const AGAIN: usize = 100;
const AGAIN_PART: usize = 20;

/// Looks after the streams until it is told to stop.
pub(crate) async fn watch(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = Instant::now();
    let mut denies = gateway.denies_now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let now = Instant::now();
        gateway.realtime.sweep(now);
        let newer = gateway.denies_now();
        if denies.reopens(&newer) {
            // Nobody was told of it meanwhile.
            Class::resync_all(&gateway.realtime.classes());
        }
        denies = newer;
        close_denied(&gateway);
        close_outdated(&gateway);
        if now >= asked + gateway.live.verify {
            asked = now;
            gateway.ask_all.notify_one();
        }
    }
}

/// Of a collection that is closed nothing is told; these are told nothing at all.
fn close_denied(gateway: &Gateway) {
    let denies = gateway.denies_now();
    if denies.is_empty() {
        return;
    }
    gateway.realtime.close_where(Closing::Closed, |open| {
        let user = match open.identity {
            Identity::Guest => None,
            Identity::Record { collection, id } => denies.user(collection, id),
        };
        user.or_else(|| denies.address(open.address)).is_some()
    });
}

/// Rules have a say in who may subscribe: with others in force everybody asks again.
fn close_outdated(gateway: &Gateway) {
    let serial = gateway.in_force().serial;
    let most = AGAIN.max(gateway.realtime.counts().streams / AGAIN_PART);
    let left = Cell::new(most);
    gateway.realtime.close_where(Closing::RulesChanged, |open| {
        let is_outdated = open.has_records && open.generation != serial;
        let is_next = is_outdated && left.get() > 0;
        if is_next {
            left.set(left.get() - 1);
        }
        is_next
    });
}
