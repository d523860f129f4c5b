//! A proxy on loopback that writes down what reaches PocketBase.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::{PATIENCE, eventually};

/// Passes everything on, and remembers it.
#[derive(Debug)]
pub struct RecordingProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Ends with this value.
    _serving: JoinSet<()>,
}

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// Path and query, as written on the request line.
    pub target: String,
    /// The headers, as many as came.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
}

/// Requests to one target wait while this is kept.
#[derive(Debug)]
#[must_use = "requests are held as long as this is kept"]
pub struct Hold {
    _open: watch::Sender<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    seen: Mutex<Vec<Seen>>,
    holds: Mutex<Vec<(String, watch::Receiver<()>)>>,
    /// Streams of events that are passed on at this moment.
    streams: AtomicUsize,
    cut: watch::Sender<()>,
}

/// A stream under way, counted as long as this is kept.
struct Streaming(Arc<Shared>);

impl RecordingProxy {
    /// A proxy before this address.
    pub async fn before(upstream: SocketAddr) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), upstream).await
    }

    /// The same at an address that is chosen.
    pub async fn at(address: SocketAddr, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let shared = Arc::new(Shared {
            upstream,
            http,
            seen: Mutex::default(),
            holds: Mutex::default(),
            streams: AtomicUsize::new(0),
            cut: watch::Sender::new(()),
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, shared.clone()));
        Self {
            address,
            shared,
            _serving: serving,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }

    /// Every request since the last `take`, in the order of arrival; also to forget them.
    #[expect(clippy::must_use_candidate, reason = "forgetting is a use of it")]
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen())
    }

    /// Holds requests whose target contains this, until what is returned is dropped.
    pub fn hold(&self, part_of_target: &str) -> Hold {
        let (open, held) = watch::channel(());
        self.shared
            .holds
            .lock()
            .expect("no panic while holding")
            .push((part_of_target.to_owned(), held));
        Hold { _open: open }
    }

    /// How many streams of events are passed on at this moment.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::Relaxed)
    }

    /// Ends every connection, as a network would; new ones may come at once.
    pub fn cut(&self) {
        self.shared.cut.send_replace(());
    }

    /// Waits until a request whose target contains this has arrived.
    pub async fn arrived(&self, part_of_target: &str) -> Seen {
        let find = async || {
            self.seen()
                .into_iter()
                .find(|seen| seen.target.contains(part_of_target))
        };
        eventually(&format!("a request to {part_of_target} arrived"), find).await
    }
}

impl Seen {
    /// `METHOD target`, for comparing.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// A header's value, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().expect("no panic while recording")
    }

    /// An error closes the client's connection, as PocketBase's going away would.
    async fn pass(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<BoxBody<Bytes, hyper::Error>>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let target = head.uri.to_string();
        self.seen().push(Seen {
            method: head.method.clone(),
            target: target.clone(),
            headers: head.headers.clone(),
            body: body.clone(),
        });
        self.wait_for(&target).await;
        let uri = format!(
            "http://{}{}",
            self.upstream,
            head.uri
                .path_and_query()
                .map_or("/", |target| target.as_str())
        );
        head.uri = uri.parse::<Uri>().expect("the target was one already");
        let response = self
            .http
            .request(Request::from_parts(head, Full::new(body)))
            .await;
        let (head, body) = response.map_err(io::Error::other)?.into_parts();
        let kind = head.headers.get(CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            let streaming = Streaming::of(self);
            let body = body.map_frame(move |frame| {
                let _as_long_as = &streaming;
                frame
            });
            return Ok(Response::from_parts(head, body.boxed()));
        }
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let body = Full::new(body).map_err(|never| match never {});
        Ok(Response::from_parts(head, body.boxed()))
    }

    async fn wait_for(&self, target: &str) {
        let held: Vec<_> = {
            let holds = self.holds.lock().expect("no panic while holding");
            holds
                .iter()
                .filter(|(part, _)| target.contains(part))
                .map(|(_, held)| held.clone())
                .collect()
        };
        for mut held in held {
            // The error is the drop of the `Hold`, which is what is waited for.
            let _ = tokio::time::timeout(PATIENCE, held.changed()).await;
        }
    }
}

impl Streaming {
    fn of(shared: Arc<Shared>) -> Self {
        shared.streams.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, shared.clone()));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let mut cut = shared.cut.subscribe();
    let answer = service_fn(|request| {
        let shared = shared.clone();
        async move { shared.pass(request).await }
    });
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    tokio::select! {
        // An error here is the client's hanging up.
        _ = serving => {}
        _ = cut.changed() => {}
    }
}
