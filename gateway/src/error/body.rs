//! What is wrong with a body, and what the client is told of it.

use http::StatusCode;

use crate::exchange::batch::BatchError;
use crate::exchange::form::FormError;
use crate::exchange::json::JsonError;
use crate::exchange::media::MediaError;
use crate::exchange::write::WriteError;
use crate::exchange::{BodyMisfit, FilesError};
use crate::spool::{Bound, SpoolError};

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
    /// Files that the fields they are for don't take, or nobody does.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Files for which there is no room.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl BodyError {
    /// Whether the schema may be out of date.
    pub(super) fn is_mismatch(&self) -> bool {
        match self {
            Self::Misfit(BodyMisfit::Write(WriteError::UnknownField { .. })) => true,
            // What the field takes may have changed, but not what the operator wants.
            Self::Files(error) => !error.is_untaken(),
            _ => false,
        }
    }

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
            Self::Misfit(BodyMisfit::Write(_) | BodyMisfit::Keys(_))
            | Self::Twice(_)
            | Self::Files(FilesError::Key(_) | FilesError::NoFiles { .. }) => {
                (StatusCode::BAD_REQUEST, "body_key")
            }
            Self::Files(FilesError::Faults { .. }) => (StatusCode::BAD_REQUEST, "upload_refused"),
            Self::Spool(error) => spool(error),
        }
    }
}

fn spool(error: &SpoolError) -> (StatusCode, &'static str) {
    match error {
        SpoolError::Disk { .. } => (StatusCode::SERVICE_UNAVAILABLE, "uploads_disk"),
        SpoolError::Full { bound, .. } => match bound {
            Bound::MaxFile | Bound::MaxRequest => {
                (StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large")
            }
            Bound::Files => (StatusCode::PAYLOAD_TOO_LARGE, "upload_too_many"),
            Bound::MaxPrincipal | Bound::OpenPrincipal => {
                (StatusCode::TOO_MANY_REQUESTS, "uploads_of_principal")
            }
            Bound::MaxTotal | Bound::Open => (StatusCode::SERVICE_UNAVAILABLE, "uploads_full"),
            Bound::Types => (StatusCode::BAD_REQUEST, "upload_refused"),
        },
    }
}
