//! What a rule costs for each record of a list from which it takes one field.
//!
//! A list of 500 records of 400 bytes is released as the pipeline does it: taken
//! apart into records, each revealed, put together and printed. In turn with
//! and without the rule `hide_field`, which removes one field of each; what the
//! list takes longer with the rule, for each record. The instance of the rule
//! and the permits for it are in that.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use hapta::exchange::Exchange;
use hapta::principal::Principal;
use hapta::record::{Records, Shape};
use hapta::rules::{Dossier, Engine, Exposed, Generation, Leaving};
use hapta::schema::Schema;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::calls;
use crate::fixtures;
use crate::report::Report;
use crate::samples::{Samples, micros};

const WARM_UP: usize = 50;
const LISTS: usize = 1_000;
const RECORDS: u32 = 500;

/// What the rule takes out.
const HIDDEN: &str = "secret_note";

/// The aim: microseconds for each record.
const ADDED: f64 = 1.0;

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let engine = Engine::new(8, None)?;
    let with = calls::settings("hide_field", r#"{"fields": ["secret_note"]}"#, "posts")?;
    let mut without = with.clone();
    without.sources.clear();
    without.exposed = [("posts".to_owned(), Exposed::PocketBase)].into();
    let with = Arc::new(Generation::build(&engine, &with, None).await?);
    let without = Arc::new(Generation::build(&engine, &without, None).await?);

    let schema = Schema::read(&[fixtures::collections()?])?;
    let path = "/api/collections/posts/records";
    let exchange = calls::exchange(&schema, &Method::GET, path, Principal::Guest)?;
    let lists = tokio::task::unconstrained(lists(&with, &without, &exchange));
    let (mut with, mut without) = lists.await?;

    let added = with.at(500).saturating_sub(without.at(500));
    report.at_most("reveal", micros(added / RECORDS), "µs", ADDED);
    report.plain("reveal, the list with the rule", micros(with.at(500)), "µs");
    report.plain("reveal, the list without", micros(without.at(500)), "µs");
    Ok(())
}

/// The list with and without the rule, in turn.
async fn lists(
    with: &Arc<Generation>,
    without: &Arc<Generation>,
    exchange: &Arc<Exchange>,
) -> anyhow::Result<(Samples, Samples)> {
    let items: Vec<Value> = (0..RECORDS).map(fixtures::small_post).collect();
    let answer = json!({ "page": 1, "perPage": RECORDS, "totalItems": RECORDS, "totalPages": 1, "items": items });
    let (mut longer, mut shorter) = (Samples::default(), Samples::default());
    for turn in 0..WARM_UP + LISTS {
        let (with_time, text) = release(with, exchange, answer.clone()).await?;
        let is_hidden = !text.contains(HIDDEN) && text.contains("post00000000499");
        ensure!(is_hidden, "the rule takes out its field, and nothing else");
        let (without_time, text) = release(without, exchange, answer.clone()).await?;
        ensure!(text.contains(HIDDEN), "without the rule the field stays");
        if turn >= WARM_UP {
            longer.push(with_time);
            shorter.push(without_time);
        }
    }
    Ok((longer, shorter))
}

async fn release(
    generation: &Arc<Generation>,
    exchange: &Arc<Exchange>,
    answer: Value,
) -> anyhow::Result<(Duration, String)> {
    let leaving = Leaving {
        exchange: Arc::clone(exchange),
        dossier: Arc::new(Dossier::default()),
        sent: None,
        status: 200,
    };
    let start = Instant::now();
    let records = Records::take(answer, Shape::List)?;
    let released = generation.release(leaving, records).await?;
    let text = released.answer.context("a list stays")?;
    let text = serde_json::to_string(&text)?;
    Ok((start.elapsed(), text))
}
