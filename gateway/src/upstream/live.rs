//! PocketBase's own event streams: opened, told what they are for, and read.
//!
//! No client's address goes along: PocketBase lets only the address that opened
//! a stream set its topics, and here both are the gateway's.

mod frames;
mod notice;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::notice::Notice;

use self::frames::{Frame, Frames};
use self::notice::NoticeError;
use super::client::{Outgoing, Written, causes};
use super::{Settings, Upstream, UpstreamError};
use crate::principal::Token;

/// Where streams are opened, and where their topics are set.
pub(super) const PATH: &str = "/api/realtime";

/// How long a stream may be silent. PocketBase itself ends one after 5 minutes
/// without an event, so one that is silent for longer has lost its connection.
const SILENCE: Duration = Duration::from_mins(6);

/// Sets what one open stream is told. Nothing ends with it.
#[derive(Debug)]
pub struct Topics {
    /// Whoever has it may set the topics, so it is kept like a token.
    client_id: Token,
}

/// What a stream tells. The stream ends with it. It has to be read all the
/// time: what is not, waits in PocketBase's memory.
#[derive(Debug)]
pub struct Notices {
    /// None: the stream is over.
    body: Option<Incoming>,
    frames: Frames,
    client_id: Token,
    /// When its last byte came.
    heard: Instant,
}

/// As whom a stream is told something.
#[derive(Clone, Copy, Debug)]
pub enum Whom<'a> {
    /// As nobody.
    Guest,
    /// As the record that the token is of. PocketBase takes a token that is not
    /// good for none, says nothing, and the stream is a guest's: whoever sets
    /// topics asks afterwards whether the token is good.
    Record(&'a Token),
    /// As the gateway's superuser. A token gone bad is noticed and replaced.
    Gateway,
}

/// Why the topics of a stream are not set.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// PocketBase no longer knows the stream: open a new one.
    #[error("PocketBase no longer knows the event stream")]
    Gone,
    /// The stream is somebody else's already, as it is for a token that is no
    /// longer good; or something in PocketBase refuses it.
    #[error("PocketBase does not let the token set the topics of the event stream")]
    Refused,
    /// No answer, or none of PocketBase's.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

impl Upstream {
    /// Opens an event stream, which is told nothing yet.
    ///
    /// # Errors
    ///
    /// When PocketBase doesn't name the stream within [`Settings::timeout`].
    pub async fn listen(&self) -> Result<(Topics, Notices), UpstreamError> {
        self.fingerprint.check()?;
        let open = async {
            let response = self.client.send(Outgoing::get(PATH.to_owned())).await?;
            Notices::open(response, &self.settings).await
        };
        let within = self.settings.timeout;
        let opened = tokio::time::timeout(within, open).await;
        opened.map_err(|_| UpstreamError::Late(within))?
    }
}

impl Topics {
    /// Replaces what the stream is told: of every write that begins once this is
    /// done. While it is being done PocketBase may tell nothing for a moment,
    /// not even of what was set before and is set again.
    ///
    /// # Errors
    ///
    /// When PocketBase no longer knows the stream, doesn't take the token where
    /// it can be seen (see [`Whom`]), or doesn't answer.
    pub async fn replace(
        &self,
        upstream: &Upstream,
        whom: Whom<'_>,
        topics: &[Arc<str>],
    ) -> Result<(), ListenError> {
        upstream.fingerprint.check().map_err(UpstreamError::from)?;
        let topics: Vec<Value> = topics.iter().map(|topic| Value::from(&**topic)).collect();
        let body = json!({ "clientId": self.client_id.expose(), "subscriptions": topics });
        let token = match whom {
            Whom::Guest => None,
            Whom::Record(token) => Some(token.clone()),
            Whom::Gateway => {
                let listen = upstream.superuser.listen(&upstream.client, &body);
                return confirmed(listen.await?);
            }
        };
        let request = Outgoing {
            method: Method::POST,
            body: Written::json(&body),
            token,
            ..Outgoing::get(PATH.to_owned())
        };
        confirmed(upstream.client.json(request).await?.0)
    }
}

impl Notices {
    /// What comes next. None: PocketBase ended the stream, as it does after 5
    /// minutes without an event, after 30 minutes, and when it is stopped. May
    /// be dropped halfway: nothing is lost. After an error the stream is over.
    ///
    /// # Errors
    ///
    /// When the connection is lost, or what comes is none of PocketBase's
    /// events about a record.
    pub async fn next(&mut self) -> Result<Option<Notice>, UpstreamError> {
        let next = match self.frame().await {
            Ok(Some(frame)) => Notice::read(&frame, self.client_id.expose())
                .map(Some)
                .map_err(UpstreamError::from),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        if !matches!(next, Ok(Some(_))) {
            self.body = None;
            self.frames.clear();
        }
        next
    }

    /// Takes an answer that must be a stream, with its first event.
    async fn open(
        response: Response<Incoming>,
        settings: &Settings,
    ) -> Result<(Topics, Self), UpstreamError> {
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let is_stream =
            content_type.is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
        match response.status() {
            StatusCode::OK if is_stream => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(UpstreamError::Limited),
            status => {
                let problem = format!("an event stream is answered with {status}");
                return Err(UpstreamError::Garbled(problem));
            }
        }
        let bound = usize::try_from(settings.max_response.as_u64()).unwrap_or(usize::MAX);
        let mut notices = Self {
            body: Some(response.into_body()),
            frames: Frames::new(bound),
            client_id: Token::new(""),
            heard: Instant::now(),
        };
        let Some(frame) = notices.frame().await? else {
            let problem = "an event stream ended before its first event".to_owned();
            return Err(UpstreamError::Away(problem));
        };
        let client_id = notice::client_id(&frame)?;
        notices.client_id = client_id.clone();
        Ok((Topics { client_id }, notices))
    }

    async fn frame(&mut self) -> Result<Option<Frame>, UpstreamError> {
        loop {
            if let Some(frame) = self.frames.take().map_err(NoticeError::from)? {
                return Ok(Some(frame));
            }
            let Some(body) = &mut self.body else {
                return Ok(None);
            };
            let part = tokio::time::timeout_at(self.heard + SILENCE, body.frame());
            match part.await.map_err(|_| UpstreamError::Late(SILENCE))? {
                Some(Ok(part)) => {
                    self.heard = Instant::now();
                    if let Some(bytes) = part.data_ref() {
                        self.frames.push(bytes);
                    }
                }
                Some(Err(error)) => return Err(UpstreamError::Away(causes(&error))),
                None if self.frames.is_empty() => return Ok(None),
                None => {
                    let problem = "an event stream ended within an event".to_owned();
                    return Err(UpstreamError::Away(problem));
                }
            }
        }
    }
}

impl From<NoticeError> for UpstreamError {
    fn from(error: NoticeError) -> Self {
        Self::Garbled(format!("on an event stream, {error}"))
    }
}

fn confirmed(status: StatusCode) -> Result<(), ListenError> {
    match status {
        StatusCode::NO_CONTENT => Ok(()),
        StatusCode::NOT_FOUND => Err(ListenError::Gone),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ListenError::Refused),
        StatusCode::TOO_MANY_REQUESTS => Err(UpstreamError::Limited.into()),
        other => {
            let problem = format!("the topics of an event stream are answered with {other}");
            Err(UpstreamError::Garbled(problem).into())
        }
    }
}
