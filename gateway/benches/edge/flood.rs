//! A flood of logins from one address, and what it takes from others who read.
//!
//! A thousand logins a second with a wrong password come from one address, while one user at
//! another reads a record again and again. Rounds with and without the flood take turns, so that
//! both see the same machine; as a third, the same requests are answered by somebody who does
//! nothing with them: what the flood's own clients take of the two cores that all share here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::Client;
use crate::fixtures::{self, EMAIL, PASSWORD};
use crate::process::Process;
use crate::report::Report;
use crate::samples::{Samples, micros};

const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: u32 = 5;
const A_SECOND: u32 = 1_000;
const CONNECTIONS: u32 = 20;

/// Between two reads of the one who reads.
const PACE: Duration = Duration::from_millis(2);

/// Who reads; the flood comes from 127.0.0.1.
const READER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const LOGIN: &str = "/api/collections/users/auth-with-password";

/// The reader is to meet no limit; all that is limited of the flood is as it comes.
const ALSO: &str = r#"
[collections.users]
rules = "pocketbase"
[limits]
view = { limit = 1000000, every = "1m" }
address = { limit = 1000000, every = "1m" }
"#;

/// What is under way beside the one who reads.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// The flood, at the gateway.
    Flood,
    /// The same requests, to somebody who answers and does nothing.
    Idle,
}

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = fixtures::folder("flood")?;
    let pocketbase = Process::pocketbase(&folder, EMAIL, PASSWORD).await?;
    set_up(pocketbase.address).await?;
    let config = fixtures::config(pocketbase.address, "allow_all", "{}", "notes")?;
    let gateway = Process::gateway(&folder, &format!("{config}{ALSO}")).await?;
    let idle = somebody().await?;
    let socket = TcpSocket::new_v4()?;
    socket.bind((READER, 0).into())?;
    let mut reader = Client::over(socket.connect(gateway.address).await?).await?;

    let mut of =
        [Beside::Nothing, Beside::Flood, Beside::Idle].map(|beside| (beside, Samples::default()));
    let (answered, mut cpu) = (Arc::new(AtomicU32::new(0)), Duration::ZERO);
    round(&mut reader, &mut Samples::default()).await?;
    for _ in 0..ROUNDS {
        for (beside, samples) in &mut of {
            let stop = Arc::new(AtomicBool::new(false));
            let before = pocketbase.cpu()?;
            let flood = match beside {
                Beside::Nothing => None,
                Beside::Flood => Some((gateway.address, Arc::clone(&answered))),
                Beside::Idle => Some((idle, Arc::default())),
            };
            let mut flood = match flood {
                Some((address, answered)) => flood_of(address, &stop, &answered).await?,
                None => JoinSet::new(),
            };
            round(&mut reader, samples).await?;
            stop.store(true, Ordering::Relaxed);
            while let Some(ended) = flood.join_next().await {
                ended??;
            }
            if matches!(beside, Beside::Flood) {
                cpu += pocketbase.cpu()?.saturating_sub(before);
            }
        }
    }
    let [alone, flooded, beside] = of.map(|(_, mut samples)| micros(samples.at(990)));
    let seconds = ROUND.as_secs_f64() * f64::from(ROUNDS);
    let loss = |with: f64| 100.0 * (with / alone - 1.0);
    report.at_most(
        "flood, loss of other reads at p99",
        loss(flooded),
        "%",
        10.0,
    );
    report.plain("flood, p99 of reads alone", alone, "µs");
    report.plain("flood, p99 of reads beside it", flooded, "µs");
    report.plain("flood, loss by its clients alone", loss(beside), "%");
    let answered = f64::from(answered.load(Ordering::Relaxed));
    report.plain("flood, logins answered", answered / seconds, "req/s");
    let cpu = 100.0 * cpu.as_secs_f64() / seconds;
    report.plain(
        "flood, CPU of PocketBase with the reads",
        cpu,
        "% of a core",
    );
    gateway.end().await?;
    pocketbase.end().await
}

/// Reads for a while, at an even pace.
async fn round(reader: &mut Client, samples: &mut Samples) -> anyhow::Result<()> {
    let mut turns = interval(PACE);
    turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = Instant::now();
    while start.elapsed() < ROUND {
        turns.tick().await;
        let asked = Instant::now();
        reader
            .get("/api/collections/notes/records/note00000000001")
            .await?;
        samples.push(asked.elapsed());
    }
    Ok(())
}

/// Logins with a wrong password, until they are to stop.
async fn flood_of(
    address: SocketAddr,
    stop: &Arc<AtomicBool>,
    answered: &Arc<AtomicU32>,
) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let login = Arc::new(json!({ "identity": EMAIL, "password": "wrong" }));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(address).await?;
        let (login, stop, answered) = (login.clone(), stop.clone(), answered.clone());
        connections.spawn(async move {
            let mut turns = interval(Duration::from_secs(1) * CONNECTIONS / A_SECOND);
            turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while !stop.load(Ordering::Relaxed) {
                turns.tick().await;
                let status = client.status(LOGIN, &login).await?;
                ensure!(status.is_client_error(), "a wrong login answers {status}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    Ok(connections)
}

/// Answers whatever it is asked as a login that is refused, without a look at it.
async fn somebody() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let answer = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}";
                let mut bytes = [0; 2_048];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(answer).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    Ok(address)
}

/// A record that anybody may read.
async fn set_up(address: SocketAddr) -> anyhow::Result<()> {
    let mut client = Client::superuser(address, EMAIL, PASSWORD).await?;
    client
        .post("/api/collections", &fixtures::notes(None))
        .await?;
    let note: Value =
        json!({ "id": "note00000000001", "title": "A note", "content": "x".repeat(300) });
    client.post("/api/collections/notes/records", &note).await?;
    Ok(())
}
