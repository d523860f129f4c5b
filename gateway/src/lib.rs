//! Hapta: a policy gateway for PocketBase, whose rules are WebAssembly components.
//!
//! # The path
//!
//! A request comes through a door ([`doors`]) and takes one path, in
//! [`pipeline`]: permit → fetch → release. On the way it meets the stations,
//! which do not know each other: [`limits`] says how often, [`sessions`] who asks, [`rules`] judges,
//! [`locks`] lets one write to a record after another, [`realtime`] holds event
//! streams and knows who listens to what. [`upstream`] is the one way to PocketBase.
//!
//! An event of a record has no request. It comes by connections that `pipeline::live`
//! keeps up, and takes the last part of the path, once for all who are told the same.
//!
//! # The modules, in reading order
//!
//! - the vocabulary, pure: [`operation`], [`principal`], [`exchange`],
//!   [`schema`], [`filter`], [`record`], [`surface`], [`network`],
//!   [`deny`], [`pages`], [`application`], [`secret`]
//! - under the stations: [`spool`], where files wait; [`upstream`]; [`state`], the folder of what outlives the gateway
//! - the stations: [`limits`], [`sessions`], [`locks`], [`rules`], [`realtime`]
//! - the conductor: [`gateway`], [`pipeline`]
//! - the doors: [`doors`]
//! - the edge: [`error`], [`config`], [`server`], [`admin`], [`telemetry`], [`cli`]
//! - for whoever writes rules: [`lab`], where they are tried, and [`workshop`], where they are made
//! - for whoever begins: [`setup`], which writes a configuration
//!
//! # What always holds
//!
//! 1. Nothing reaches PocketBase that `before` did not pass:
//!    [`pipeline::Permitted`] can be made in one place only.
//! 2. A rule that fails refuses: [`rules::RuleError`].
//! 3. No record leaves by any way that `reveal` did not see: [`record::Records`]
//!    finds them all, and what is not put back is left out.
//! 4. A token makes a [`principal::Principal`] in [`sessions`] alone, and only
//!    when PocketBase confirmed it. Those of the [`lab`] have none, and ask nobody.
//! 5. Stations do not know each other.
//! 6. Only [`error`] knows the statuses of our own refusals.
//! 7. A request makes exactly one log line: in [`pipeline::serve`].
//! 8. What the parser does not recognise is refused: [`operation::Operation`].
//!
//! The test of the house (`tests/suite/tidy.rs`) holds who may name whom.

pub mod application;
pub mod deny;
pub mod exchange;
pub mod filter;
pub mod network;
pub mod operation;
pub mod pages;
pub mod principal;
pub mod record;
pub mod schema;
pub mod secret;
pub mod surface;

pub mod spool;
pub mod state;
pub mod upstream;

pub mod limits;
pub mod locks;
pub mod realtime;
pub mod rules;
pub mod sessions;

pub mod gateway;
pub mod pipeline;

pub mod doors;

pub mod admin;
pub mod cli;
pub mod config;
pub mod error;
pub mod server;
pub mod telemetry;

pub mod lab;
pub mod setup;
pub mod workshop;

/// An answer is a tree of small texts, made and dropped with its request; a
/// fifth of the time for a list went into the system's own heap.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;
