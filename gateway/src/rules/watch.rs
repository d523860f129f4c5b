//! Notices that files changed, in whatever way editors, builds and deployments
//! change them.
//!
//! The folders are watched, not the files: a rename over a file, a symlink
//! swapped as Kubernetes does, a file that comes back, all show there. What
//! changed is not asked: whoever waits here reads everything again. A look from
//! time to time covers what the system did not notify.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

/// However busy a folder is, its files are read at least so many debounces after the first change.
const PATIENCE: u32 = 20;

/// How changes are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    /// The system tells, and a look from time to time covers what it does not.
    #[default]
    Notified,
    /// By looking alone: on a network file system nobody tells what others change.
    Polling,
}

/// Waits for changes.
pub struct Watch {
    /// None where nothing is notified of: then only the poll is left.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    /// Holds one: more changes say no more than the first.
    changes: Receiver<()>,
    debounce: Duration,
    poll: Duration,
}

/// A folder can't be watched; changes in it are found by looking.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {}: {problem}; changes are found by looking every {poll:?}", folder.display())]
pub struct WatchError {
    folder: PathBuf,
    problem: notify::Error,
    poll: Duration,
}

impl Watch {
    /// Watches nothing yet.
    #[must_use]
    pub fn new(how: Watching, debounce: Duration, poll: Duration) -> Self {
        let (notice, changes) = mpsc::channel(1);
        let watcher = match how {
            Watching::Notified => notified(notice, poll),
            Watching::Polling => None,
        };
        Self {
            watcher,
            folders: BTreeSet::new(),
            changes,
            debounce,
            poll,
        }
    }

    /// Watches the folders of these files, and no others.
    pub fn follow<'a>(&mut self, files: impl IntoIterator<Item = &'a PathBuf>) -> Vec<WatchError> {
        let wanted: BTreeSet<PathBuf> = files.into_iter().flat_map(places).collect();
        let Some(watcher) = &mut self.watcher else {
            return Vec::new();
        };
        for folder in self.folders.difference(&wanted) {
            // A folder that is gone is watched no more anyway.
            let _ = watcher.unwatch(folder);
        }
        let mut failed = Vec::new();
        // All of them again: a folder may have been made anew under its name.
        for folder in &wanted {
            if let Err(problem) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                failed.push(WatchError {
                    folder: folder.clone(),
                    problem,
                    poll: self.poll,
                });
            }
        }
        self.folders = wanted;
        failed
    }

    /// Waits until something may have changed and then stayed as it is for a
    /// moment, or until it is time to look anyway.
    pub async fn changed(&mut self) {
        let noticed = tokio::time::timeout(self.poll, self.changes.recv()).await;
        if !matches!(noticed, Ok(Some(()))) {
            if noticed.is_ok() {
                // No watcher is left to notify.
                tokio::time::sleep(self.poll).await;
            }
            return;
        }
        let latest = Instant::now() + self.debounce * PATIENCE;
        while let Ok(Some(())) = tokio::time::timeout(self.debounce, self.changes.recv()).await {
            if Instant::now() > latest {
                break;
            }
        }
    }
}

/// What the system tells goes into the channel; none where it tells nothing.
fn notified(notice: Sender<()>, poll: Duration) -> Option<RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change; an error may hide one.
        if event.map_or(true, |event| !event.kind.is_access()) {
            // Full is as good as sent.
            let _ = notice.try_send(());
        }
    });
    watcher
        .inspect_err(|error| tracing::warn!(%error, ?poll, "no notifications; files are polled"))
        .ok()
}

/// Where a change of a file shows: its folder, the file itself if it is a
/// folder, the folder that a link leads to, and those in which a link on the
/// way can be turned.
fn places(file: &PathBuf) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let links = file
        .ancestors()
        .skip(1)
        .filter(|folder| folder.is_symlink());
    places.extend(links.filter_map(|link| link.parent().map(folder)));
    if file.is_dir() {
        places.push(file.clone());
    } else if let Some(parent) = file.parent() {
        places.push(folder(parent));
    }
    if let Some(real) = file.canonicalize().ok().filter(|real| real != file) {
        if real.is_dir() {
            places.push(real);
        } else if let Some(parent) = real.parent() {
            places.push(parent.to_owned());
        }
    }
    places
}

/// The parent of a bare name is empty, and is where we are.
fn folder(parent: &Path) -> PathBuf {
    if parent.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        parent.to_owned()
    }
}
