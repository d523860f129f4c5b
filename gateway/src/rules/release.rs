//! The way out: every record through `reveal`, then the whole through `after`,
//! in one instance for each rule.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use serde_json::Value;

use super::Dossier;
use super::call::{self, Entered, Live};
use super::chain::{Ballot, Link, Seat};
use super::document::Document;
use super::fault::{Denial, Fault, RuleError};
use super::host::CallState;
use super::lane::Crossed;
use super::set::Generation;
use super::shadow::{self, Witnessed};
use crate::exchange::Exchange;
use crate::operation::Operation;
use crate::record::{self, Place, Records};

/// What a login, or a step to one, answers beside the record; and what files are read with.
const SECRETS: [&str; 3] = ["token", "otpId", "mfaId"];

/// How long records are revealed before others get a turn, in ticks: more than
/// one of them has gone by.
const TURN: u64 = 2;

/// A reply on its way out, as far as all its rules need to know.
#[derive(Clone)]
pub struct Leaving {
    /// What the reply answers.
    pub exchange: Arc<Exchange>,
    /// Shared with the `before` of the same request.
    pub dossier: Arc<Dossier>,
    /// The body that went to PocketBase.
    pub sent: Option<Arc<Value>>,
    /// HTTP, as PocketBase answered.
    pub status: u16,
}

/// What is left of a reply.
#[derive(Debug)]
pub struct Released {
    /// None where there is none, or where its only record was left out.
    pub answer: Option<Value>,
}

/// The instances of one reply, each made when its rule is first needed.
struct Instances {
    generation: Arc<Generation>,
    leaving: Leaving,
    crossed: Crossed,
    /// The places of the rules for which there is room.
    room: Vec<usize>,
    live: BTreeMap<usize, Live>,
    /// What rules in shadow will be asked when the reply is done, by their places.
    witnessed: BTreeMap<usize, Vec<Witnessed>>,
    /// Below the instances, so that they are gone before their room is.
    _entered: Entered,
    /// The place of the rule that runs now, for when time runs out.
    running: Arc<AtomicUsize>,
}

impl Generation {
    /// Reveals the records of an answer, and leaves out those that a rule denies.
    ///
    /// # Errors
    ///
    /// The denial of an answer's only record, and any failure to have an opinion.
    pub async fn reveal(
        self: &Arc<Self>,
        leaving: Leaving,
        records: Records,
    ) -> Result<Released, RuleError> {
        self.bounded(leaving, async move |mut instances| {
            instances.reveal_all(records).await
        })
        .await
    }

    /// Reveals the records of an answer, then asks `after` about the whole.
    ///
    /// # Errors
    ///
    /// As [`Generation::reveal`], and a denial of `after`.
    pub async fn release(
        self: &Arc<Self>,
        leaving: Leaving,
        records: Records,
    ) -> Result<Released, RuleError> {
        self.bounded(leaving, async move |mut instances| {
            let revealed = instances.reveal_all(records).await?;
            instances.after(revealed).await
        })
        .await
    }

    /// Asks `after` about an answer whose records, if any, were revealed before.
    ///
    /// # Errors
    ///
    /// A denial, and any failure to have an opinion.
    pub async fn after(
        self: &Arc<Self>,
        leaving: Leaving,
        answer: Option<Value>,
    ) -> Result<Released, RuleError> {
        let whole = Released { answer };
        self.bounded(leaving, async move |mut instances| {
            instances.after(whole).await
        })
        .await
    }

    /// Runs this within the time that the rules of a reply have together.
    async fn bounded<F>(
        self: &Arc<Self>,
        leaving: Leaving,
        run: impl FnOnce(Instances) -> F,
    ) -> Result<Released, RuleError>
    where
        F: Future<Output = Result<Released, RuleError>> + Send + 'static,
    {
        let (room, seats): (Vec<_>, Vec<_>) = self.concerned(&leaving.exchange).into_iter().unzip();
        let entered = call::enter(&self.engine, &seats).await?;
        let crossed = Crossed::default();
        let running = Arc::new(AtomicUsize::new(usize::MAX));
        let instances = Instances {
            generation: Arc::clone(self),
            leaving,
            crossed: crossed.clone(),
            room,
            _entered: entered,
            live: BTreeMap::new(),
            witnessed: BTreeMap::new(),
            running: Arc::clone(&running),
        };
        let call = Box::pin(run(instances).map(Ok));
        let lane = &self.engine.slow_lane;
        let ended = lane.run(self.release_deadline, &crossed, call).await;
        ended.unwrap_or_else(|fault| {
            let seat = self.seat(running.load(Ordering::Relaxed));
            let rule = seat.map(|seat| seat.rule.name.clone()).unwrap_or_default();
            Err(RuleError::Faulted { rule, fault })
        })
    }
}

