//! HTTP/1: one request after another on a connection, up to an answer that lasts.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::accept::{HEAD_BYTES, Patience};
use super::lasting::{Handover, Lasting, Noting};

/// How long a connection that is new when the end begins is waited for: whoever connected in time has
/// his question on the way.
const LAST_QUESTION: Duration = Duration::from_millis(500);

/// The clock by which hyper waits for the head of a request. It asks for a new time for each.
struct Clock {
    patience: Patience,
    handover: Arc<Handover>,
    /// Whoever connects has something to ask.
    is_first: AtomicBool,
}

/// The wait for a head: long while nothing of it has come, and short from then on.
struct Waiting {
    sleep: Pin<Box<tokio::time::Sleep>>,
    head: Duration,
    handover: Arc<Handover>,
    has_begun: bool,
}

/// Speaks HTTP up to the end of the connection, or up to an answer that lasts. When asked to
/// stop, the request under way is the last.
pub(super) async fn speak<S>(
    stream: S,
    peer: SocketAddr,
    router: &Router,
    patience: Patience,
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
        handover.ask();
        async move {
            // A router is always ready.
            let response = router.call(request).await?;
            Ok::<_, Infallible>(handover.pass(version, response).await)
        }
    });
    let clock = Clock {
        patience,
        handover: Arc::clone(&handover),
        is_first: AtomicBool::new(true),
    };
    let mut http = http1::Builder::new();
    http.timer(clock)
        .header_read_timeout(patience.idle)
        .max_buf_size(HEAD_BYTES);
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    let mut stopped = pin!(stop.cancelled());
    let (mut is_last, mut waiting) = (false, None);
    let lasting = poll_fn(|context| {
        if !is_last && (waiting.is_some() || stopped.as_mut().poll(context).is_ready()) {
            let sleep = || Box::pin(tokio::time::sleep(LAST_QUESTION));
            let is_over = waiting.get_or_insert_with(sleep).as_mut().poll(context);
            // Hyper would close what is not in use at once.
            if handover.was_asked() || is_over.is_ready() {
                is_last = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
        let ended = Pin::new(&mut connection).poll(context);
        if !is_last && waiting.is_some() && handover.was_asked() {
            // The question that was waited for: it is the last.
            context.waker().wake_by_ref();
        }
        match handover.take() {
            Some(lasting) => Poll::Ready(Ok(Some(lasting))),
            None => ended.map_ok(|()| None),
        }
    });
    let lasting = lasting.await?;
    let stream = connection.into_parts().io.into_inner().stream;
    Ok(lasting.map(|lasting| (lasting, stream)))
}

#[expect(
    clippy::disallowed_types,
    reason = "hyper's own, which is made of tokio's here"
)]
impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        let Patience { head, .. } = self.patience;
        let has_begun = self.is_first.swap(false, Ordering::Relaxed);
        self.handover.hear_nothing();
        let deadline = if has_begun {
            self.now() + head
        } else {
            deadline
        };
        Box::pin(Waiting {
            sleep: Box::pin(tokio::time::sleep_until(deadline.into())),
            head,
            handover: Arc::clone(&self.handover),
            has_begun,
        })
    }

    fn now(&self) -> std::time::Instant {
        tokio::time::Instant::now().into()
    }
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    /// Hyper looks here whenever it has read all that there is and still has no head.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.has_begun && self.handover.has_heard() {
            self.has_begun = true;
            let deadline = tokio::time::Instant::now() + self.head;
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::{Instant, sleep};

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_mins(1);
    const A_MOMENT: Duration = Duration::from_millis(5);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    fn connect() -> DuplexStream {
        connect_until(CancellationToken::new())
    }

    fn connect_until(stop: CancellationToken) -> DuplexStream {
        let (client, stream) = tokio::io::duplex(64 << 10);
        tokio::spawn(async move {
            let router = Router::new().fallback(async || "ok");
            let patience = Patience {
                head: HEAD,
                idle: IDLE,
            };
            let peer = ([127, 0, 0, 1], 1).into();
            speak(stream, peer, &router, patience, &stop)
                .await
                .map(drop)
        });
        client
    }

    async fn ask(client: &mut DuplexStream) {
        client.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok") {
            answer.push(client.read_u8().await.unwrap());
        }
    }

    /// How long the other end keeps the connection.
    async fn kept(client: &mut DuplexStream) -> Duration {
        let since = Instant::now();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        since.elapsed()
    }

    #[track_caller]
    fn check(kept: Duration, expected: Duration) {
        assert!(kept >= expected && kept < expected + A_MOMENT, "{kept:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_connects_has_something_to_ask() {
        check(kept(&mut connect()).await, HEAD);
        let mut client = connect();
        client.write_all(b"GET / HT").await.unwrap();
        check(kept(&mut client).await, HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_may_rest_between_requests_and_not_within_a_head() {
        let mut client = connect();
        for _ in 0..3 {
            ask(&mut client).await;
            sleep(IDLE.saturating_sub(A_MOMENT)).await;
        }
        ask(&mut client).await;
        check(kept(&mut client).await, IDLE);

        let mut client = connect();
        ask(&mut client).await;
        sleep(IDLE / 2).await;
        client.write_all(b"GET / HT").await.unwrap();
        check(kept(&mut client).await, HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_connected_before_the_end_may_still_ask() {
        let stop = CancellationToken::new();
        let (mut asks, mut silent) = (connect_until(stop.clone()), connect_until(stop.clone()));
        let mut used = connect_until(stop.clone());
        ask(&mut used).await;
        stop.cancel();
        check(kept(&mut used).await, Duration::ZERO);
        sleep(LAST_QUESTION / 2).await;
        ask(&mut asks).await;
        check(kept(&mut asks).await, Duration::ZERO);
        check(kept(&mut silent).await, LAST_QUESTION / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_letter_by_letter_has_no_more_time() {
        let mut client = connect();
        ask(&mut client).await;
        let begun = Instant::now();
        let mut letters = REQUEST.iter().cycle();
        while client.write_u8(*letters.next().unwrap()).await.is_ok() {
            sleep(HEAD / 8).await;
            if begun.elapsed() > 2 * HEAD {
                break;
            }
        }
        assert!(begun.elapsed() < HEAD + HEAD / 4, "{:?}", begun.elapsed());
    }
}
