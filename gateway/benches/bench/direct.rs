//! The gateway before a real PocketBase, against that PocketBase asked directly.
//!
//! A guest views a record of 400 bytes, and lists 30 of them with their totals:
//! what PocketBase answers fastest, so what the gateway adds shows the most. The
//! rule `hide_field` has a `before` that lets pass, in an instance of its own,
//! and takes a field out of each record in `reveal`.
//!
//! - Throughput: wrk loads PocketBase and the gateway in turn, in short rounds,
//!   all on the same cores: what the gateway takes, PocketBase and wrk don't get.
//! - Added p50: one client that asks them in turn, one request at a time.
//! - CPU per request: of the gateway's process, during wrk's rounds.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::Instant;

use crate::client::Client;
use crate::fixtures::{self, EMAIL, PASSWORD};
use crate::process::{self, Process};
use crate::report::Report;
use crate::samples::{Samples, micros};
use crate::throughput::Rounds;

const ROUNDS: usize = 12;
const ROUND: Duration = Duration::from_secs(1);

/// Requests one at a time, of each server.
const WARM_UP: usize = 200;
const SAMPLES: usize = 3_000;

/// Records of the collection: ten pages.
const RECORDS: u32 = 300;

/// What the rule takes out.
const HIDDEN: &str = "secret_note";

/// What is asked, and the aim for it.
struct Question {
    name: &'static str,
    path: &'static str,
    /// Requests per second through the gateway against those of PocketBase asked directly.
    ratio: f64,
}

const QUESTIONS: [Question; 2] = [
    Question {
        name: "view vs direct",
        path: "/api/collections/notes/records/post00000000007",
        ratio: 0.75,
    },
    Question {
        name: "list vs direct",
        path: "/api/collections/notes/records",
        ratio: 0.85,
    },
];

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = fixtures::folder("direct")?;
    let pocketbase = Process::pocketbase(&folder, EMAIL, PASSWORD).await?;
    seed(pocketbase.address).await?;
    let gateway = Process::gateway(&folder, &config(pocketbase.address)?).await?;
    for question in &QUESTIONS {
        question.check(pocketbase.address, gateway.address).await?;
        question
            .throughput(report, &folder, [&pocketbase, &gateway])
            .await?;
        question
            .latency(report, pocketbase.address, gateway.address)
            .await?;
    }
    gateway.end().await?;
    pocketbase.end().await
}

impl Question {
    /// Makes sure that both answer, and that the rule has its say.
    async fn check(&self, direct: SocketAddr, through: SocketAddr) -> anyhow::Result<()> {
        for (address, is_hidden) in [(direct, false), (through, true)] {
            let answer = Client::connect(address).await?.get(self.path).await?;
            let fits = answer.contains("post00000000007") && answer.contains(HIDDEN) != is_hidden;
            ensure!(fits, "{} answers {answer}", self.path);
        }
        Ok(())
    }

    async fn throughput(
        &self,
        report: &mut Report,
        folder: &Path,
        servers: [&Process; 2],
    ) -> anyhow::Result<()> {
        let script = folder.join("question.lua");
        std::fs::write(&script, format!("wrk.path = {:?}\n", self.path))?;
        let mut rounds = [Rounds::default(), Rounds::default()];
        for round in 0..=ROUNDS {
            for (server, rounds) in servers.iter().zip(&mut rounds) {
                let before = server.cpu()?;
                let run = process::wrk(server.address, &script, ROUND).await?;
                let cpu = server.cpu()?.saturating_sub(before);
                if round > 0 {
                    rounds.per_second.push(run.per_second);
                    rounds.cpu.push(micros(cpu) / run.requests);
                }
            }
        }
        let [direct, through] = rounds;
        let (name, most) = (self.name, direct.per_second());
        report.at_least(name, through.per_second() / most, "×", self.ratio);
        report.plain(&format!("{name}, through"), through.per_second(), "req/s");
        report.plain(&format!("{name}, direct"), most, "req/s");
        let cpu = [("gateway", through), ("PocketBase, direct", direct)];
        for (server, rounds) in cpu {
            report.plain(&format!("{name}, CPU of {server}"), rounds.cpu(), "µs");
        }
        Ok(())
    }

    async fn latency(
        &self,
        report: &mut Report,
        direct: SocketAddr,
        through: SocketAddr,
    ) -> anyhow::Result<()> {
        let mut servers = [
            (Client::connect(direct).await?, Samples::default()),
            (Client::connect(through).await?, Samples::default()),
        ];
        for turn in 0..WARM_UP + SAMPLES {
            for (client, samples) in &mut servers {
                let start = Instant::now();
                client.get(self.path).await?;
                if turn >= WARM_UP {
                    samples.push(start.elapsed());
                }
            }
        }
        let [direct, through] = servers.map(|(_, mut samples)| micros(samples.at(500)));
        let name = self.name;
        report.plain(&format!("{name}, added p50"), through - direct, "µs");
        report.plain(&format!("{name}, p50 direct"), direct, "µs");
        Ok(())
    }
}

/// A collection that anybody may read, and its records.
async fn seed(address: SocketAddr) -> anyhow::Result<()> {
    let mut client = Client::superuser(address, EMAIL, PASSWORD).await?;
    let collection = fixtures::notes(None);
    client.post("/api/collections", &collection).await?;
    for number in 0..RECORDS {
        let record = fixtures::small_post(number);
        client
            .post("/api/collections/notes/records", &record)
            .await?;
    }
    Ok(())
}

fn config(pocketbase: SocketAddr) -> anyhow::Result<String> {
    let settings = format!("{{ fields = [\"{HIDDEN}\"], before = true }}");
    fixtures::config(pocketbase, "hide_field", &settings, "notes")
}
