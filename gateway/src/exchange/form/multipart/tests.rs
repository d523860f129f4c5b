//! What is taken, what is refused, and that the usual reader reads it alike.

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use proptest::prelude::*;

use super::*;
use crate::exchange::form::LONGEST_NAME;

const PLAIN: &str = "Content-Disposition: form-data; name=\"a\"";
const FILE: &str =
    "Content-Disposition: form-data; name=\"f+\"; filename=\"a.png\"\r\nContent-Type: image/png";

/// A part as it was told: files as their names and their bytes.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Text(String, String),
    File(String, String, Vec<u8>),
}

/// Reads a body that comes in these pieces.
fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    boundary: &str,
) -> Result<Vec<Told>, FormError> {
    let mut reader = Reader::new(boundary);
    let mut told = Vec::new();
    let mut is_whole = true;
    for piece in pieces {
        reader.feed(Bytes::copy_from_slice(piece));
        while let Some(event) = reader.event()? {
            match event {
                Event::Text { name, value } => told.push(Told::Text(name, value)),
                Event::File { name, file_name } => {
                    assert!(std::mem::take(&mut is_whole), "a file within a file");
                    told.push(Told::File(name, file_name, Vec::new()));
                }
                Event::Piece(bytes) => match told.last_mut() {
                    Some(Told::File(_, _, whole)) if !is_whole => {
                        assert!(!bytes.is_empty(), "a piece of nothing");
                        whole.extend_from_slice(&bytes);
                    }
                    other => panic!("a piece of {other:?}"),
                },
                Event::FileEnd => {
                    assert!(!std::mem::replace(&mut is_whole, true), "an end of nothing");
                }
            }
        }
    }
    reader.end()?;
    assert!(is_whole, "a file without an end");
    Ok(told)
}

/// The values of a body without files.
fn pairs(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, FormError> {
    let told = read([body], boundary)?.into_iter();
    let texts = told.map(|told| match told {
        Told::Text(name, value) => (name, value),
        Told::File(..) => panic!("a file"),
    });
    Ok(texts.collect())
}

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

#[track_caller]
fn file(headers: &str, bytes: &[u8], expected: Result<(&str, &str), &str>) {
    let mut body = format!("--B\r\n{headers}\r\n\r\n").into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--B--\r\n");
    let found = read([&body[..]], "B").map_err(|error| error.to_string());
    let expected = expected.map(|(name, file_name)| {
        vec![Told::File(
            name.to_owned(),
            file_name.to_owned(),
            bytes.to_vec(),
        )]
    });
    assert_eq!(found, expected.map_err(str::to_owned), "{headers:?}");
}

fn named(file_name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"f\"; filename=\"{file_name}\"")
}

#[test]
fn a_file_has_its_name_and_its_bytes() {
    let bytes = b"\x89PNG\r\n\x1a\n\0\xff\r\n--C\r\n";
    file(FILE, bytes, Ok(("f+", "a.png")));
    file(FILE, b"", Ok(("f+", "a.png")));
    let turned = "Content-Type: image/png\r\nContent-Disposition: form-data; filename=\"\u{e9};b.png\"; name=\"f\"";
    file(turned, bytes, Ok(("f", "\u{e9};b.png")));
    let length = format!("{FILE}\r\nContent-Length: 1");
    file(&length, b"x", Ok(("f+", "a.png")));
    let other = "the form's value \"f+\" is refused: its Content-Length is another";
    file(&length, b"xy", Err(other));
}

#[test]
fn a_file_name_is_the_last_segment_of_a_path_and_nothing_else() {
    for (path, name) in [
        ("a/b.png", "b.png"),
        ("/etc/passwd", "passwd"),
        ("../../a", "a"),
        ("a/", "a"),
        ("%22a%2Fb", "%22a%2Fb"),
        (" ", " "),
    ] {
        file(&named(path), b"x", Ok(("f", name)));
    }
    let longest = "n".repeat(255);
    file(&named(&longest), b"x", Ok(("f", &longest)));
    let none = "the form's value \"f\" is refused: its file name is none, or longer than 255 bytes";
    for path in ["/", ".", "..", "a/..", "//", &"n".repeat(256)] {
        file(&named(path), b"x", Err(none));
    }
    let control = "the form is refused: a control character in a part's headers";
    file(&named("a\0.png"), b"x", Err(control));
    file(&named("a\n.png"), b"x", Err(control));
    let unread =
        "the form is refused: a part whose Content-Disposition is not form-data with one name";
    for path in ["a\\b.png", "a\\\"b.png", "a\"b.png"] {
        file(&named(path), b"x", Err(unread));
    }
    let star = "Content-Disposition: form-data; name=\"f\"; filename*=utf-8''a.png";
    file(star, b"x", Err(unread));
}

