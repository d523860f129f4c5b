//! Answers made shorter, where their client wants it so.
//!
//! Only what is known to be text, and whole, and whose length tells nobody a secret: see
//! [`crate::pipeline::Response::compressible`]. What is compressed already is left alone, and so are files of records:
//! who resumes one must find the same bytes.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tower::Service;
use tower_http::CompressionLevel;
use tower_http::compression::Compression;

use crate::exchange::encoding::Encoding;

/// The effort, on each one's own scale: beyond it the time grows faster than what is saved.
const EFFORT: i32 = 4;

/// What is compressed at once, in bytes, so that its length is known; longer answers as they go.
const AT_ONCE: u64 = 128 << 10;

/// How much of a long answer is compressed before others have their turn.
const PIECE: usize = 32 << 10;

/// Types that are text without saying so.
const TEXTS: [&str; 7] = [
    "application/json",
    "application/javascript",
    "application/manifest+json",
    "application/xml",
    "application/xhtml+xml",
    "application/wasm",
    "image/svg+xml",
];

/// An answer as the service that gives it.
struct Given(Option<Response<Body>>);

impl Service<Request<()>> for Given {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(self.0.take().unwrap_or_default()))
    }
}

/// Whether an answer is worth it, and may be touched.
pub(super) fn fits(response: &Response<Body>, from: u64) -> bool {
    let headers = response.headers();
    let length = response.body().size_hint().exact().or_else(|| {
        let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
        length.parse().ok()
    });
    // Another text under the same strong tag would be taken for the same.
    let is_bound = [
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::ETAG,
    ]
    .iter()
    .any(|name| headers.contains_key(name));
    !is_bound
        && response.status() != StatusCode::PARTIAL_CONTENT
        && length.is_none_or(|length| length >= from)
        && is_text(headers)
        && may_be_changed(headers)
}

/// Compresses an answer that fits.
pub(super) async fn compress(response: Response<Body>, encoding: Encoding) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    let body = if length.is_some_and(|length| length > AT_ONCE) {
        in_pieces(body).await
    } else {
        body
    };
    let mut request = Request::new(());
    let only = HeaderValue::from_static(encoding.name());
    request.headers_mut().insert(header::ACCEPT_ENCODING, only);
    let given = Given(Some(Response::from_parts(parts, body)));
    let always = |_, _, _: &HeaderMap, _: &http::Extensions| true;
    let mut compression = Compression::new(given)
        .quality(CompressionLevel::Precise(EFFORT))
        .compress_when(always);
    let Ok(compressed) = compression.call(request).await;
    let compressed = compressed.map(Body::new);
    match length {
        Some(length) if length <= AT_ONCE => whole(compressed).await,
        _ => compressed,
    }
}

/// An answer whose length is told, as it would have been.
async fn whole(response: Response<Body>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(whole) => Response::from_parts(parts, Body::from(whole.to_bytes())),
        Err(error) => {
            // What is in memory can be compressed; nothing of it was sent if not.
            tracing::error!(%error, "an answer could not be compressed");
            let mut failed = Response::new(Body::empty());
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            failed
        }
    }
}

/// A body that is there whole, handed on piece by piece.
async fn in_pieces(body: Body) -> Body {
    let bytes = match body.collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) => return Body::from_stream(stream::iter([Err::<Bytes, _>(error)])),
    };
    let pieces = stream::unfold(bytes, async |mut rest| {
        if rest.is_empty() {
            return None;
        }
        tokio::task::yield_now().await;
        let piece = rest.split_to(rest.len().min(PIECE));
        Some((Ok::<_, Infallible>(piece), rest))
    });
    // What compresses asks once more after the end.
    Body::from_stream(pieces.fuse())
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    TEXTS.contains(&kind.as_str()) || (kind.starts_with("text/") && kind != "text/event-stream")
}

fn may_be_changed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    !words.any(|word| word.trim().eq_ignore_ascii_case("no-transform"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(body.into()).unwrap()
    }

    const JSON: (&str, &str) = ("content-type", "application/json");

    #[test]
    fn what_is_no_whole_text_is_left_alone() {
        let fits = |headers: &[(&str, &str)], body: &'static str| fits(&answer(headers, body), 4);
        assert!(fits(&[JSON], "text"));
        assert!(fits(
            &[("content-type", "Text/HTML; charset=utf-8")],
            "text"
        ));
        assert!(!fits(&[JSON], "tex"));
        assert!(!fits(&[], "text"));
        for kind in [
            "text/event-stream",
            "image/png",
            "application/zip",
            "font/woff2",
        ] {
            assert!(!fits(&[("content-type", kind)], "text"), "{kind}");
        }
        for header in [
            ("content-encoding", "gzip"),
            ("content-range", "bytes 0-3/4"),
            ("etag", "\"a\""),
            ("cache-control", "public, No-Transform"),
        ] {
            assert!(!fits(&[JSON, header], "text"), "{header:?}");
        }
        let mut partial = answer(&[JSON], "text");
        *partial.status_mut() = StatusCode::PARTIAL_CONTENT;
        assert!(!super::fits(&partial, 4));
    }

    #[tokio::test]
    async fn a_short_answer_tells_its_length_and_a_long_one_comes_as_it_goes() {
        for (length, is_told) in [(AT_ONCE, true), (AT_ONCE + 1, false)] {
            let body = "a".repeat(usize::try_from(length).unwrap());
            for encoding in Encoding::ALL {
                let headers = [JSON, ("accept-ranges", "bytes"), ("vary", "Origin")];
                let compressed = compress(answer(&headers, body.clone()), encoding).await;
                let headers = compressed.headers().clone();
                assert_eq!(headers["content-encoding"], encoding.name());
                assert!(!headers.contains_key("accept-ranges"));
                let vary: Vec<_> = headers.get_all("vary").iter().collect();
                assert_eq!(vary, ["Origin", "accept-encoding"]);
                assert_eq!(compressed.body().size_hint().exact().is_some(), is_told);
                let bytes = compressed.into_body().collect().await.unwrap().to_bytes();
                assert!(!bytes.is_empty() && bytes.len() < 1_000, "{}", bytes.len());
            }
        }
    }
}
