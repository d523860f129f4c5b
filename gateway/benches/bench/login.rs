//! A login by password, through the gateway and directly; and logins with wrong
//! passwords, as many as somebody who guesses can send.
//!
//! - Added p50: two clients log in in turn, one request at a time, one at the
//!   gateway and one at PocketBase. Passwords are hashed as cheaply as PocketBase
//!   lets them be: what the gateway adds does not depend on that, and would drown
//!   in what does.
//! - Wrong passwords: a thousand a second from one address for some seconds, with
//!   passwords as dear as PocketBase has them by default. What PocketBase pays for
//!   them is what a limit has to keep from it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::Client;
use crate::fixtures::{self, EMAIL, PASSWORD};
use crate::process::Process;
use crate::report::Report;
use crate::samples::{Samples, micros};

const WARM_UP: usize = 100;
const SAMPLES: usize = 1_500;

/// Wrong logins: for how long, how many a second, over how many connections.
const FLOOD: Duration = Duration::from_secs(5);
const A_SECOND: u32 = 1_000;
const CONNECTIONS: u32 = 50;

const USER: &str = "user@example.com";
const LOGIN: &str = "/api/collections/users/auth-with-password";

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = fixtures::folder("login")?;
    let pocketbase = Process::pocketbase(&folder, EMAIL, PASSWORD).await?;
    let gateway = Process::gateway(
        &folder,
        &fixtures::config(pocketbase.address, "allow_all", "{}", "users")?,
    )
    .await?;
    set_up(pocketbase.address, 4).await?;
    latency(report, pocketbase.address, gateway.address).await?;
    set_up(pocketbase.address, 0).await?;
    flood(report, &pocketbase, &gateway).await?;
    gateway.end().await?;
    pocketbase.end().await
}

async fn latency(
    report: &mut Report,
    direct: SocketAddr,
    through: SocketAddr,
) -> anyhow::Result<()> {
    let login = json!({ "identity": USER, "password": PASSWORD });
    let mut servers = [
        (Client::connect(direct).await?, Samples::default()),
        (Client::connect(through).await?, Samples::default()),
    ];
    for turn in 0..WARM_UP + SAMPLES {
        for (client, samples) in &mut servers {
            let start = Instant::now();
            client.post(LOGIN, &login).await?;
            if turn >= WARM_UP {
                samples.push(start.elapsed());
            }
        }
    }
    let [direct, through] = servers.map(|(_, mut samples)| micros(samples.at(500)));
    report.at_most("login, added p50", through - direct, "µs", 1_000.0);
    report.plain("login, p50 direct", direct, "µs");
    Ok(())
}

async fn flood(report: &mut Report, pocketbase: &Process, gateway: &Process) -> anyhow::Result<()> {
    let login = Arc::new(json!({ "identity": USER, "password": "wrong" }));
    let (answered, before) = (Arc::new(AtomicU32::new(0)), pocketbase.cpu()?);
    let start = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(gateway.address).await?;
        let (login, answered) = (Arc::clone(&login), Arc::clone(&answered));
        connections.spawn(async move {
            let mut turns = interval(Duration::from_secs(1) * CONNECTIONS / A_SECOND);
            // Who waits for an answer sends no more meanwhile.
            turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while start.elapsed() < FLOOD {
                turns.tick().await;
                let status = client.status(LOGIN, &login).await?;
                ensure!(status.is_client_error(), "a wrong login answers {status}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    let took = start.elapsed().as_secs_f64();
    let cpu = pocketbase.cpu()?.saturating_sub(before).as_secs_f64();
    let answered = f64::from(answered.load(Ordering::Relaxed));
    report.plain(
        "wrong logins, CPU of PocketBase",
        100.0 * cpu / took,
        "% of a core",
    );
    report.plain("wrong logins, answered", answered / took, "req/s");
    Ok(())
}

/// Somebody who can log in, with a password that costs so much; 0 is PocketBase's own.
async fn set_up(address: SocketAddr, cost: u32) -> anyhow::Result<()> {
    let mut client = Client::superuser(address, EMAIL, PASSWORD).await?;

    let users = "/api/collections/users";
    let mut collection: Value = serde_json::from_str(&client.get(users).await?)?;
    let fields = collection.get_mut("fields").and_then(Value::as_array_mut);
    for field in fields.context("no fields")? {
        if field.get("type").and_then(Value::as_str) == Some("password") {
            field["cost"] = json!(cost);
        }
    }
    let fields = collection.get("fields");
    let change = json!({ "fields": fields, "authAlert": { "enabled": false } });
    client.patch(users, &change).await?;
    let records = "/api/collections/users/records";
    let known = client
        .get(&format!("{records}?filter=email%3D%27{USER}%27"))
        .await?;
    let known: Value = serde_json::from_str(&known)?;
    let user = json!({ "email": USER, "verified": true, "password": PASSWORD, "passwordConfirm": PASSWORD });
    match known.pointer("/items/0/id").and_then(Value::as_str) {
        Some(id) => client.patch(&format!("{records}/{id}"), &user).await?,
        None => client.post(records, &user).await?,
    };
    Ok(())
}
