//! Stands in for the gateway, so that a rule is tested with plain `cargo test`.
//!
//! ```
//! use hapta_rule::testing::{TestRequest, TestRule, json_of, record};
//! use hapta_rule::{
//!     Denial, Document, Hook, Manifest, NoSettings, Request, Rule, SettingsError, Verdict, json,
//! };
//!
//! struct Locked;
//!
//! impl Rule for Locked {
//!     type Settings = NoSettings;
//!
//!     fn configure(_: NoSettings) -> Result<Self, SettingsError> {
//!         Ok(Self)
//!     }
//!
//!     fn manifest(&self) -> Manifest {
//!         Manifest::hooks([Hook::Before, Hook::Reveal]).removes("posts", "secret")
//!     }
//!
//!     fn before(&self, request: &Request) -> Verdict {
//!         match request.changes().contains(&"locked".to_owned()) {
//!             true => Err(Denial::forbidden("locked", "This field is locked.")),
//!             false => Ok(()),
//!         }
//!     }
//!
//!     fn reveal(&self, _: &Request, record: &Document) -> Verdict {
//!         record.remove("/secret")?;
//!         Ok(())
//!     }
//! }
//!
//! let rule = TestRule::<Locked>::configure(json!({})).unwrap();
//!
//! let request = TestRequest::update("posts", "p1").with_body(json!({"locked+": 1}));
//! assert_eq!(rule.before(&request).unwrap_err().code, "locked");
//!
//! let post = record("posts", json!({"title": "One", "secret": 7}));
//! rule.reveal(&TestRequest::view("posts", "p1"), &post).unwrap();
//! assert_eq!(json_of(&post), json!({"collectionName": "posts", "title": "One"}));
//! ```
//!
//! Documents and requests keep to the contract: pointers, read-only documents, `[masked]` (for the
//! keys `password`, `passwordConfirm`, `oldPassword`, `token` and `tokenKey` of an object), and a
//! rule is called only when its manifest asks for it. What only a gateway can know is not here:
//! whether a filter parses, limits of time and memory.

mod request;
mod rule;

pub use request::TestRequest;
pub use rule::TestRule;

/// Any JSON, as [`json!`](crate::json!) makes it.
pub use serde_json::Value as Json;

pub use crate::memory::Narrowed;
use crate::{Document, Response, Rule, memory};

/// A record as `reveal` gets it: the JSON, and the collection's name in it as `collectionName`.
///
/// # Panics
///
/// When the JSON is not an object.
#[track_caller]
#[must_use]
pub fn record(collection: &str, mut json: serde_json::Value) -> Document {
    request::object(&mut json).insert("collectionName".to_owned(), collection.into());
    Document(memory::Document::editable(json))
}

/// A response as `after` gets it, with JSON.
#[must_use]
pub fn response(status: u16, body: serde_json::Value) -> Response {
    Response(memory::Response {
        status,
        body: Some(memory::Document::editable(body)),
    })
}

/// A response without JSON: a file, or nothing.
#[must_use]
pub fn response_without_body(status: u16) -> Response {
    Response(memory::Response { status, body: None })
}

/// The whole of a document, to compare with; passwords and tokens are bare in it.
#[must_use]
pub fn json_of(document: &Document) -> serde_json::Value {
    document.0.bare()
}

/// What [`export!`](crate::export!) asks of its type where there is no component to be made.
#[doc(hidden)]
pub const fn is_a_rule<R: Rule>() {}
