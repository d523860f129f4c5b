//! The path of every request, whichever door it came through:
//! permit → fetch → release.
//!
//! Each step consumes what the step before made. `fetch` takes
//! nothing but a [`Permitted`], and only `permit` makes one:
//! what the rules have not passed can't be sent.

mod account;
mod allowance;
mod answer;
mod application;
mod arrival;
mod as_sent;
mod asks;
mod batch;
mod body;
mod changes;
mod closed;
mod conceal;
mod conditions;
mod fetch;
mod files;
mod fill;
pub(crate) mod limit;
pub(crate) mod live;
mod locked;
mod login;
mod own;
mod parts;
mod permit;
mod reach;
mod release;
mod scan;
pub(crate) mod sessions;
mod trace;
mod verdict;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::Value;

pub use permit::Permitted;

use self::trace::Trace;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::limits::Running;
use crate::operation::OperationError;
use crate::realtime::Events;
use crate::upstream::{FileBody, UpstreamError};

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
    /// Of the other end of the connection; the pipeline finds out for whom it asks.
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
    /// Whether the door may compress it. The length of what is compressed tells of what is in it,
    /// so nothing with a token in it may be.
    pub compressible: bool,
    /// A place among the requests of who asked, to be kept until a long answer has been taken.
    pub(crate) held: Option<Arc<Running>>,
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
    /// Told as it happens, until its station ends it.
    Events(Events),
}

/// Answers in memory of so many bytes count as under way until they are taken.
pub(crate) const LONG: usize = 64 << 10;

/// Header of every answer: finds the exchange's log line again.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// Answers a request, whatever comes of it, and writes its one log line.
pub async fn serve(gateway: &Arc<Gateway>, mut request: Request) -> Response {
    let (arrival, told) = arrival::arrive(&gateway.server.proxies, &mut request);
    let mut trace = Trace::begin(gateway, &request, arrival);
    let allowance = Arc::clone(&trace.allowance);
    let whole = async {
        told?;
        answer(gateway, request, &mut trace).await
    };
    let result = tokio::select! {
        biased;
        result = whole => result,
        () = allowance.over() => Err(Error::Late),
    };
    trace.end(&result);
    let mut response = result.unwrap_or_else(|error| refuse(&error));
    limit::tell(&trace.counted, &mut response.headers);
    response.compressible = trace.may_be_compressed();
    if matches!(&response.body, ResponseBody::Bytes(bytes) if bytes.len() >= LONG) {
        response.held = trace.counted.running();
    }
    if let Ok(id) = HeaderValue::from_str(&trace.id) {
        response.headers.insert(REQUEST_ID, id);
    }
    response
}

/// The path.
async fn answer(
    gateway: &Arc<Gateway>,
    request: Request,
    trace: &mut Trace<'_>,
) -> Result<Response, Error> {
    let mut permitted = permit::permit(gateway, request, trace).await?;
    if let Some(answer) = own::answer(gateway, &mut permitted, trace).await {
        return answer;
    }
    // A login may make an account.
    let is_write = permitted.exchange().operation.is_write() || permitted.account().is_some();
    let forgetting = permitted.each().iter();
    let forgetting = forgetting.filter_map(|each| login::forgetting(gateway, each));
    // With the last of them: when it is done, and whoever waits for it was answered.
    let forgetting: Arc<[_]> = forgetting.collect();
    let reply = fetch::fetch(gateway, &mut permitted, Arc::clone(&forgetting))
        .await
        .map_err(|error| match error {
            // Only what never got there was certainly not done.
            Error::Upstream(UpstreamError::Away(_) | UpstreamError::Unsupported(_))
            | Error::Operation(_) => error,
            error if is_write => Error::Written(Box::new(error)),
            error => error,
        })?;
    if permitted.exchange().operation.may_change_schema() {
        // Whoever changed it asks for what is new at once. What fails here is
        // made good when something is not found.
        let reloaded = gateway.upstream.reload_schema().await;
        if let Err(error) = reloaded {
            tracing::warn!(%error, "the schema was not read again after a change; the last one stays");
        }
    }
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
        frame(&mut headers);
        Self {
            status,
            headers,
            body: ResponseBody::Bytes(print(body)),
            compressible: false,
            held: None,
        }
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        guard(&mut headers);
        frame(&mut headers);
        Self {
            status,
            headers,
            body: ResponseBody::Empty,
            compressible: false,
            held: None,
        }
    }

    pub(crate) fn file(mut file: FileBody) -> Self {
        let mut headers = std::mem::take(&mut file.headers);
        guard(&mut headers);
        if file.is_page {
            frame(&mut headers);
            // Addresses of pages may say what is none of other sites' business.
            headers.insert(
                header::REFERRER_POLICY,
                HeaderValue::from_static("same-origin"),
            );
        }
        Self {
            status: file.status,
            headers,
            body: ResponseBody::File(file),
            compressible: false,
            held: None,
        }
    }

    /// An event stream, with the headers that PocketBase gives one.
    #[must_use]
    pub fn events(events: Events) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Else nginx keeps events until it has a buffer full of them.
        headers.insert(
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        );
        guard(&mut headers);
        frame(&mut headers);
        Self {
            status: StatusCode::OK,
            headers,
            body: ResponseBody::Events(events),
            compressible: false,
            held: None,
        }
    }
}

/// The answer to what failed.
pub(crate) fn refuse(error: &Error) -> Response {
    let told = error.told();
    let mut response = Response::json(told.status, &told.body);
    limit::tell_wait(error, &mut response.headers);
    if let Some(challenge) = error.challenge() {
        let challenge = HeaderValue::from_static(challenge);
        response.headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Error::Operation(OperationError::NotServed {
        operation: own::DASHBOARD,
    }) = error
    {
        // The popup of a login ends there, page or no page.
        own::keep_opener(&mut response);
    }
    response
}

/// Of everything but the files of records, which PocketBase lets others show.
fn frame(headers: &mut HeaderMap) {
    headers.insert(
        header::X_FRAME_OPTIONS,
        HeaderValue::from_static("SAMEORIGIN"),
    );
}

/// The same bytes as of its `Display`, without a formatter between.
fn print(body: &Value) -> Bytes {
    let mut bytes = Vec::with_capacity(1 << 10);
    // A value can always be written to memory.
    let _ = serde_json::to_writer(&mut bytes, body);
    bytes.into()
}

fn guard(headers: &mut HeaderMap) {
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::X_XSS_PROTECTION,
        HeaderValue::from_static("1; mode=block"),
    );
}
