//! A form with files, written anew: all that is no file as one JSON, then the
//! files from the disk, block by block.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use super::UpstreamError;
use super::client::unwritten;
use crate::spool::{Spooled, Stored};

/// A form that is ready to be sent.
pub(super) struct Form {
    boundary: String,
    files: Arc<Spooled>,
    segments: VecDeque<Segment>,
}

/// What is sent in one go, or from the disk.
#[derive(Debug)]
enum Segment {
    Written(Bytes),
    /// A file by its place among the files, from these bytes on.
    File(usize, u64),
}

impl Form {
    /// The names of parts and files were held against a grammar in which they can't
    /// end the quotes that they stand in.
    pub(super) fn new(body: Option<&Value>, files: &Arc<Spooled>) -> Result<Self, UpstreamError> {
        let boundary = boundary()?;
        let mut segments = VecDeque::new();
        let mut before = body.map_or(String::new(), |body| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"@jsonPayload\"\r\n\r\n{body}\r\n"
            )
        });
        for (at, Stored { upload, .. }) in files.files().iter().enumerate() {
            let head = format!(
                "{before}--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
                upload.key, upload.name, upload.media_type
            );
            segments.push_back(Segment::Written(head.into()));
            segments.push_back(Segment::File(at, 0));
            "\r\n".clone_into(&mut before);
        }
        let end = format!("{before}--{boundary}--\r\n");
        segments.push_back(Segment::Written(end.into()));
        Ok(Self {
            boundary,
            files: Arc::clone(files),
            segments,
        })
    }

    pub(super) fn content_type(&self) -> Result<HeaderValue, UpstreamError> {
        let text = format!("multipart/form-data; boundary={}", self.boundary);
        text.try_into()
            .map_err(|error: http::header::InvalidHeaderValue| unwritten(&error))
    }

    /// Bytes in all.
    pub(super) fn length(&self) -> u64 {
        let lengths = self.segments.iter().map(|segment| match segment {
            Segment::Written(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Segment::File(at, _) => self.file(*at).map_or(0, |stored| stored.upload.size),
        });
        lengths.sum()
    }

    /// The files stay as long as somebody may read them.
    pub(super) fn into_body(self) -> UnsyncBoxBody<Bytes, io::Error> {
        let blocks = stream::try_unfold(self, |mut form| async move {
            let block = form.next().await?;
            Ok(block.map(|block| (Frame::data(block), form)))
        });
        StreamBody::new(blocks).boxed_unsync()
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(segment) = self.segments.pop_front() {
            let (at, from) = match segment {
                Segment::Written(bytes) => return Ok(Some(bytes)),
                Segment::File(at, from) => (at, from),
            };
            let stored = self.file(at).ok_or(io::ErrorKind::NotFound)?;
            if let Some(block) = self.files.read(stored, from).await? {
                let read = u64::try_from(block.len()).unwrap_or(u64::MAX);
                self.segments.push_front(Segment::File(at, from + read));
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    fn file(&self, at: usize) -> Option<&Stored> {
        self.files.files().get(at)
    }
}

/// One that no file has in it, since nobody could know it before.
fn boundary() -> Result<String, UpstreamError> {
    let mut random = [0; 16];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| unwritten(&"no random bytes"))?;
    Ok(random.iter().fold("hapta-".to_owned(), |text, byte| {
        text + &format!("{byte:02x}")
    }))
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};

    use super::*;
    use crate::spool::tests::{filled, spools};

    #[tokio::test]
    async fn a_form_has_its_body_and_its_files_and_the_length_that_it_says() {
        let large = vec![7; 600 * 1024];
        let files: [(&str, &str, &[u8]); 3] = [
            ("cover", "a \u{e9}%22.png", b"\x89PNG\r\n\x1a\n"),
            ("photos+", "b", &large),
            ("photos+", "empty.txt", b""),
        ];
        let spools = spools(|_| {});
        let spooled = Arc::new(filled(&spools, &files).await.unwrap());
        let body = serde_json::json!({"title": "x\r\n--y"});
        let form = Form::new(Some(&body), &spooled).unwrap();
        drop(spooled);
        let (boundary, length) = (form.boundary.clone(), form.length());
        let whole = form.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(u64::try_from(whole.len()).unwrap(), length);
        assert_eq!(spools.counts().open, 0, "the body is read and gone");

        let whole = stream::once(async { Ok::<_, io::Error>(whole) });
        let mut reader = multer::Multipart::new(whole, boundary);
        let payload = reader.next_field().await.unwrap().unwrap();
        assert_eq!(payload.name(), Some("@jsonPayload"));
        assert_eq!(payload.file_name(), None);
        assert_eq!(payload.text().await.unwrap(), body.to_string());
        for (key, name, bytes) in files {
            let field = reader.next_field().await.unwrap().unwrap();
            assert_eq!((field.name(), field.file_name()), (Some(key), Some(name)));
            assert_eq!(field.bytes().now_or_never().unwrap().unwrap(), bytes);
        }
        assert!(reader.next_field().await.unwrap().is_none());
    }

    #[test]
    fn no_two_forms_have_one_boundary() {
        let (one, other) = (boundary().unwrap(), boundary().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 38);
    }
}
