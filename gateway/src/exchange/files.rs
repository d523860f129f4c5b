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
use crate::operation::Operation;
use crate::schema::{Collection, FieldKind, FileLimits, Hidden};

/// The types of files that are taken, and the endings of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    media: Vec<String>,
    endings: Vec<String>,
}

/// Why files do not fit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// A key that is no field's, or has a modifier that files do not take, or is
    /// beside another key of its field.
    #[error(transparent)]
    Key(#[from] WriteError),
    /// A field of another kind, or one that PocketBase would pass over.
    #[error("the field \"{field}\" takes no files")]
    NoFiles {
        /// Its name.
        field: String,
    },
    /// Fields that don't take the files that are for them.
    #[error("failed to {} record", .write)]
    Faults {
        /// What was to be done to the record, as PocketBase has it.
        write: &'static str,
        /// One for each field.
        faults: Vec<Fault>,
    },
}

/// A field that doesn't take its files.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its name.
    pub field: String,
    /// Only the first is told.
    pub problem: Problem,
}

/// What is wrong with the files for a field.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// More than the field holds: so many.
    TooMany(u64),
    /// Larger than the field takes.
    TooLarge {
        /// The file's name.
        file: String,
        /// Bytes.
        most: u64,
    },
    /// Of none of the types that the field takes.
    Type {
        /// The file's name.
        file: String,
        /// Joined by commas.
        takes: String,
    },
    /// Of none of the types that are taken here at all.
    Untaken {
        /// The file's name.
        file: String,
        /// As sniffed.
        media_type: String,
    },
    /// With none of the endings that are taken here at all.
    Ending {
        /// The file's name.
        file: String,
        /// Joined by commas.
        takes: String,
    },
}

/// What there is to hold files against.
#[derive(Clone, Copy, Debug)]
pub struct Takes<'a> {
    /// A create or an update.
    pub operation: &'a Operation,
    /// The one that it names.
    pub collection: &'a Collection,
    /// Whether who asks may write hidden fields: PocketBase passes over them for others.
    pub hidden: Hidden,
    /// Those that an operator takes.
    pub types: &'a Types,
}

/// Types that have one name to PocketBase, which tells them by the same bytes. Others, as
/// ZIP, gzip, PDF and MP4, have several.
const WITHOUT_DOUBT: [&str; 12] = [
    "application/vnd.microsoft.portable-executable",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/wasm",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/webp",
    "text/html",
];

