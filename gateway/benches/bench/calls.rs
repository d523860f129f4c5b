//! One call of the ownership rule, against what wasmtime takes at the least.
//!
//! - raw: a store, an instance of the rule's component, and their end; nothing
//!   is called.
//! - `before`: the gateway's own call, as the pipeline makes it: its permits, a
//!   fresh instance, the bounds on it, the rule's look at a changed user of one
//!   kilobyte, and the end of it all.
//! - `reveal`: one more record on an instance that lives, a field taken out.
//!   Lists of two lengths are revealed; the difference, for each record.
//!
//! All in this process, on one thread, in turn, so that a disturbance of the
//! machine disturbs each of them alike.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use hapta::exchange::Exchange;
use hapta::operation::Operation;
use hapta::principal::{Principal, Token, Vouched};
use hapta::record::{Records, Shape};
use hapta::rules::{Dossier, Engine, Exposed, Generation, Leaving, Limits, Settings, Source};
use hapta::schema::Schema;
use hapta::surface::Surface;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fixtures::{self, ALICE, BOB, HIDDEN, OWNERSHIP, USERS};
use crate::report::Report;
use crate::samples::{Samples, micros};

const WARM_UP: usize = 2_000;
const SAMPLES: usize = 30_000;

/// Lists are longer to measure than single calls.
const LISTS: usize = 1_000;
const RECORDS: usize = 100;

/// The aim: `before` against raw, at the median.
const RATIO: f64 = 1.8;

/// The rules, and a request to judge.
pub(crate) struct Scene {
    pub(crate) engine: Arc<Engine>,
    pub(crate) generation: Arc<Generation>,
    /// Alice changes her own record.
    pub(crate) update: Arc<Exchange>,
    /// A guest lists users.
    list: Arc<Exchange>,
}

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    // Budgets that make a task let others run would count here, where none are.
    let (mut raw, mut before) = tokio::task::unconstrained(scene.calls()).await?;
    let reveal = tokio::task::unconstrained(scene.reveals()).await?;

    report.plain("raw wasmtime", micros(raw.at(500)), "µs");
    report.plain("raw wasmtime, min", micros(raw.at(0)), "µs");
    report.plain("raw wasmtime, p99", micros(raw.at(990)), "µs");
    report.plain("rule before", micros(before.at(500)), "µs");
    report.plain("rule before, min", micros(before.at(0)), "µs");
    report.plain("rule before, p99", micros(before.at(990)), "µs");
    let ratio = before.at(500).as_secs_f64() / raw.at(500).as_secs_f64();
    report.at_most("rule before / raw wasmtime", ratio, "×", RATIO);
    report.plain("rule reveal, one record more", micros(reveal), "µs");
    Ok(())
}

impl Scene {
    /// The ownership rule judges users.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        Self::of(&settings("ownership", OWNERSHIP, "users")?).await
    }

    /// The same under other rules.
    pub(crate) async fn of(settings: &Settings) -> anyhow::Result<Self> {
        let engine = Engine::new(128, None)?;
        let generation = Generation::build(&engine, settings, None).await?;
        let schema = Schema::read(&[fixtures::collections()?])?;
        let alice = Principal::Record(Arc::new(Vouched {
            id: ALICE.to_owned(),
            collection: "users".to_owned(),
            superuser: false,
            record: Arc::new(fixtures::user(ALICE)),
            token: Token::new(&fixtures::token(USERS, ALICE)),
            session: None,
        }));
        let users = "/api/collections/users/records";
        let one = format!("{users}/{ALICE}");
        Ok(Self {
            update: exchange(&schema, &Method::PATCH, &one, alice)?,
            list: exchange(&schema, &Method::GET, users, Principal::Guest)?,
            generation: Arc::new(generation),
            engine,
        })
    }

    /// One call of `before`, from its permits to its end.
    pub(crate) async fn call(&self, body: Value) -> anyhow::Result<Duration> {
        let chain = self.generation.chain("users").context("users is exposed")?;
        let dossier = Arc::new(Dossier::default());
        let start = Instant::now();
        let passed = self
            .generation
            .before(chain, &self.update, &dossier, Some(body))
            .await?;
        let time = start.elapsed();
        ensure!(passed.body.is_some(), "the body passes as it was");
        Ok(time)
    }

    /// Raw and `before`, in turn.
    pub(crate) async fn calls(&self) -> anyhow::Result<(Samples, Samples)> {
        let rule = self.generation.rules().next().context("a rule is there")?;
        let (mut raw, mut before) = (Samples::default(), Samples::default());
        for turn in 0..WARM_UP + SAMPLES {
            let dossier = Arc::new(Dossier::default());
            let start = Instant::now();
            rule.start_and_drop(&self.engine, &self.update, &dossier)
                .await?;
            let raw_time = start.elapsed();

            let before_time = self.call(fixtures::change()).await?;
            if turn >= WARM_UP {
                raw.push(raw_time);
                before.push(before_time);
            }
        }
        Ok((raw, before))
    }

    /// One record more on a living instance, at the median.
    pub(crate) async fn reveals(&self) -> anyhow::Result<Duration> {
        let (mut short, mut long) = (Samples::default(), Samples::default());
        for _ in 0..LISTS {
            short.push(self.reveal(1).await?);
            long.push(self.reveal(1 + RECORDS).await?);
        }
        let more = long.at(500).saturating_sub(short.at(500));
        Ok(more / u32::try_from(RECORDS)?)
    }

    async fn reveal(&self, count: usize) -> anyhow::Result<Duration> {
        let items = vec![fixtures::user(BOB); count];
        let answer = json!({ "page": 1, "perPage": 200, "totalItems": count, "totalPages": 1, "items": items });
        let leaving = Leaving {
            exchange: Arc::clone(&self.list),
            dossier: Arc::new(Dossier::default()),
            sent: None,
            status: 200,
        };
        let records = Records::take(answer, Shape::List)?;
        let start = Instant::now();
        let released = self.generation.reveal(leaving, records).await?;
        let time = start.elapsed();
        let items = released.answer.as_ref().and_then(|all| all.get("items"));
        let items = items.and_then(Value::as_array).context("a list stays")?;
        let hidden = items.iter().all(|item| item.get(HIDDEN).is_none());
        ensure!(items.len() == count && hidden, "the field is taken out");
        Ok(time)
    }
}

/// One rule, which judges one collection.
pub(crate) fn settings(rule: &str, said: &str, collection: &str) -> anyhow::Result<Settings> {
    let source = Source {
        name: rule.to_owned(),
        file: fixtures::rule(rule)?,
        settings: said.to_owned(),
        limits: Limits::default(),
        ..Source::default()
    };
    let judged = Exposed::Rules(vec![rule.to_owned()]);
    Ok(Settings {
        sources: vec![source],
        exposed: [(collection.to_owned(), judged)].into(),
        ..Settings::default()
    })
}

/// A request that has been read, of a client on this machine.
pub(crate) fn exchange(
    schema: &Schema,
    method: &Method,
    path: &str,
    principal: Principal,
) -> anyhow::Result<Arc<Exchange>> {
    let collection = path.split('/').nth(3).and_then(|name| schema.by_name(name));
    ensure!(collection.is_some(), "no collection is behind {path}");
    Ok(Arc::new(Exchange {
        operation: Operation::parse(method, path, None, &Surface::default())?.operation,
        collection: collection.cloned(),
        principal,
        ..Exchange::nothing()
    }))
}
