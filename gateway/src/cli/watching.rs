//! Notices that an author saved something.
//!
//! What is built and fetched is left out: else every build would be a save. Files are looked at
//! when the system tells of a change and from time to time, and what differs is what was saved; so
//! a save that comes while somebody is busy is told afterwards, and many are told as one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::rules::{Watch, Watching};
use crate::workshop::is_left_out;

/// Saves within so long are one.
const DEBOUNCE: Duration = Duration::from_millis(80);

/// How late a save is noticed at most, where the system tells of nothing.
const POLL: Duration = Duration::from_secs(2);

/// Files that are looked at; a rule has a few.
const MOST_FILES: usize = 4_000;

/// How deep folders are looked into.
const DEPTH: usize = 8;

/// Files and folders that somebody works in.
pub(super) struct Saves {
    roots: Vec<PathBuf>,
    watch: Watch,
    seen: BTreeMap<PathBuf, Stamp>,
}

/// By which a file is known to be as it was.
type Stamp = (Option<SystemTime>, u64);

impl Saves {
    /// Watches these files, and what is in these folders, from now on.
    pub(super) fn of(roots: Vec<PathBuf>) -> Self {
        let mut saves = Self {
            roots,
            watch: Watch::new(Watching::Notified, DEBOUNCE, POLL),
            seen: BTreeMap::new(),
        };
        saves.look();
        saves
    }

    /// Watches these from now on. What else they hold than those before counts as saved if it
    /// changes after this.
    pub(super) fn follow(&mut self, roots: Vec<PathBuf>) {
        if roots != self.roots {
            let known = std::mem::take(&mut self.seen);
            self.roots = roots;
            self.look();
            // A save that nobody was told of yet is told by the next look.
            self.seen.extend(known);
        }
    }

    /// Waits until something was saved, made or removed since the last time, and tells what.
    pub(super) async fn next(&mut self) -> Vec<PathBuf> {
        loop {
            self.watch.changed().await;
            let saved = self.look();
            if !saved.is_empty() {
                return saved;
            }
        }
    }

    /// What differs from the last look.
    fn look(&mut self) -> Vec<PathBuf> {
        let found = found_in(&self.roots);
        // A folder that can't be watched is found by looking; new ones are watched from here on,
        // and looked at once more below, for what was put into them before.
        let _ = self.watch.follow(found.keys());
        let now = found_in(&self.roots);
        let before = std::mem::take(&mut self.seen);
        let changed = now
            .iter()
            .filter(|(file, stamp)| before.get(*file) != Some(*stamp));
        let gone = before.keys().filter(|file| !now.contains_key(*file));
        let saved = changed.map(|(file, _)| file).chain(gone).cloned().collect();
        self.seen = now;
        saved
    }
}

fn found_in(roots: &[PathBuf]) -> BTreeMap<PathBuf, Stamp> {
    let mut found = BTreeMap::new();
    for root in roots {
        collect(root, DEPTH, &mut found);
    }
    found
}

fn collect(path: &Path, depth: usize, found: &mut BTreeMap<PathBuf, Stamp>) {
    let Ok(about) = std::fs::metadata(path) else {
        return;
    };
    if found.len() >= MOST_FILES {
        return;
    }
    if !about.is_dir() {
        found.insert(path.to_owned(), (about.modified().ok(), about.len()));
        return;
    }
    // The folder stands for itself, so that it is watched while it is empty.
    found.insert(path.to_owned(), (None, 0));
    let Some(deeper) = depth.checked_sub(1) else {
        return;
    };
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let is_by_hand = is_written_by_hand(&entry.file_name().to_string_lossy());
        if is_by_hand && !is_left_out(&entry.path()) {
            collect(&entry.path(), deeper, found);
        }
    }
}

/// Editors keep unfinished files behind a dot or before a tilde; ours are in `.hapta`.
fn is_written_by_hand(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(saved: Vec<PathBuf>) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        saved.into_iter().map(name).collect()
    }

    #[tokio::test]
    async fn what_is_saved_is_told_and_what_is_built_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("src")).unwrap();
        fs::create_dir_all(path("build")).unwrap();
        fs::create_dir_all(path("src/build")).unwrap();
        fs::write(path("rule.toml"), "").unwrap();
        fs::write(path("src/lib.rs"), "one").unwrap();
        let mut saves = Saves::of(vec![folder.path().to_owned()]);
        for left_out in ["build/a.wasm", ".lib.rs.swp", "lib.rs~", "target"] {
            fs::write(path(left_out), "built").unwrap();
        }
        fs::write(path("src/lib.rs"), "a second").unwrap();
        assert_eq!(names(saves.next().await), ["lib.rs"]);
        // One of that name further below is the author's own.
        fs::write(path("src/build/mod.rs"), "own").unwrap();
        assert!(names(saves.next().await).contains(&"mod.rs".to_owned()));
        fs::create_dir_all(path("src/more")).unwrap();
        fs::write(path("src/more/new.rs"), "").unwrap();
        let mut told = names(saves.next().await);
        while !told.contains(&"new.rs".to_owned()) {
            told.extend(names(saves.next().await));
        }
        fs::remove_file(path("src/more/new.rs")).unwrap();
        assert_eq!(names(saves.next().await), ["new.rs"]);
    }

    #[tokio::test]
    async fn what_was_saved_while_nobody_waited_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rule.py");
        let mut saves = Saves::of(vec![folder.path().to_owned()]);
        for text in ["a", "ab", "abc"] {
            fs::write(&file, text).unwrap();
        }
        assert_eq!(names(saves.next().await), ["rule.py"]);
        let more = tokio::time::timeout(3 * DEBOUNCE, saves.next()).await;
        assert!(more.is_err(), "{more:?}");
    }
}
