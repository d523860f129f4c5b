//! A file that comes with a write, without its bytes.

use super::write::FieldKey;

/// What is known of a file of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The key that it is for: a field's name, with what is done to the field.
    pub key: String,
    /// As the client named it, without a folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// As sniffed from the bytes.
    pub media_type: String,
}

impl Upload {
    /// The name of the field that it is for.
    #[must_use]
    pub fn field(&self) -> &str {
        FieldKey::parse(&self.key).base
    }
}
