//! A configuration for whoever begins: out of a live schema, and out of the original Hapta's files.
//!
//! Everything here is text out of what was read; who reads and writes is the command.

mod choice;
mod original;
mod written;

use std::net::SocketAddr;

pub use choice::{Choice, choices};
pub use original::{Original, OriginalError, Told};
pub use written::hapta_toml;

use crate::upstream::Forwarding;

/// What is known before a configuration is written.
#[derive(Debug)]
pub struct Findings {
    /// Scheme and authority.
    pub pocketbase: String,
    /// As PocketBase names itself; none: it doesn't.
    pub release: Option<String>,
    /// Whether the gateway was tested with it.
    pub is_tested: bool,
    /// The superuser as whom the gateway is known there.
    pub email: String,
    /// Whose address PocketBase takes for the client's.
    pub forwarding: Forwarding,
    /// Where the links in its mails lead.
    pub app_url: Option<String>,
    /// Where the gateway is to listen.
    pub listen: SocketAddr,
    /// Of the folder for rules, as it stands in the file.
    pub rules_folder: String,
    /// Whether there is a key for operators.
    pub has_admin_key: bool,
    /// One a collection, PocketBase's own last.
    pub choices: Vec<Choice>,
    /// What the original's files say.
    pub original: Original,
}
