//! Multipart bodies: as browsers and libraries write them, or part by part as none would.

use bytes::Bytes;
use serde_json::Value;

use crate::Call;

/// A form in the making: its parts stand in the order in which they are added.
#[derive(Clone, Debug, Default)]
#[must_use = "a form does nothing until it is sent"]
pub struct Form {
    parts: Vec<u8>,
}

const BOUNDARY: &str = "----a.Boundary";

impl Form {
    /// The type of the body.
    pub const TYPE: &str = "multipart/form-data; boundary=----a.Boundary";

    /// A form without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a text.
    pub fn text(self, name: &str, text: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        self.part(&head, text.as_bytes())
    }

    /// With an object that is laid over the texts.
    pub fn payload(self, object: &Value) -> Self {
        self.text("@jsonPayload", &object.to_string())
    }

    /// With a file; what it is, is not said.
    pub fn file(self, name: &str, file_name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.file_of_type(name, file_name, "application/octet-stream", bytes)
    }

    /// With a file that is said to be of this type.
    pub fn file_of_type(
        self,
        name: &str,
        file_name: &str,
        media_type: &str,
        bytes: impl AsRef<[u8]>,
    ) -> Self {
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: {media_type}"
        );
        self.part(&head, bytes.as_ref())
    }

    /// With a part whose head is written just so.
    pub fn part(mut self, head: &str, bytes: &[u8]) -> Self {
        let start = format!("--{BOUNDARY}\r\n{head}\r\n\r\n");
        self.parts.extend_from_slice(start.as_bytes());
        self.parts.extend_from_slice(bytes);
        self.parts.extend_from_slice(b"\r\n");
        self
    }

    /// All of it, as it is sent.
    #[must_use]
    pub fn bytes(mut self) -> Bytes {
        let end = format!("--{BOUNDARY}--\r\n");
        self.parts.extend_from_slice(end.as_bytes());
        self.parts.into()
    }
}

impl Call {
    /// Sends this form.
    pub fn form(self, form: Form) -> Self {
        self.body(Form::TYPE, form.bytes())
    }
}
