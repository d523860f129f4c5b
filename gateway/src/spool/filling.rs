//! The files of one request as they arrive.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::task::spawn_blocking;

use super::ledger::Place;
use super::{BLOCK, Bound, Settings, SpoolError, Spooled, Stored, sniff};
use crate::exchange::Upload;

/// A spool that is being filled. To drop it gives everything back.
pub struct Filling {
    file: Arc<File>,
    place: Place,
    settings: Settings,
    /// What is not on disk yet.
    block: Vec<u8>,
    /// How much is.
    written: u64,
    files: Vec<Stored>,
    current: Option<Current>,
}

/// The file that is arriving.
struct Current {
    key: String,
    name: String,
    offset: u64,
    size: u64,
    /// Its first bytes, from which its type is sniffed.
    head: Vec<u8>,
}

impl Filling {
    pub(super) fn new(file: Arc<File>, place: Place, settings: Settings) -> Self {
        Self {
            file,
            place,
            settings,
            block: Vec::with_capacity(BLOCK),
            written: 0,
            files: Vec::new(),
            current: None,
        }
    }

    /// A file begins.
    ///
    /// # Errors
    ///
    /// When there are too many.
    pub fn begin(&mut self, key: String, name: String) -> Result<(), SpoolError> {
        if self.files.len() >= self.settings.files {
            return Err(self.full(Bound::Files, &self.settings.files));
        }
        self.current = Some(Current {
            key,
            name,
            offset: self.length(),
            size: 0,
            head: Vec::new(),
        });
        Ok(())
    }

    /// Takes a piece of the file that has begun.
    ///
    /// # Errors
    ///
    /// When there is no room for it.
    pub async fn write(&mut self, mut piece: Bytes) -> Result<(), SpoolError> {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let after = self.length().saturating_add(length);
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        current.size = current.size.saturating_add(length);
        if current.size > self.settings.max_file.as_u64() {
            return Err(self.full(Bound::MaxFile, &self.settings.max_file));
        }
        let room = sniff::HEAD.saturating_sub(current.head.len());
        let head = piece.get(..room.min(piece.len())).unwrap_or_default();
        current.head.extend_from_slice(head);
        if after > self.settings.max_request.as_u64() {
            return Err(self.full(Bound::MaxRequest, &self.settings.max_request));
        }
        self.place.reserve(length, &self.settings)?;
        while piece.has_remaining() {
            let room = BLOCK.saturating_sub(self.block.len()).min(piece.len());
            self.block.extend_from_slice(&piece.split_to(room));
            if self.block.len() == BLOCK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// The file is whole.
    pub fn end(&mut self) {
        if let Some(current) = self.current.take() {
            self.files.push(Stored {
                upload: Upload {
                    key: current.key,
                    name: current.name,
                    size: current.size,
                    media_type: sniff::media_type(&current.head).to_owned(),
                },
                offset: current.offset,
            });
        }
    }

    /// All files are.
    ///
    /// # Errors
    ///
    /// When the last of it can't be written.
    pub async fn finish(mut self) -> Result<Spooled, SpoolError> {
        self.flush().await?;
        Ok(Spooled {
            file: self.file,
            files: self.files,
            within: self.settings.timeout,
            place: self.place,
        })
    }

    fn length(&self) -> u64 {
        self.written + u64::try_from(self.block.len()).unwrap_or(u64::MAX)
    }

    async fn flush(&mut self) -> Result<(), SpoolError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let (file, at) = (Arc::clone(&self.file), self.written);
        let block = std::mem::take(&mut self.block);
        let writing = spawn_blocking(move || file.write_all_at(&block, at).map(|()| block));
        let written = writing.await.map_err(io::Error::other);
        match written.and_then(|written| written) {
            Ok(mut block) => {
                self.written += u64::try_from(block.len()).unwrap_or(u64::MAX);
                block.clear();
                self.block = block;
                Ok(())
            }
            Err(problem) => Err(SpoolError::Disk {
                folder: self.settings.folder.clone(),
                problem,
            }),
        }
    }

    fn full(&self, bound: Bound, most: &dyn ToString) -> SpoolError {
        self.place.full(bound, most)
    }
}
