//! One connection to a server that speaks HTTP as it likes, one request at a time.
//!
//! PocketBase sends what is longer than two kilobytes in chunks, so this is
//! hyper's client; that of [`load`](crate::load) takes answers of a told length.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A connection, closed with this value.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    token: Option<HeaderValue>,
}

/// A form with a file, ready to be sent again and again.
pub(crate) struct Form {
    media_type: &'static str,
    bytes: Bytes,
}

/// A body with its type.
struct Body(&'static str, Bytes);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Self::over(TcpStream::connect(address).await?).await
    }

    /// Speaks on a connection that is there.
    pub(crate) async fn over(stream: TcpStream) -> anyhow::Result<Self> {
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

    /// The text of a good answer to a form.
    pub(crate) async fn patch_form(&mut self, path: &str, form: &Form) -> anyhow::Result<String> {
        let body = Body(form.media_type, form.bytes.clone());
        good(path, self.send(Method::PATCH, path, body).await?).await
    }

    /// How long a good answer is, in bytes; it is read piece by piece.
    pub(crate) async fn length(&mut self, path: &str) -> anyhow::Result<usize> {
        let answer = self
            .send(Method::GET, path, Body::json(Bytes::new()))
            .await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path} answers {status}");
        let (mut body, mut length) = (answer.into_body(), 0);
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }

    /// What is answered to a post, good or not.
    pub(crate) async fn status(&mut self, path: &str, body: &Value) -> anyhow::Result<StatusCode> {
        let body = Body::json(Bytes::from(body.to_string()));
        let answer = self.send(Method::POST, path, body).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok(status)
    }

    async fn ask(&mut self, method: Method, path: &str, body: Bytes) -> anyhow::Result<String> {
        good(path, self.send(method, path, Body::json(body)).await?).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        Body(media_type, body): Body,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, "bench");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, media_type);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(body))?;
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}

impl Body {
    fn json(body: Bytes) -> Self {
        Self("application/json", body)
    }
}

impl Form {
    /// A form of one file of zeros.
    pub(crate) fn of_a_file(field: &str, size: usize) -> Self {
        let head = format!(
            "--a-boundary\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        let bytes = [head.as_bytes(), &vec![0; size], b"\r\n--a-boundary--\r\n"].concat();
        Self {
            media_type: "multipart/form-data; boundary=a-boundary",
            bytes: bytes.into(),
        }
    }
}

/// The text of an answer, which is to be good.
async fn good(path: &str, answer: Response<Incoming>) -> anyhow::Result<String> {
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    ensure!(status.is_success(), "{path} answers {status}: {text}");
    Ok(text)
}
