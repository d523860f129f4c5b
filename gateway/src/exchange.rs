//! One request as the gateway understands it: what is asked, of which
//! collection, by whom, from where and when.

pub mod batch;
pub mod encoding;
pub mod files;
pub mod form;
pub mod forwarded;
pub mod json;
pub mod keys;
pub mod media;
pub mod proof;
mod reached;
pub mod token;
mod touched;
pub mod traceparent;
mod upload;
mod value;
pub mod write;

pub use files::{FilesError, Types, hold_uploads};
pub use reached::Reached;
pub use touched::Touched;
pub use upload::Upload;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use crate::operation::{CollectionRef, Operation, RecordId, RecordQuery, Takes};
use crate::principal::{Principal, Thumbprint, Token};
use crate::schema::Collection;
use crate::surface::{Surface, Unnamed};

/// A request, understood. It never changes: what rules edit travels beside it.
#[derive(Debug)]
pub struct Exchange {
    /// As parsed from method, path and query.
    pub operation: Operation,
    /// The collection that the operation names, looked up; none where it names none.
    pub collection: Option<Arc<Collection>>,
    /// The collections that its expand leads to.
    pub expanded: Vec<Arc<Collection>>,
    /// Who asks, as `sessions` found out.
    pub principal: Principal,
    /// From where, and with which headers.
    pub client: Client,
    /// The files that come with a write.
    pub uploads: Vec<Upload>,
    /// Where in a batch it stands; none outside one.
    pub batch: Option<InBatch>,
    /// When the request came in: milliseconds since 1970, UTC.
    pub received_ms: u64,
}

/// The place of a part in its batch.
#[derive(Clone, Debug)]
pub struct InBatch {
    /// From 0.
    pub index: u32,
    /// What the parts before it change.
    pub touched: Touched,
}

/// The other end of the connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// An IPv4 address that came by an IPv6 socket stands here as IPv4.
    pub address: IpAddr,
    /// As received. Rules may read most of them; few go upstream.
    pub headers: HeaderMap,
    /// The key that the request was signed with, where that was checked.
    pub key: Option<Thumbprint>,
    /// Whether the answer is passed on as it comes: ranges and conditions matter upstream.
    pub wants_file: bool,
    /// What is served beside records, as it was when the request came in.
    pub surface: Arc<Surface>,
}

/// A body that nobody here reads.
#[derive(Clone, Debug)]
pub struct AsSent {
    /// As sent, if it was.
    pub content_type: Option<HeaderValue>,
    /// Within `server.max_body`.
    pub bytes: Bytes,
}

/// Why a body does not fit its operation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyMisfit {
    /// Of a record.
    #[error(transparent)]
    Write(#[from] write::WriteError),
    /// Of a login and the like.
    #[error(transparent)]
    Keys(#[from] keys::KeysError),
    /// A record's body is an object.
    #[error("the body must be a JSON object")]
    NoObject,
}

/// A body that fits its operation.
#[derive(Debug)]
pub struct Held {
    /// As it goes to PocketBase.
    pub body: Value,
    /// The keys that were let in only because the gateway observes.
    pub unnamed: Vec<Unnamed>,
}

/// Holds a body against what its operation takes, whoever wrote it.
///
/// # Errors
///
/// When PocketBase would not take it as it is meant.
pub fn hold_body(
    operation: &Operation,
    collection: Option<&Collection>,
    body: Value,
    surface: &Surface,
) -> Result<Held, BodyMisfit> {
    let mut unnamed = Vec::new();
    let body = match (operation, collection, body) {
        (operation, Some(collection), Value::Object(body)) if operation.writes_record() => {
            let mut admits = |key: &str| surface.admits(of_body(collection, key), &mut unnamed);
            write::check_record_body(body, collection, &mut admits)?.into()
        }
        (operation, Some(_), _) if operation.writes_record() => return Err(BodyMisfit::NoObject),
        (operation, collection, body) => match operation.takes() {
            Takes::Keys(keys) => {
                let mut admits = |key: &str| {
                    collection.is_some_and(|collection| {
                        surface.admits(of_body(collection, key), &mut unnamed)
                    })
                };
                let mut body = keys::check(keys, body, &mut admits)?;
                // What is to be created by a login is held like what is created by itself.
                if let (Some(collection), Some(Value::Object(fields))) =
                    (collection, body.get_mut(keys::CREATE_DATA))
                {
                    let held = std::mem::take(fields);
                    *fields = write::check_record_body(held, collection, &mut admits)?;
                }
                body.into()
            }
            Takes::Among(keys) => keys::pick(keys, body)?.into(),
            Takes::Nothing | Takes::Record | Takes::Json | Takes::File => body,
        },
    };
    Ok(Held { body, unnamed })
}

fn of_body(collection: &Collection, key: &str) -> Unnamed {
    Unnamed::Body {
        collection: collection.name.clone(),
        key: key.to_owned(),
    }
}

impl Client {
    /// The client of an event: what is told to all who are equal is not any one's. So it
    /// has no address, and no headers but those of the topic.
    #[must_use]
    pub fn of_class(headers: HeaderMap, surface: Arc<Surface>) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            headers,
            key: None,
            wants_file: false,
            surface,
        }
    }
}

impl Exchange {
    /// What goes along to PocketBase to say who asks. Who shows a file token
    /// and nothing else is known to it by that, and is not logged in.
    #[must_use]
    pub fn login(&self) -> Option<&Token> {
        let record = self.principal.record()?;
        let header = self.client.headers.get(header::AUTHORIZATION);
        let shows_login = header.is_some_and(|header| !header.is_empty());
        let is_by_file_token = self.operation.file_token().is_some() && !shows_login;
        (!is_by_file_token).then_some(&record.token)
    }

    /// The keys of its body whose values are secrets.
    #[must_use]
    pub fn masked(&self) -> Arc<[String]> {
        match (&self.collection, &self.operation) {
            (None, _) => Arc::default(),
            (Some(collection), Operation::Auth(_)) => Arc::clone(&collection.masked_of_logins),
            (Some(collection), _) => Arc::clone(&collection.masked),
        }
    }

    /// The exchange of calls that no request is behind: a guest who asks for
    /// health from this machine.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            operation: Operation::Health {
                query: RecordQuery::default(),
            },
            collection: None,
            expanded: Vec::new(),
            principal: Principal::Guest,
            client: Client {
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                headers: HeaderMap::new(),
                key: None,
                wants_file: false,
                surface: Arc::default(),
            },
            uploads: Vec::new(),
            batch: None,
            received_ms: 0,
        }
    }

    /// The exchange of a call that is made to warm a rule and not to hear it: a
    /// guest who changes a record of no collection.
    #[must_use]
    pub fn rehearsal() -> Self {
        let nothing = Self::nothing();
        let Some(id) = RecordId::new("rehearsal000000") else {
            return nothing;
        };
        Self {
            operation: Operation::Update {
                collection: CollectionRef::of("rehearsal"),
                id,
                query: RecordQuery::default(),
            },
            ..nothing
        }
    }
}
