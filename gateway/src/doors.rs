//! The doors: each turns what it heard into requests for the one pipeline, and
//! decides nothing.

mod compress;
pub mod http;
mod rest;
mod taking;
