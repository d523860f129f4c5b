//! `[uploads]` as it is written.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;

/// Files that come with a create or an update, as multipart/form-data. They wait on disk until the
/// rules have had their say, in temporary files without a name of which nothing stays, and go on to
/// PocketBase from there. What the fields of PocketBase say of files (maxSize, which is 5 MiB
/// unless set, maxSelect, mimeTypes) is held before any rule is asked; this is about what the
/// machine can bear. A form without files is a body like any other: server.max_body.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Uploads {
    /// Where they wait. It is written to at the start, which is refused where a folder that is
    /// named here can't be used; where the default can't, uploads are refused. Not memory, as /tmp
    /// often is.
    pub(in crate::config) folder: Option<PathBuf>,
    /// The largest file; then 413 and the code "upload_too_large".
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) max_file: ByteSize,
    /// The files of one request together; the same answer.
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) max_request: ByteSize,
    /// All files that one principal has under way; for guests, one address (for IPv6, one network
    /// of 64 bits). Then 429 and the code "uploads_of_principal".
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) max_principal: ByteSize,
    /// All files under way: what the folder's disk must have to spare. Then 503 and the code
    /// "uploads_full".
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) max_total: ByteSize,
    /// The files of one request; then 413 and the code "upload_too_many". At most 1000.
    pub(in crate::config) files: usize,
    /// The types that are taken, like "image/png" or "image/*", by what the first bytes say; the
    /// name of a file and the type that the client claims don't count. []: any. Text that is
    /// nothing else is "text/plain", and what is not known "application/octet-stream". Then 400
    /// with PocketBase's code at the field.
    pub(in crate::config) types: Vec<String>,
    /// The endings of names that are taken, like "png", in whatever case: what others go by who are
    /// given the file. []: any, and none. It says nothing of what is in a file: see types. Then 400
    /// with the code "validation_invalid_file_name" at the field.
    pub(in crate::config) endings: Vec<String>,
    /// Requests with files under way at once; one more is answered with 503 and the code
    /// "uploads_full". A quarter of them is kept for who is logged in. Each has a file open and up
    /// to 256 KiB in memory.
    pub(in crate::config) open: usize,
    /// The same for one principal, or one address of guests; 429 and "uploads_of_principal".
    pub(in crate::config) open_principal: usize,
    /// How long the files of a request may take to arrive, and as long again to be sent on to
    /// PocketBase. It comes on top of server.request_timeout and takes the place of
    /// server.body_timeout. Then 408 and the code "body_late".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) timeout: Duration,
    /// How long an upload may pause; the same answer.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) idle: Duration,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            folder: None,
            max_file: ByteSize::mib(100),
            max_request: ByteSize::mib(200),
            max_principal: ByteSize::mib(400),
            max_total: ByteSize::gib(4),
            files: 100,
            types: Vec::new(),
            endings: Vec::new(),
            open: 64,
            open_principal: 8,
            timeout: Duration::from_mins(10),
            idle: Duration::from_secs(30),
        }
    }
}
