//! The headers of one part.

use super::super::super::media::{Valued, is_utf8};
use super::super::{FormError, LONGEST_NAME};
use super::refuse;

/// Bytes of a file's name: as many as file systems take.
const LONGEST_FILE_NAME: usize = 255;

/// What the headers say.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) part: Part,
    /// The type, as written.
    pub(super) kind: Option<String>,
    /// Written by some libraries: how long the part is.
    pub(super) length: Option<String>,
}

/// What a part is.
pub(super) enum Part {
    /// A value.
    Text,
    /// A file of this name.
    File(String),
    /// What a browser sends for no file at all: an empty value to Go, a file to others.
    NoFile,
}

/// The headers as they are read, one after another.
#[derive(Default)]
struct Found<'a> {
    name: &'a str,
    file: Option<&'a str>,
    kind: Option<&'a str>,
    length: Option<&'a str>,
}

impl Head {
    pub(super) fn parse(head: &[u8]) -> Result<Self, FormError> {
        let Ok(head) = std::str::from_utf8(head) else {
            return refuse("headers of a part that are not UTF-8");
        };
        let mut seen: Vec<String> = Vec::new();
        let mut found = Found::default();
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
        let part = match found.file {
            None => Part::Text,
            Some("") => Part::NoFile,
            Some(path) => Part::File(file_name(path).ok_or_else(|| FormError::Value {
                name: found.name.to_owned(),
                problem: "its file name is none, or longer than 255 bytes",
            })?),
        };
        Ok(Self {
            name: found.name.to_owned(),
            part,
            kind: found.kind.map(str::to_owned),
            length: found.length.map(str::to_owned),
        })
    }
}

impl<'a> Found<'a> {
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
                "filename" => self.file = Some(value),
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

/// The last segment of a path, as Go has it. Backslashes, quotes and control
/// characters were refused with the header.
fn file_name(path: &str) -> Option<String> {
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    let is_name = !matches!(name, "" | "." | "..");
    (is_name && name.len() <= LONGEST_FILE_NAME).then(|| name.to_owned())
}

/// PocketBase does not look at it, but who says that it is something else may mean
/// something else.
pub(super) fn is_text(kind: &str) -> bool {
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
