//! HTTP to PocketBase: one pooled client, and the only place where a request
//! for it is put together.

use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::form::Form;
use super::trust::{self, Https};
use super::{Payload, Settings, TrustError, UpstreamError};
use crate::exchange::traceparent::TRACEPARENT;
use crate::exchange::{self, json};
use crate::principal::Token;

/// Idle connections that are kept for the next request.
const IDLE_CONNECTIONS: usize = 256;

/// After how long a quiet connection is asked whether it is there, how often, and how
/// many times without an answer.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client's request may bring along to PocketBase. Rules there can ask
/// for headers, so nothing else of the client's goes through. The last two are the gateway's own:
/// what a client sent by these names was replaced when it came.
const PASSED_ON: [HeaderName; 4] = [
    ACCEPT_LANGUAGE,
    USER_AGENT,
    TRACEPARENT,
    HeaderName::from_static("x-request-id"),
];

/// For files: what a partial or conditional answer depends on.
const PASSED_ON_FOR_FILES: [HeaderName; 7] = [
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// The body of a request as it is sent: at once, or from the disk as it goes.
type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, std::io::Error>>;

/// The pooled client.
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    base: String,
    forwarding_header: HeaderName,
    timeout: Duration,
    max_response: ByteSize,
}

/// A request for PocketBase, in parts.
pub(super) struct Outgoing<'a> {
    pub(super) method: Method,
    /// Written by us, percent-encoded where it must be.
    pub(super) path_and_query: String,
    pub(super) body: Written,
    pub(super) token: Option<Token>,
    /// On whose behalf; none for the gateway's own requests.
    pub(super) client: Option<&'a exchange::Client>,
}

/// The body of a request for PocketBase, written.
pub(super) struct Written {
    pub(super) content_type: Option<HeaderValue>,
    /// Of a body that is written as it goes.
    pub(super) length: Option<u64>,
    pub(super) body: Body,
    /// What it may take longer than others, being large.
    pub(super) patience: Duration,
}

impl Written {
    pub(super) fn json(body: &Value) -> Self {
        Self {
            content_type: Some(HeaderValue::from_static("application/json")),
            ..Self::bytes(Bytes::from(body.to_string()))
        }
    }

    fn bytes(bytes: Bytes) -> Self {
        Self {
            content_type: None,
            length: None,
            body: Either::Left(Full::new(bytes)),
            patience: Duration::ZERO,
        }
    }
}

impl Default for Written {
    fn default() -> Self {
        Self::bytes(Bytes::new())
    }
}

impl TryFrom<Payload> for Written {
    type Error = UpstreamError;

    fn try_from(payload: Payload) -> Result<Self, UpstreamError> {
        Ok(match payload {
            Payload::None => Self::default(),
            Payload::Json(body) => Self::json(&body),
            Payload::Form { body, files } => {
                let form = Form::new(body.as_deref(), &files)?;
                Self {
                    content_type: Some(form.content_type()?),
                    length: Some(form.length()),
                    body: Either::Right(form.into_body()),
                    patience: files.within(),
                }
            }
            Payload::AsSent(sent) => Self {
                content_type: sent.content_type.clone(),
                ..Self::bytes(sent.bytes.clone())
            },
        })
    }
}

