//! `[application]` as it is written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::OperationKind;

/// From which applications requests are taken, beside server.origins: what each of these is worth,
/// and how an application does its part, is in docs/application.md.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Application {
    /// "required": a request must have the key of an application, in the header X-Hapta-Key; else
    /// it is answered with 403 and the code "application_key". The decision log names the
    /// application. A key in what is given to people, like a web page, is no secret: it keeps out
    /// what was never told it, and no more. "off": the header means nothing.
    pub(in crate::config) keys: AppKeys,
    /// The file of the keys, a line NAME:KEY for each; no default. HAPTA_APP_KEYS=NAME:KEY,NAME:KEY
    /// wins. Keys have at least 16 characters; two of one name are good at once, for changing over
    /// from one to the other. A change of the file takes effect at once.
    pub(in crate::config) keys_file: Option<PathBuf>,
    /// The operations that need one, by their words in rules; by default all that can have one.
    /// Never health, files, pages, event streams and the way back from a provider, which browsers
    /// ask for without headers; and not what the gateway's own pages do for the links in mails,
    /// unless it is named here. "create" means batches and logins by OAuth2 as well, "update" and
    /// "delete" batches, "list" and "view" subscriptions: else there would be a way around.
    pub(in crate::config) operations: Option<Vec<OperationKind>>,
    /// Whether clients sign their requests with a key of their own (DPoP, RFC 9449), so that a
    /// token that was stolen without the key is worth nothing. "off": a proof means nothing.
    /// "optional": one that is sent must be good, and what is logged in with one is bound to its
    /// key. "required": a login without one, or a session that began without, is answered with 401
    /// and the code "proof_missing"; it takes sessions.mode = "rolling".
    pub(in crate::config) dpop: Dpop,
    /// How many proofs are remembered, so that each is good once; each for up to two minutes, in
    /// some 80 bytes. One more is answered with 503 and the code "proofs_full", one of the same
    /// client beyond a 64th of them with 429 and "proofs_of_client". From 1000 to ten million.
    pub(in crate::config) proofs: usize,
}

/// `"off"` or `"required"`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum AppKeys {
    #[default]
    Off,
    Required,
}

/// `"off"`, `"optional"` or `"required"`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Dpop {
    #[default]
    Off,
    Optional,
    Required,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            keys: AppKeys::Off,
            keys_file: None,
            operations: None,
            dpop: Dpop::Off,
            proofs: 200_000,
        }
    }
}
