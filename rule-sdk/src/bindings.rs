//! What `wit-bindgen` makes of `wit/`, and nothing else. Nobody but [`crate::host`] and
//! [`crate::export!`] names it.
//!
//! It is made ahead, since a macro that makes it costs every rule's author most of a build. A test of the
//! repository holds it against the contract, and with `UPDATE_BINDINGS=1` writes it.
#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_lifetimes,
    rust_2018_idioms,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::doc_markdown,
    clippy::needless_pass_by_value,
    reason = "generated"
)]

#[rustfmt::skip]
mod generated;

pub use generated::*;
