//! A multipart body as it arrives: its values into memory, its files to where they
//! wait.

use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use serde_json::Value;

use super::RequestBody;
use super::body::next;
use crate::error::BodyError;
use crate::exchange::form::multipart::{Event, Reader};
use crate::exchange::form::{self, FormError};
use crate::operation::Operation;
use crate::spool::{Owner, Spooled, Spools};

/// A form that is being read.
pub(super) struct Parts {
    reader: Reader,
    body: RequestBody,
    /// The values so far.
    pairs: Vec<(String, String)>,
    /// The first file, by the names of its part and its own.
    file: Option<(String, String)>,
    /// How many bytes were not of files.
    beside: u64,
    /// For those: `server.max_body`.
    bound: ByteSize,
    /// How long to wait for the next bytes, once files come.
    idle: Option<Duration>,
}

impl Parts {
    /// A form of whose bytes the first are there.
    pub(super) fn new(boundary: &str, first: Bytes, body: RequestBody, bound: ByteSize) -> Self {
        let mut parts = Self {
            reader: Reader::new(boundary),
            body,
            pairs: Vec::new(),
            file: None,
            beside: 0,
            bound,
            idle: None,
        };
        parts.feed(first);
        parts
    }

    /// Reads values until the form ends or a file begins, and says which.
    pub(super) async fn until_file(&mut self, operation: &Operation) -> Result<bool, BodyError> {
        while let Some(event) = self.event().await? {
            match event {
                Event::Text { name, value } => self.pairs.push((name, value)),
                Event::File { name, .. } if !operation.takes_files() => {
                    return Err(FormError::File { name }.into());
                }
                Event::File { name, file_name } => {
                    self.file = Some((name, file_name));
                    return Ok(true);
                }
                // Only after a file has begun.
                Event::Piece(_) | Event::FileEnd => {}
            }
        }
        Ok(false)
    }

    /// Reads the rest.
    pub(super) async fn spool(
        mut self,
        spools: &Spools,
        owner: Owner,
    ) -> Result<(Value, Spooled), BodyError> {
        let mut filling = spools.open(owner).await?;
        self.idle = Some(spools.settings().idle);
        if let Some((name, file_name)) = self.file.take() {
            filling.begin(name, file_name)?;
        }
        while let Some(event) = self.event().await? {
            match event {
                Event::Text { name, value } => self.pairs.push((name, value)),
                Event::File { name, file_name } => filling.begin(name, file_name)?,
                Event::Piece(piece) => {
                    let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    self.beside = self.beside.saturating_sub(length);
                    filling.write(piece).await?;
                }
                Event::FileEnd => filling.end(),
            }
        }
        Ok((self.value()?, filling.finish().await?))
    }

    /// The values, as one.
    pub(super) fn value(self) -> Result<Value, BodyError> {
        Ok(Value::Object(form::object(self.pairs)?))
    }

    async fn event(&mut self) -> Result<Option<Event>, BodyError> {
        loop {
            if let Some(event) = self.reader.event()? {
                return Ok(Some(event));
            }
            if self.beside > self.bound.as_u64() {
                return Err(BodyError::TooLarge(self.bound));
            }
            let next = next(&mut self.body);
            let piece = match self.idle {
                Some(idle) => tokio::time::timeout(idle, next)
                    .await
                    .map_err(|_| BodyError::Late)?,
                None => next.await,
            };
            let Some(piece) = piece? else {
                self.reader.end()?;
                return Ok(None);
            };
            self.feed(piece);
        }
    }

    fn feed(&mut self, piece: Bytes) {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.beside = self.beside.saturating_add(length);
        self.reader.feed(piece);
    }
}
