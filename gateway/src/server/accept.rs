//! Takes connections and serves them, within the bounds of the door.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::lasting::{Handover, Lasting, Noting};
use crate::config::Server;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::pipeline::{self, ResponseBody};

/// A pause after a failed accept: out of descriptors, trying at once won't help.
const BREATHER: Duration = Duration::from_millis(50);

/// The longest wait for a client to take some of what is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long what is sent may go unconfirmed by the other end, in milliseconds.
const UNCONFIRMED_MS: u32 = 60_000;

/// The largest head of a request, in bytes; PocketBase takes a megabyte.
const HEAD_BYTES: usize = 64 << 10;

/// What only a page of some origin has a use for.
const TO_ORIGINS: [HeaderName; 5] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// Connections that operators may hold.
const ADMIN_CONNECTIONS: usize = 64;

/// A connection whose writes have a bound in time.
type Bounded<S> = Pin<Box<TimeoutStream<S>>>;

/// The door for clients.
pub(super) struct Door {
    pub(super) bounds: Server,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) router: Router,
    pub(super) gateway: Arc<Gateway>,
}

/// Serves clients until asked to stop, then lets what is under way end.
pub(super) async fn accept(listener: TcpListener, door: Door, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(door.bounds.max_connections));
    let connections = TaskTracker::new();
    let door = Arc::new(door);
    loop {
        let Some((place, stream, peer)) = next_within(&listener, &places, &stop).await else {
            break;
        };
        let (door, stop) = (Arc::clone(&door), stop.clone());
        connections.spawn(async move {
            let _place = place;
            let timeout = door.bounds.header_timeout;
            door.gateway.metrics.connections.inc();
            if let Some(acceptor) = &door.acceptor {
                // Boxed, so that none of it is left when it is done.
                let shaking = Box::pin(shake(stream, acceptor, timeout));
                if let Some(stream) = shaking.await {
                    serve(stream, peer, &door.router, timeout, &stop).await;
                }
            } else {
                serve(bounded(stream), peer, &door.router, timeout, &stop).await;
            }
            door.gateway.metrics.connections.dec();
        });
    }
    connections.close();
    connections.wait().await;
}

/// Serves operators: no TLS, few connections.
pub(super) async fn accept_plain(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let Some((place, stream, peer)) = next_within(&listener, &places, &stop).await else {
            break;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            let stream = bounded(stream);
            serve(stream, peer, &router, Duration::from_secs(10), &stop).await;
        });
    }
    connections.close();
    connections.wait().await;
}

/// What the layer against panics answers.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send>) -> axum::http::Response<Body> {
    // The panic hook has written where; the payload may hold anything.
    let refused = pipeline::refuse(&Error::Internal);
    let body = match refused.body {
        ResponseBody::Bytes(bytes) => Body::from(bytes),
        ResponseBody::Empty | ResponseBody::File(_) | ResponseBody::Events(_) => Body::empty(),
    };
    let mut response = axum::http::Response::new(body);
    *response.status_mut() = refused.status;
    *response.headers_mut() = refused.headers;
    response
}

/// Answers about origins as PocketBase does: a preflight in its status, nothing
/// to whoever names no origin, and to every cache that the answer depends on it.
pub(super) async fn origins(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
    next: Next,
) -> axum::http::Response<Body> {
    let is_preflight = request.method() == Method::OPTIONS;
    let has_origin = request.headers().contains_key(header::ORIGIN);
    let mut response = next.run(request).await;
    if is_preflight && response.status() == StatusCode::OK {
        gateway.metrics.preflights.inc();
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    let headers = response.headers_mut();
    if !has_origin {
        for name in TO_ORIGINS {
            headers.remove(name);
        }
    }
    let varies = headers.get_all(header::VARY).iter().any(|names| {
        let names = names.to_str().unwrap_or_default();
        names
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case("origin"))
    });
    if !varies {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// The next connection for which there is a place; none when asked to stop.
/// Beyond the bound, connections wait in the system's own short queue.
async fn next_within(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let next = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        let (stream, peer) = next(listener).await;
        Some((place, stream, peer))
    };
    tokio::select! {
        next = next => next,
        () = stop.cancelled() => None,
    }
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole: waiting for more gains nothing.
                let _ = stream.set_nodelay(true);
                // Who is gone without a word is noticed by what it does not confirm.
                let _ = sockopt::set_tcp_user_timeout(&stream, UNCONFIRMED_MS);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

/// A connection whose client can't keep in our memory what it does not read.
fn bounded<S: AsyncRead + AsyncWrite>(stream: S) -> Bounded<S> {
    let mut stream = Box::pin(TimeoutStream::new(stream));
    let bound = Some(WRITE_TIMEOUT);
    stream.as_mut().set_write_timeout_pinned(bound);
    stream
}

/// TLS, if the client is done with its part in time.
async fn shake(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    timeout: Duration,
) -> Option<Bounded<TlsStream<TcpStream>>> {
    let shaken = tokio::time::timeout(timeout, acceptor.accept(stream)).await;
    Some(bounded(shaken.ok()?.ok()?))
}

async fn serve<S>(
    stream: Bounded<S>,
    peer: SocketAddr,
    router: &Router,
    header_timeout: Duration,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    // Boxed, so that nothing of hyper's is left while an answer lasts.
    let speaking = Box::pin(speak(stream, peer, router, header_timeout, stop));
    let ended = match speaking.await {
        Ok(None) => Ok(()),
        Ok(Some((lasting, mut stream))) => {
            let written = lasting.write(&mut stream).await;
            written.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = ended {
        // The other end's doing, mostly: gone, too slow, no HTTP.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Speaks HTTP up to the end of the connection, or up to an answer that lasts. When asked to
/// stop, the request under way is the last.
async fn speak<S>(
    stream: S,
    peer: SocketAddr,
    router: &Router,
    header_timeout: Duration,
    stop: &CancellationToken,
) -> hyper::Result<Option<(Lasting, S)>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (router, handover) = (router.clone(), Arc::<Handover>::default());
    let stream = Noting {
        stream,
        handover: Arc::clone(&handover),
    };
    let passing = Arc::clone(&handover);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let version = request.version();
        let (mut router, handover) = (router.clone(), Arc::clone(&passing));
        async move {
            // A router is always ready.
            let response = router.call(request).await?;
            Ok::<_, Infallible>(handover.pass(version, response).await)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_BYTES);
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    let mut stopped = pin!(stop.cancelled());
    let mut is_last = false;
    let lasting = poll_fn(|context| {
        if !is_last && stopped.as_mut().poll(context).is_ready() {
            is_last = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        let ended = Pin::new(&mut connection).poll(context);
        match handover.take() {
            Some(lasting) => Poll::Ready(Ok(Some(lasting))),
            None => ended.map_ok(|()| None),
        }
    });
    let lasting = lasting.await?;
    let stream = connection.into_parts().io.into_inner().stream;
    Ok(lasting.map(|lasting| (lasting, stream)))
}

#[cfg(test)]
mod tests;
