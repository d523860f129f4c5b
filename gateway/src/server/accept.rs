//! Takes connections and serves them, within the bounds of the door.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::config::Server;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::pipeline::{self, ResponseBody};

/// A pause after a failed accept: out of descriptors, trying at once won't help.
const BREATHER: Duration = Duration::from_millis(50);

/// The longest wait for a client to take some of what is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

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
    let graceful = GracefulShutdown::new();
    let door = Arc::new(door);
    loop {
        let Some((place, stream, peer)) = next_within(&listener, &places, &stop).await else {
            break;
        };
        let (door, watcher) = (Arc::clone(&door), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            door.gateway.metrics.connections.inc();
            if let Some(acceptor) = &door.acceptor {
                let shaken =
                    tokio::time::timeout(door.bounds.header_timeout, acceptor.accept(stream)).await;
                if let Ok(Ok(stream)) = shaken {
                    serve(
                        stream,
                        peer,
                        &door.router,
                        door.bounds.header_timeout,
                        watcher,
                    )
                    .await;
                }
            } else {
                serve(
                    stream,
                    peer,
                    &door.router,
                    door.bounds.header_timeout,
                    watcher,
                )
                .await;
            }
            door.gateway.metrics.connections.dec();
        });
    }
    graceful.shutdown().await;
}

/// Serves operators: no TLS, few connections.
pub(super) async fn accept_plain(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let Some((place, stream, peer)) = next_within(&listener, &places, &stop).await else {
            break;
        };
        let (router, watcher) = (router.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            serve(stream, peer, &router, Duration::from_secs(10), watcher).await;
        });
    }
    graceful.shutdown().await;
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
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

async fn serve<S>(
    stream: S,
    peer: SocketAddr,
    router: &Router,
    header_timeout: Duration,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = router.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut router = router.clone();
        async move {
            // A router is always ready.
            router
                .call(request)
                .await
                .map_err(|error: Infallible| error)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_BYTES)
        .pipeline_flush(true);
    // Whoever does not read what is sent must not keep it in our memory.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
    if let Err(error) = watcher.watch(connection).await {
        // The other end's doing, mostly: gone, too slow, no HTTP.
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
