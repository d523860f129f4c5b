//! A client of raw HTTP: what it is told to send is what it sends.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{EventStream, PATIENCE, Reply, demo};

/// Asks one server; as a guest, or with the token of [`Client::with_token`].
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A request in the making. Await it to send it.
#[must_use = "a call is sent when it is awaited"]
pub struct Call {
    client: Client,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// A guest.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        Self {
            address,
            token: None,
            http,
        }
    }

    /// Whom it asks.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same client at another address of this machine, of the 127.0.0.0/8 that are all its own.
    #[must_use]
    pub fn from(&self, address: [u8; 4]) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(address.into()));
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
        Self {
            http: http.build(connector),
            ..self.clone()
        }
    }

    /// The same client with a token of its own on every call.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// The token that every call carries.
    ///
    /// # Panics
    ///
    /// When this client is a guest.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("this client is a guest")
    }

    /// Logs one of the demo's people in: a client that asks as they.
    pub async fn log_in(&self, name: &str) -> Self {
        let reply = self
            .authenticate("users", &format!("{name}@example.com"))
            .await
            .json();
        self.with_token(reply["token"].as_str().expect("a login answers a token"))
    }

    /// Logs in by password, with the demo's password.
    pub fn authenticate(&self, collection: &str, identity: &str) -> Call {
        self.post(&format!("/api/collections/{collection}/auth-with-password"))
            .json(&json!({ "identity": identity, "password": demo::PASSWORD }))
    }

    /// Reads; like the three below, `target` is path and query.
    pub fn get(&self, target: &str) -> Call {
        self.call(Method::GET, target)
    }

    /// Creates, logs in and so on.
    pub fn post(&self, target: &str) -> Call {
        self.call(Method::POST, target)
    }

    /// Updates.
    pub fn patch(&self, target: &str) -> Call {
        self.call(Method::PATCH, target)
    }

    /// Deletes.
    pub fn delete(&self, target: &str) -> Call {
        self.call(Method::DELETE, target)
    }

    /// Any method; `target` is path and query, sent as written.
    pub fn call(&self, method: Method, target: &str) -> Call {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, value(token));
        }
        Call {
            client: self.clone(),
            method,
            target: target.to_owned(),
            headers,
            body: Bytes::new(),
        }
    }

    /// Sends a request line and headers just as they are written, which no HTTP
    /// library would: a `//`, bytes beyond ASCII, a header twice.
    ///
    /// `Host`, `Connection: close`, `Content-Length` and this client's token are added.
    pub async fn raw(&self, request_line: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let (host, length) = (self.address.to_string(), body.len().to_string());
        let own = [
            ("Host", host.as_str()),
            ("Connection", "close"),
            ("Content-Length", length.as_str()),
        ];
        let token = self.token.as_deref().map(|token| ("Authorization", token));
        let lines = own.iter().chain(&token).chain(headers);
        let lines: Vec<_> = lines
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!("{request_line} HTTP/1.1\r\n{}\r\n{body}", lines.concat());
        self.bytes(request.as_bytes()).await
    }

    /// Sends these bytes and reads to the end of the connection.
    pub async fn bytes(&self, request: &[u8]) -> Reply {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.expect("connects");
            stream.write_all(request).await.expect("sends");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("reads");
            answer
        };
        let answer = tokio::time::timeout(PATIENCE, exchange)
            .await
            .expect("the server answers and closes");
        Reply::parse(&answer)
    }
}

impl Call {
    /// Asks with this token instead of the client's own.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", token)
    }

    /// The method that it asks by.
    pub(crate) fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Its path and query.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// The token that it carries, without the word before it.
    pub(crate) fn token_sent(&self) -> Option<&str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        Some(value.rsplit(' ').next().unwrap_or(value))
    }

    /// Sets a header; a second value of the same name replaces the first.
    pub fn header(mut self, name: &str, text: &str) -> Self {
        self.headers.insert(
            name.parse::<HeaderName>().expect("a header name"),
            value(text),
        );
        self
    }

    /// Sends this as JSON.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends these bytes as this type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, value(content_type));
        self.body = body.into();
        self
    }

    /// Sends it and stays for the events that come.
    ///
    /// # Panics
    ///
    /// When the answer is no stream of events.
    pub async fn stream(self) -> EventStream {
        let target = self.target.clone();
        let sent = tokio::time::timeout(PATIENCE, self.ask()).await;
        let (head, body) = sent.expect("the server answers").into_parts();
        assert_eq!(head.status, 200, "no stream of events at {target}");
        EventStream::new(head.headers, body)
    }

    async fn ask(self) -> http::Response<Incoming> {
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(format!("http://{}{}", self.client.address, self.target))
            .body(Full::new(self.body))
            .expect("a request: send other bytes with Client::raw");
        request.headers_mut().extend(self.headers);
        let asked = self.client.http.request(request).await;
        asked.expect("the server answers")
    }

    async fn send(self) -> Reply {
        let (head, body) = self.ask().await.into_parts();
        let body = body
            .collect()
            .await
            .expect("the whole body arrives")
            .to_bytes();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let target = format!("{} {}", self.method, self.target);
            let sent = tokio::time::timeout(PATIENCE, self.send()).await;
            sent.unwrap_or_else(|elapsed| panic!("no answer to {target}: {elapsed}"))
        })
    }
}

pub(crate) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a header value")
}
