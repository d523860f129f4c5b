//! Bodies for routes that the configuration lets in: nobody here reads them, so
//! they go on as they came, within bounds.

use bytesize::ByteSize;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::RequestBody;
use crate::error::BodyError;
use crate::exchange::AsSent;
use crate::exchange::media::MediaError;

/// Reads a body whole.
pub(super) async fn read(
    headers: &HeaderMap,
    body: RequestBody,
    bound: ByteSize,
) -> Result<AsSent, BodyError> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(BodyError::Encoding);
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (content_type, second) = (types.next(), types.next());
    if second.is_some() {
        return Err(MediaError::Twice.into());
    }
    let limit = usize::try_from(bound.as_u64()).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(AsSent {
            content_type: content_type.cloned(),
            bytes: whole.to_bytes(),
        }),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge(bound)),
        Err(_) => Err(BodyError::Cut),
    }
}