impl Outgoing<'_> {
    pub(super) fn get(path_and_query: String) -> Self {
        Self {
            method: Method::GET,
            path_and_query,
            body: Written::default(),
            token: None,
            client: None,
        }
    }
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, TrustError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // A connection on which nothing is told looks like one that is gone.
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        // Of others it thinks that they are not its own.
        connector.enforce_http(false);
        let https = match settings.url.scheme_str() {
            Some("https") => Https::By(settings.ca.as_deref()),
            Some(_) | None => Https::No,
        };
        let connector = trust::connector(connector, https)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self {
            http,
            base: settings.url.to_string().trim_end_matches('/').to_owned(),
            forwarding_header: settings.forwarding_header.clone(),
            timeout: settings.timeout,
            max_response: settings.max_response,
        })
    }

    /// Sends a request; the body of the answer is still to come.
    pub(super) async fn send(
        &self,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let request = self.write(outgoing)?;
        tokio::time::timeout(self.timeout, self.http.request(request))
            .await
            .map_err(|_| UpstreamError::Late(self.timeout))?
            .map_err(|error| UpstreamError::Away(causes(&error)))
    }

    /// Sends a request and reads its JSON, if the answer has any.
    pub(super) async fn json(
        &self,
        outgoing: Outgoing<'_>,
    ) -> Result<(StatusCode, Option<Value>), UpstreamError> {
        self.json_with(outgoing, |_| {}).await
    }

    /// The same, with a last touch to the request's headers.
    pub(super) async fn json_with(
        &self,
        outgoing: Outgoing<'_>,
        touch: impl FnOnce(&mut http::HeaderMap),
    ) -> Result<(StatusCode, Option<Value>), UpstreamError> {
        let within = self.timeout + outgoing.body.patience;
        let mut request = self.write(outgoing)?;
        touch(request.headers_mut());
        let whole = async {
            let response = self
                .http
                .request(request)
                .await
                .map_err(|error| UpstreamError::Away(causes(&error)))?;
            read_json(response, self.max_response).await
        };
        tokio::time::timeout(within, whole)
            .await
            .map_err(|_| UpstreamError::Late(within))?
    }

    /// Sends a request and reads whatever comes, up to a bound.
    pub(super) async fn bytes(
        &self,
        outgoing: Outgoing<'_>,
        bound: ByteSize,
    ) -> Result<(StatusCode, Bytes), UpstreamError> {
        let whole = async {
            let response = self.send(outgoing).await?;
            let status = response.status();
            Ok((status, read(response.into_body(), bound).await?))
        };
        tokio::time::timeout(self.timeout, whole)
            .await
            .map_err(|_| UpstreamError::Late(self.timeout))?
    }

    fn write(&self, outgoing: Outgoing<'_>) -> Result<Request<Body>, UpstreamError> {
        let uri: Uri = format!("{}{}", self.base, outgoing.path_and_query)
            .parse()
            .map_err(|error| unwritten(&error))?;
        let mut request = Request::builder().method(outgoing.method).uri(uri);
        if let Some(content_type) = outgoing.body.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(length) = outgoing.body.length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        if let Some(token) = &outgoing.token {
            let mut value =
                HeaderValue::from_str(token.expose()).map_err(|error| unwritten(&error))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(client) = outgoing.client {
            request = request.header(&self.forwarding_header, client.address.to_string());
            let for_files = PASSED_ON_FOR_FILES.iter().filter(|_| client.wants_file);
            let named = &client.surface.compat.headers;
            for name in PASSED_ON.iter().chain(for_files).chain(named) {
                let is_new = request
                    .headers_ref()
                    .is_none_or(|written| !written.contains_key(name));
                if let (Some(value), true) = (client.headers.get(name), is_new) {
                    request = request.header(name, value);
                }
            }
        }
        request
            .body(outgoing.body.body)
            .map_err(|error| unwritten(&error))
    }
}

/// Reads an answer's JSON, up to a bound. None where the body is empty.
pub(super) async fn read_json(
    response: Response<Incoming>,
    bound: ByteSize,
) -> Result<(StatusCode, Option<Value>), UpstreamError> {
    let status = response.status();
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value.split(';').next().unwrap_or_default().trim() == "application/json"
        });
    let bytes = read(response.into_body(), bound).await?;
    if bytes.is_empty() {
        return Ok((status, None));
    }
    if !is_json {
        // An application with a catch-all page answers any route with HTML and 200.
        return Err(UpstreamError::Garbled(format!(
            "status {status}, but the body is not JSON"
        )));
    }
    let value = json::parse(&bytes, json::Bounds::upstream())
        .map_err(|error| UpstreamError::Garbled(format!("status {status}, {error}")))?;
    Ok((status, Some(value)))
}

async fn read(body: Incoming, bound: ByteSize) -> Result<Bytes, UpstreamError> {
    let limit = usize::try_from(bound.as_u64()).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(UpstreamError::TooLarge(bound))
        }
        Err(error) => Err(UpstreamError::Away(error.to_string())),
    }
}

/// A request that can't be put together.
pub(super) fn unwritten(error: &dyn std::fmt::Display) -> UpstreamError {
    UpstreamError::Garbled(format!("cannot write the request for PocketBase: {error}"))
}

/// An error with what is behind it: the outermost text alone says little.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(behind) = cause {
        text.push_str(": ");
        text.push_str(&behind.to_string());
        cause = behind.source();
    }
    text
}
