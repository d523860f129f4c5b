//! The gateway's side of a rule, in memory: what a rule is tested against. It keeps to the contract's
//! words, as the gateway does.

mod document;
mod place;
mod request;
mod strict;

pub(crate) use document::Document;
pub use request::Narrowed;
pub(crate) use request::{Request, Response};
