//! Reads a request's body: within bounds, parsed once, from whichever type it has
//! into the one value that its operation takes.

use bytesize::ByteSize;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::RequestBody;
use crate::error::BodyError;
use crate::exchange::BodyMisfit;
use crate::exchange::form::{self, multipart, urlencoded};
use crate::exchange::json::{self, Bounds};
use crate::exchange::login::LoginError;
use crate::exchange::media::Media;
use crate::operation::Operation;

/// What an operation does with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// An empty one may come along, and so may `{}`: the SDKs send either.
    Nothing,
    /// A record's fields; none means no change.
    Record,
    Login,
    /// A superuser's: any JSON.
    Any,
}

/// Reads the body, if the operation takes one.
pub(super) async fn read(
    operation: &Operation,
    headers: &HeaderMap,
    body: RequestBody,
    bound: ByteSize,
) -> Result<Option<Value>, BodyError> {
    let takes = takes(operation);
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(BodyError::Encoding);
    }
    let limit = usize::try_from(bound.as_u64()).unwrap_or(usize::MAX);
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(BodyError::TooLarge(bound)),
        Err(_) => return Err(BodyError::Cut),
    };
    if bytes.is_empty() {
        return match takes {
            Takes::Nothing | Takes::Any => Ok(None),
            Takes::Record => Ok(Some(Value::Object(serde_json::Map::new()))),
            Takes::Login => Err(BodyMisfit::Login(LoginError::NoObject).into()),
        };
    }
    let value = parse(takes, &Media::of(headers)?, &bytes)?;
    match takes {
        Takes::Nothing if is_empty(&value) => Ok(None),
        Takes::Nothing => Err(BodyError::Unwanted),
        // To PocketBase, null is an empty object.
        Takes::Record if value.is_null() => Ok(Some(Value::Object(serde_json::Map::new()))),
        Takes::Record | Takes::Login | Takes::Any => Ok(Some(value)),
    }
}

fn takes(operation: &Operation) -> Takes {
    match operation {
        Operation::Create { .. } | Operation::Update { .. } => Takes::Record,
        Operation::AuthWithPassword { .. } => Takes::Login,
        Operation::Superuser(_) => Takes::Any,
        Operation::Health { .. }
        | Operation::List { .. }
        | Operation::View { .. }
        | Operation::Delete { .. }
        | Operation::AuthMethods { .. }
        | Operation::AuthRefresh { .. }
        | Operation::Download { .. }
        | Operation::Custom(_)
        | Operation::Dashboard(_)
        | Operation::Static(_) => Takes::Nothing,
    }
}

/// Whatever the type, what comes out is one value, which goes on as JSON.
fn parse(takes: Takes, media: &Media, bytes: &[u8]) -> Result<Value, BodyError> {
    let pairs = match media {
        Media::Json => return Ok(json::parse(bytes, Bounds::default())?),
        Media::Urlencoded | Media::Multipart { .. } if takes == Takes::Any => {
            return Err(BodyError::JsonOnly);
        }
        Media::Urlencoded => urlencoded::pairs(bytes)?,
        Media::Multipart { boundary } => multipart::pairs(bytes, boundary)?,
    };
    Ok(Value::Object(form::object(pairs)?))
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}
