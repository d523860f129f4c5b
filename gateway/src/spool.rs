//! Where the files of an upload wait until the rules have had their say: on disk,
//! never whole in memory.
//!
//! All files of a request are in one temporary file without a name, one after
//! another, so that nothing is left of it when its last holder is gone, whatever
//! ended the request. What there may be of that is bounded, by request, by
//! principal and in all, and reserved before the bytes are written.

mod filling;
mod ledger;
mod sniff;

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use tokio::task::spawn_blocking;

pub use filling::Filling;
pub use ledger::{Counts, Owner};

use self::ledger::{Ledger, Place};
use crate::exchange::{Types, Upload};
use crate::principal::Principal;

/// How much may wait, where, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the temporary files are.
    pub folder: PathBuf,
    /// Whether the configuration names it: then it has to be one that works.
    pub is_named: bool,
    /// Bytes of one file.
    pub max_file: ByteSize,
    /// Bytes of all files of a request.
    pub max_request: ByteSize,
    /// Bytes of all files of a principal.
    pub max_principal: ByteSize,
    /// Bytes of all files.
    pub max_total: ByteSize,
    /// Files of a request.
    pub files: usize,
    /// The types that are taken.
    pub types: Types,
    /// Requests with files at once.
    pub open: usize,
    /// The same, of a principal.
    pub open_principal: usize,
    /// For the files of a request to arrive, and for as long again to be sent on.
    pub timeout: Duration,
    /// Between two pieces of an upload.
    pub idle: Duration,
}

/// A bound of uploads, by the key of `[uploads]` that says how much it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Bytes of one file.
    MaxFile,
    /// Bytes of all files of a request.
    MaxRequest,
    /// Bytes of all files of a principal.
    MaxPrincipal,
    /// Bytes of all files.
    MaxTotal,
    /// Files of a request.
    Files,
    /// Types of files.
    Types,
    /// Requests with files at once.
    Open,
    /// The same, of a principal.
    OpenPrincipal,
}

/// Why files can't wait here.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There are as many, or as large ones, as there may be.
    #[error("{}", told(*.bound, .most))]
    Full {
        /// Which bound it is.
        bound: Bound,
        /// How much it is, as text.
        most: String,
    },
    /// The folder can't be written to, or has no room.
    #[error("cannot keep a file in {}: {problem}", folder.display())]
    Disk {
        /// Where.
        folder: PathBuf,
        /// The system's own words.
        problem: io::Error,
    },
}

/// Everything that waits.
pub struct Spools {
    settings: Settings,
    ledger: Arc<Ledger>,
}

/// The files of one request, whole.
pub struct Spooled {
    file: Arc<File>,
    files: Vec<Stored>,
    within: Duration,
    #[expect(dead_code, reason = "held for its drop")]
    place: Place,
}

/// Where a file is.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    /// What is known of it. Its key is the name of its part.
    pub upload: Upload,
    offset: u64,
}

/// Bytes that are written or read at once.
const BLOCK: usize = 256 * 1024;

impl Spools {
    /// With nothing in them.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ledger: Arc::default(),
        }
    }

    /// The bounds.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes sure that the folder can be used.
    ///
    /// # Errors
    ///
    /// When it can't.
    pub async fn check(&self) -> Result<(), SpoolError> {
        temporary(&self.settings.folder).await.map(drop)
    }

    /// Begins to take the files of a request.
    ///
    /// # Errors
    ///
    /// When there are too many requests with files, or no folder for them.
    pub async fn open(&self, owner: Owner) -> Result<Filling, SpoolError> {
        let place = self.ledger.open(owner, &self.settings)?;
        let file = temporary(&self.settings.folder).await?;
        Ok(Filling::new(Arc::new(file), place, self.settings.clone()))
    }

    /// Counts a refusal that was decided elsewhere.
    pub fn refused(&self, bound: Bound) {
        self.ledger.refused(bound);
    }

    /// What there is and what was.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.ledger.counts()
    }
}

impl Spooled {
    /// The files, in the order in which they came.
    #[must_use]
    pub fn files(&self) -> &[Stored] {
        &self.files
    }

    /// How long they may take to be sent on.
    #[must_use]
    pub fn within(&self) -> Duration {
        self.within
    }

    /// The next bytes of a file, from a place in it on. None: it ends there.
    ///
    /// # Errors
    ///
    /// When the disk doesn't give them.
    pub async fn read(&self, stored: &Stored, from: u64) -> io::Result<Option<Bytes>> {
        let left = stored.upload.size.saturating_sub(from);
        let length = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        if length == 0 {
            return Ok(None);
        }
        let (file, at) = (Arc::clone(&self.file), stored.offset + from);
        let reading = spawn_blocking(move || {
            let mut block = vec![0; length];
            file.read_exact_at(&mut block, at).map(|()| block)
        });
        let block = reading.await.map_err(io::Error::other)??;
        Ok(Some(block.into()))
    }
}

impl Owner {
    /// Whose files are counted together: a principal's, or those of all guests of
    /// an address.
    #[must_use]
    pub fn of(principal: &Principal, address: IpAddr) -> Self {
        match principal.record() {
            Some(vouched) => Self::record(&vouched.collection, &vouched.id),
            None => Self::guest(address),
        }
    }
}

impl Bound {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::MaxFile,
        Self::MaxRequest,
        Self::MaxPrincipal,
        Self::MaxTotal,
        Self::Files,
        Self::Types,
        Self::Open,
        Self::OpenPrincipal,
    ];

    /// The key of `[uploads]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxFile => "max_file",
            Self::MaxRequest => "max_request",
            Self::MaxPrincipal => "max_principal",
            Self::MaxTotal => "max_total",
            Self::Files => "files",
            Self::Types => "types",
            Self::Open => "open",
            Self::OpenPrincipal => "open_principal",
        }
    }
}

fn told(bound: Bound, most: &str) -> String {
    match bound {
        Bound::MaxFile => format!("a file is larger than {most}"),
        Bound::MaxRequest => format!("the files are larger than {most} together"),
        Bound::MaxPrincipal => {
            format!("the files that are being uploaded by one and the same are larger than {most}")
        }
        Bound::MaxTotal => format!("the files that are being uploaded are larger than {most}"),
        Bound::Files => format!("there are more than {most} files"),
        Bound::Types => format!("only files of these types are taken: {most}"),
        Bound::Open => format!("more than {most} uploads are under way"),
        Bound::OpenPrincipal => {
            format!("more than {most} uploads of one and the same are under way")
        }
    }
}

/// A file without a name, which is gone with its last handle.
async fn temporary(folder: &Path) -> Result<File, SpoolError> {
    let at = folder.to_owned();
    let making = spawn_blocking(move || tempfile::tempfile_in(at));
    let made = making.await.map_err(io::Error::other);
    made.and_then(|made| made)
        .map_err(|problem| SpoolError::Disk {
            folder: folder.to_owned(),
            problem,
        })
}

impl std::fmt::Debug for Spooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Spooled").field(&self.files).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests;
