//! `multipart/form-data` without files, in the one form that browsers and HTTP
//! libraries write.
//!
//! Go's reader skips what stands before the first boundary and after the last one,
//! takes bare line feeds for line ends, decodes `name*=` and quoted-printable, and
//! passes over headers that it does not know. The usual crate (`multer`) also keeps
//! the last of two equal headers without a word, and shows its caller none of
//! this. So the grammar is held here, byte by byte, and `multer` reads again in the
//! tests whatever is taken:
//!
//! ```text
//! body = *( "--" boundary CRLF 1*header CRLF text CRLF ) "--" boundary "--" [CRLF]
//! ```

use memchr::memmem;

use super::super::media::{Valued, is_utf8};
use super::{FormError, LONGEST_NAME, MOST_PAIRS};

/// The headers of one part.
#[derive(Default)]
struct Head<'a> {
    name: &'a str,
    is_file: bool,
    kind: Option<&'a str>,
    /// Written by some libraries: how long the value is.
    length: Option<&'a str>,
}

/// Splits a body into names and values.
///
/// # Errors
///
/// Whatever is not of the form above: by the part's name, once it is known.
pub fn pairs(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, FormError> {
    let delimiter = format!("--{boundary}");
    let Some(mut rest) = body.strip_prefix(delimiter.as_bytes()) else {
        return refuse("it does not begin with its boundary");
    };
    let mut pairs = Vec::new();
    // Between one boundary and the next: a boundary that stood within a value
    // would be the end of the value to some readers.
    while let Some(at) = memmem::find(rest, delimiter.as_bytes()) {
        let (part, after) = rest.split_at(at);
        if pairs.len() == MOST_PAIRS {
            return refuse("too many parts");
        }
        pairs.push(pair(part)?);
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
    match rest {
        b"--" | b"--\r\n" => Ok(pairs),
        _ => refuse("it does not end with its last boundary"),
    }
}

/// Reads one part with the line ends around it.
fn pair(part: &[u8]) -> Result<(String, String), FormError> {
    let part = part
        .strip_prefix(b"\r\n")
        .and_then(|part| part.strip_suffix(b"\r\n"));
    let Some(part) = part else {
        return refuse("a boundary that is not a line of its own");
    };
    let Some(at) = memmem::find(part, b"\r\n\r\n") else {
        return refuse("a part without an empty line after its headers");
    };
    let (head, text) = part.split_at(at);
    let text = text.get(4..).unwrap_or_default();
    let head = Head::parse(head)?;
    let name = head.name.to_owned();
    if head.is_file {
        return Err(FormError::File { name });
    }
    let problem = match std::str::from_utf8(text) {
        _ if !head.kind.is_none_or(is_text) => {
            "its type is neither text/plain nor application/json, in utf-8"
        }
        Err(_) => "it is not UTF-8",
        Ok(text) if text.contains('\0') => "a NUL",
        Ok(text)
            if head
                .length
                .is_some_and(|told| told != text.len().to_string()) =>
        {
            "its Content-Length is another"
        }
        Ok(text) => return Ok((name, text.to_owned())),
    };
    Err(FormError::Value { name, problem })
}

impl<'a> Head<'a> {
    fn parse(head: &'a [u8]) -> Result<Self, FormError> {
        let Ok(head) = std::str::from_utf8(head) else {
            return refuse("headers of a part that are not UTF-8");
        };
        let mut seen: Vec<String> = Vec::new();
        let mut found = Self::default();
        for line in head.split("\r\n") {
            let Some((header, value)) = line.split_once(':') else {
                return refuse("a line among a part's headers that is none");
            };
            if value.chars().any(|c| c.is_control() && c != '\t') {
                return refuse("a control character in a part's headers");
            }
            let header = header.to_ascii_lowercase();
            if seen.contains(&header) {
                return refuse("a part with two headers of one name");
            }
            found.take(&header, value.trim_matches([' ', '\t']))?;
            seen.push(header);
        }
        if found.name.is_empty() {
            return refuse("a part without a name");
        }
        Ok(found)
    }

    fn take(&mut self, header: &str, value: &'a str) -> Result<(), FormError> {
        match header {
            "content-disposition" => self.disposition(value),
            "content-type" => {
                self.kind = Some(value);
                Ok(())
            }
            "content-length" => {
                self.length = Some(value);
                Ok(())
            }
            "content-transfer-encoding" => {
                let plain = ["7bit", "8bit", "binary"];
                if plain.iter().any(|plain| value.eq_ignore_ascii_case(plain)) {
                    return Ok(());
                }
                refuse("a part in a Content-Transfer-Encoding")
            }
            _ => refuse(
                "a part with a header other than Content-Disposition, Content-Type, Content-Length and Content-Transfer-Encoding",
            ),
        }
    }

    fn disposition(&mut self, value: &'a str) -> Result<(), FormError> {
        let unread = "a part whose Content-Disposition is not form-data with one name";
        let Some(Valued { word, parameters }) = Valued::parse(value) else {
            return refuse(unread);
        };
        if !word.eq_ignore_ascii_case("form-data") {
            return refuse(unread);
        }
        for (parameter, value) in parameters {
            match parameter {
                "name" => self.name = value,
                "filename" => self.is_file = true,
                _ => return refuse(unread),
            }
        }
        // Browsers write the quote in a name as %22, and Go leaves it at that.
        let fits = |name: &str| name.len() <= LONGEST_NAME && name.is_ascii();
        if fits(self.name) {
            return Ok(());
        }
        refuse("a name that no field has")
    }
}

/// PocketBase does not look at it, but who says that it is something else may mean
/// something else.
fn is_text(kind: &str) -> bool {
    let Some(Valued { word, parameters }) = Valued::parse(kind) else {
        return false;
    };
    ["text/plain", "application/json"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
        && parameters
            .iter()
            .all(|(name, value)| *name == "charset" && is_utf8(value))
}

fn refuse<T>(problem: &'static str) -> Result<T, FormError> {
    Err(FormError::Form(problem))
}

#[cfg(test)]
mod tests;
