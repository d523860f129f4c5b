//! What is taken, what is refused, and that the usual reader reads it alike.

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use proptest::prelude::*;

use super::*;

const PLAIN: &str = "Content-Disposition: form-data; name=\"a\"";

/// A body of one part with these headers and this text.
fn part(headers: &str, text: &str) -> String {
    format!("--B\r\n{headers}\r\n\r\n{text}\r\n--B--\r\n")
}

/// A body of these parts, as a browser writes it.
fn written(pairs: &[(String, String)]) -> String {
    let part = |(name, text): &(String, String)| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    pairs.iter().map(part).collect::<String>() + "--B--\r\n"
}

#[track_caller]
fn check(body: impl AsRef<[u8]>, expected: Result<&[(&str, &str)], &str>) {
    let found = pairs(body.as_ref(), "B").map_err(|error| error.to_string());
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let body = String::from_utf8_lossy(body.as_ref());
    assert_eq!(
        found,
        expected.map(owned).map_err(str::to_owned),
        "{body:?}"
    );
}

#[track_caller]
fn refused(body: impl AsRef<[u8]>, problem: &str) {
    check(body, Err(&format!("the form is refused: {problem}")));
}

#[test]
fn parts_are_read_in_their_order() {
    check("--B--", Ok(&[]));
    check("--B--\r\n", Ok(&[]));
    check(part(PLAIN, "x"), Ok(&[("a", "x")]));
    check(part(PLAIN, ""), Ok(&[("a", "")]));
    check(
        part(PLAIN, "\r\n\r\né\n--C\r\n"),
        Ok(&[("a", "\r\n\r\né\n--C\r\n")]),
    );
    let two = format!("--B\r\n{PLAIN}\r\n\r\n1\r\n--B\r\n{PLAIN}\r\n\r\n2\r\n--B--");
    check(two, Ok(&[("a", "1"), ("a", "2")]));
}

#[test]
fn headers_that_libraries_write_are_taken() {
    for headers in [
        "content-disposition: form-data; name=\"a\"",
        "Content-Disposition:form-data;name=a",
        "Content-Disposition: Form-Data ; name=\"a\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Length: 1",
        "content-type: text/plain; charset=utf-8\r\ncontent-transfer-encoding: binary\r\ncontent-disposition: form-data; name=\"a\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: application/json",
    ] {
        check(part(headers, "x"), Ok(&[("a", "x")]));
    }
    let modifier = "Content-Disposition: form-data; name=\"n+\"";
    check(part(modifier, "1"), Ok(&[("n+", "1")]));
    let payload = "Content-Disposition: form-data; name=\"@jsonPayload\"";
    check(part(payload, "{}"), Ok(&[("@jsonPayload", "{}")]));
}

#[test]
fn a_file_is_refused_by_its_name() {
    let file = "the form's value \"cover\" is a file: uploads are not served";
    for headers in [
        "Content-Disposition: form-data; name=\"cover\"; filename=\"a;b.png\"\r\nContent-Type: image/png",
        "Content-Type: image/png\r\nContent-Disposition: form-data; filename=\"é.png\"; name=\"cover\"",
        // What a browser sends for no file at all: a value to Go, a file to others.
        "Content-Disposition: form-data; name=\"cover\"; filename=\"\"",
    ] {
        check(part(headers, "x"), Err(file));
        let mut bytes = part(headers, "x").into_bytes();
        bytes.splice(bytes.len() - 9..bytes.len() - 9, [0x89, 0xff, 0]);
        check(bytes, Err(file));
    }
}

#[test]
fn what_stands_around_the_parts_is_refused() {
    let body = part(PLAIN, "x");
    let begin = "it does not begin with its boundary";
    refused("", begin);
    refused(format!("\r\n{body}"), begin);
    refused(format!("preamble\r\n{body}"), begin);
    let end = "it does not end with its last boundary";
    refused(format!("{body}epilogue"), end);
    refused(format!("{body}\r\n"), end);
    refused(body.replace("--B--\r\n", "--B--\n"), end);
    refused(body.replace("--B--\r\n", "--B\r\n"), end);
    refused(body.replace("--B--\r\n", ""), end);
    refused("--B", end);
    let line = "a boundary that is not a line of its own";
    refused(body.replace("\r\n", "\n"), line);
    refused(body.replace("x\r\n--B", "x\n--B"), line);
    refused(body.replace("--B\r\n", "--B \r\n"), line);
    refused(part(PLAIN, "x--B"), line);
    refused(part(PLAIN, "x\r\n--Bx"), line);
    // Go takes this for the end of an empty value.
    let empty = "a part without an empty line after its headers";
    refused(format!("--B\r\n{PLAIN}\r\n\r\n--B--\r\n"), empty);
    refused(format!("--B\r\n{PLAIN}\r\n--B--\r\n"), empty);
    refused(part(PLAIN, "").replace("\r\n\r\n", "\n\n"), empty);
    let many = written(&vec![("a".to_owned(), "x".to_owned()); MOST_PAIRS + 1]);
    refused(many, "too many parts");
}

