//! One connection to a server that speaks HTTP as it likes, one request at a time.
//!
//! PocketBase sends what is longer than two kilobytes in chunks, so this is
//! hyper's client; that of [`load`](crate::load) takes answers of a told length.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A connection, closed with this value.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    token: Option<HeaderValue>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let token = None;
        Ok(Self { sender, token })
    }

    /// A connection to PocketBase of this superuser.
    pub(crate) async fn superuser(
        address: SocketAddr,
        email: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let mut client = Self::connect(address).await?;
        let login = json!({ "identity": email, "password": password });
        let path = "/api/collections/_superusers/auth-with-password";
        let answer: Value = serde_json::from_str(&client.post(path, &login).await?)?;
        let token = answer.get("token").and_then(Value::as_str);
        client.token = Some(token.context("no token of a superuser")?.parse()?);
        Ok(client)
    }

    /// The text of a good answer.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<String> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// The text of a good answer.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<String> {
        let body = Bytes::from(body.to_string());
        self.ask(Method::POST, path, body).await
    }

    /// The text of a good answer.
    pub(crate) async fn patch(&mut self, path: &str, body: &Value) -> anyhow::Result<String> {
        let body = Bytes::from(body.to_string());
        self.ask(Method::PATCH, path, body).await
    }

    /// What is answered to a post, good or not.
    pub(crate) async fn status(&mut self, path: &str, body: &Value) -> anyhow::Result<StatusCode> {
        let body = Bytes::from(body.to_string());
        Ok(self.send(Method::POST, path, body).await?.0)
    }

    async fn ask(&mut self, method: Method, path: &str, body: Bytes) -> anyhow::Result<String> {
        let (status, text) = self.send(method, path, body).await?;
        ensure!(status.is_success(), "{path} answers {status}: {text}");
        Ok(text)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, String)> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, "bench");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(body))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
