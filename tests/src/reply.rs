//! What came back, and what a test may say of it.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use crate::client::value;

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, as many as came.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The JSON of a reply that has this status. 204 has `null`.
    ///
    /// # Panics
    ///
    /// When the status is another; the message shows the whole reply.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Asserts a refusal in PocketBase's shape, `{"status", "message", "data"}`.
    ///
    /// # Panics
    ///
    /// When it is none, or has another status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> Value {
        let error = self.expect(status);
        assert_eq!(error["status"], status, "{error}");
        assert!(
            error["message"].is_string() && error["data"].is_object(),
            "{error}"
        );
        error
    }

    /// The gateway's own code of such a refusal.
    ///
    /// # Panics
    ///
    /// As [`Reply::refused`], and when it is PocketBase's or a rule's.
    #[track_caller]
    pub fn code(&self, status: u16) -> String {
        let error = self.refused(status);
        let code = error["data"]["@gateway"]["code"].as_str();
        code.unwrap_or_else(|| panic!("{error}")).to_owned()
    }

    /// What the rule `probe` saw: it denies with that for a message.
    ///
    /// # Panics
    ///
    /// When it is not its denial.
    #[track_caller]
    pub fn probed(&self) -> Value {
        let error = self.refused(418);
        let message = error["message"].as_str().expect("a message");
        serde_json::from_str(message).expect("JSON")
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no HTTP: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, text)| (name.parse().expect("a header name"), value(text)))
            .collect();
        let body = Bytes::copy_from_slice(&bytes[end + 4..]);
        Self {
            status: status.expect("a status line"),
            headers,
            body,
        }
    }
}