/// The keys of an answer that are secrets to rules.
pub(super) fn secrets(exchange: &Exchange) -> Arc<[String]> {
    match exchange.operation {
        Operation::Auth(_) | Operation::Impersonate { .. } | Operation::FileToken { .. } => {
            SECRETS.map(str::to_owned).into()
        }
        _ => Arc::default(),
    }
}

impl Instances {
    async fn reveal_all(&mut self, mut records: Records) -> Result<Released, RuleError> {
        let generation = Arc::clone(&self.generation);
        let exchange = Arc::clone(&self.leaving.exchange);
        let mut since = generation.engine.ticks();
        while let Some(mut taken) = records.next_record() {
            if generation.engine.ticks() - since >= TURN {
                // Many short calls are not a long one, but others want a turn.
                tokio::task::yield_now().await;
                since = generation.engine.ticks();
            }
            let only_one = taken.place == Place::Top && records.is_single();
            let revealing = self.reveal(&generation, &exchange, &mut taken.record);
            match revealing.await? {
                None => records.put_back(taken.record),
                // The only record denied is a reply denied.
                Some((seat, denial)) if only_one => return Err(seat.rule.denied(denial)),
                Some((seat, _)) if seat.rule.manifest.drops => {}
                Some((seat, _)) => return Err(seat.rule.faulted(Fault::UndeclaredDrop)),
            }
        }
        let record::Released { answer, .. } = records.release();
        Ok(Released { answer })
    }

