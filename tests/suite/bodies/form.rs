//! Forms as browsers and libraries write them.

use hapta_tests::Call;

/// A type of body that is a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Urlencoded,
    Multipart,
}

pub(super) const KINDS: [Kind; 2] = [Kind::Urlencoded, Kind::Multipart];
pub(super) const URLENCODED: &str = "application/x-www-form-urlencoded";
pub(super) const MULTIPART: &str = "multipart/form-data; boundary=----a.Boundary";

/// These pairs as the body of a call.
pub(super) fn send(call: Call, kind: Kind, pairs: &[(&str, &str)]) -> Call {
    match kind {
        Kind::Urlencoded => {
            let mut body = form_urlencoded::Serializer::new(String::new());
            call.body(URLENCODED, body.extend_pairs(pairs).finish())
        }
        Kind::Multipart => {
            let parts = pairs.iter().map(|(name, text)| {
                let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
                part(&disposition, text)
            });
            call.body(MULTIPART, format!("{}{END}", parts.collect::<String>()))
        }
    }
}

/// A part of a multipart body with these headers, and the line end after it.
pub(super) fn part(headers: &str, text: &str) -> String {
    format!("------a.Boundary\r\n{headers}\r\n\r\n{text}\r\n")
}

/// The end of a multipart body.
pub(super) const END: &str = "------a.Boundary--\r\n";
