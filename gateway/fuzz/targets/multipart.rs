//! A multipart body and its Content-Type, which stands on the first line.
#![no_main]

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use hapta_fuzz::exchange::form::multipart::pairs;
use hapta_fuzz::exchange::form::object;
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
    let Ok(read) = pairs(body, &boundary) else {
        return;
    };
    assert_eq!(usual(body, &boundary).as_ref(), Some(&read), "multer");
    assert_eq!(
        pairs(written(&read, &boundary).as_bytes(), &boundary).as_ref(),
        Ok(&read)
    );
    for (name, text) in &read {
        assert!(
            !name.is_empty() && name.is_ascii() && !name.contains(['"', '\r', '\n']),
            "{name:?}"
        );
        assert!(
            !text.contains('\0') && !text.contains(&format!("--{boundary}")),
            "{text:?}"
        );
    }
    let _ = object(read);
});

fn media(kind: HeaderValue) -> Result<Media, hapta_fuzz::exchange::media::MediaError> {
    Media::of(&HeaderMap::from_iter([(CONTENT_TYPE, kind)]))
}

fn written(pairs: &[(String, String)], boundary: &str) -> String {
    let part = |(name, text): &(String, String)| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    pairs.iter().map(part).collect::<String>() + &format!("--{boundary}--\r\n")
}

/// What the usual reader makes of it; nothing is waited for.
fn usual(body: &[u8], boundary: &str) -> Option<Vec<(String, String)>> {
    let body = Bytes::copy_from_slice(body);
    let whole = stream::once(async { Ok::<_, std::convert::Infallible>(body) });
    let mut reader = multer::Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let Some(field) = reader.next_field().now_or_never()?.ok()? {
        let name = field.name()?.to_owned();
        pairs.push((name, field.text().now_or_never()?.ok()?));
    }
    Some(pairs)
}