/// Holds the files of a body against what takes them, beside the body as it was held.
///
/// # Errors
///
/// When PocketBase would not store each of them, or an operator does not want one.
pub fn hold_uploads(
    uploads: &[Upload],
    body: &Map<String, Value>,
    takes: &Takes<'_>,
) -> Result<(), FilesError> {
    let mut fields: BTreeMap<&str, (FieldKey<'_>, u64)> = BTreeMap::new();
    let mut problems: BTreeMap<&str, Problem> = BTreeMap::new();
    for upload in uploads {
        let limits = takes.limits(upload)?;
        let key = FieldKey::parse(&upload.key);
        let (known, count) = fields.entry(key.base).or_insert((key, 0));
        if *known != key {
            return Err(ambiguous(key));
        }
        *count += 1;
        let most = limits.max_select.max(1);
        // Those that are kept by their names stand in the body.
        let problem = if count.saturating_add(kept(key, body)?) > most {
            Some(Problem::TooMany(most))
        } else {
            takes.problem(upload, limits)
        };
        if let Some(problem) = problem {
            problems.entry(key.base).or_insert(problem);
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let faults = problems.into_iter().map(|(field, problem)| Fault {
        field: field.to_owned(),
        problem,
    });
    Err(FilesError::Faults {
        write: write(takes.operation),
        faults: faults.collect(),
    })
}

impl Types {
    /// Of these, each like `image/png` or `image/*`, with names that end like `png`.
    /// None: any.
    #[must_use]
    pub fn new(media: Vec<String>, endings: Vec<String>) -> Self {
        Self { media, endings }
    }

    /// Whether files of a name are taken.
    #[must_use]
    pub fn admit_name(&self, name: &str) -> bool {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        let is_it = |own: &String| ending.is_some_and(|ending| ending.eq_ignore_ascii_case(own));
        self.endings.is_empty() || self.endings.iter().any(is_it)
    }

    /// Whether files of a type are taken.
    #[must_use]
    pub fn admit(&self, media_type: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(begin) => media_type.starts_with(begin),
            None => media_type == pattern,
        };
        self.media.is_empty() || self.media.iter().any(fits)
    }
}

impl Takes<'_> {
    /// What the field of a file takes.
    fn limits(&self, upload: &Upload) -> Result<&FileLimits, FilesError> {
        let FieldKey { base, modifier } = FieldKey::parse(&upload.key);
        let field = self
            .collection
            .field(base)
            .ok_or_else(|| WriteError::UnknownField {
                collection: self.collection.name.clone(),
                key: upload.key.clone(),
            })?;
        let limits = match &field.kind {
            FieldKind::File { limits, .. } if !field.hidden || self.hidden == Hidden::Told => {
                limits
            }
            _ => {
                return Err(FilesError::NoFiles {
                    field: base.to_owned(),
                });
            }
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

    /// What is wrong with a file by itself.
    fn problem(&self, upload: &Upload, limits: &FileLimits) -> Option<Problem> {
        let file = upload.name.clone();
        let media_type = &upload.media_type;
        if upload.size > limits.largest() {
            let most = limits.largest();
            return Some(Problem::TooLarge { file, most });
        }
        let names = |other: &String| {
            let other = other.split(';').next().unwrap_or_default();
            other.trim().eq_ignore_ascii_case(media_type)
        };
        let is_another = !limits.mime_types.is_empty() && !limits.mime_types.iter().any(names);
        if is_another && WITHOUT_DOUBT.contains(&media_type.as_str()) {
            let takes = limits.mime_types.join(", ");
            return Some(Problem::Type { file, takes });
        }
        if !self.types.admit_name(&file) {
            let takes = self.types.endings.join(", ");
            return Some(Problem::Ending { file, takes });
        }
        (!self.types.admit(media_type)).then(|| Problem::Untaken {
            file,
            media_type: media_type.clone(),
        })
    }
}

impl FilesError {
    /// Whether an operator's types are among what it is for.
    #[must_use]
    pub fn is_untaken(&self) -> bool {
        let Self::Faults { faults, .. } = self else {
            return false;
        };
        let is_untaken = |fault: &Fault| {
            matches!(
                fault.problem,
                Problem::Untaken { .. } | Problem::Ending { .. }
            )
        };
        faults.iter().any(is_untaken)
    }
}

impl Problem {
    /// In PocketBase's words.
    #[must_use]
    pub fn told(&self) -> Value {
        match self {
            Self::TooMany(most) => json!({
                "code": "validation_too_many_files",
                "message": format!("The maximum allowed files is {most}."),
                "params": { "maxSelect": most },
            }),
            Self::TooLarge { file, most } => json!({
                "code": "validation_file_size_limit",
                "message": format!(
                    "Failed to upload {file} - the maximum allowed file size is {most} bytes."
                ),
                "params": { "file": file, "maxSize": most },
            }),
            Self::Type { file, takes } => json!({
                "code": "validation_invalid_mime_type",
                "message": format!("\"{file}\" mime type must be one of: {takes}."),
            }),
            Self::Ending { file, takes } => json!({
                "code": "validation_invalid_file_name",
                "message": format!("\"{file}\" must end in one of: {takes}."),
            }),
            Self::Untaken { file, media_type } => json!({
                "code": "validation_invalid_mime_type",
                "message": format!("\"{file}\" is {media_type}, which is not taken here."),
            }),
        }
    }
}

fn write(operation: &Operation) -> &'static str {
    match operation {
        Operation::Update { .. } => "update",
        _ => "create",
    }
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
