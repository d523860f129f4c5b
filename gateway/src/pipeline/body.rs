//! Reads a request's body: within bounds, parsed once, from whichever type it has
//! into the one value that its operation takes.

use bytes::{Bytes, BytesMut};
use bytesize::ByteSize;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::Value;

use super::RequestBody;
use super::parts::Parts;
use crate::error::BodyError;
use crate::exchange::form::{self, urlencoded};
use crate::exchange::json::{self, Bounds};
use crate::exchange::media::Media;
use crate::operation::{AuthRequest, Operation, Takes};

/// What came of reading a body.
pub(super) enum Read {
    /// It is there, if the operation takes one.
    Whole(Option<Value>),
    /// The first of its files begins: the rest is to be read with a place for them.
    Files(Box<Parts>),
}

/// Reads the body, if the operation takes one, or as far as its first file.
pub(super) async fn read(
    operation: &Operation,
    headers: &HeaderMap,
    mut body: RequestBody,
    bound: ByteSize,
) -> Result<Read, BodyError> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(BodyError::Encoding);
    }
    let takes = operation.takes();
    let Some(first) = next(&mut body).await? else {
        return match takes {
            Takes::Nothing | Takes::Json => Ok(Read::Whole(None)),
            Takes::Record | Takes::Keys(_) | Takes::Among(_) => {
                Ok(Read::Whole(Some(Value::Object(serde_json::Map::new()))))
            }
            Takes::File => Err(BodyError::Unwanted),
        };
    };
    let media = match Media::of(headers)? {
        media @ Media::Json => media,
        media => {
            if let Some((key, _)) = operation.also().first() {
                return Err(BodyError::Merged(key.clone()));
            }
            if takes == Takes::Json {
                return Err(BodyError::JsonOnly);
            }
            media
        }
    };
    let value = match media {
        Media::Json => json::parse(&whole(first, body, bound).await?, Bounds::default())?,
        Media::Urlencoded => {
            let pairs = urlencoded::pairs(&whole(first, body, bound).await?)?;
            Value::Object(form::object(pairs)?)
        }
        Media::Multipart { boundary } => {
            let mut parts = Parts::new(&boundary, first, body, bound);
            if parts.until_file(operation).await? {
                return Ok(Read::Files(Box::new(parts)));
            }
            parts.value()?
        }
    };
    Ok(Read::Whole(fit(operation, value)?))
}

/// The next bytes of a body, never none of them. None: it ends.
pub(super) async fn next(body: &mut RequestBody) -> Result<Option<Bytes>, BodyError> {
    loop {
        let Some(frame) = body.frame().await else {
            return Ok(None);
        };
        match frame.map_err(|_| BodyError::Cut)?.into_data() {
            Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
            // Trailers mean nothing here.
            Ok(_) | Err(_) => {}
        }
    }
}

/// All bytes of a body, of which the first are there.
async fn whole(first: Bytes, mut body: RequestBody, bound: ByteSize) -> Result<Bytes, BodyError> {
    let most = usize::try_from(bound.as_u64()).unwrap_or(usize::MAX);
    let mut length = first.len();
    let mut several: Option<BytesMut> = None;
    while length <= most {
        let Some(piece) = next(&mut body).await? else {
            return Ok(several.map_or(first, BytesMut::freeze));
        };
        length += piece.len();
        several
            .get_or_insert_with(|| BytesMut::from(&*first))
            .extend_from_slice(&piece);
    }
    Err(BodyError::TooLarge(bound))
}

/// What the operation takes of a value.
fn fit(operation: &Operation, mut value: Value) -> Result<Option<Value>, BodyError> {
    if let Operation::Auth(AuthRequest {
        mfa_id: Some(id), ..
    }) = operation
    {
        put(&mut value, "mfaId", id)?;
    }
    match operation.takes() {
        Takes::Nothing if is_empty(&value) => Ok(None),
        Takes::Nothing | Takes::File => Err(BodyError::Unwanted),
        // To PocketBase, null is an empty object.
        Takes::Record if value.is_null() => Ok(Some(Value::Object(serde_json::Map::new()))),
        Takes::Record | Takes::Keys(_) | Takes::Among(_) | Takes::Json => Ok(Some(value)),
    }
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
