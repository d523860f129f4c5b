//! The folder where the gateway keeps what outlives it: a key of its own, and
//! files that count only when they were sealed with it.
//!
//! One gateway holds the folder at a time. The commands of its operator visit
//! it, whether or not a gateway runs: see [`State::visit`].

mod control;
mod key;
mod report;
pub(crate) mod sealed;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use control::{Asked, CONTROL, Control, Removed};
pub use report::{Alarm, Refused, Report, ReportedRule};

use self::key::Key;

/// Where it is, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// As configured, joined to the configuration's folder.
    pub folder: PathBuf,
    /// Whether the configuration names it: then there is no going without.
    pub is_named: bool,
    /// How many generations are kept, beside the pinned one.
    pub generations: usize,
}

/// A folder with its key.
pub struct State {
    folder: PathBuf,
    key: Key,
    /// Held by a gateway as long as it lives; none for visitors.
    held: Option<Held>,
}

/// The folder can't be used, or something in it can't.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It can't be made or looked into.
    #[error("cannot use the state folder {}: {problem}", folder.display())]
    Folder {
        /// As configured.
        folder: PathBuf,
        /// The system's own words.
        problem: io::Error,
    },
    /// Whoever can write there can take away what commands asked for.
    #[error(
        "others may write the state folder {} (mode {mode:o}); chmod 700 it, or name a folder in it that is not there yet",
        folder.display()
    )]
    Open {
        /// As configured.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// By a gateway that runs.
    #[error(
        "another gateway has the state folder {}; end it, or give this one a folder of its own with [state] folder",
        .0.display()
    )]
    Held(PathBuf),
    /// Whoever has the key can write what the gateway then believes.
    #[error("the key {}: {problem}", file.display())]
    Key {
        /// In the state folder.
        file: PathBuf,
        /// What is wrong with it, and how to mend it.
        problem: String,
    },
    /// With what was to be done.
    #[error("cannot {doing} {}: {problem}", file.display())]
    File {
        /// `read`, `write` and the like.
        doing: &'static str,
        /// In the state folder.
        file: PathBuf,
        /// The system's own words.
        problem: io::Error,
    },
    /// It is larger than what the gateway writes there.
    #[error("{} is larger than {most} bytes", file.display())]
    TooLarge {
        /// In the state folder.
        file: PathBuf,
        /// What is read at most.
        most: u64,
    },
    /// It was not sealed with this folder's key, or was changed since.
    #[error(
        "{} is not as the gateway or its commands wrote it, so it is not used; if nobody meant harm, a damaged disk or a copied file did it",
        .0.display()
    )]
    Broken(PathBuf),
    /// Sealed by this folder's key, and yet not to be understood.
    #[error("{} was written by another version of the gateway: {problem}", file.display())]
    OtherVersion {
        /// In the state folder.
        file: PathBuf,
        /// Which part.
        problem: serde_json::Error,
    },
}

/// Two locks. Gateways exclude each other by the first. By the second, visitors
/// find out whether one lives, for a moment and without being in its way.
struct Held {
    _gateways: File,
    _alive: File,
}

const KEY: &str = "key";
const GATEWAYS: &str = "lock";
const ALIVE: &str = "alive";

