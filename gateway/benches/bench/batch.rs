//! Twenty creates in one batch, through the gateway and directly.
//!
//! One client sends them in turn, one batch at a time. The rule `hide_field` is
//! asked before each of the twenty, and takes a field out of each record that is
//! answered.

use std::net::SocketAddr;

use anyhow::ensure;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::Client;
use crate::fixtures::{self, EMAIL, PASSWORD};
use crate::process::Process;
use crate::report::Report;
use crate::samples::{Samples, millis};

const PARTS: u32 = 20;
const WARM_UP: usize = 20;
const SAMPLES: usize = 150;

/// The aim: batches in a time through the gateway against those of PocketBase directly.
const RATIO: f64 = 0.8;

/// What the rule takes out.
const HIDDEN: &str = "secret_note";

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = fixtures::folder("batch")?;
    let pocketbase = Process::pocketbase(&folder, EMAIL, PASSWORD).await?;
    seed(pocketbase.address).await?;
    let gateway = Process::gateway(&folder, &config(pocketbase.address)?).await?;
    let batch = batch();
    check(pocketbase.address, gateway.address, &batch).await?;
    let mut servers = [
        (
            Client::connect(pocketbase.address).await?,
            Samples::default(),
        ),
        (Client::connect(gateway.address).await?, Samples::default()),
    ];
    for turn in 0..WARM_UP + SAMPLES {
        for (client, samples) in &mut servers {
            let start = Instant::now();
            client.post("/api/batch", &batch).await?;
            if turn >= WARM_UP {
                samples.push(start.elapsed());
            }
        }
    }
    let [direct, through] = servers.map(|(_, mut samples)| millis(samples.at(500)));
    report.at_least("batch vs direct", direct / through, "×", RATIO);
    report.plain("batch, p50 through", through, "ms");
    report.plain("batch, p50 direct", direct, "ms");
    gateway.end().await?;
    pocketbase.end().await
}

/// Makes sure that both answer, and that the rule has its say on each part.
async fn check(direct: SocketAddr, through: SocketAddr, batch: &Value) -> anyhow::Result<()> {
    for (address, told) in [(direct, PARTS as usize), (through, 0)] {
        let answer = Client::connect(address)
            .await?
            .post("/api/batch", batch)
            .await?;
        let records = answer.matches("\"collectionName\"").count();
        let fits = records == PARTS as usize && answer.matches(HIDDEN).count() == told;
        ensure!(fits, "a batch answers {answer}");
    }
    Ok(())
}

fn batch() -> Value {
    let part = |number| {
        let mut body = fixtures::small_post(number);
        if let Some(fields) = body.as_object_mut() {
            // PocketBase's own to say.
            for key in ["id", "collectionId", "collectionName", "created", "updated"] {
                fields.remove(key);
            }
        }
        json!({ "method": "POST", "url": "/api/collections/notes/records", "body": body })
    };
    let parts: Vec<_> = (0..PARTS).map(part).collect();
    json!({ "requests": parts })
}

/// A collection that anybody may write to, and batches.
async fn seed(address: SocketAddr) -> anyhow::Result<()> {
    let mut client = Client::superuser(address, EMAIL, PASSWORD).await?;
    let texts = ["title", "status", "author", "cover", HIDDEN, "content"];
    let texts = texts.map(|name| json!({ "name": name, "type": "text" }));
    let fields: Vec<_> = texts
        .into_iter()
        .chain([json!({ "name": "views", "type": "number" })])
        .collect();
    let collection = json!({ "name": "notes", "type": "base", "createRule": "", "viewRule": "", "fields": fields });
    client.post("/api/collections", &collection).await?;
    let settings = json!({ "batch": { "enabled": true, "maxRequests": PARTS, "timeout": 10 } });
    client.patch("/api/settings", &settings).await?;
    Ok(())
}

fn config(pocketbase: SocketAddr) -> anyhow::Result<String> {
    let settings = format!("{{ fields = [\"{HIDDEN}\"], before = true }}");
    fixtures::config(pocketbase, "hide_field", &settings, "notes")
}
