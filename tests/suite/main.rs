//! The scenarios: the gateway in this process, before a real PocketBase.
//!
//! One line a module, saying what belongs there.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "what goes wrong here fails a test, and should say so at once"
)]

/// Every folder of `rules-examples` has a scenario.
mod examples;
/// What is exposed, and what never is.
mod exposure;
/// What happens when PocketBase stalls, cuts or lies.
mod faults;
/// Who is asking: tokens, and what a bad one gets.
mod principals;
/// Records through the gateway are the records of PocketBase.
mod records;
/// Fields that a rule hides and records that it drops, on every way out.
mod reveal;
/// Rules that loop, trap, hoard: each has a test, and costs only its own request.
mod sandbox;
/// The official JavaScript SDK, pointed at the gateway unchanged.
mod sdk;
/// One meaning, many spellings: what PocketBase makes of them, and what the gateway does.
mod spellings;
/// Which calls carry the gateway's own credential.
mod superuser_credential;
/// A rule's file changes under a running gateway.
mod swap;
/// The rules of the house.
mod tidy;
