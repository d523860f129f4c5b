//! Reads a request's body: within bounds, parsed once, from whichever type it has
//! into the one value that its operation takes.

use bytesize::ByteSize;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::RequestBody;
use crate::error::BodyError;
use crate::exchange::form::{self, multipart, urlencoded};
use crate::exchange::json::{self, Bounds};
use crate::exchange::media::Media;
use crate::operation::{AuthRequest, Operation, Takes};

/// Reads the body, if the operation takes one.
pub(super) async fn read(
    operation: &Operation,
    headers: &HeaderMap,
    body: RequestBody,
    bound: ByteSize,
) -> Result<Option<Value>, BodyError> {
    let takes = operation.takes();
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
            Takes::Nothing | Takes::Json => Ok(None),
            Takes::Record | Takes::Keys(_) | Takes::Among(_) => {
                Ok(Some(Value::Object(serde_json::Map::new())))
            }
            Takes::File => Err(BodyError::Unwanted),
        };
    }
    let media = Media::of(headers)?;
    if let (Some((key, _)), false) = (operation.also().first(), media == Media::Json) {
        return Err(BodyError::Merged(key.clone()));
    }
    let mut value = parse(takes, &media, &bytes)?;
    if let Operation::Auth(AuthRequest {
        mfa_id: Some(id), ..
    }) = operation
    {
        put(&mut value, "mfaId", id)?;
    }
    match takes {
        Takes::Nothing if is_empty(&value) => Ok(None),
        Takes::Nothing | Takes::File => Err(BodyError::Unwanted),
        // To PocketBase, null is an empty object.
        Takes::Record if value.is_null() => Ok(Some(Value::Object(serde_json::Map::new()))),
        Takes::Record | Takes::Keys(_) | Takes::Among(_) | Takes::Json => Ok(Some(value)),
    }
}

/// Whatever the type, what comes out is one value, which goes on as JSON.
fn parse(takes: Takes, media: &Media, bytes: &[u8]) -> Result<Value, BodyError> {
    let pairs = match media {
        Media::Json => return Ok(json::parse(bytes, Bounds::default())?),
        Media::Urlencoded | Media::Multipart { .. } if takes == Takes::Json => {
            return Err(BodyError::JsonOnly);
        }
        Media::Urlencoded => urlencoded::pairs(bytes)?,
        Media::Multipart { boundary } => multipart::pairs(bytes, boundary)?,
    };
    Ok(Value::Object(form::object(pairs)?))
}

/// Puts what the query says of a login into its body, where rules see it.
fn put(body: &mut Value, key: &'static str, text: &str) -> Result<(), BodyError> {
    let Some(body) = body.as_object_mut() else {
        return Ok(());
    };
    match body.insert(key.to_owned(), text.into()) {
        None => Ok(()),
        Some(_) => Err(BodyError::Twice(key)),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}
