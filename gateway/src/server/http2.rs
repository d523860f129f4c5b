//! HTTP/2: many requests at once on a connection, each of them a stream.
//!
//! What a client may have of our memory is bounded for the connection and for each stream, and a
//! client that takes nothing of what it asked for is given up: flow control lets it stop a stream
//! without stopping the connection, so the bound in time on writes does not notice. Event streams
//! stay here: there is one connection for all that a page asks.

mod taken;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

use self::taken::{State, Streams, Taken};
use super::accept::{HEAD_BYTES, Patience, WRITE_TIMEOUT};

/// Requests of one connection under way at once, as the standard recommends at least.
const STREAMS: u32 = 100;

/// Streams that a client begins and ends at once, before it is taken for an attacker.
const RESETS: usize = 20;

/// How many headers a request may have, as on a connection of HTTP/1.
const HEADERS: usize = 100;

/// What may be on its way to us and not yet read, in bytes: of a stream, and of all.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// What of an answer may wait for the connection, in bytes.
const SEND_BUFFER: usize = 32 << 10;

/// After how long a quiet connection is asked whether it is there, and how long it may take to
/// say so.
const PING: Duration = Duration::from_secs(20);

/// How often it is looked whether a connection still does anything.
const LOOK: Duration = Duration::from_secs(5);

/// Speaks HTTP/2 up to the end of the connection. When asked to stop, the requests under way are
/// the last.
pub(super) async fn speak<S>(
    stream: S,
    peer: SocketAddr,
    router: &Router,
    patience: Patience,
    stop: &CancellationToken,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (router, streams) = (router.clone(), Arc::new(Streams::new(Instant::now())));
    let begun = Arc::clone(&streams);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        let under_way = begun.begin();
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut router = router.clone();
        async move {
            if request.headers().len() > HEADERS {
                let mut refused = Response::new(Body::empty());
                *refused.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                return Ok(refused);
            }
            // A router is always ready.
            let response = router.call(request).await?;
            Ok::<_, Infallible>(response.map(|body| Body::new(Taken::new(body, under_way))))
        }
    });
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut stopped = pin!(stop.cancelled());
    let (mut is_ending, every) = (false, LOOK.min(patience.head).min(patience.idle));
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stopped.as_mut(), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(every) => match streams.state(Instant::now()) {
                State::Owed(since) if since >= WRITE_TIMEOUT => return Ok(()),
                // Told already that this is the end, and has nothing more to wait for.
                State::Idle(_) if is_ending => return Ok(()),
                State::Unused(since) if since >= patience.head => return Ok(()),
                State::Idle(since) if since >= patience.idle => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                State::Owed(_) | State::Unused(_) | State::Idle(_) | State::Busy => {}
            },
        }
    }
}

#[cfg(test)]
mod tests;
