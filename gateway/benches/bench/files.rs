//! A hundred megabytes through the gateway, up and down, and the same past it.
//!
//! - Memory: the most that was resident in the gateway's process while a file was
//!   on its way, above what was resident when it had done nothing yet.
//! - Throughput: one file at a time, of PocketBase and of the gateway in turn.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Form};
use crate::fixtures::{self, EMAIL, PASSWORD};
use crate::process::Process;
use crate::report::Report;
use crate::samples::{Samples, millis};

/// How large a file is, and that in bytes.
const MEGABYTES: u32 = 100;
const SIZE: usize = MEGABYTES as usize * 1_000_000;

/// Files each way, of each server, after one that is not counted.
const ROUNDS: usize = 5;

/// The aims: MiB above idle, and the throughput against PocketBase directly.
const MEMORY: f64 = 20.0;
const RATIO: f64 = 0.7;

const RECORDS: &str = "/api/collections/films/records";
const FILM: &str = "film00000000001";

/// What is done with a file.
#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

/// The times of both servers, and the most memory of the gateway, in MiB.
#[derive(Default)]
struct Found {
    direct: Samples,
    through: Samples,
    peak: f64,
}

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = fixtures::folder("files")?;
    let pocketbase = Process::pocketbase(&folder, EMAIL, PASSWORD).await?;
    seed(pocketbase.address).await?;
    let gateway = Process::gateway(&folder, &config(pocketbase.address)?).await?;
    let idle = gateway.memory()?;
    let form = Form::of_a_file("film", SIZE);
    for (name, way) in [("upload", Way::Up), ("download", Way::Down)] {
        let mut found = compare(way, pocketbase.address, &gateway, &form).await?;
        found.peak -= idle;
        found.tell(report, name);
    }
    gateway.end().await?;
    pocketbase.end().await
}

async fn compare(
    way: Way,
    direct: SocketAddr,
    gateway: &Process,
    form: &Form,
) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut servers = [
        Client::connect(direct).await?,
        Client::connect(gateway.address).await?,
    ];
    // Small, so that what is made once is made before: connections, instances of the rule.
    let small = Form::of_a_file("film", 1_000);
    for client in &mut servers {
        way.take(client, &small).await?;
    }
    way.prepare(direct, form).await?;
    gateway.forget_peak()?;
    for round in 0..=ROUNDS {
        let [direct, through] = &mut servers;
        for (client, samples) in [(direct, &mut found.direct), (through, &mut found.through)] {
            let start = Instant::now();
            let size = way.take(client, form).await?;
            ensure!(size >= SIZE, "{size} bytes of {SIZE} arrived");
            if round > 0 {
                samples.push(start.elapsed());
            }
        }
    }
    found.peak = gateway.peak()?;
    Ok(found)
}

impl Way {
    /// Sees to it that there is a large file where one is to be read.
    async fn prepare(self, direct: SocketAddr, form: &Form) -> anyhow::Result<()> {
        if matches!(self, Self::Down) {
            upload(&mut Client::connect(direct).await?, form).await?;
        }
        Ok(())
    }

    /// Takes one file this way; how large it is at the end of it.
    async fn take(self, client: &mut Client, form: &Form) -> anyhow::Result<usize> {
        match self {
            Self::Up => upload(client, form).await.map(|()| SIZE),
            Self::Down => {
                let record = client.get(&format!("{RECORDS}/{FILM}")).await?;
                let record: Value = serde_json::from_str(&record)?;
                let name = record.get("film").and_then(Value::as_str);
                let name = name.context("a record without a film")?;
                client
                    .length(&format!("/api/files/films/{FILM}/{name}"))
                    .await
            }
        }
    }
}

impl Found {
    fn tell(self, report: &mut Report, name: &str) {
        let median = |mut samples: Samples| samples.at(500);
        let rate = |time: Duration| f64::from(MEGABYTES) / time.as_secs_f64();
        let (direct, through) = (median(self.direct), median(self.through));
        report.at_most(&format!("{name} memory"), self.peak, "MiB", MEMORY);
        let ratio = rate(through) / rate(direct);
        report.at_least(&format!("{name} vs direct"), ratio, "×", RATIO);
        report.plain(&format!("{name}, through"), rate(through), "MB/s");
        report.plain(&format!("{name}, direct"), rate(direct), "MB/s");
        report.plain(
            &format!("{name}, added"),
            millis(through) - millis(direct),
            "ms",
        );
    }
}

/// Replaces the film.
async fn upload(client: &mut Client, form: &Form) -> anyhow::Result<()> {
    let answer = client
        .patch_form(&format!("{RECORDS}/{FILM}"), form)
        .await?;
    let record: Value = serde_json::from_str(&answer)?;
    let name = record.get("film").and_then(Value::as_str);
    ensure!(
        name.is_some_and(|name| !name.is_empty()),
        "no film in {answer}"
    );
    Ok(())
}

/// A collection whose records have a large file, and one of them.
async fn seed(address: SocketAddr) -> anyhow::Result<()> {
    let mut client = Client::superuser(address, EMAIL, PASSWORD).await?;
    let film = json!({ "name": "film", "type": "file", "maxSelect": 1, "maxSize": 2 * SIZE });
    let collection = json!({
        "name": "films", "type": "base", "viewRule": "", "updateRule": "", "fields": [film],
    });
    client.post("/api/collections", &collection).await?;
    client.post(RECORDS, &json!({ "id": FILM })).await?;
    Ok(())
}

fn config(pocketbase: SocketAddr) -> anyhow::Result<String> {
    let judged = fixtures::config(pocketbase, "allow_all", "{}", "films")?;
    Ok(format!(
        "{judged}\n[uploads]\nmax_file = \"150MB\"\nmax_request = \"150MB\"\n"
    ))
}
