//! The same work in the nearest peer's form: `gateway/benches/peer`, in a process of its own, since it
//! brings crates and an engine of its own.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::calls::Scene;
use crate::fixtures::{self, ALICE};
use crate::report::Report;
use crate::samples::{Samples, micros};

/// The aim: how much faster.
const FASTER: f64 = 4.0;

/// Rounds of each, in turn, and calls in a round; the first rounds don't count.
const ROUNDS: usize = 22;
const WARM_UP: usize = 2;
const CALLS: usize = 500;

/// The other process.
struct Peer {
    /// Killed when it is dropped.
    _child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let mut peer = Peer::start()?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..ROUNDS {
        let times = tokio::task::unconstrained(async {
            let mut times = Vec::with_capacity(CALLS);
            for _ in 0..CALLS {
                times.push(scene.call(fixtures::change()).await?);
            }
            anyhow::Ok(times)
        });
        let (times, others) = (times.await?, peer.calls().await?);
        if round >= WARM_UP {
            ours.extend(times);
            theirs.extend(others);
        }
    }
    let ratio = theirs.at(500).as_secs_f64() / ours.at(500).as_secs_f64();
    report.at_least("peer / fresh call", ratio, "×", FASTER);
    report.plain("peer", micros(theirs.at(500)), "µs");
    report.plain("peer, min", micros(theirs.at(0)), "µs");
    report.plain("fresh call, beside it", micros(ours.at(500)), "µs");
    Ok(())
}

impl Peer {
    fn start() -> anyhow::Result<Self> {
        // As `make peer` builds them.
        let built = fixtures::root().join(".build");
        let host = built.join("peer-target/dist/hapta-peer");
        let guest = built.join("peer/peer_guest.wasm");
        let request = fixtures::folder("peer")?.join("request.json");
        let asked = json!({
            "operation": "update", "collection": "users", "record_id": ALICE,
            "principal": fixtures::user(ALICE), "body": fixtures::change(),
            "settings": {
                "users": "users",
                "protected": ["validVerified", "postr_plus", "followers", "postr_subscriber_since"],
            },
        });
        std::fs::write(&request, asked.to_string())?;
        let mut child = Command::new(&host)
            .arg(guest)
            .arg(request)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}: run `make peer`", host.display()))?;
        let ask = child.stdin.take().context("its input is piped")?;
        let answers = child.stdout.take().context("its output is piped")?;
        Ok(Self {
            _child: child,
            ask,
            answers: BufReader::new(answers).lines(),
        })
    }

    async fn calls(&mut self) -> anyhow::Result<Vec<Duration>> {
        self.ask.write_all(format!("{CALLS}\n").as_bytes()).await?;
        let line = self.answers.next_line().await?.context("the peer ended")?;
        let nanos: Vec<u64> = serde_json::from_str(&line)?;
        ensure!(nanos.len() == CALLS, "the peer made {} calls", nanos.len());
        Ok(nanos.into_iter().map(Duration::from_nanos).collect())
    }
}
