#![doc = include_str!("../README.md")]
//!
//! # The map
//!
//! [`Rule`] is what an author writes and [`export!`] makes a component of it. A rule reads a
//! [`Request`], [`Document`]s and a [`Response`], and answers with a [`Verdict`]. [`testing`] stands
//! in for the gateway in plain `cargo test`.
//!
//! Inside: the types above wrap a backend. For WebAssembly that is `host`, the gateway's handles
//! behind the generated `bindings`; elsewhere it is `memory`, which behaves the same.

// The generated bindings name this crate as its users do.
#[cfg(target_family = "wasm")]
extern crate self as hapta_rule;

mod denial;
mod document;
mod fault;
mod manifest;
mod operation;
mod records;
mod request;
mod response;
mod rule;
mod settings;
mod value;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
// WASI's C library hands out the same free memory, so there the heap is its own.
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
mod heap;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod host;
#[cfg(target_family = "wasm")]
use host as backend;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wit_bindgen::rt;

#[cfg(not(target_family = "wasm"))]
mod memory;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
#[cfg(not(target_family = "wasm"))]
use memory as backend;

pub use serde_json::json;

pub use crate::denial::{Denial, FieldError, Verdict};
pub use crate::document::Document;
pub use crate::fault::{EditError, Fault, ShapeError};
pub use crate::manifest::{Hook, Manifest};
pub use crate::operation::Operation;
pub use crate::records::{Records, Standing};
pub use crate::request::{Level, Request, Upload};
pub use crate::response::Response;
pub use crate::rule::Rule;
pub use crate::settings::{NoSettings, SettingsError};
pub use crate::value::Value;

/// Makes a component of a type that is a [`Rule`]. Once in a crate.
///
/// Compiled for anything but WebAssembly, as in tests, it makes nothing.
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! export {
    ($rule:ty) => {
        #[allow(
            missing_docs,
            unsafe_code,
            reason = "what the component model calls is generated"
        )]
        const _: () = {
            struct Component;

            ::std::thread_local! {
                static RULE: ::core::cell::OnceCell<$rule> =
                    const { ::core::cell::OnceCell::new() };
            }

            impl $crate::bindings::Guest for Component {
                fn configure(
                    settings: ::std::string::String,
                ) -> ::core::result::Result<$crate::bindings::Manifest, ::std::string::String>
                {
                    RULE.with(|rule| $crate::host::configure(rule, &settings))
                }

                fn before(
                    request: &$crate::bindings::Request,
                ) -> ::core::result::Result<(), $crate::bindings::Denial> {
                    RULE.with(|rule| $crate::host::before(rule, request))
                }

                fn reveal(
                    request: &$crate::bindings::Request,
                    record: &$crate::bindings::Document,
                ) -> ::core::result::Result<(), $crate::bindings::Denial> {
                    RULE.with(|rule| $crate::host::reveal(rule, request, record))
                }

                fn after(
                    request: &$crate::bindings::Request,
                    response: &$crate::bindings::Response,
                ) -> ::core::result::Result<(), $crate::bindings::Denial> {
                    RULE.with(|rule| $crate::host::after(rule, request, response))
                }
            }

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}

/// Makes a component of a type that is a [`Rule`]. Once in a crate.
///
/// Compiled for anything but WebAssembly, as in tests, it makes nothing.
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! export {
    ($rule:ty) => {
        const _: () = $crate::testing::is_a_rule::<$rule>();
    };
}

/// The rules that pages show, as doctests.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Front;
    #[doc = include_str!("../../gateway/docs/files.md")]
    struct Files;
    #[doc = include_str!("../../gateway/docs/from-pocketbase.md")]
    struct FromPocketBase;
    #[doc = include_str!("../../gateway/docs/writing/rust.md")]
    struct WritingInRust;
}
