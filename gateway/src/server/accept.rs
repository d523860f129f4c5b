//! Takes connections and serves them, within the bounds of the door.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::crowd::{Counted, Crowd};
use super::{http1, http2, tls};
use crate::config::Server;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::pipeline::{self, ResponseBody};
use crate::telemetry::Open;

/// A pause after a failed accept: out of descriptors, trying at once won't help.
const BREATHER: Duration = Duration::from_millis(50);

/// The longest wait for a client to take some of what is sent.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long what is sent may go unconfirmed by the other end, in milliseconds.
const UNCONFIRMED_MS: u32 = 60_000;

/// The largest head of a request, in bytes; PocketBase takes a megabyte.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// Connections that operators may hold.
const ADMIN_CONNECTIONS: usize = 64;

/// How long operators may leave a connection unused, and take for a head.
const ADMIN_PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    idle: Duration::from_mins(1),
};

/// How long is waited for a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For all of its head, or for the first thing of a connection.
    pub(super) head: Duration,
    /// For it to begin, after another one.
    pub(super) idle: Duration,
}

/// A connection whose writes have a bound in time.
type Bounded<S> = Pin<Box<TimeoutStream<S>>>;

/// The door for clients.
pub(super) struct Door {
    pub(super) bounds: Server,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) router: Router,
    pub(super) gateway: Arc<Gateway>,
}

/// A connection with TLS, by what is spoken on it.
enum Shaken {
    Http1(Bounded<TlsStream<TcpStream>>),
    Http2(Bounded<TlsStream<TcpStream>>),
}

/// Serves clients until asked to stop, then lets what is under way end.
pub(super) async fn accept(listener: TcpListener, door: Door, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(door.bounds.max_connections));
    let crowd = Crowd::new(door.bounds.connections_per_address);
    let connections = TaskTracker::new();
    let door = Arc::new(door);
    loop {
        let Some((place, stream, peer)) = next_within(&listener, &places, &stop).await else {
            break;
        };
        let Some(counted) = door.enter(&crowd, peer) else {
            continue;
        };
        let (door, stop) = (Arc::clone(&door), stop.clone());
        connections.spawn(async move {
            let _place = (place, counted);
            let _open = Open::one(&door.gateway.metrics.connections);
            door.serve(stream, peer, &stop).await;
        });
    }
    // Whoever comes from now on is refused at once, and need not wait to be.
    drop(listener);
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
            serve(stream, peer, &router, ADMIN_PATIENCE, &stop).await;
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

impl Door {
    /// Counts a connection. None: its address has too many. Proxies bring many people.
    fn enter(&self, crowd: &Arc<Crowd>, peer: SocketAddr) -> Option<Counted> {
        if self.bounds.proxies.has(peer.ip()) {
            return Some(crowd.let_in());
        }
        let counted = crowd.enter(peer.ip());
        if counted.is_none() {
            self.gateway.metrics.edge.turned_away.inc();
        }
        counted
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr, stop: &CancellationToken) {
        let patience = Patience {
            head: self.bounds.header_timeout,
            idle: self.bounds.idle_timeout,
        };
        let Some(acceptor) = &self.acceptor else {
            return serve(bounded(stream), peer, &self.router, patience, stop).await;
        };
        // Boxed, so that none of it is left when it is done.
        match Box::pin(shake(stream, acceptor, patience.head)).await {
            Some(Shaken::Http1(stream)) => {
                serve(stream, peer, &self.router, patience, stop).await;
            }
            Some(Shaken::Http2(stream)) => {
                let _open = Open::one(&self.gateway.metrics.edge.http2);
                // Boxed, so that others don't pay for it.
                let speaking = http2::speak(stream, peer, &self.router, patience, stop);
                told(Box::pin(speaking).await.map_err(|error| error.to_string()));
            }
            None => {}
        }
    }
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
async fn shake(stream: TcpStream, acceptor: &TlsAcceptor, timeout: Duration) -> Option<Shaken> {
    let shaken = tokio::time::timeout(timeout, acceptor.accept(stream)).await;
    let stream = shaken.ok()?.ok()?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2);
    let stream = bounded(stream);
    Some(if is_http2 {
        Shaken::Http2(stream)
    } else {
        Shaken::Http1(stream)
    })
}

async fn serve<S>(
    stream: Bounded<S>,
    peer: SocketAddr,
    router: &Router,
    patience: Patience,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    // Boxed, so that nothing of hyper's is left while an answer lasts.
    let speaking = Box::pin(http1::speak(stream, peer, router, patience, stop));
    told(match speaking.await {
        Ok(None) => Ok(()),
        Ok(Some((lasting, mut stream))) => {
            let written = lasting.write(&mut stream).await;
            written.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    });
}

fn told(ended: Result<(), String>) {
    if let Err(error) = ended {
        // The other end's doing, mostly: gone, too slow, no HTTP.
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
