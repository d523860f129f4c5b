//! `[uploads]` → how many and how large files may come, and where they wait.

use std::ops::RangeInclusive;
use std::path::Path;

use bytesize::ByteSize;

use super::{ConfigError, few, invalid, not_nothing, raw, within};
use crate::exchange::Types;
use crate::spool::Settings;

/// Where files wait unless the file says otherwise. `/tmp` is memory on many systems.
const FOLDER: &str = "/var/tmp";

/// As many parts as a form may have.
const FILES: RangeInclusive<usize> = 1..=1_000;

/// Each has a file open and a block of memory.
const OPEN: RangeInclusive<usize> = 1..=10_000;

pub(super) fn resolve(raw: raw::Uploads, folder: &Path) -> Result<Settings, ConfigError> {
    if raw
        .folder
        .as_ref()
        .is_some_and(|named| named.as_os_str().is_empty())
    {
        return Err(invalid("uploads.folder", "is empty; name a folder"));
    }
    for (key, value, range) in [
        ("uploads.files", raw.files, FILES),
        ("uploads.open", raw.open, OPEN),
        ("uploads.open_principal", raw.open_principal, OPEN),
    ] {
        within(key, value, &range)?;
    }
    not_nothing(&[
        ("uploads.max_file", raw.max_file.as_u64() == 0),
        ("uploads.timeout", raw.timeout.is_zero()),
        ("uploads.idle", raw.idle.is_zero()),
    ])?;
    let sizes: [(&str, ByteSize); 4] = [
        ("uploads.max_file", raw.max_file),
        ("uploads.max_request", raw.max_request),
        ("uploads.max_principal", raw.max_principal),
        ("uploads.max_total", raw.max_total),
    ];
    for ((inner, small), (outer, large)) in sizes.iter().zip(sizes.iter().skip(1)) {
        if large < small {
            return Err(invalid(*outer, format!("is less than {inner}")));
        }
    }
    if raw.open < raw.open_principal {
        return Err(invalid(
            "uploads.open",
            "is less than uploads.open_principal",
        ));
    }
    Ok(Settings {
        is_named: raw.folder.is_some(),
        folder: folder.join(raw.folder.unwrap_or_else(|| FOLDER.into())),
        max_file: raw.max_file,
        max_request: raw.max_request,
        max_principal: raw.max_principal,
        max_total: raw.max_total,
        files: raw.files,
        types: Types::new(types(raw.types)?, endings(raw.endings)?),
        open: raw.open,
        open_principal: raw.open_principal,
        timeout: raw.timeout,
        idle: raw.idle,
    })
}

fn endings(raw: Vec<String>) -> Result<Vec<String>, ConfigError> {
    few("uploads.endings", &raw)?;
    let fits = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match raw.iter().find(|name| !fits(name)) {
        Some(name) => Err(invalid(
            "uploads.endings",
            format!("\"{name}\": expected an ending like png, in lower case and without the dot"),
        )),
        None => Ok(raw),
    }
}

fn types(raw: Vec<String>) -> Result<Vec<String>, ConfigError> {
    few("uploads.types", &raw)?;
    let is_word = |word: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !word.is_empty() && word.bytes().all(fits)
    };
    for name in &raw {
        let parts = name.split_once('/');
        let fits = |(kind, of): (&str, &str)| is_word(kind) && (of == "*" || is_word(of));
        if !parts.is_some_and(fits) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid(
                "uploads.types",
                format!("\"{name}\": expected a type like image/png or image/*, in lower case"),
            ));
        }
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{parse, refuses};
    use super::*;

    #[test]
    fn uploads_are_bounded_from_one_file_to_all() {
        let uploads =
            parse("[uploads]\nfolder = \"spool\"\ntypes = [\"image/*\", \"application/pdf\"]")
                .unwrap()
                .uploads;
        assert_eq!(uploads.folder, Path::new("/etc/hapta/spool"));
        assert!(uploads.types.admit("image/png") && !uploads.types.admit("text/html"));
        for (setting, problem) in [
            ("folder = \"\"", "uploads.folder: is empty; name a folder"),
            ("files = 0", "uploads.files: must be from 1 to 1000"),
            ("files = 1001", "uploads.files: must be from 1 to 1000"),
            ("open = 0", "uploads.open: must be from 1 to 10000"),
            (
                "open = 7",
                "uploads.open: is less than uploads.open_principal",
            ),
            (
                "open_principal = 0",
                "uploads.open_principal: must be from 1 to 10000",
            ),
            (
                "max_file = \"0B\"",
                "uploads.max_file: must be more than nothing",
            ),
            (
                "max_file = \"201MiB\"",
                "uploads.max_request: is less than uploads.max_file",
            ),
            (
                "max_principal = \"1MiB\"",
                "uploads.max_principal: is less than uploads.max_request",
            ),
            (
                "max_total = \"1MiB\"",
                "uploads.max_total: is less than uploads.max_principal",
            ),
            (
                "timeout = \"0s\"",
                "uploads.timeout: must be more than nothing",
            ),
            ("idle = \"0s\"", "uploads.idle: must be more than nothing"),
            (
                "types = [\"png\"]",
                "uploads.types: \"png\": expected a type like image/png or image/*, in lower case",
            ),
            (
                "types = [\"*/*\"]",
                "uploads.types: \"*/*\": expected a type like image/png or image/*, in lower case",
            ),
            (
                "endings = [\".png\"]",
                "uploads.endings: \".png\": expected an ending like png, in lower case and without the dot",
            ),
            (
                "types = [\"Image/png\"]",
                "uploads.types: \"Image/png\": expected a type like image/png or image/*, in lower case",
            ),
        ] {
            refuses(&format!("[uploads]\n{setting}"), problem);
        }
        refuses("[uploads]\nmax_files = 1", "unknown field `max_files`");
    }
}
