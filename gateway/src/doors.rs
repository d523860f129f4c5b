//! The doors: each turns what it heard into requests for the one pipeline, and
//! decides nothing.

pub mod http;
mod rest;
