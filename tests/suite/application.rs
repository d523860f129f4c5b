//! From which applications requests are taken: the origins of pages, the keys of
//! applications, the proofs of clients.

mod bound;
mod keys;
mod origins;
mod proofs;
mod sdk;

use std::fs;

use hapta_tests::{Setup, TestGateway, eventually};
use serde_json::Value;

const SECURITY: &str = "[log]\ndecisions = \"decisions.log\"\nsecurity = \"security.log\"";

/// The demo's collections under PocketBase's own rules, and these settings; logs go to files.
fn open(gateway: Setup, settings: &str) -> Setup {
    let gateway = gateway.open("users").open("posts").open("comments");
    gateway.also(SECURITY).also(settings)
}

/// The lines of a log, once there are so many.
async fn lines(gateway: &TestGateway, file: &str, most: usize) -> Vec<Value> {
    let file = gateway.folder().join(file);
    eventually("the log has its lines", async || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        (lines.len() >= most).then_some(lines)
    })
    .await
}

/// How many requests were refused so.
async fn refused(gateway: &TestGateway, code: &str) -> Option<f64> {
    let metric = format!("hapta_application_refusals_total{{code=\"{code}\"}}");
    gateway.metric(&metric).await
}
