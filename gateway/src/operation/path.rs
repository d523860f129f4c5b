//! The raw path of a request, read into segments in one way only.
//!
//! PocketBase's router decodes each segment, folds `//` and `..` by redirects
//! and matches Unicode by case folding. Whatever it might read as another path
//! than the one seen here is refused.

use super::OperationError;

/// A path, read.
pub(super) struct Path {
    /// Decoded; `/` has none.
    pub(super) segments: Vec<String>,
    /// Whether it ends in a slash, which only pages and files may.
    pub(super) is_folder: bool,
}

impl Path {
    /// The segments of a path that does not end in a slash.
    pub(super) fn no_folder(self) -> Result<Vec<String>, OperationError> {
        if self.is_folder {
            return refuse("it ends in a slash");
        }
        Ok(self.segments)
    }
}

/// Splits a raw path into decoded segments.
pub(super) fn read(path: &str) -> Result<Path, OperationError> {
    let Some(rest) = path.strip_prefix('/') else {
        return refuse("it must start with a slash");
    };
    if let Some(problem) = path.bytes().find_map(problem_of_raw) {
        return refuse(problem);
    }
    let (rest, is_folder) = match rest.strip_suffix('/') {
        Some(rest) if !rest.is_empty() && !rest.ends_with('/') => (rest, true),
        _ => (rest, false),
    };
    let segments = if rest.is_empty() {
        Vec::new()
    } else {
        rest.split('/').map(segment).collect::<Result<_, _>>()?
    };
    Ok(Path {
        segments,
        is_folder,
    })
}

fn segment(raw: &str) -> Result<String, OperationError> {
    if raw.is_empty() {
        return refuse("two slashes in a row");
    }
    let Some(bytes) = unescape(raw) else {
        return refuse("a percent sign without two hexadecimal digits");
    };
    if let Some(problem) = bytes.iter().find_map(|byte| problem_of_decoded(*byte)) {
        return refuse(problem);
    }
    match String::from_utf8(bytes) {
        Ok(text) if text == "." || text == ".." => refuse("a dot segment"),
        Ok(text) => Ok(text),
        Err(_) => refuse("characters beyond ASCII"),
    }
}

/// Decodes percent escapes, once. `None`: a bad escape.
pub(super) fn unescape(raw: &str) -> Option<Vec<u8>> {
    let mut bytes = raw.bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = hexadecimal(bytes.next()?)?;
            let low = hexadecimal(bytes.next()?)?;
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn problem_of_raw(byte: u8) -> Option<&'static str> {
    match byte {
        b'?' | b'#' => Some("a raw question mark or number sign"),
        b' ' => Some("a raw space"),
        b';' => Some("a semicolon"),
        _ => problem_of_decoded(byte).filter(|_| byte != b'/' && byte != b'%'),
    }
}

/// `%25` is refused as well: no name that PocketBase makes has a percent sign,
/// and a second decoding further on would make something else of it.
fn problem_of_decoded(byte: u8) -> Option<&'static str> {
    match byte {
        0..=0x1f | 0x7f => Some("a control character"),
        0x80.. => Some("characters beyond ASCII"),
        b'/' => Some("an escaped slash"),
        b'\\' => Some("a backslash"),
        b'%' => Some("an escaped percent sign"),
        _ => None,
    }
}

fn refuse<T>(problem: &'static str) -> Result<T, OperationError> {
    Err(OperationError::Path(problem))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&[&str], &'static str>) {
        let expected = match expected {
            Ok(segments) => Ok(segments
                .iter()
                .map(|segment| (*segment).to_owned())
                .collect()),
            Err(problem) => Err(OperationError::Path(problem)),
        };
        let found = read(path).and_then(Path::no_folder);
        assert_eq!(found, expected, "{path:?}");
    }

    #[test]
    fn a_clean_path_is_split_and_decoded_once() {
        check("/", Ok(&[]));
        check("/api/health", Ok(&["api", "health"]));
        check("/%61pi/a%20b", Ok(&["api", "a b"]));
        check("/api/a%3Bx", Ok(&["api", "a;x"]));
        check("/api/%2e%2E%2e", Ok(&["api", "..."]));
        check("/a/photo_abc123.png", Ok(&["a", "photo_abc123.png"]));
    }

    #[test]
    fn a_path_with_a_second_reading_is_refused() {
        check("", Err("it must start with a slash"));
        check("*", Err("it must start with a slash"));
        check("http://evil/api/health", Err("it must start with a slash"));
        check("/api/", Err("it ends in a slash"));
        check("//api", Err("two slashes in a row"));
        check("/api//health", Err("two slashes in a row"));
        check("/api//", Err("two slashes in a row"));
        check("/api/./health", Err("a dot segment"));
        check("/api/x/../health", Err("a dot segment"));
        check("/api/a%3Bx", Ok(&["api", "a;x"]));
        check("/api/%2e%2e/health", Err("a dot segment"));
        check("/api%2Fhealth", Err("an escaped slash"));
        check("/api/a%5cb", Err("a backslash"));
        check("/api/a\\b", Err("a backslash"));
        check("/api/a%00", Err("a control character"));
        check("/api/a\n", Err("a control character"));
        check("/api/po\u{17f}ts", Err("characters beyond ASCII"));
        check("/api/po%C5%BFts", Err("characters beyond ASCII"));
        check("/api/a;x=1", Err("a semicolon"));
        check("/api/a%2570", Err("an escaped percent sign"));
        check(
            "/api/a%",
            Err("a percent sign without two hexadecimal digits"),
        );
        check(
            "/api/a%4",
            Err("a percent sign without two hexadecimal digits"),
        );
        check(
            "/api/a%zz",
            Err("a percent sign without two hexadecimal digits"),
        );
        check(
            "/api/a%+1",
            Err("a percent sign without two hexadecimal digits"),
        );
        check("/api/a?b", Err("a raw question mark or number sign"));
        check("/api/a#b", Err("a raw question mark or number sign"));
        check("/api/a b", Err("a raw space"));
    }

    proptest! {
        #[test]
        fn no_segment_is_ever_empty_or_unprintable(path in "/?[ -~]{0,20}|.{0,20}") {
            for segment in read(&path).map(|path| path.segments).unwrap_or_default() {
                prop_assert!(!segment.is_empty() && segment.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                prop_assert!(!segment.contains(['/', '\\', '%']) && segment != "." && segment != "..");
            }
        }
    }
}
