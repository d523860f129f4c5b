//! Sessions of the gateway's own: what it takes to know whose a token is, and what a session
//! costs in memory.
//!
//! The gateway is in this process, before a real PocketBase. Its sessions are begun past
//! PocketBase, whose logins take long: each with a token that looks like one of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::{StreamExt, TryStreamExt};
use hapta::config::{Config, Environment};
use hapta::exchange::{Client, Exchange};
use hapta::operation::Identity;
use hapta::principal::Token;
use hapta::server::{self, Running};
use hapta::sessions::{Admits, HandedOut, Sessions, Shown};
use http::HeaderValue;
use http::header::{AUTHORIZATION, USER_AGENT};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client;
use crate::fixtures::{self, EMAIL, PASSWORD};
use crate::process::Process;

/// Logins under way at once.
const TOGETHER: usize = 512;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// To know whose a token is that PocketBase confirmed a moment ago, in microseconds.
    pub(crate) verification: f64,
    /// Resident, for each of the sessions, in bytes.
    pub(crate) memory: f64,
    /// Sessions begun in a second, each on the disk before it is answered.
    pub(crate) begun: f64,
}

/// Begins so many sessions, and asks so many times whose a token is.
pub(crate) async fn measure(many: usize, times: u32) -> anyhow::Result<Measured> {
    let folder = fixtures::folder("edge-sessions")?;
    let pocketbase = Process::pocketbase(&folder, EMAIL, PASSWORD).await?;
    let running = start(&folder, &pocketbase, many).await?;
    let sessions = &running.gateway().sessions;
    let token = logged_in(&running, &pocketbase).await?;
    // Once more than is counted, so that nothing is made for the first time.
    verification(&running, &token, times / 10).await?;
    let verification = verification(&running, &token, times).await?;
    begin(sessions, 0..1_000).await?;
    let (before, began) = (resident()?, Instant::now());
    begin(sessions, 1_000..1_000 + many).await?;
    let took = began.elapsed().as_secs_f64();
    let memory = (resident()? - before) / count(many)?;
    running.stop().await;
    pocketbase.end().await?;
    Ok(Measured {
        verification,
        memory,
        begun: count(many)? / took,
    })
}

async fn start(folder: &Path, pocketbase: &Process, many: usize) -> anyhow::Result<Running> {
    let config = format!(
        r#"
[server]
listen = "127.0.0.1:0"
[pocketbase]
url = "http://{}"
superuser = {{ email = "{EMAIL}", password = "{PASSWORD}" }}
[sessions]
mode = "rolling"
verified_for = "1h"
[sessions.rolling]
most = {}
[collections.users]
rules = "pocketbase"
"#,
        pocketbase.address,
        many + 10_000,
    );
    let config = Config::parse(&config, folder, &Environment::default())?;
    Ok(Box::pin(server::start(config, None)).await?)
}

/// The token of somebody who logs in through the gateway.
async fn logged_in(running: &Running, pocketbase: &Process) -> anyhow::Result<Token> {
    let mut superuser = client::Client::superuser(pocketbase.address, EMAIL, PASSWORD).await?;
    let email = "user@example.com";
    let user = json!({ "email": email, "verified": true, "password": PASSWORD, "passwordConfirm": PASSWORD });
    let records = "/api/collections/users/records";
    superuser.post(records, &user).await?;
    let mut guest = client::Client::connect(running.address()).await?;
    let login = json!({ "identity": email, "password": PASSWORD });
    let path = "/api/collections/users/auth-with-password";
    let answer: Value = serde_json::from_str(&guest.post(path, &login).await?)?;
    let token = answer.get("token").and_then(Value::as_str);
    Ok(Token::new(token.context("a login without a token")?))
}

/// How long it takes to know whose the token is, in microseconds.
async fn verification(running: &Running, token: &Token, times: u32) -> anyhow::Result<f64> {
    let gateway = running.gateway();
    let schema = gateway.upstream.schema();
    let mut client = client_of();
    let value = HeaderValue::from_str(token.expose())?;
    client.headers.insert(AUTHORIZATION, value);
    let began = Instant::now();
    for _ in 0..times {
        let shown = Shown {
            identity: Identity::Required,
            client: &client,
            file_token: None,
            questions: None,
        };
        let found = gateway
            .sessions
            .identify(shown, Admits::NoSuperusers, &schema);
        let principal = found.await?;
        std::hint::black_box(principal);
    }
    Ok(micros(began.elapsed()) / f64::from(times))
}

/// Begins the sessions of users with these numbers.
async fn begin(sessions: &Sessions, users: std::ops::Range<usize>) -> anyhow::Result<()> {
    let client = client_of();
    let begun = futures_util::stream::iter(users).map(|number| {
        let client = &client;
        async move {
            let id = format!("user{number:011}");
            let collection = "_pb_users_auth_";
            let record = json!({ "id": id, "collectionId": collection, "collectionName": "users" });
            let token = Token::new(&token(collection, &id));
            let handed = HandedOut {
                record: &record,
                token: &token,
                client,
                asker: None,
            };
            sessions.hand_out(handed).await.map(drop)
        }
    });
    begun.buffer_unordered(TOGETHER).try_collect::<()>().await?;
    Ok(())
}

/// Like one of PocketBase's, as long and good for a week.
fn token(collection: &str, id: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "collectionId": collection, "exp": 4_102_444_800_u64, "id": id, "refreshable": true, "type": "auth",
    });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    format!("{}.{}.{}", part(&header), part(&claims), "c".repeat(43))
}

fn client_of() -> Client {
    let mut client = Exchange::nothing().client;
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";
    client
        .headers
        .insert(USER_AGENT, HeaderValue::from_static(agent));
    client
}

/// Resident memory of this process, in bytes.
fn resident() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next());
    let kib: u32 = kib.context("no VmRSS in the process's status")?.parse()?;
    Ok(f64::from(kib) * 1_024.0)
}

fn count(many: usize) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(many)?))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
