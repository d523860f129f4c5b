//! The body of a request as it goes to PocketBase, for as long as that takes.

use std::sync::Arc;

use serde_json::Value;

use crate::exchange::AsSent;
use crate::spool::Spooled;
use crate::upstream::Payload;

/// The body of a request as it goes to PocketBase.
#[derive(Clone)]
pub(super) enum Content {
    /// None.
    None,
    /// To be printed anew.
    Json(Arc<Value>),
    /// With files, which wait until they are sent.
    Form {
        /// Beside them.
        body: Option<Arc<Value>>,
        /// By the names of their parts.
        files: Arc<Spooled>,
    },
    /// For a route that is let in as it is.
    AsSent(Arc<AsSent>),
}

impl Content {
    /// The same, to be sent.
    pub(super) fn payload(&self) -> Payload<'_> {
        match self {
            Self::None => Payload::None,
            Self::Json(body) => Payload::Json(body),
            Self::Form { body, files } => Payload::Form {
                body: body.as_deref(),
                files,
            },
            Self::AsSent(sent) => Payload::AsSent(sent),
        }
    }
}