#[test]
fn headers_that_could_be_read_otherwise_are_refused() {
    let disposition = "a part whose Content-Disposition is not form-data with one name";
    for headers in [
        "Content-Disposition: attachment; name=\"a\"",
        "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
        "Content-Disposition: form-data; name*=utf-8''a",
        "Content-Disposition: form-data; name=\"a\"; name*=utf-8''b",
        "Content-Disposition: form-data; name=\"a\"; size=1",
        "Content-Disposition: form-data; naMe=b",
        "Content-Disposition: form-data; name=\"a\\\"b\"",
        "Content-Disposition: form-data; name=a b",
        "Content-Disposition: form-data, name=\"a\"",
    ] {
        refused(part(headers, "x"), disposition);
    }
    let without = "a part without a name";
    refused(part("Content-Disposition: form-data", "x"), without);
    refused(
        part("Content-Disposition: form-data; name=\"\"", "x"),
        without,
    );
    refused(part("Content-Type: text/plain", "x"), without);
    let name = "a name that no field has";
    refused(
        part("Content-Disposition: form-data; name=\"é\"", "x"),
        name,
    );
    let long = format!(
        "Content-Disposition: form-data; name={}",
        "a".repeat(LONGEST_NAME + 1)
    );
    refused(part(&long, "x"), name);
    let plus = |header: &str| format!("{PLAIN}\r\n{header}");
    refused(
        part(&plus(PLAIN), "x"),
        "a part with two headers of one name",
    );
    refused(
        part(&plus("Content-Transfer-Encoding: quoted-printable"), "x"),
        "a part in a Content-Transfer-Encoding",
    );
    refused(
        part(&plus("Content-Transfer-Encoding: base64"), "x"),
        "a part in a Content-Transfer-Encoding",
    );
    let unknown = "a part with a header other than Content-Disposition, Content-Type, Content-Length and Content-Transfer-Encoding";
    refused(part(&plus("X-Role: admin"), "x"), unknown);
    refused(part(&plus("Content-Type : text/plain"), "x"), unknown);
    refused(part(&plus(" folded: x"), "x"), unknown);
    refused(
        part(&plus("folded"), "x"),
        "a line among a part's headers that is none",
    );
    let control = "a control character in a part's headers";
    refused(part(&plus("Content-Type: text/plain\nX: y"), "x"), control);
    refused(part(&plus("Content-Type: text/plain\0"), "x"), control);
    let mut latin = part(PLAIN, "x").into_bytes();
    latin[10] = 0xe9;
    refused(latin, "headers of a part that are not UTF-8");
}

#[test]
fn a_value_that_is_no_text_is_refused_by_its_name() {
    let refused = |headers: &str, text: &str, problem: &str| {
        let message = format!("the form's value \"a\" is refused: {problem}");
        check(part(headers, text), Err(&message));
    };
    refused(PLAIN, "x\0y", "a NUL");
    let plus = |header: &str| format!("{PLAIN}\r\n{header}");
    for length in ["0", "2", "01", "+1", ""] {
        refused(
            &plus(&format!("Content-Length: {length}")),
            "x",
            "its Content-Length is another",
        );
    }
    for kind in [
        "text/plain; charset=latin1",
        "text/plain; format=flowed",
        "application/octet-stream",
        "text",
    ] {
        refused(
            &plus(&format!("Content-Type: {kind}")),
            "x",
            "its type is neither text/plain nor application/json, in utf-8",
        );
    }
    let mut latin = part(PLAIN, "x").into_bytes();
    let at = latin.len() - 10;
    latin[at] = 0xe9;
    check(
        latin,
        Err("the form's value \"a\" is refused: it is not UTF-8"),
    );
}

/// What `multer` makes of a body.
fn usual(body: &str) -> Option<Vec<(String, String)>> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let whole = stream::once(async { Ok::<_, std::convert::Infallible>(body) });
    let mut reader = multer::Multipart::new(whole, "B");
    let mut pairs = Vec::new();
    // Nothing is waited for: the bytes are there.
    while let Some(field) = reader.next_field().now_or_never()?.ok()? {
        let name = field.name()?.to_owned();
        pairs.push((name, field.text().now_or_never()?.ok()?));
    }
    Some(pairs)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        sent in proptest::collection::vec(("[!#-\\[\\]-~]{1,8}", "[^\\x00]{0,12}|[\r\n-]{0,6}"), 0..5),
    ) {
        prop_assume!(sent.iter().all(|(_, text)| !text.contains("--B")));
        let body = written(&sent);
        prop_assert_eq!(pairs(body.as_bytes(), "B"), Ok(sent));
    }

    #[test]
    fn what_is_read_the_usual_reader_reads_alike(
        body in proptest::collection::vec(
            prop_oneof![
                Just("--B"), Just("--"), Just("\r\n"), Just("\n"), Just("\r\n\r\n"), Just("x"), Just("é"),
                Just("Content-Disposition: form-data"), Just("; name=\"a\""), Just("; name=b"), Just("; filename=c"),
                Just("content-type: text/plain"), Just("\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"),
                Just("\r\n--B--"),
            ],
            0..12,
        ),
    ) {
        let body = format!("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}", body.concat());
        if let Ok(read) = pairs(body.as_bytes(), "B") {
            prop_assert_eq!(usual(&body), Some(read));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..60), boundary in "[-a-z]{1,4}") {
        let _ = pairs(&body, &boundary);
        let _ = pairs(&[format!("--{boundary}\r\n").as_bytes(), &body].concat(), &boundary);
    }
}
