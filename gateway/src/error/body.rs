//! What is wrong with a body, and what the client is told of it.

use http::StatusCode;

use crate::exchange::BodyMisfit;
use crate::exchange::batch::BatchError;
use crate::exchange::form::FormError;
use crate::exchange::json::JsonError;
use crate::exchange::media::MediaError;

/// What is wrong with a body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// With the bound, `server.max_body`.
    #[error("the body is larger than {0}")]
    TooLarge(bytesize::ByteSize),
    /// None, another, two, or one that could be read otherwise.
    #[error(transparent)]
    ContentType(#[from] MediaError),
    /// A form, where only JSON has a meaning of its own.
    #[error("a superuser route takes its body as application/json")]
    JsonOnly,
    /// With the parameter, which PocketBase would take for a field of the form.
    #[error("the query parameter \"{0}\" is not taken beside a form; send JSON")]
    Merged(String),
    /// With the key of a login.
    #[error("the key \"{0}\" is in the query and in the body as well")]
    Twice(&'static str),
    /// Compressed bytes could unfold beyond every bound.
    #[error("a body in a Content-Encoding is not taken")]
    Encoding,
    /// More than nothing, `null` or `{}`.
    #[error("the operation takes no body")]
    Unwanted,
    /// It took longer than `server.body_timeout`.
    #[error("the body took too long to arrive")]
    Late,
    /// The client is gone, or its framing is broken.
    #[error("the body did not arrive whole")]
    Cut,
    /// Not JSON, beyond its bounds, or with a key twice.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No form, or one with two meanings, or with a file.
    #[error(transparent)]
    Form(#[from] FormError),
    /// No batch, or a part of one that is none.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Not what the operation takes.
    #[error(transparent)]
    Misfit(#[from] BodyMisfit),
}

impl BodyError {
    /// Status and word.
    pub(super) fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::ContentType(_) | Self::JsonOnly | Self::Encoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_type")
            }
            Self::Form(FormError::File { .. }) => (StatusCode::BAD_REQUEST, "body_file"),
            Self::Form(_) | Self::Merged(_) => (StatusCode::BAD_REQUEST, "body_form"),
            Self::Unwanted => (StatusCode::BAD_REQUEST, "body_unwanted"),
            Self::Misfit(BodyMisfit::NoObject) | Self::Json(_) => {
                (StatusCode::BAD_REQUEST, "body_json")
            }
            Self::Batch(_) => (StatusCode::BAD_REQUEST, "body_batch"),
            Self::Late => (StatusCode::REQUEST_TIMEOUT, "body_late"),
            Self::Cut => (StatusCode::BAD_REQUEST, "body_cut"),
            Self::Misfit(BodyMisfit::Write(_) | BodyMisfit::Keys(_)) | Self::Twice(_) => {
                (StatusCode::BAD_REQUEST, "body_key")
            }
        }
    }
}
