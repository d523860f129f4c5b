//! The edge: whose request it is, by which names it is followed, how its answer is packed, and how
//! the gateway begins and ends.

mod addresses;
mod around;
mod compression;
mod ends;
mod headers;
mod systemd;
