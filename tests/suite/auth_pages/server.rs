//! The page at its address, with PocketBase's API beside it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use hapta::operation::Page;
use hapta::pages::AuthPage;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Listens on loopback until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    // Ends with this value.
    _serving: JoinSet<()>,
}

impl Server {
    pub(super) async fn before(pocketbase: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, pocketbase));
        Self {
            address,
            _serving: serving,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, pocketbase: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = service_fn(move |request| answer(request, pocketbase));
        // An error here is the browser's hanging up.
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer);
        connections.spawn(async move { connection.await.unwrap_or_default() });
    }
}

async fn answer(
    request: Request<Incoming>,
    pocketbase: SocketAddr,
) -> io::Result<Response<Full<Bytes>>> {
    let path = request.uri().path();
    let page = Page {
        segments: path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned)
            .collect(),
        is_folder: path.ends_with('/'),
    };
    let Some(file) = AuthPage::at(&page) else {
        return pass(request, pocketbase).await;
    };
    let head = Response::builder().header("content-type", file.content_type());
    let head = AuthPage::HEADERS
        .iter()
        .fold(head, |head, (name, value)| head.header(*name, *value));
    head.body(Full::from(file.body())).map_err(io::Error::other)
}

async fn pass(
    request: Request<Incoming>,
    pocketbase: SocketAddr,
) -> io::Result<Response<Full<Bytes>>> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let target = head.uri.path_and_query().expect("a target").as_str();
    head.uri = format!("http://{pocketbase}{target}")
        .parse::<Uri>()
        .expect("the target was one already");
    let http = Client::builder(TokioExecutor::new()).build_http();
    let response = http.request(Request::from_parts(head, Full::new(body)));
    let (head, body) = response.await.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, Full::new(body)))
}