    /// Takes one record through the rules of its own collection, up to the
    /// first that denies it.
    async fn reveal<'a>(
        &mut self,
        generation: &'a Generation,
        exchange: &Exchange,
        record: &mut Value,
    ) -> Result<Option<(&'a Arc<Seat>, Denial)>, RuleError> {
        let collection = record.get("collectionName").and_then(Value::as_str);
        let collection = collection.unwrap_or_default().to_owned();
        let Some(chain) = generation.chain(&collection) else {
            return Err(RuleError::Unexposed { collection });
        };
        for link in generation.links(chain, &exchange.principal) {
            let denied = match link {
                Link::Rule(place) => {
                    let seat = generation.seat(*place);
                    let seat = seat.filter(|seat| seat.rule.manifest.hooks.reveal);
                    let Some(seat) = seat.filter(|seat| seat.scope.covers(&collection)) else {
                        continue;
                    };
                    if seat.shadow {
                        let copy = Witnessed::Record(collection.clone(), record.clone());
                        self.witness(*place, copy);
                        continue;
                    }
                    let live = self.instance(*place, seat).await?;
                    let revealing = live.reveal(&collection, Document::editable(record.take()));
                    let said = revealing.await;
                    match said.map_err(|fault| seat.rule.faulted(fault))? {
                        Ok(revealed) => {
                            *record = revealed;
                            None
                        }
                        Err(denial) => Some((seat, denial)),
                    }
                }
                Link::Group { how, members } => {
                    let seats = members.iter().filter_map(|place| {
                        let seat = generation.seat(*place);
                        Some((*place, seat.filter(|seat| seat.reveals(&collection))?))
                    });
                    let asked = (Ballot::new(*how), seats);
                    self.reveal_group(asked, &collection, record).await?
                }
            };
            if denied.is_some() {
                return Ok(denied);
            }
        }
        Ok(None)
    }

    /// Asks the members of a group about one record, which they see and don't change.
    async fn reveal_group<'a>(
        &mut self,
        (mut ballot, seats): (
            Ballot<(&'a Arc<Seat>, Denial)>,
            impl Iterator<Item = (usize, &'a Arc<Seat>)>,
        ),
        collection: &str,
        record: &mut Value,
    ) -> Result<Option<(&'a Arc<Seat>, Denial)>, RuleError> {
        let shared = Arc::new(record.take());
        let mut said = None;
        for (place, seat) in seats {
            let live = self.instance(place, seat).await?;
            let read = Document::read_only(Arc::clone(&shared));
            let verdict = live.reveal(collection, read).await;
            let verdict = verdict.map_err(|fault| seat.rule.faulted(fault))?;
            let denied = verdict.err().map(|denial| (seat, denial));
            if let ControlFlow::Break(decided) = ballot.hear(denied) {
                said = Some(decided);
                break;
            }
        }
        *record = Arc::unwrap_or_clone(shared);
        Ok(said.unwrap_or_else(|| ballot.end()))
    }

    async fn after(&mut self, mut released: Released) -> Result<Released, RuleError> {
        let generation = Arc::clone(&self.generation);
        let exchange = Arc::clone(&self.leaving.exchange);
        let Some(collection) = &exchange.collection else {
            return Ok(released);
        };
        let name = collection.name.as_str();
        let chain = generation.chain(name);
        let chain = chain.ok_or_else(|| RuleError::Unexposed {
            collection: name.to_owned(),
        })?;
        let secrets = secrets(&exchange);
        let (kind, status) = (exchange.operation.kind(), self.leaving.status);
        let asked = |place: usize| {
            let seat = generation.seat(place);
            seat.filter(|seat| seat.rule.manifest.hooks.after && seat.judges(kind, name))
        };
        for link in generation.links(chain, &exchange.principal) {
            match link {
                Link::Rule(place) => {
                    let Some(seat) = asked(*place) else { continue };
                    if seat.shadow {
                        let copy = Witnessed::Answer(released.answer.clone());
                        self.witness(*place, copy);
                        continue;
                    }
                    let live = self.instance(*place, seat).await?;
                    let body = released.answer.take();
                    let body =
                        body.map(|body| Document::editable(body).masking(Arc::clone(&secrets)));
                    let said = live.after(status, body).await;
                    released.answer = said
                        .map_err(|fault| seat.rule.faulted(fault))?
                        .map_err(|denial| seat.rule.denied(denial))?;
                }
                Link::Group { how, members } => {
                    let seats = members
                        .iter()
                        .filter_map(|place| Some((*place, asked(*place)?)));
                    let ballot = Ballot::new(*how);
                    let denied = self.after_group((ballot, seats), &mut released).await?;
                    if let Some(denied) = denied {
                        return Err(denied);
                    }
                }
            }
        }
        Ok(released)
    }

    /// Asks the members of a group about the whole, which they see and don't change.
    async fn after_group<'a>(
        &mut self,
        (mut ballot, seats): (
            Ballot<RuleError>,
            impl Iterator<Item = (usize, &'a Arc<Seat>)>,
        ),
        released: &mut Released,
    ) -> Result<Option<RuleError>, RuleError> {
        let secrets = secrets(&self.leaving.exchange);
        let status = self.leaving.status;
        let shared = released.answer.take().map(Arc::new);
        let mut said = None;
        for (place, seat) in seats {
            let live = self.instance(place, seat).await?;
            let read = shared.as_ref().map(|answer| {
                Document::read_only(Arc::clone(answer)).masking(Arc::clone(&secrets))
            });
            let verdict = live.after(status, read).await;
            let verdict = verdict.map_err(|fault| seat.rule.faulted(fault))?;
            let denied = verdict.err().map(|denial| seat.rule.denied(denial));
            if let ControlFlow::Break(decided) = ballot.hear(denied) {
                said = Some(decided);
                break;
            }
        }
        released.answer = shared.map(Arc::unwrap_or_clone);
        Ok(said.unwrap_or_else(|| ballot.end()))
    }

    /// Keeps what a rule in shadow will be asked when the reply is done.
    fn witness(&mut self, place: usize, what: Witnessed) {
        self.witnessed.entry(place).or_default().push(what);
    }

    async fn instance(&mut self, place: usize, seat: &Arc<Seat>) -> Result<&mut Live, RuleError> {
        self.running.store(place, Ordering::Relaxed);
        let live = match self.live.entry(place) {
            Entry::Occupied(live) => return Ok(live.into_mut()),
            Entry::Vacant(live) => live,
        };
        if !self.room.contains(&place) {
            // A record of a collection that nothing led to.
            return Err(seat.rule.faulted(Fault::Host));
        }
        let Leaving {
            exchange,
            dossier,
            sent,
            ..
        } = &self.leaving;
        let terms = &seat.rule.terms;
        let mut state = CallState::new(Arc::clone(exchange), Arc::clone(dossier), terms);
        if let Some(sent) = sent {
            state.put_body(Document::read_only(Arc::clone(sent)));
        }
        let started = Live::start(&self.generation.engine, seat, state, &self.crossed).await;
        Ok(live.insert(started.map_err(|fault| seat.rule.faulted(fault))?))
    }
}

impl Drop for Instances {
    /// However the reply went, those in shadow are asked what they were to see of it.
    fn drop(&mut self) {
        for (place, witnessed) in std::mem::take(&mut self.witnessed) {
            if let Some(seat) = self.generation.seat(place) {
                let dossier = self.generation.shadow_dossier(&self.leaving.dossier);
                shadow::release(
                    &self.generation.engine,
                    seat,
                    &self.leaving,
                    dossier,
                    witnessed,
                );
            }
        }
    }
}