impl State {
    /// Makes the folder if it is not there, and holds it for a gateway.
    ///
    /// # Errors
    ///
    /// A folder or key that can't be used, or that others could have written;
    /// another gateway that holds it.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let failed = |problem| StateError::Folder {
            folder: folder.to_owned(),
            problem,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let mode = fs::metadata(folder).map_err(failed)?.mode() & 0o777;
        if mode & 0o022 != 0 {
            let folder = folder.to_owned();
            return Err(StateError::Open { folder, mode });
        }
        let gateways = lock_file(&folder.join(GATEWAYS)).map_err(failed)?;
        match gateways.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::Held(folder.to_owned())),
            Err(TryLockError::Error(problem)) => return Err(failed(problem)),
        }
        let alive = lock_file(&folder.join(ALIVE)).map_err(failed)?;
        // A visitor that looks just now is gone at once.
        alive.lock_shared().map_err(failed)?;
        let state = Self {
            folder: folder.to_owned(),
            key: Key::load_or_make(&folder.join(KEY))?,
            held: Some(Held {
                _gateways: gateways,
                _alive: alive,
            }),
        };
        state.sweep_unfinished();
        Ok(state)
    }

    /// The folder of a gateway, without holding it; none where no gateway has made one.
    ///
    /// # Errors
    ///
    /// As [`State::open`], but for another gateway.
    pub fn visit(folder: &Path) -> Result<Option<Self>, StateError> {
        let file = folder.join(KEY);
        match Key::load(&file) {
            Ok(Some(key)) => Ok(Some(Self {
                folder: folder.to_owned(),
                key,
                held: None,
            })),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a gateway holds the folder now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let Ok(alive) = File::open(self.folder.join(ALIVE)) else {
            return false;
        };
        matches!(alive.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Whether it is held by this value, and not only visited.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.held.is_some()
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// These bytes with a code in front, by which [`State::unseal`] knows that
    /// this gateway or its commands wrote them for this purpose.
    #[must_use]
    pub fn seal(&self, purpose: &str, bytes: &[u8]) -> Vec<u8> {
        self.key.seal(purpose, bytes)
    }

    /// What was sealed for this purpose; nothing if it was not, or was changed since.
    #[must_use]
    pub fn unseal<'a>(&self, purpose: &str, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.key.unseal(purpose, bytes)
    }

    /// Writes a file of the folder, whole or not at all; `name` may have folders in it.
    ///
    /// # Errors
    ///
    /// The system's own, or a name that leads out of the folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let file = self.file(name)?;
        let failed = |problem| StateError::File {
            doing: "write",
            file: file.clone(),
            problem,
        };
        if let Some(parent) = file.parent() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(parent).map_err(failed)?;
        }
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let beside = file.with_file_name(format!("{UNFINISHED}{}.{next}", std::process::id()));
        let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, &file));
        if written.is_err() {
            // What is left of it nobody reads.
            let _ = fs::remove_file(&beside);
        }
        written.map_err(failed)
    }

    /// Reads a file of the folder; none if it is not there.
    ///
    /// # Errors
    ///
    /// The system's own, more than `most` bytes, or a name that leads out of the folder.
    pub fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, StateError> {
        let file = self.file(name)?;
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(&file)?.take(most + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) if bytes.len() as u64 > most => Err(StateError::TooLarge { file, most }),
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(problem) => Err(StateError::File {
                doing: "read",
                file,
                problem,
            }),
        }
    }

    /// Removes a file of the folder, if it is there.
    ///
    /// # Errors
    ///
    /// The system's own, or a name that leads out of the folder.
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        let file = self.file(name)?;
        match fs::remove_file(&file) {
            Err(problem) if problem.kind() != io::ErrorKind::NotFound => Err(StateError::File {
                doing: "remove",
                file,
                problem,
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn file(&self, name: &str) -> Result<PathBuf, StateError> {
        let file = self.folder.join(name);
        let is_plain = |part| matches!(part, Component::Normal(_));
        if !name.is_empty() && Path::new(name).components().all(is_plain) {
            return Ok(file);
        }
        Err(StateError::File {
            doing: "use",
            file,
            problem: io::ErrorKind::InvalidInput.into(),
        })
    }

    /// What a crash left half written.
    fn sweep_unfinished(&self) {
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let inner = folders
            .map(|entry| entry.path())
            .filter(|path| path.is_dir());
        for folder in inner.chain([self.folder.clone()]) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if name.to_string_lossy().starts_with(UNFINISHED) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }
}

/// How the names of files begin that are being written.
const UNFINISHED: &str = ".new.";

fn lock_file(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options.open(file)
}

/// Writes a file that is not there yet, and waits until the disk has it.
fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Whether nobody but this process' user can read or write a file.
fn is_private(metadata: &fs::Metadata) -> Result<(), String> {
    let (owner, we) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != we {
        return Err(format!(
            "belongs to the user {owner}, and this runs as {we}; run it as the gateway's own user"
        ));
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "others may read or write it (mode {mode:o}); if nobody has, chmod 600 it, else remove it"
        ));
    }
    Ok(())
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "State({})", self.folder.display())
    }
}

#[cfg(test)]
mod tests;
