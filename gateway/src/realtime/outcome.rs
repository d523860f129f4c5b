//! How a login at a provider ended, and how that is told.

use bytes::Bytes;
use serde::Serialize;

use super::RealtimeError;

/// The largest event, in bytes; the longest codes of providers are a third of it.
const LARGEST: usize = 8 << 10;

/// What the provider sent the popup back with.
#[derive(Serialize)]
pub struct Outcome {
    /// The client id of the stream that waits for it.
    pub state: String,
    /// What the page logs in with; empty where there is an error.
    pub code: String,
    /// The provider's word for why there is no code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Outcome {
    /// The topic on which logins are told.
    pub const TOPIC: &str = "@oauth2";

    /// The event in the words of PocketBase.
    ///
    /// JSON has no line breaks in its texts, so data can't pose as another field
    /// or event. The `state` stands as it is, too: what is sent has one that is
    /// the id of a stream, so one of our own making.
    pub(super) fn event(&self) -> Result<Bytes, RealtimeError> {
        let (id, topic) = (&self.state, Self::TOPIC);
        let mut event = format!("id:{id}\nevent:{topic}\ndata:").into_bytes();
        // Texts can always be written to memory.
        let _ = serde_json::to_writer(&mut event, self);
        event.extend_from_slice(b"\n\n");
        if event.len() > LARGEST {
            return Err(RealtimeError::TooLarge);
        }
        Ok(event.into())
    }
}

/// Empty: whoever has code and state may log in with them.
impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outcome")
    }
}
