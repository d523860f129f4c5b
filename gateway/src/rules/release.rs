//! The way out: every record through `reveal`, then the whole through `after`,
//! in one instance for each rule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use serde_json::Value;

use super::call::{self, Entered, Live, Revealed};
use super::document::Document;
use super::fault::{Fault, RuleError};
use super::host::CallState;
use super::lane::Crossed;
use super::set::Generation;
use super::{Asked, Notes, component::Rule};
use crate::exchange::Exchange;
use crate::record::{self, Place, Records};

/// Keys of an answer that are secrets to rules.
const SECRETS: [&str; 1] = ["token"];

/// A reply on its way out, as far as all its rules need to know.
#[derive(Clone)]
pub struct Leaving {
    /// What the reply answers.
    pub exchange: Arc<Exchange>,
    /// Shared with the `before` of the same request.
    pub asked: Arc<Asked>,
    /// The body that went to PocketBase.
    pub sent: Option<Arc<Value>>,
    /// HTTP, as PocketBase answered.
    pub status: u16,
}

/// What is left of a reply.
#[derive(Debug)]
pub struct Released {
    /// As the rules left it; none where there is no JSON.
    pub answer: Option<Value>,
    /// How many records at the top were left out.
    pub dropped: usize,
    /// Of the rules that ran for the reply.
    pub notes: Notes,
}

/// The instances of one reply, each made when its rule is first needed.
struct Instances {
    generation: Arc<Generation>,
    leaving: Leaving,
    crossed: Crossed,
    live: BTreeMap<usize, (Entered, Live)>,
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
        let whole = Released {
            answer,
            dropped: 0,
            notes: Notes::new(),
        };
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
        let crossed = Crossed::default();
        let running = Arc::new(AtomicUsize::new(0));
        let instances = Instances {
            generation: Arc::clone(self),
            leaving,
            crossed: crossed.clone(),
            live: BTreeMap::new(),
            running: Arc::clone(&running),
        };
        let call = run(instances).map(Ok);
        let ended = self
            .engine
            .slow_lane
            .run(self.release_deadline, &crossed, call)
            .await;
        ended.unwrap_or_else(|fault| {
            let rule = self.rules().get(running.load(Ordering::Relaxed));
            Err(RuleError::Faulted {
                rule: rule.map(|rule| rule.name.clone()).unwrap_or_default(),
                fault,
            })
        })
    }
}

impl Instances {
    async fn reveal_all(&mut self, mut records: Records) -> Result<Released, RuleError> {
        while let Some(taken) = records.next_record() {
            let only_one = taken.place == Place::Top && records.is_single();
            match self.reveal(taken.record).await? {
                Ok(record) => records.put_back(record),
                // The only record denied is a reply denied.
                Err((rule, denial)) if only_one => {
                    return Err(RuleError::Denied {
                        rule: rule.name.clone(),
                        denial,
                    });
                }
                Err((rule, _)) if rule.manifest.drops => {}
                Err((rule, _)) => return Err(rule.faulted(Fault::UndeclaredDrop)),
            }
        }
        let record::Released { answer, dropped } = records.release();
        Ok(Released {
            answer,
            dropped,
            notes: self.take_notes(),
        })
    }

    /// Takes one record through the rules of its own collection.
    async fn reveal(
        &mut self,
        mut record: Value,
    ) -> Result<Result<Value, (Arc<Rule>, super::Denial)>, RuleError> {
        let collection = record
            .get("collectionName")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let generation = Arc::clone(&self.generation);
        let Some(chain) = generation.chain(&collection) else {
            return Err(RuleError::Unexposed { collection });
        };
        let exchange = Arc::clone(&self.leaving.exchange);
        for (place, rule) in generation.revealing(chain, &exchange) {
            let live = self.instance(place, rule).await?;
            match live
                .reveal(&collection, record)
                .await
                .map_err(|fault| rule.faulted(fault))?
            {
                Revealed::Kept(kept) => record = kept,
                Revealed::Denied(denial) => return Ok(Err((Arc::clone(rule), denial))),
            }
        }
        Ok(Ok(record))
    }

    async fn after(&mut self, mut released: Released) -> Result<Released, RuleError> {
        let generation = Arc::clone(&self.generation);
        let exchange = Arc::clone(&self.leaving.exchange);
        let collection = exchange.collection.as_ref();
        let Some(chain) = collection.and_then(|collection| generation.chain(&collection.name))
        else {
            return Ok(released);
        };
        let status = self.leaving.status;
        let secrets: Arc<[String]> = SECRETS.map(str::to_owned).into();
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
        released.notes.extend(self.take_notes());
        Ok(released)
    }

    async fn instance(&mut self, place: usize, rule: &Arc<Rule>) -> Result<&mut Live, RuleError> {
        self.running.store(place, Ordering::Relaxed);
        if !self.live.contains_key(&place) {
            let engine = Arc::clone(&self.generation.engine);
            let entered = call::enter(&engine, rule).await?;
            let mut state = CallState::new(
                Arc::clone(&self.leaving.exchange),
                Arc::clone(&self.leaving.asked),
                rule.limits(),
            );
            if let Some(sent) = &self.leaving.sent {
                state.put_body(Document::read_only(Arc::clone(sent)));
            }
            let live = Live::start(&engine, rule, state, &self.crossed)
                .await
                .map_err(|fault| rule.faulted(fault))?;
            self.live.insert(place, (entered, live));
        }
        // Put in just above where it was not there.
        self.live
            .get_mut(&place)
            .map(|(_, live)| live)
            .ok_or_else(|| rule.faulted(Fault::Host))
    }

    fn take_notes(&mut self) -> Notes {
        self.live
            .values_mut()
            .flat_map(|(_, live)| live.take_notes())
            .collect()
    }
}
