//! The contract as Rust types, generated from `wit/`; nothing else lives here.
//!
//! Only `rules` sees these types: `convert.rs` turns them into ours.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; the documentation is in wit/"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "powered-rule",
    imports: {
        "hapta:rule/types.[method]request.stored": async | trappable,
        "hapta:rule/records": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "hapta:rule/json.document": crate::rules::host::DocumentHandle,
        "hapta:rule/types.request": crate::rules::host::RequestHandle,
        "hapta:rule/types.response": crate::rules::host::ResponseHandle,
    },
});

/// Every rule exports the same; what it imports is checked when it is loaded.
pub(super) use PoweredRule as Rule;
pub(super) use PoweredRulePre as RulePre;