#[test]
fn what_a_browser_sends_for_no_file_is_an_empty_value() {
    let none = format!("{}\r\nContent-Type: application/octet-stream", named(""));
    check(part(&none, ""), Ok(&[("f", "")]));
    let nameless = "the form's value \"f\" is refused: it is a file without a name";
    check(part(&none, "x"), Err(nameless));
}

#[test]
fn the_headers_of_a_part_have_a_bound() {
    let spaces = |count: usize| {
        let begin = "Content-Type: text/plain";
        let spaces = " ".repeat(count - begin.len() - 2 - PLAIN.len());
        part(&format!("{begin}{spaces}\r\n{PLAIN}"), "x")
    };
    check(spaces(LONGEST_HEAD), Ok(&[("a", "x")]));
    refused(
        spaces(LONGEST_HEAD + 1),
        "the headers of a part are too long",
    );
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
fn usual(body: &[u8]) -> Option<Vec<Told>> {
    let body = Bytes::copy_from_slice(body);
    let whole = stream::once(async { Ok::<_, std::convert::Infallible>(body) });
    let mut reader = multer::Multipart::new(whole, "B");
    let mut told = Vec::new();
    // Nothing is waited for: the bytes are there.
    while let Some(field) = reader.next_field().now_or_never()?.ok()? {
        let name = field.name()?.to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let bytes = field.bytes().now_or_never()?.ok()?.to_vec();
        told.push(match file_name {
            Some(file_name) if !file_name.is_empty() => Told::File(name, file_name, bytes),
            Some(_) | None => Told::Text(name, String::from_utf8(bytes).ok()?),
        });
    }
    Some(told)
}

/// Bodies that are forms here and there, or nearly.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"--B"[..]),
        Just(&b"--"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"\n"[..]),
        Just(&b"\r\n\r\n"[..]),
        Just(&b"x"[..]),
        Just("\u{e9}".as_bytes()),
        Just(&b"\xff\0"[..]),
        Just(&b"Content-Disposition: form-data"[..]),
        Just(&b"; name=\"a\""[..]),
        Just(&b"; name=b"[..]),
        Just(&b"; filename=c"[..]),
        Just(&b"content-type: text/plain"[..]),
        Just(&b"\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"[..]),
        Just(&b"\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"c\"\r\n\r\n"[..]),
        Just(&b"\r\n--B--"[..]),
    ];
    let begin = prop_oneof![
        Just(""),
        Just("; filename=\"a.png\""),
        Just("; filename=\"\""),
    ];
    (begin, proptest::collection::vec(piece, 0..12)).prop_map(|(begin, pieces)| {
        let head = format!("--B\r\n{PLAIN}{begin}\r\n\r\n");
        [head.as_bytes(), &pieces.concat()].concat()
    })
}

/// A body in pieces that end at these places.
fn cut<'a>(body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in cuts.into_iter().chain([body.len()]) {
        pieces.push(&body[from..to]);
        from = to;
    }
    pieces
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
    fn what_is_read_the_usual_reader_reads_alike(body in bodies()) {
        if let Ok(read) = read([&body[..]], "B") {
            prop_assert_eq!(usual(&body), Some(read));
        }
    }

    #[test]
    fn however_a_body_is_cut_it_says_the_same(
        body in bodies(),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let whole = read([&body[..]], "B");
        prop_assert_eq!(&read(cut(&body, &cuts), "B"), &whole);
        prop_assert_eq!(&read(body.chunks(1), "B"), &whole);
    }

    #[test]
    fn a_boundary_of_dashes_is_found_however_the_body_is_cut(
        text in "[\r\n-]{0,12}",
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
    ) {
        let body = format!("-----\r\n{FILE}\r\n\r\n{text}\r\n-------\r\n");
        let whole = read([body.as_bytes()], "---");
        prop_assert_eq!(read(cut(body.as_bytes(), &cuts), "---"), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..60), boundary in "[-a-z]{1,4}") {
        let _ = read([&body[..]], &boundary);
        let _ = read([format!("--{boundary}\r\n").as_bytes(), &body], &boundary);
    }
}
