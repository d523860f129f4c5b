//! The files of a create or an update, held against the fields that they are for.
//!
//! PocketBase passes over a file for a field that takes none, and keeps the last of
//! several for a field that takes one: a rule would have judged files that are not
//! stored. Those are refused here, as is what the field's own limits refuse. Where a
//! field names the types that it takes, PocketBase looks at the bytes again: here a
//! file is refused only if it is another one without doubt.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Upload;
use super::write::{FieldKey, Modifier, WriteError};
use crate::schema::{Collection, FieldKind, FileLimits};

/// The types of files that are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types(Vec<String>);

/// Why files do not fit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// A key that is no field's, or has a modifier that files do not take, or is
    /// beside another key of its field.
    #[error(transparent)]
    Key(#[from] WriteError),
    /// A field of another kind.
    #[error("the field \"{field}\" takes no files")]
    NoFiles {
        /// Its name.
        field: String,
    },
    /// More than the field holds.
    #[error("the field \"{field}\" takes at most {most} files")]
    TooMany {
        /// Its name.
        field: String,
        /// How many.
        most: u64,
    },
    /// Larger than the field takes.
    #[error("the file \"{file}\" is larger than the {most} bytes that \"{field}\" takes")]
    TooLarge {
        /// The field's name.
        field: String,
        /// The file's.
        file: String,
        /// Bytes.
        most: u64,
    },
    /// Of none of the types that the field takes.
    #[error("the file \"{file}\" is {media_type}; \"{field}\" takes {takes}")]
    Type {
        /// The field's name.
        field: String,
        /// The file's.
        file: String,
        /// As sniffed.
        media_type: String,
        /// Joined by commas.
        takes: String,
    },
    /// Of none of the types that are taken at all.
    #[error("the file \"{file}\" is {media_type}, and such files are not taken here")]
    Untaken {
        /// The field's name.
        field: String,
        /// The file's.
        file: String,
        /// As sniffed.
        media_type: String,
    },
}

/// Types that have one name, and that PocketBase tells by the same bytes.
const WITHOUT_DOUBT: [&str; 16] = [
    "application/gzip",
    "application/pdf",
    "application/vnd.microsoft.portable-executable",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/wasm",
    "application/zip",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/webp",
    "text/html",
    "video/mp4",
];

/// Holds the files of a body against the collection, beside the body as it was held.
///
/// # Errors
///
/// When PocketBase would not store each of them, or an operator does not want one.
pub fn hold_uploads(
    uploads: &[Upload],
    collection: &Collection,
    body: &Map<String, Value>,
    types: &Types,
) -> Result<(), FilesError> {
    let mut keys: BTreeMap<&str, (FieldKey<'_>, u64)> = BTreeMap::new();
    for upload in uploads {
        let limits = limits(upload, collection)?;
        check(upload, limits, types)?;
        let key = FieldKey::parse(&upload.key);
        let (known, count) = keys.entry(key.base).or_insert((key, 0));
        if *known != key {
            return Err(ambiguous(key));
        }
        *count += 1;
        let most = limits.max_select.max(1);
        // Those that are kept by their names stand in the body.
        let kept = kept(key, body)?;
        if count.saturating_add(kept) > most {
            return Err(FilesError::TooMany {
                field: key.base.to_owned(),
                most,
            });
        }
    }
    Ok(())
}

impl Types {
    /// Of these, each like `image/png` or `image/*`. None: any.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns)
    }

    /// Whether files of a type are taken.
    #[must_use]
    pub fn admit(&self, media_type: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(begin) => media_type.starts_with(begin),
            None => media_type == pattern,
        };
        self.0.is_empty() || self.0.iter().any(fits)
    }
}

