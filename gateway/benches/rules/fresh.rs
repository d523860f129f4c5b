//! One call of the ownership rule in a fresh instance.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::calls::{self, Scene};
use crate::fixtures::{self, HIDDEN};
use crate::report::Report;
use crate::samples::{Samples, median, micros};

/// The aims, in microseconds and against raw wasmtime.
const FRESH: f64 = 8.0;
const RATIO: f64 = 1.6;
const LOADED: f64 = 30.0;
const REVEAL: f64 = 0.5;
const THREADS: f64 = 1.7;

/// Calls by which the load of a round is set, and calls under it.
const UNDER_LOAD: u32 = 1_000;
const ROUNDS_UNDER_LOAD: usize = 31;

/// Of one thread's time.
const LOAD: f64 = 0.7;

/// Rounds of one thread and of two, in turn.
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(700);

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    // Budgets that make a task let others run would count here, where none are.
    let (mut raw, mut fresh) = tokio::task::unconstrained(scene.calls()).await?;
    report.plain("raw", micros(raw.at(500)), "µs");
    report.at_most("fresh call", micros(fresh.at(500)), "µs", FRESH);
    let ratio = fresh.at(500).as_secs_f64() / raw.at(500).as_secs_f64();
    report.at_most("fresh call / raw", ratio, "×", RATIO);
    report.plain("fresh call, min", micros(fresh.at(0)), "µs");
    report.plain("fresh call, p99", micros(fresh.at(990)), "µs");

    let (middle, p99) = tokio::task::unconstrained(loaded(&scene)).await?;
    report.at_most("fresh call at 70 % load, p99", p99, "µs", LOADED);
    report.plain("fresh call at 70 % load", middle, "µs");

    // A rule that takes a field out and does no more; the other one asks whose the record is.
    let hiding = json!({ "fields": [HIDDEN] }).to_string();
    let hiding = Scene::of(&calls::settings("hide_field", &hiding, "users")?).await?;
    let reveal = tokio::task::unconstrained(hiding.reveals()).await?;
    report.at_most("reveal of one more record", micros(reveal), "µs", REVEAL);
    let reveal = tokio::task::unconstrained(scene.reveals()).await?;
    report.plain("reveal by the ownership rule", micros(reveal), "µs");

    let (one, two) = tokio::task::block_in_place(|| threads(&scene))?;
    report.at_least("two threads / one", two / one, "×", THREADS);
    report.plain("calls each second, one thread", one, "");
    report.plain("calls each second, two threads", two, "");
    Ok(())
}

/// Calls at even times, so many that they take so much of a thread's time: the median and the p99, in
/// microseconds, each the median of those of all rounds. A call counts from when it should have begun:
/// whoever is late was waiting. Rounds are so short that most of them are not disturbed by others.
async fn loaded(scene: &Scene) -> anyhow::Result<(f64, f64)> {
    let (mut middles, mut late) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS_UNDER_LOAD {
        let mut usual = Samples::default();
        for _ in 0..UNDER_LOAD {
            usual.push(scene.call(fixtures::change()).await?);
        }
        let every = usual.at(500).div_f64(LOAD);
        // Made before: the bodies are no part of the load.
        let bodies: Vec<Value> = (0..UNDER_LOAD).map(|_| fixtures::change()).collect();
        let mut samples = Samples::default();
        let mut due = Instant::now();
        for body in bodies {
            due += every;
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            scene.call(body).await?;
            samples.push(due.elapsed());
        }
        middles.push(micros(samples.at(500)));
        late.push(micros(samples.at(990)));
    }
    Ok((median(&middles), median(&late)))
}

/// Calls each second from one thread, and from two.
fn threads(scene: &Scene) -> anyhow::Result<(f64, f64)> {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(per_second(scene, 1)?);
        two.push(per_second(scene, 2)?);
    }
    Ok((median(&one), median(&two)))
}

fn per_second(scene: &Scene, threads: usize) -> anyhow::Result<f64> {
    let (ready, is_over) = (Barrier::new(threads + 1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let all = (0..threads).map(|_| scope.spawn(|| calls(scene, &ready, &is_over)));
        let all: Vec<_> = all.collect();
        ready.wait();
        let start = Instant::now();
        #[expect(
            clippy::disallowed_methods,
            reason = "a thread of its own, which waits for nothing else"
        )]
        std::thread::sleep(ROUND);
        is_over.store(true, Ordering::Relaxed);
        let time = start.elapsed();
        let mut sum = 0;
        for thread in all {
            sum += thread.join().ok().context("a thread panicked")??;
        }
        Ok(f64::from(sum) / time.as_secs_f64())
    })
}

fn calls(scene: &Scene, ready: &Barrier, is_over: &AtomicBool) -> anyhow::Result<u32> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    ready.wait();
    runtime.block_on(tokio::task::unconstrained(async {
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            scene.call(fixtures::change()).await?;
            count += 1;
        }
        Ok(count)
    }))
}
