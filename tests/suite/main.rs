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

/// Where PocketBase's mails lead, and what to set where that is past the gateway.
mod addresses;
/// What operators can ask, and what it takes.
mod admin;
/// From which applications requests are taken: origins, keys, proofs.
mod application;
/// A gateway under attack: tokens that are no good, floods, and headers that lie.
mod attacks;
/// The page that PocketBase's mails and its OAuth2 redirect lead to, in a browser.
mod auth_pages;
/// Several writes in one request, all of them or none.
mod batch;
/// The types of bodies: a form is read as PocketBase reads it, or refused.
mod bodies;
/// The bounds of sizes and numbers, each at its edge.
mod bounds;
/// Several rules on one collection.
mod chains;
/// A PocketBase that the gateway starts and looks after.
mod child;
/// `hapta check` and `--help`: the command itself, for whoever typed it.
mod commands;
/// What is let in by name, or only observed: routes, parameters, headers, keys.
mod compat;
/// Each language sees the same of the contract.
mod conformance;
/// Rules that break the rules of the sandbox itself, and loads that others bear.
mod containment;
/// What is made of `wit/`: bindings, and a page.
mod contract;
/// The decision log and the security events.
mod decisions;
/// Denying in an emergency: a collection, a user, an address.
mod denying;
/// `hapta dev`: a save changes what a live request gets, and the stream shows why.
mod dev;
/// The documentation: every block of code has a kind, and what can run is run.
mod docs;
/// How many may come in at once, and how long anything may take.
mod doors;
/// Files on their way out: who may have them, and how they are answered.
mod downloads;
/// The edge: addresses, names, headers, compression, the beginning and the end.
mod edge;
/// The environment variables of the original.
mod environment;
/// Every folder of `rules-examples` has a scenario.
mod examples;
/// What is exposed, and what never is.
mod exposure;
/// With everything exposed and nothing judged, the answers are PocketBase's own.
mod faithful;
/// What happens when PocketBase stalls, cuts or lies.
mod faults;
/// What a filter means to PocketBase before and after the gateway printed it.
mod filters;
/// Generations: the last ones are kept, and operators go back to them.
mod generations;
/// Rules that are heard as one, and rules that are not heard.
mod groups;
/// Rules whose runtime is an interpreter, or wants WASI.
mod guests;
/// The security holes of the gateway that this one follows, one test each.
mod holes;
/// `hapta init`: a configuration out of a live schema.
mod init;
/// Whose memory a call of a rule has.
mod instances;
/// `hapta test`, `run` and `bench`: rules tried on requests that nobody sent.
mod lab;
/// The limits of rules, each at its edge.
mod limits;
/// Records as they change, for whoever watches.
mod live;
/// PocketBase's event streams, as the gateway itself opens and reads them.
mod live_wire;
/// Files that are no rules, by the thousand.
mod loader;
/// What the calls of rules come to, as metrics.
mod metrics;
/// The dashboard and the public folder.
mod pages;
/// What rules may reach beyond the request, if it was granted.
mod powers;
/// Who is asking: tokens, and what a bad one gets.
mod principals;
/// How often somebody may ask, and who is kept out for asking more.
mod rates;
/// How far filter, sort and expand reach, and what an answer may gather.
mod reach;
/// Records through the gateway are the records of PocketBase.
mod records;
/// The reference of `hapta.toml`, held against the types that it is made of.
mod reference;
/// Fields that a rule hides and records that it drops, on every way out.
mod reveal;
/// Sessions of the gateway's own, from the login to their end.
mod rolling;
/// The table of routes, row by row.
mod routes;
/// Rules that loop, trap, hoard: each has a test, and costs only its own request.
mod sandbox;
/// The SDKs for JavaScript and Python, pointed at the gateway unchanged.
mod sdk;
/// `hapta serve`: signals, and no secret in its log.
mod serve;
/// One meaning, many spellings: what PocketBase makes of them, and what the gateway does.
mod spellings;
/// The bounds of uploads, and that nothing is left of those that end early.
mod spool;
/// Event streams: their bounds, their ends, and what is left of them.
mod streams;
/// Which calls carry the gateway's own credential.
mod superuser_credential;
/// Superusers: where they are served, and who judges them.
mod superusers;
/// A rule's file changes under a running gateway.
mod swap;
/// The rules of the house.
mod tidy;
/// Clients over TLS.
mod tls;
/// What a rule is told of a request, and what never.
mod told;
/// Topics of a subscription: what PocketBase makes of them, and what the gateway lets by.
mod topics;
/// Files on their way in: what PocketBase makes of them, and what the gateway lets by.
mod uploads;
/// One value, many spellings: what PocketBase stores of them, and what a rule sees.
mod values;
/// Which PocketBase is spoken to, and what happens when another takes its place.
mod versions;
/// The ways in which files change, and when that is noticed.
mod watcher;
/// Every way to log in, followed to its end.
mod ways_in;
/// Rules that are begun, built and looked at, by the real tools of each language.
mod workshop;
