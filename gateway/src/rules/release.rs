//! The way out: every record through `reveal`, then the whole through `after`,
//! in one instance for each rule.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use serde_json::Value;

use super::Dossier;
use super::call::{self, Entered, Live};
use super::component::Rule;
use super::document::Document;
use super::fault::{Fault, RuleError};
use super::host::{CallState, Place as RequestPlace};
use super::lane::Crossed;
use super::set::Generation;
use crate::exchange::Exchange;
use crate::operation::OperationKind;
use crate::record::{self, Place, Records};

/// What a login answers beside the record.
const TOKEN: [&str; 1] = ["token"];

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
        let (room, rules): (Vec<_>, Vec<_>) = self.concerned(&leaving.exchange).into_iter().unzip();
        let entered = call::enter(&self.engine, &rules).await?;
        let crossed = Crossed::default();
        let running = Arc::new(AtomicUsize::new(usize::MAX));
        let instances = Instances {
            generation: Arc::clone(self),
            leaving,
            crossed: crossed.clone(),
            room,
            _entered: entered,
            live: BTreeMap::new(),
            running: Arc::clone(&running),
        };
        let call = run(instances).map(Ok);
        let lane = &self.engine.slow_lane;
        let ended = lane.run(self.release_deadline, &crossed, call).await;
        ended.unwrap_or_else(|fault| {
            let rule = self.rules().get(running.load(Ordering::Relaxed));
            let rule = rule.map(|rule| rule.name.clone()).unwrap_or_default();
            Err(RuleError::Faulted { rule, fault })
        })
    }
}

/// The keys of an answer that are secrets to rules.
fn secrets(exchange: &Exchange) -> Arc<[String]> {
    match exchange.operation.kind() {
        OperationKind::AuthWithPassword | OperationKind::AuthRefresh => {
            TOKEN.map(str::to_owned).into()
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
                Some((rule, denial)) if only_one => {
                    return Err(RuleError::Denied {
                        rule: rule.name.clone(),
                        denial,
                    });
                }
                Some((rule, _)) if rule.manifest.drops => {}
                Some((rule, _)) => return Err(rule.faulted(Fault::UndeclaredDrop)),
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
        exchange: &'a Exchange,
        record: &mut Value,
    ) -> Result<Option<(&'a Rule, super::Denial)>, RuleError> {
        let collection = record.get("collectionName").and_then(Value::as_str);
        let collection = collection.unwrap_or_default().to_owned();
        let Some(chain) = generation.chain(&collection) else {
            return Err(RuleError::Unexposed { collection });
        };
        for (place, rule) in generation.revealing(chain, exchange) {
            let live = self.instance(place, rule).await?;
            let denial = live.reveal(&collection, record).await;
            if let Some(denial) = denial.map_err(|fault| rule.faulted(fault))? {
                return Ok(Some((rule, denial)));
            }
        }
        Ok(None)
    }

    async fn after(&mut self, mut released: Released) -> Result<Released, RuleError> {
        let generation = Arc::clone(&self.generation);
        let exchange = Arc::clone(&self.leaving.exchange);
        let Some(collection) = &exchange.collection else {
            return Ok(released);
        };
        let chain = generation.chain(&collection.name);
        let chain = chain.ok_or_else(|| RuleError::Unexposed {
            collection: collection.name.clone(),
        })?;
        let status = self.leaving.status;
        let secrets = secrets(&exchange);
        for (place, rule) in generation.concluding(chain, &exchange) {
            let live = self.instance(place, rule).await?;
            let body = released
                .answer
                .take()
                .map(|body| Document::editable(body).masking(Arc::clone(&secrets)));
            match live
                .after(status, body)
                .await
                .map_err(|fault| rule.faulted(fault))?
            {
                Ok(answer) => released.answer = answer,
                Err(denial) => {
                    return Err(RuleError::Denied {
                        rule: rule.name.clone(),
                        denial,
                    });
                }
            }
        }
        Ok(released)
    }

    async fn instance(&mut self, place: usize, rule: &Arc<Rule>) -> Result<&mut Live, RuleError> {
        self.running.store(place, Ordering::Relaxed);
        let live = match self.live.entry(place) {
            Entry::Occupied(live) => return Ok(live.into_mut()),
            Entry::Vacant(live) => live,
        };
        if !self.room.contains(&place) {
            // A record of a collection that nothing led to.
            return Err(rule.faulted(Fault::Host));
        }
        let Leaving {
            exchange,
            dossier,
            sent,
            ..
        } = &self.leaving;
        let mut state = CallState::new(Arc::clone(exchange), Arc::clone(dossier), rule.limits());
        if let Some(sent) = sent {
            state.put_masked(RequestPlace::Body, Document::read_only(Arc::clone(sent)));
        }
        let started = Live::start(&self.generation.engine, rule, state, &self.crossed).await;
        Ok(live.insert(started.map_err(|fault| rule.faulted(fault))?))
    }
}