impl FilesError {
    /// The field that it is about, with PocketBase's words for it where it has some.
    #[must_use]
    pub fn of_field(&self) -> Option<(&str, Value)> {
        Some(match self {
            Self::Key(_) | Self::NoFiles { .. } => return None,
            Self::TooMany { field, most } => (
                field,
                json!({
                    "code": "validation_too_many_files",
                    "message": format!("The maximum allowed files is {most}."),
                    "params": { "maxSelect": most },
                }),
            ),
            Self::TooLarge { field, file, most } => (
                field,
                json!({
                    "code": "validation_file_size_limit",
                    "message": format!(
                        "Failed to upload {file} - the maximum allowed file size is {most} bytes."
                    ),
                    "params": { "file": file, "maxSize": most },
                }),
            ),
            Self::Type {
                field, file, takes, ..
            } => (
                field,
                json!({
                    "code": "validation_invalid_mime_type",
                    "message": format!("\"{file}\" mime type must be one of: {takes}."),
                }),
            ),
            Self::Untaken { field, file, .. } => (
                field,
                json!({
                    "code": "validation_invalid_mime_type",
                    "message": format!("\"{file}\" is of a type that is not taken here."),
                }),
            ),
        })
    }
}

/// What the field of a file takes.
fn limits<'a>(upload: &Upload, collection: &'a Collection) -> Result<&'a FileLimits, FilesError> {
    let FieldKey { base, modifier } = FieldKey::parse(&upload.key);
    let field = collection
        .field(base)
        .ok_or_else(|| WriteError::UnknownField {
            collection: collection.name.clone(),
            key: upload.key.clone(),
        })?;
    let FieldKind::File { limits, .. } = &field.kind else {
        return Err(FilesError::NoFiles {
            field: base.to_owned(),
        });
    };
    match modifier {
        Modifier::Set | Modifier::Append => Ok(limits),
        Modifier::Prepend if limits.max_select > 1 => Ok(limits),
        // PocketBase passes over those: of one file before another it keeps the other.
        Modifier::Prepend | Modifier::Remove | Modifier::Autogenerate => {
            Err(WriteError::Modifier {
                key: upload.key.clone(),
            }
            .into())
        }
    }
}

/// One file by itself.
fn check(upload: &Upload, limits: &FileLimits, types: &Types) -> Result<(), FilesError> {
    let (field, file) = (upload.field(), &upload.name);
    let media_type = &upload.media_type;
    if upload.size > limits.largest() {
        return Err(FilesError::TooLarge {
            field: field.to_owned(),
            file: file.clone(),
            most: limits.largest(),
        });
    }
    let names = |other: &String| {
        let other = other.split(';').next().unwrap_or_default();
        other.trim().eq_ignore_ascii_case(media_type)
    };
    let is_another = !limits.mime_types.is_empty() && !limits.mime_types.iter().any(names);
    if is_another && WITHOUT_DOUBT.contains(&media_type.as_str()) {
        return Err(FilesError::Type {
            field: field.to_owned(),
            file: file.clone(),
            media_type: media_type.clone(),
            takes: limits.mime_types.join(", "),
        });
    }
    if !types.admit(media_type) {
        return Err(FilesError::Untaken {
            field: field.to_owned(),
            file: file.clone(),
            media_type: media_type.clone(),
        });
    }
    Ok(())
}

/// How many files a body keeps by their names in the field of a key. PocketBase
/// joins those that are under the bare name with the files, as the SDK sends them: under
/// the bare name as well, and in a batch as added ones. Of any other two keys of one
/// field it makes what depends on their length.
fn kept(key: FieldKey<'_>, body: &Map<String, Value>) -> Result<u64, FilesError> {
    let mut names = 0;
    for (other, value) in body {
        let other = FieldKey::parse(other);
        if other.base != key.base {
            continue;
        }
        if other.modifier != Modifier::Set {
            return Err(ambiguous(key));
        }
        names = match value {
            Value::Array(names) => names.len(),
            Value::String(name) => usize::from(!name.is_empty()),
            _ => 0,
        };
    }
    Ok(u64::try_from(names).unwrap_or(u64::MAX))
}

fn ambiguous(key: FieldKey<'_>) -> FilesError {
    WriteError::Ambiguous {
        field: key.base.to_owned(),
    }
    .into()
}

#[cfg(test)]
mod tests;
