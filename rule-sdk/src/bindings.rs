//! What `wit-bindgen` makes of `wit/`, and nothing else. Nobody but [`crate::host`] and
//! [`crate::export!`] names it.
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

wit_bindgen::generate!({
    path: "../wit",
    world: "powered-rule",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "hapta_rule::bindings",
});
