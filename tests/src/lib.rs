//! The harness of the scenarios: what stands before and behind a gateway in a test.
//!
//! ```text
//!   Client ──► TestGateway ──► RecordingProxy ──► PocketBase    a [`Stage`]: the real thing
//!   Client ──► TestGateway ──► StubUpstream                     for what PocketBase can't be made to do
//! ```
//!
//! In reading order: [`Stage`] is what most tests start with; [`Client`] asks
//! and [`Reply`] is what it gets; [`PocketBase`] starts the pinned binary on the
//! demo's data in some 30 ms; [`RecordingProxy`] tells what reached it;
//! [`StubUpstream`] stalls, cuts and lies; [`Program`] is the command in a process
//! of its own; [`Browser`] runs what looks at pages. People and posts are in [`demo`], collections
//! with files in [`albums`], and a [`Form`] brings such files; collections to watch, and who listens, in [`live`].
//!
//! For logging in there is more: [`Mailbox`] is where PocketBase's mails arrive, [`Provider`] an OIDC
//! provider with the browser to log in there, and [`WaysIn`] tells a PocketBase of both. They are programs
//! in Node, in `tests/sdk`.
//!
//! Everything binds 127.0.0.1 on a port of its own and ends with its value, so
//! that tests run side by side. Nothing waits for luck: what takes time is
//! awaited with [`eventually`].

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stderr,
    reason = "what goes wrong here fails a test, and should say so at once"
)]

pub mod albums;
mod browser;
mod client;
pub mod demo;
mod events;
mod eventually;
mod form;
mod gateway;
mod held;
pub mod live;
mod mailbox;
mod node;
mod pocketbase;
mod process;
mod prover;
mod provider;
mod proxy;
mod reply;
pub mod rules;
mod setup;
mod stage;
mod stub;
mod ways_in;

pub use browser::Browser;
pub use client::{Call, Client};
pub use events::{Event, EventStream};
pub use eventually::{PATIENCE, eventually};
pub use form::Form;
pub use gateway::{ADMIN_KEY, TestGateway};
pub use held::Held;
pub use mailbox::{Mail, Mailbox};
pub use pocketbase::{
    PocketBase, binary as pocketbase_binary, free_address, since, version as pocketbase_version,
};
pub use process::{Ended, Process, Program, Signal, processes_with, signal};
pub use prover::Prover;
pub use provider::{Provider, Redirect};
pub use proxy::{Hold, RecordingProxy, Seen};
pub use reply::Reply;
pub use setup::{Setup, Written};
pub use stage::Stage;
pub use stub::{Answer, StubUpstream};
pub use ways_in::WaysIn;

use std::path::{Path, PathBuf};

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_owned()
}
