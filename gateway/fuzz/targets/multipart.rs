//! A multipart body and its Content-Type, which stands on the first line; where it is
//! cut into pieces is a matter of its bytes as well.
#![no_main]

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use hapta_fuzz::exchange::form::multipart::{Event, Reader};
use hapta_fuzz::exchange::form::{FormError, object};
use hapta_fuzz::exchange::media::Media;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(at) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let (kind, body) = (&input[..at], &input[at + 1..]);
    let Ok(kind) = HeaderValue::from_bytes(kind) else {
        return;
    };
    let Ok(Media::Multipart { boundary }) = media(kind) else {
        return;
    };
    let spelled = format!("multipart/form-data; boundary=\"{boundary}\"");
    let spelled = media(HeaderValue::from_str(&spelled).expect("a header"));
    assert_eq!(
        spelled,
        Ok(Media::Multipart {
            boundary: boundary.clone()
        })
    );
    let whole = read(&[body], &boundary);
    assert_eq!(read(&cut(body), &boundary), whole, "in pieces");
    let Ok(parts) = whole else {
        return;
    };
    assert_eq!(usual(body, &boundary).as_ref(), Some(&parts), "multer");
    assert_eq!(
        read(&[&written(&parts, &boundary)], &boundary).as_ref(),
        Ok(&parts)
    );
    for part in &parts {
        assert_part(part, &boundary);
    }
    let texts = parts.into_iter().filter(|part| part.file_name.is_none());
    let _ = object(
        texts
            .map(|part| (part.name, String::from_utf8(part.bytes).expect("UTF-8")))
            .collect(),
    );
});

#[derive(Debug, PartialEq)]
struct Part {
    name: String,
    /// None: a value.
    file_name: Option<String>,
    bytes: Vec<u8>,
}

fn assert_part(part: &Part, boundary: &str) {
    let Part {
        name,
        file_name,
        bytes,
    } = part;
    assert!(
        !name.is_empty() && name.is_ascii() && !name.contains(['"', '\r', '\n']),
        "{name:?}"
    );
    let delimiter = format!("--{boundary}");
    assert!(
        !bytes
            .windows(delimiter.len())
            .any(|window| window == delimiter.as_bytes()),
        "{part:?}"
    );
    match file_name {
        None => assert!(!bytes.contains(&0), "{part:?}"),
        Some(file_name) => assert!(
            !matches!(file_name.as_str(), "" | "." | "..")
                && !file_name.contains(|c: char| c.is_control() || "/\\\"".contains(c)),
            "{file_name:?}"
        ),
    }
}

/// In pieces whose lengths follow from the bytes.
fn cut(body: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while let Some(first) = rest.first() {
        let (piece, after) = rest.split_at(rest.len().min(1 + usize::from(first % 23)));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn read(pieces: &[&[u8]], boundary: &str) -> Result<Vec<Part>, FormError> {
    let mut reader = Reader::new(boundary);
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        reader.feed(Bytes::copy_from_slice(piece));
        while let Some(event) = reader.event()? {
            match event {
                Event::Text { name, value } => parts.push(Part {
                    name,
                    file_name: None,
                    bytes: value.into_bytes(),
                }),
                Event::File { name, file_name } => parts.push(Part {
                    name,
                    file_name: Some(file_name),
                    bytes: Vec::new(),
                }),
                Event::Piece(bytes) => {
                    let part = parts.last_mut().expect("a file that has begun");
                    part.bytes.extend_from_slice(&bytes);
                }
                Event::FileEnd => {}
            }
        }
    }
    reader.end()?;
    Ok(parts)
}

fn media(kind: HeaderValue) -> Result<Media, hapta_fuzz::exchange::media::MediaError> {
    Media::of(&HeaderMap::from_iter([(CONTENT_TYPE, kind)]))
}

fn written(parts: &[Part], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let file = part.file_name.as_ref();
        let file = file.map(|name| format!("; filename=\"{name}\""));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{}\r\n\r\n",
            part.name,
            file.unwrap_or_default()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&part.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// What the usual reader makes of it; nothing is waited for. It leaves a file its
/// folders, which Go cuts off.
fn usual(body: &[u8], boundary: &str) -> Option<Vec<Part>> {
    let body = Bytes::copy_from_slice(body);
    let whole = stream::once(async { Ok::<_, std::convert::Infallible>(body) });
    let mut reader = multer::Multipart::new(whole, boundary);
    let mut parts = Vec::new();
    while let Some(field) = reader.next_field().now_or_never()?.ok()? {
        let name = field.name()?.to_owned();
        let file_name = field.file_name().filter(|name| !name.is_empty());
        let file_name = file_name.map(|path| {
            let name = path.trim_end_matches('/').rsplit('/').next();
            name.unwrap_or_default().to_owned()
        });
        let bytes = field.bytes().now_or_never()?.ok()?.to_vec();
        parts.push(Part {
            name,
            file_name,
            bytes,
        });
    }
    Some(parts)
}
