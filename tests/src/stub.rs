//! A PocketBase that does what the real one can't be made to: stalls, cuts, lies.
//!
//! It speaks HTTP by hand, since a library would not send garbage. What a
//! gateway needs to start it answers as PocketBase does; the rest is up to the test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{Seen, demo};

/// Listens on loopback until it is dropped.
#[derive(Debug)]
pub struct StubUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Ends with this value.
    _serving: JoinSet<()>,
}

/// What to answer with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This status and JSON, well-formed.
    Json(u16, Value),
    /// Just these bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// The head of an answer that promises more than it sends, then the end.
    Cut,
    /// Nothing, with the connection kept open.
    Stall,
}

#[derive(Debug, Default)]
struct Shared {
    /// The latest first.
    answers: Mutex<Vec<(String, Answer)>>,
    seen: Mutex<Vec<Seen>>,
}

impl StubUpstream {
    /// Starts one, on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared::default());
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, shared.clone()));
        Self {
            address,
            shared,
            _serving: serving,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers like this from now on where the path (without its query) is this one.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.shared
            .answers
            .lock()
            .expect("no panic while answering")
            .insert(0, (path.to_owned(), answer));
    }

    /// Every request so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared
            .seen
            .lock()
            .expect("no panic while recording")
            .clone()
    }

    /// A token of alice that passes every check a gateway can do by itself.
    #[must_use]
    pub fn token() -> String {
        token("_pb_users_auth_", demo::ALICE)
    }

    /// A token for files, of a record of the collection with this id.
    #[must_use]
    pub fn file_token(collection: &str, id: &str) -> String {
        token_for("file", collection, id)
    }
}

impl Answer {
    /// A page or a script: 200 and this text.
    #[must_use]
    pub fn page(text: &str) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", text.len());
        Self::Bytes(format!("{head}Connection: close\r\n\r\n{text}").into_bytes())
    }
}

impl Shared {
    fn answer(&self, seen: &Seen) -> Answer {
        let path = seen.target.split('?').next().unwrap_or_default();
        let answers = self.answers.lock().expect("no panic while answering");
        let told = answers
            .iter()
            .find(|(at, _)| at == path)
            .map(|(_, answer)| answer.clone());
        told.unwrap_or_else(|| canned(path, seen))
    }
}

/// What PocketBase would say to what every gateway asks.
fn canned(path: &str, seen: &Seen) -> Answer {
    let body = match path {
        "/_/" => return Answer::page(r#"<script src="./assets/index-stub.js"></script>"#),
        "/_/assets/index-stub.js" => return Answer::page("label:`PocketBase v0.40.6`"),
        "/api/batch" => {
            return Answer::Json(
                403,
                json!({ "status": 403, "message": "Batch requests are not allowed.", "data": {} }),
            );
        }
        "/api/health" => json!({
            "code": 200, "message": "API is healthy.",
            "data": { "canBackup": true, "realIP": seen.header(demo::FORWARDING_HEADER), "possibleProxyHeader": "" },
        }),
        "/api/settings" => json!({ "meta": { "appURL": "http://localhost:8090" } }),
        "/api/collections" => {
            serde_json::from_str(include_str!("../fixtures/stub/collections.json"))
                .expect("the fixture is JSON")
        }
        "/api/collections/_superusers/auth-with-password"
        | "/api/collections/_superusers/auth-refresh" => json!({
            "token": token("pbc_3142635823", "superuser000000"),
            "record": { "id": "superuser000000", "collectionId": "pbc_3142635823", "collectionName": "_superusers" },
        }),
        "/api/collections/users/auth-refresh" => json!({
            "token": StubUpstream::token(),
            "record": {
                "id": demo::ALICE, "collectionId": "_pb_users_auth_", "collectionName": "users", "name": "alice",
                "email": "alice@example.com", "emailVisibility": true, "verified": true,
            },
        }),
        _ => {
            return Answer::Json(
                404,
                json!({ "status": 404, "message": "The stub has no answer.", "data": {} }),
            );
        }
    };
    Answer::Json(200, body)
}

fn token(collection: &str, id: &str) -> String {
    token_for("auth", collection, id)
}

fn token_for(what: &str, collection: &str, id: &str) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "collectionId": collection, "exp": 4_102_444_800_u64, "id": id, "refreshable": true, "type": what,
    });
    format!(
        "{}.{}.{}",
        part(json!({ "alg": "HS256", "typ": "JWT" })),
        part(claims),
        "c".repeat(43)
    )
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, shared.clone()));
    }
}

/// Answers until the client hangs up or an answer ends the connection.
async fn connection(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let seen = read(&mut stream).await?;
        let answer = shared.answer(&seen);
        shared
            .seen
            .lock()
            .expect("no panic while recording")
            .push(seen);
        match answer {
            Answer::Json(status, body) => {
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status} Stub\r\nContent-Type: application/json\r\n");
                let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Answer::Bytes(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                return stream.shutdown().await.ok();
            }
            Answer::Cut => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"items\":";
                stream.write_all(head.as_bytes()).await.ok()?;
                return stream.shutdown().await.ok();
            }
            Answer::Stall => std::future::pending().await,
        }
    }
}

/// The next request, with a body of a told length; nothing at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let request_line = line(stream).await?;
    let mut words = request_line.split(' ');
    let (method, target) = (words.next()?.parse().ok()?, words.next()?.to_owned());
    let mut headers = HeaderMap::new();
    loop {
        let header = line(stream).await?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.append(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value.trim()).ok()?,
        );
    }
    let length = headers
        .get("content-length")
        .map_or(Some(0), |length| length.to_str().ok()?.parse().ok())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        method,
        target,
        headers,
        body: body.into(),
    })
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}
