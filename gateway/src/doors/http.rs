//! The HTTP door: what the official SDKs speak.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, header};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tower_http::timeout::TimeoutBody;

use super::taking::{Keeping, Taking};
use super::{compress, rest};
use crate::exchange::encoding::Encoding;
use crate::gateway::Gateway;
use crate::pipeline::{self, LONG, ResponseBody};

/// Marks an answer that may last for hours, with little to send. It goes with its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lasts;

/// The longest wait for the next part of a file.
const FILE_IDLE: Duration = Duration::from_secs(30);

/// Every path leads to the pipeline: the table of routes is in `operation`.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(hear).with_state(gateway)
}

async fn hear(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let method = request.method().clone();
    let (parts, body) = request.into_parts();
    let waits = parts.headers.contains_key(header::EXPECT);
    let (body, rest) = rest::lend(body);
    let wanted = Encoding::wanted(&gateway.server.compression, &parts.headers);
    let request = pipeline::Request {
        path: path(&parts),
        query: parts.uri.query().map(str::to_owned),
        headers: headers(parts.headers, &parts.uri),
        method: parts.method,
        address: address(peer.ip()),
        body,
    };
    let response = pipeline::serve(&gateway, request).await;
    // Who waits to be told to send on, and was not, has sent nothing and is not to.
    if !waits || rest.has_begun() {
        rest.read().await;
    }
    let wanted = wanted.filter(|_| response.compressible);
    let held = response.held.clone();
    let response = write(response, &method);
    match wanted {
        Some(encoding) if compress::fits(&response, gateway.server.compress_from.as_u64()) => {
            gateway.metrics.edge.compressed(encoding);
            // Boxed: few answers need the state of what compresses.
            let compressed = Box::pin(compress::compress(response, encoding)).await;
            match held {
                Some(held) => compressed.map(|body| Body::new(Keeping::new(body, held))),
                None => compressed,
            }
        }
        _ => response,
    }
}

/// The path of a request in origin form. A whole URL in the request line of HTTP/1
/// (absolute form) is passed on as it is, so that the parser refuses it.
fn path(parts: &Parts) -> String {
    match parts.uri.scheme() {
        Some(_) if parts.version != Version::HTTP_2 => parts.uri.to_string(),
        _ => parts.uri.path().to_owned(),
    }
}

/// The headers, with whom the client asks among them: HTTP/2 tells that beside them, and whoever
/// sends both means what is beside.
fn headers(mut headers: HeaderMap, uri: &Uri) -> HeaderMap {
    let authority = uri.authority().map(Authority::as_str);
    if let Some(host) = authority.and_then(|host| HeaderValue::from_str(host).ok()) {
        headers.insert(header::HOST, host);
    }
    headers
}

/// One client has one address, whichever family its socket speaks.
fn address(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// An answer as hyper sends it.
pub(crate) fn write(response: pipeline::Response, asked_by: &Method) -> Response<Body> {
    let lasts = matches!(response.body, ResponseBody::Events(_)) && asked_by != Method::HEAD;
    let body = match response.body {
        ResponseBody::Empty => Body::empty(),
        ResponseBody::Bytes(bytes) if bytes.len() >= LONG && asked_by != Method::HEAD => {
            Body::new(Taking::new(bytes, response.held))
        }
        // Its length is told all the same: hyper counts what it does not send.
        ResponseBody::Bytes(bytes) => Body::from(bytes),
        // Its length is PocketBase's to tell: that of no bytes would be taken for its own.
        // A stream of events has none, and ends here with its place.
        ResponseBody::File(_) | ResponseBody::Events(_) if asked_by == Method::HEAD => {
            Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
        }
        // A file has no bound in time, but none of its parts may keep us waiting.
        ResponseBody::File(file) => Body::new(TimeoutBody::new(FILE_IDLE, file.body)),
        // Its end is its station's matter.
        ResponseBody::Events(events) => {
            Body::from_stream(events.into_stream().map(Ok::<_, Infallible>))
        }
    };
    let mut written = Response::new(body);
    *written.status_mut() = response.status;
    *written.headers_mut() = response.headers;
    if lasts {
        written.extensions_mut().insert(Lasts);
    }
    written
}
