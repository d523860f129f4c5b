//! Answers that last, which are written without hyper.
//!
//! A connection of hyper's has two buffers of 8 KiB and the state of HTTP for as long as it lives.
//! An event stream that nobody is told anything on needs none of it, and there are ten thousand of
//! them. So once such an answer is there, and all that came before it is sent, its connection is
//! taken from hyper: the head is written here, then each event as a chunk, and the connection ends
//! with the stream.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::doors::http::Lasts;

/// What of a client's further bytes is read, to hear of its end. There can't be an answer to them.
const IGNORED: usize = 1 << 10;

/// An answer on its way from hyper's hands.
pub(super) struct Lasting {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

/// How a connection is taken from hyper: what serves its requests knows that it is to be, and what
/// drives it has it.
#[derive(Default)]
pub(super) struct Handover {
    /// Whether all that hyper has to send was sent since this was last unset.
    is_sent: AtomicBool,
    /// Whether anything came from the client since this was last unset.
    is_heard: AtomicBool,
    /// Whether there was any request.
    is_asked: AtomicBool,
    lasting: Mutex<Option<Lasting>>,
}

/// A connection that notes when all is sent: hyper flushes it only then.
pub(super) struct Noting<S> {
    pub(super) stream: S,
    pub(super) handover: Arc<Handover>,
}

impl Handover {
    /// Leaves an answer that lasts to be taken, and never comes back then. Any other is hyper's to
    /// send, and so is one whose client has sent more behind its request, or is still being sent
    /// what it asked for before.
    pub(super) async fn pass(&self, version: Version, response: Response<Body>) -> Response<Body> {
        let lasts = response.extensions().get::<Lasts>().is_some();
        if !lasts || version != Version::HTTP_11 {
            return response;
        }
        self.is_sent.store(false, Ordering::Relaxed);
        // Hyper goes on meanwhile, and flushes if it can.
        tokio::task::yield_now().await;
        if !self.is_sent.load(Ordering::Relaxed) {
            return response;
        }
        let (parts, body) = response.into_parts();
        let lasting = Lasting {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        *self.lasting.lock().unwrap_or_else(PoisonError::into_inner) = Some(lasting);
        std::future::pending().await
    }

    /// Begins to listen for what comes from the client.
    pub(super) fn hear_nothing(&self) {
        self.is_heard.store(false, Ordering::Relaxed);
    }

    /// Whether something came.
    pub(super) fn has_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }

    /// Takes down that there is a request.
    pub(super) fn ask(&self) {
        self.is_asked.store(true, Ordering::Relaxed);
    }

    /// Whether there was one.
    pub(super) fn was_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    /// What was left, once.
    pub(super) fn take(&self) -> Option<Lasting> {
        let mut lasting = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        lasting.take()
    }
}

impl Lasting {
    /// Writes it, up to its end or that of its client.
    ///
    /// # Errors
    ///
    /// The client went away, or took nothing for too long.
    pub(super) async fn write<S>(self, stream: &mut S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(&self.head()).await?;
        stream.flush().await?;
        // The headers are not needed again.
        let mut body = self.body;
        let (mut bytes, mut ignored) = ([0; 16], 0);
        loop {
            tokio::select! {
                biased;
                frame = body.frame() => {
                    let Some(frame) = frame else { break };
                    let frame = frame.map_err(io::Error::other)?;
                    if let Ok(data) = frame.into_data() && !data.is_empty() {
                        stream.write_all(&chunk(&data)).await?;
                        stream.flush().await?;
                    }
                }
                read = stream.read(&mut bytes), if ignored < IGNORED => match read? {
                    0 => return Ok(()),
                    read => ignored += read,
                },
            }
        }
        stream.write_all(b"0\r\n\r\n").await?;
        stream.shutdown().await
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        let mut line = |name: &[u8], value: &[u8]| {
            head.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
        };
        for (name, value) in &self.headers {
            line(name.as_ref(), value.as_bytes());
        }
        let date = httpdate::fmt_http_date(SystemTime::now());
        line(header::DATE.as_ref(), date.as_bytes());
        line(header::TRANSFER_ENCODING.as_ref(), b"chunked");
        // Nothing that comes after it is answered.
        line(header::CONNECTION.as_ref(), b"close");
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// Some bytes as they are framed, in one piece: it is one call of the system.
fn chunk(data: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", data.len());
    [size.as_bytes(), data, b"\r\n"].concat()
}

impl<S: AsyncRead + Unpin> AsyncRead for Noting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = bytes.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, bytes);
        if bytes.filled().len() > before {
            self.handover.is_heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = flushed {
            self.handover.is_sent.store(true, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
