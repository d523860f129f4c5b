//! Rules that run and are not heard: how one would judge is known before it
//! judges.
//!
//! They run beside the request, on the thread for long calls, on copies of
//! what the rules that count were given at their place in the chain. Nothing they do or fail to do
//! reaches the answer: there is room of their own for a few of them, and where
//! that is taken they are left out, and counted.

use std::sync::Arc;

use serde_json::Value;

use super::call::{self, Live};
use super::chain::Seat;
use super::document::Document;
use super::engine::Engine;
use super::fault::{Denial, Fault};
use super::host::{CallState, Voice};
use super::lane::Crossed;
use super::release::{Leaving, secrets};
use super::{Dossier, RuleError};
use crate::exchange::Exchange;

/// How many may run at once; the pool is made for as many more.
pub(super) const SHADOWS: u32 = 8;

/// What a rule in shadow would have been asked about a reply.
pub(super) enum Witnessed {
    /// A record of this collection.
    Record(String, Value),
    /// The whole.
    Answer(Option<Value>),
}

/// Asks a rule whether a request may go to PocketBase, and goes on meanwhile.
pub(super) fn before(
    engine: &Arc<Engine>,
    seat: &Arc<Seat>,
    exchange: &Arc<Exchange>,
    dossier: Dossier,
    body: Option<Value>,
) {
    let Ok(room) = Arc::clone(&engine.shadows).try_acquire_owned() else {
        seat.tally.skip();
        return;
    };
    let state = state(seat, exchange, dossier);
    let (engine_, seat) = (Arc::clone(engine), Arc::clone(seat));
    engine.slow_lane.spawn(async move {
        let dossier = Arc::clone(&state.dossier);
        let body = body.map(Document::editable);
        let said = call::before(&engine_, &seat, room, state, body).await;
        match said {
            Ok(Ok(_)) => tell(&seat, &dossier, &Ok(None)),
            Ok(Err(denial)) => tell(&seat, &dossier, &Ok(Some(denial))),
            Err(RuleError::Faulted { fault, .. }) => tell(&seat, &dossier, &Err(fault)),
            Err(
                RuleError::Denied { .. }
                | RuleError::Busy { .. }
                | RuleError::Chained { .. }
                | RuleError::Unexposed { .. },
            ) => {}
        }
    });
}

/// Asks a rule about a reply, record by record and then the whole.
pub(super) fn release(
    engine: &Arc<Engine>,
    seat: &Arc<Seat>,
    leaving: &Leaving,
    dossier: Dossier,
    witnessed: Vec<Witnessed>,
) {
    let Ok(room) = Arc::clone(&engine.shadows).try_acquire_owned() else {
        seat.tally.skip();
        return;
    };
    let mut state = state(seat, &leaving.exchange, dossier);
    if let Some(sent) = &leaving.sent {
        state.put_body(Document::read_only(Arc::clone(sent)));
    }
    let crossed = Crossed::default();
    let (engine_, seat, status) = (Arc::clone(engine), Arc::clone(seat), leaving.status);
    let secrets = secrets(&leaving.exchange);
    engine.slow_lane.spawn(async move {
        let dossier = Arc::clone(&state.dossier);
        let (making, asked, own) = (Arc::clone(&engine_), Arc::clone(&seat), crossed.clone());
        let call = Box::pin(async move {
            let _room = room;
            let mut live = Live::start(&making, &asked, state, &own).await?;
            let mut first = None;
            for one in witnessed {
                let denied = match one {
                    Witnessed::Record(collection, record) => {
                        let record = Document::editable(record);
                        live.reveal(&collection, record).await?.err()
                    }
                    Witnessed::Answer(body) => {
                        let body =
                            body.map(|body| Document::editable(body).masking(Arc::clone(&secrets)));
                        live.after(status, body).await?.err()
                    }
                };
                first = first.or(denied);
                tokio::task::yield_now().await;
            }
            Ok(first)
        });
        let deadline = seat.rule.limits().deadline;
        let said = engine_.slow_lane.run(deadline, &crossed, call).await;
        tell(&seat, &dossier, &said);
    });
}

fn state(seat: &Seat, exchange: &Arc<Exchange>, dossier: Dossier) -> CallState {
    let mut state = CallState::new(Arc::clone(exchange), Arc::new(dossier), &seat.rule.terms);
    state.voice = Voice::Shadow;
    state
}

/// Writes down what would not have passed. What would have is in the metrics.
fn tell(seat: &Seat, dossier: &Dossier, said: &Result<Option<Denial>, Fault>) {
    let (verdict, code) = match said {
        Ok(None) => return,
        Ok(Some(denial)) => ("denied", denial.code.as_str()),
        Err(fault) => ("faulted", fault.code()),
    };
    let notes = dossier.take_notes();
    let notes = (!notes.is_empty()).then(|| format!("{notes:?}"));
    tracing::info!(
        rule = seat.rule.name,
        request.id = dossier.id(),
        verdict,
        code,
        notes,
        "in shadow, not heard"
    );
}
