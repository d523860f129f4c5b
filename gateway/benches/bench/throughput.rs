//! The gateway against nginx: the whole, over sockets, as fast as it goes.
//!
//! Both stand before the same [stub](crate::stub), each with one thread or one
//! worker, and wrk loads one after the other with 32 connections, for some
//! rounds in turn. nginx does nothing but pass on; the gateway parses, judges,
//! writes the request and the answer anew, and logs one line at its default
//! level, to /dev/null.
//!
//! Two requests are measured:
//! - an update: alice changes bob's record. The ownership rule's `before` and
//!   `reveal` both judge it, each in a fresh instance; the token is looked up.
//! - a view: a guest reads a post. The ownership rule asks for no `before` of a
//!   view, so another rule, `editor`, has one; `reveal` is ownership's.
//!
//! That the rules really ran is asserted before anything is measured. CPU time
//! is that of all threads of the server's process, around the run.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::fixtures::{self, ALICE, BOB, HIDDEN, OWNERSHIP, USERS};
use crate::load::{self, Reply};
use crate::process::{self, Process};
use crate::report::Report;
use crate::samples::{median, micros};

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_secs(1);

/// The aim: requests per second of the gateway against nginx.
const RATIO: f64 = 0.3;

/// A request, as wrk and as we ourselves send it.
struct Request {
    name: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// The rounds of one server.
#[derive(Default)]
pub(crate) struct Rounds {
    pub(crate) per_second: Vec<f64>,
    /// Microseconds of CPU for each request.
    pub(crate) cpu: Vec<f64>,
}

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report, stub: SocketAddr) -> anyhow::Result<()> {
    let folder = fixtures::folder("throughput")?;
    let gateway = Process::gateway(&folder, &config(stub)?).await?;
    let nginx = Process::nginx(&folder, stub).await?;
    for (request, suffix) in [(Request::update(), ""), (Request::view(), ", view")] {
        let [through_gateway, through_nginx] =
            compare(&folder, &request, [&gateway, &nginx]).await?;
        let ratio = through_gateway.per_second() / through_nginx.per_second();
        report.at_least(&format!("gateway vs nginx{suffix}"), ratio, "×", RATIO);
        for (name, rounds) in [("gateway", through_gateway), ("nginx", through_nginx)] {
            let name = format!("{name}{suffix}");
            report.plain(&name, rounds.per_second(), "req/s");
            report.plain(&format!("{name}, CPU per request"), rounds.cpu(), "µs");
        }
    }
    gateway.end().await?;
    nginx.end().await
}

/// Loads two servers in turn.
async fn compare(
    folder: &Path,
    request: &Request,
    servers: [&Process; 2],
) -> anyhow::Result<[Rounds; 2]> {
    let [gateway, nginx] = servers;
    request.check(gateway.address).await?;
    let passed_on = load::once(nginx.address, &request.bytes()).await?;
    ensure!(passed_on.status == 200, "nginx answers {passed_on:?}");

    let script = folder.join(format!("{}.lua", request.name));
    std::fs::write(&script, request.script())?;
    let mut rounds = [Rounds::default(), Rounds::default()];
    for round in 0..=ROUNDS {
        for (server, rounds) in servers.iter().zip(&mut rounds) {
            let duration = if round == 0 { WARM_UP } else { ROUND };
            let before = server.cpu()?;
            let run = process::wrk(server.address, &script, duration).await?;
            let cpu = server.cpu()?.saturating_sub(before);
            if round > 0 {
                rounds.per_second.push(run.per_second);
                rounds.cpu.push(micros(cpu) / run.requests);
            }
        }
    }
    Ok(rounds)
}

impl Rounds {
    pub(crate) fn per_second(&self) -> f64 {
        median(&self.per_second)
    }

    pub(crate) fn cpu(&self) -> f64 {
        median(&self.cpu)
    }
}

impl Request {
    fn update() -> Self {
        Self {
            name: "update",
            method: "PATCH",
            path: format!("/api/collections/users/records/{BOB}"),
            headers: vec![
                ("Content-Type", "application/json".to_owned()),
                ("Authorization", fixtures::token(USERS, ALICE)),
            ],
            body: json!({ "bio": "Said of bob by alice." }).to_string(),
        }
    }

    fn view() -> Self {
        Self {
            name: "view",
            method: "GET",
            path: "/api/collections/posts/records/post00000000300".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Makes sure that the rules have their say in what is measured.
    async fn check(&self, gateway: SocketAddr) -> anyhow::Result<()> {
        let reply = load::once(gateway, &self.bytes()).await?;
        let record: Value = serde_json::from_slice(&reply.body)?;
        ensure!(reply.status == 200, "the gateway answers {reply:?}");
        let revealed = record.get("id").is_some()
            && record.get(HIDDEN).is_none()
            && record.get("secret_note").is_none();
        ensure!(revealed, "reveal did not hide its field: {record}");
        if self.method == "PATCH" {
            let refused = Self {
                body: json!({ "followers+": ALICE }).to_string(),
                ..Self::update()
            };
            let Reply { status, body } = load::once(gateway, &refused.bytes()).await?;
            let text = String::from_utf8_lossy(&body);
            let denied = status == 403 && text.contains("ownership_required");
            ensure!(denied, "before did not judge: {status} {text}");
        }
        Ok(())
    }

    /// The request as it goes over a socket.
    fn bytes(&self) -> Vec<u8> {
        load::request(self.method, &self.path, &self.headers, &self.body)
    }

    /// The request for wrk.
    fn script(&self) -> String {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| format!("wrk.headers[{name:?}] = {value:?}\n"))
            .collect();
        let headers = headers.concat();
        let body = if self.body.is_empty() {
            String::new()
        } else {
            format!("wrk.body = {:?}\n", self.body)
        };
        format!(
            "wrk.method = {:?}\nwrk.path = {:?}\n{headers}{body}",
            self.method, self.path
        )
    }
}

/// One worker thread, and the ownership rule for all; views have a `before` too.
fn config(stub: SocketAddr) -> anyhow::Result<String> {
    let file = |name| {
        let path = fixtures::rule(name)?;
        let text = path.to_str().context("the path of a rule is no text")?;
        anyhow::Ok(format!("{text:?}"))
    };
    let ownership: Value = serde_json::from_str(OWNERSHIP)?;
    let hide = ownership.get("hide").context("something is hidden")?;
    Ok(format!(
        r#"
[limits]
mode = "off"
[server]
worker_threads = 1
[pocketbase]
url = "http://{stub}"
superuser = {{ email = "admin@example.com", password = "1234567890" }}
[[rule]]
name = "ownership"
file = {}
settings = {{ others_may_update = true, hide = {hide} }}
[[rule]]
name = "editor"
file = {}
[collections.users]
rules = ["ownership"]
[collections.posts]
rules = ["editor", "ownership"]
"#,
        file("ownership")?,
        file("editor")?
    ))
}
