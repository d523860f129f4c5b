//! The path of every request, whichever door it came through:
//! permit → fetch → release.
//!
//! Each step consumes what the step before made. [`fetch`](fetch::fetch) takes
//! nothing but a [`Permitted`], and only [`permit`](permit::permit) makes one:
//! what the rules have not passed can't be sent.

mod body;
mod fetch;
mod fill;
mod permit;
mod reach;
mod release;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::Value;
use tokio::time::Instant;

pub use permit::Permitted;

use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::OperationKind;
use crate::rules::{Notes, RuleError};
use crate::telemetry::{ExchangeLabels, RuleLabels};
use crate::upstream::FileBody;

/// A request as a door heard it.
pub struct Request {
    /// As sent; case counts.
    pub method: Method,
    /// Raw, in origin form.
    pub path: String,
    /// Raw, without the `?`.
    pub query: Option<String>,
    /// As received.
    pub headers: HeaderMap,
    /// The client's address.
    pub address: IpAddr,
    /// Read by the pipeline, and only within its bound.
    pub body: RequestBody,
}

/// A body on its way in; its error says only that it did not arrive.
pub type RequestBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// What the door is to answer.
#[derive(Debug)]
pub struct Response {
    /// PocketBase's, a rule's, or that of a refusal of the gateway's own.
    pub status: StatusCode,
    /// Complete but for those of the transport: length, date, CORS.
    pub headers: HeaderMap,
    /// Whole even for `HEAD`: the door leaves it out.
    pub body: ResponseBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ResponseBody {
    /// No bytes, and no content type.
    Empty,
    /// JSON, printed.
    Bytes(Bytes),
    /// Streamed from PocketBase.
    File(FileBody),
}

/// What the log line tells beside the outcome; filled in as it becomes known.
#[derive(Default)]
struct Trace {
    operation: Option<OperationKind>,
    collection: Option<String>,
    principal: Option<String>,
    generation: u64,
    notes: Notes,
}

/// Header of every answer: finds the exchange's log line again.
const REQUEST_ID: &str = "x-request-id";

/// Answers a request, whatever comes of it, and writes its one log line.
pub async fn serve(gateway: &Arc<Gateway>, request: Request) -> Response {
    let started = Instant::now();
    let id = next_id();
    let method = request.method.clone();
    let mut trace = Trace::default();
    let result = match gateway.under_way.try_acquire() {
        Ok(_under_way) => {
            gateway.metrics.in_flight.inc();
            let whole = answer(gateway, request, &mut trace);
            let result = tokio::time::timeout(gateway.server.request_timeout, whole).await;
            gateway.metrics.in_flight.dec();
            result.unwrap_or(Err(Error::Late))
        }
        Err(_) => Err(Error::Busy),
    };
    let error = result
        .as_ref()
        .err()
        .map(|error| (error.told().code, error.to_string()));
    if let Err(Error::Rule(error)) = &result {
        count_refusal(gateway, error);
    }
    let mut response = result.unwrap_or_else(|error| refuse(&error));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers.insert(REQUEST_ID, id);
    }
    let duration = started.elapsed();
    let operation = trace.operation.map_or("none", OperationKind::as_str);
    gateway.metrics.duration.observe(duration.as_secs_f64());
    gateway
        .metrics
        .exchanges
        .get_or_create(&ExchangeLabels {
            operation,
            status: response.status.as_u16(),
        })
        .inc();
    tracing::info!(
        request.id = %id,
        http.method = %method,
        operation,
        operation.collection = trace.collection,
        principal = trace.principal,
        status = response.status.as_u16(),
        code = error.as_ref().map(|(code, _)| code.as_str()),
        cause = error.as_ref().map(|(_, cause)| cause.as_str()),
        generation = trace.generation,
        notes = (!trace.notes.is_empty()).then(|| format!("{:?}", trace.notes)),
        duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        "exchange",
    );
    response
}

/// The path.
async fn answer(
    gateway: &Arc<Gateway>,
    request: Request,
    trace: &mut Trace,
) -> Result<Response, Error> {
    let permitted = permit::permit(gateway, request, trace).await?;
    let reply = fetch::fetch(gateway, &permitted).await?;
    release::release(gateway, permitted, reply, trace).await
}

impl Response {
    /// A JSON answer, with the headers that PocketBase sets on its own.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        guard(&mut headers);
        headers.insert(
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("SAMEORIGIN"),
        );
        Self {
            status,
            headers,
            body: ResponseBody::Bytes(Bytes::from(body.to_string())),
        }
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        guard(&mut headers);
        Self {
            status,
            headers,
            body: ResponseBody::Empty,
        }
    }

    pub(crate) fn file(mut file: FileBody) -> Self {
        let mut headers = std::mem::take(&mut file.headers);
        guard(&mut headers);
        Self {
            status: file.status,
            headers,
            body: ResponseBody::File(file),
        }
    }
}

/// The answer to what failed.
pub(crate) fn refuse(error: &Error) -> Response {
    let told = error.told();
    Response::json(told.status, &told.body)
}

fn guard(headers: &mut HeaderMap) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::X_XSS_PROTECTION,
        HeaderValue::from_static("1; mode=block"),
    );
}

fn count_refusal(gateway: &Gateway, error: &RuleError) {
    let (rule, code) = match error {
        RuleError::Denied { rule, .. } => (rule.as_str(), "denied"),
        RuleError::Faulted { rule, fault } => (rule.as_str(), fault.code()),
        RuleError::Busy { rule } => (rule.as_str(), "busy"),
        RuleError::Unexposed { .. } => ("", "unexposed"),
    };
    gateway
        .metrics
        .rules
        .get_or_create(&RuleLabels {
            rule: rule.to_owned(),
            code,
        })
        .inc();
}

/// Unique among the gateway's requests since its start.
fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    });
    format!("{:x}-{:x}", *START, NEXT.fetch_add(1, Ordering::Relaxed))
}
