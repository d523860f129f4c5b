//! A rule in the nearest peer's form: a waPC guest, told everything as JSON, answering in JSON, in a
//! fresh instance for each call, its settings told anew each time.
//!
//!     hapta-peer GUEST.wasm REQUEST.json
//!
//! A line with a number on standard input makes so many calls; the line that comes back is a list of the
//! nanoseconds of each. What is measured is what a host does for a request: the request printed, an
//! instance made, the call, the answer read. The module is compiled and linked before.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;
use wapc::WapcHost;
use wasmtime_provider::{EpochDeadlines, WasmtimeEngineProviderBuilder, WasmtimeEngineProviderPre};

/// Ticks that nobody counts here: as the peer has it, deadlines are on.
const DEADLINES: EpochDeadlines = EpochDeadlines {
    wapc_init: 10,
    wapc_func: 10,
};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let guest = std::fs::read(arguments.next().context("which guest?")?)?;
    let request = std::fs::read(arguments.next().context("which request?")?)?;
    let request: Value = serde_json::from_slice(&request)?;
    let peer = WasmtimeEngineProviderBuilder::new()
        .module_bytes(&guest)
        .enable_epoch_interruptions(DEADLINES)
        .build_pre()?;
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let calls: usize = line?.trim().parse()?;
        let nanos = (0..calls).map(|_| timed(&peer, &request));
        let nanos = nanos.collect::<anyhow::Result<Vec<u64>>>()?;
        serde_json::to_writer(&mut answers, &nanos)?;
        writeln!(answers)?;
        answers.flush()?;
    }
    Ok(())
}

fn timed(peer: &WasmtimeEngineProviderPre, request: &Value) -> anyhow::Result<u64> {
    let start = Instant::now();
    let payload = serde_json::to_vec(request)?;
    let engine = peer.rehydrate(Some(DEADLINES))?;
    let host = WapcHost::new(Box::new(engine), None)?;
    let answer: Value = serde_json::from_slice(&host.call("before", &payload)?)?;
    drop(host);
    let time = start.elapsed();
    let is_accepted = answer.get("accepted") == Some(&Value::Bool(true));
    ensure!(is_accepted, "the guest answers {answer}");
    Ok(u64::try_from(time.as_nanos())?)
}
