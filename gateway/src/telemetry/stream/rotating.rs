//! A file that is put aside when it has grown, and found again when somebody
//! else has put it aside.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Which file, and when it is put aside.
#[derive(Clone, Debug)]
pub(in crate::telemetry) struct Rotation {
    pub(in crate::telemetry) file: PathBuf,
    /// Bytes that it may have; 0: any number.
    pub(in crate::telemetry) at: u64,
    /// How many are kept beside it: `FILE.1`, the newest, and so on.
    pub(in crate::telemetry) keep: usize,
}

/// The file, open or to be opened.
pub(super) struct Rotating {
    rotation: Rotation,
    /// None: opened at the next line.
    open: Option<File>,
    /// What could not be put aside may grow so far before that is tried again.
    spared: u64,
}

/// Some of the lines, from the first on, were written, and the others were not.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) written: usize,
    pub(super) problem: io::Error,
}

/// For nobody but whom the gateway runs as, and those who may do everything.
const MODE: u32 = 0o600;

impl Rotating {
    /// Opens it, so that what is wrong is known at the start. A pipe waits for
    /// its reader, so it is left to the thread.
    pub(super) fn open(rotation: Rotation) -> io::Result<Self> {
        let is_special = fs::metadata(&rotation.file).is_ok_and(|found| !found.is_file());
        let open = if is_special {
            None
        } else {
            Some(open(&rotation.file)?)
        };
        Ok(Self {
            rotation,
            open,
            spared: 0,
        })
    }

    /// Writes lines, in one file or several.
    pub(super) fn write(&mut self, lines: &[Vec<u8>]) -> Result<(), Unwritten> {
        let (mut written, mut rest) = (0, lines);
        while let Some(next) = rest.first() {
            let failed = |problem| Unwritten { written, problem };
            let room = self.room_for(next.len() as u64).map_err(failed)?;
            // A line that is larger than a file may be has one of its own.
            let many = fitting(rest, room).max(1);
            let (now, later) = rest.split_at(many);
            if let Err(unwritten) = self.append(now) {
                // What lies there now may be another file.
                self.open = None;
                return Err(Unwritten {
                    written: written + unwritten.written,
                    ..unwritten
                });
            }
            written += many;
            rest = later;
        }
        Ok(())
    }

    /// Bytes that the file may still take, put aside before if it can't take so many.
    fn room_for(&mut self, length: u64) -> io::Result<u64> {
        let path = &self.rotation.file;
        if self.open.as_ref().is_some_and(|file| !is_at(file, path)) {
            self.open = None;
        }
        let found = self.file()?.metadata()?;
        if self.rotation.at == 0 || !found.is_file() {
            return Ok(u64::MAX);
        }
        let room = self.bound().saturating_sub(found.len());
        if room >= length || found.len() == 0 {
            return Ok(room);
        }
        self.put_aside();
        let found = self.file()?.metadata()?;
        Ok(self.bound().saturating_sub(found.len()))
    }

    fn bound(&self) -> u64 {
        self.rotation.at.max(self.spared)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.open.take() {
            Some(file) => file,
            None => open(&self.rotation.file)?,
        };
        Ok(self.open.insert(file))
    }

    fn append(&mut self, lines: &[Vec<u8>]) -> Result<(), Unwritten> {
        let none = |problem| Unwritten {
            written: 0,
            problem,
        };
        let file = self.file().map_err(none)?;
        let bytes = lines.concat();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let problem = match file.write(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(many) => {
                    rest = rest.get(many..).unwrap_or_default();
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let done = bytes.len() - rest.len();
            return Err(Unwritten {
                written: fitting(lines, done as u64),
                problem,
            });
        }
        Ok(())
    }

    /// Renames the file to `FILE.1`, that to `FILE.2` and so on; the last goes.
    /// Where that is not possible, the file goes on.
    fn put_aside(&mut self) {
        let Rotation { file, at, keep } = &self.rotation;
        let older = (2..=*keep).rev();
        let moved = older
            .map(|number| (aside(file, number - 1), aside(file, number)))
            .try_for_each(|(from, to)| match fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            });
        match moved.and_then(|()| fs::rename(file, aside(file, 1))) {
            Ok(()) => {
                self.open = None;
                self.spared = 0;
            }
            Err(problem) => {
                let length = fs::metadata(file).map_or(0, |found| found.len());
                self.spared = length.saturating_add(*at);
                tracing::error!(file = %file.display(), %problem, "a log can't be put aside, and grows");
            }
        }
    }
}

/// Opens a file for lines at its end, and ends a line that was cut there.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(MODE);
    let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if is_special {
        return options.open(path);
    }
    let mut file = match options.read(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // It may be one that the gateway may add to and not read.
            return options.read(false).open(path);
        }
        opened => opened?,
    };
    let mut last = [b'\n'];
    if let Some(at) = file.metadata()?.len().checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Whether it is this file that the path leads to.
fn is_at(file: &File, path: &Path) -> bool {
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => place(open) == place(there),
        _ => false,
    }
}

/// How many of the lines are whole in so many bytes.
fn fitting(lines: &[Vec<u8>], bytes: u64) -> usize {
    let mut used = 0;
    let fits = |line: &&Vec<u8>| {
        used += line.len() as u64;
        used <= bytes
    };
    lines.iter().take_while(fits).count()
}

fn aside(file: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn rotation(folder: &Path, at: u64, keep: usize) -> Rotation {
        Rotation {
            file: folder.join("log"),
            at,
            keep,
        }
    }

    fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
        texts
            .iter()
            .map(|text| format!("{text}\n").into_bytes())
            .collect()
    }

    #[track_caller]
    fn holds(folder: &Path, name: &str, expected: &str) {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert_eq!(text.replace('\n', " ").trim_end(), expected, "{name}");
    }

    #[test]
    fn a_file_is_put_aside_before_it_is_too_large_and_only_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut file = Rotating::open(rotation(folder, 10, 2)).unwrap();
        file.write(&lines(&["aaaa", "bbbb", "cccc"])).unwrap();
        holds(folder, "log", "cccc");
        holds(folder, "log.1", "aaaa bbbb");
        file.write(&lines(&["dddd"])).unwrap();
        file.write(&lines(&["a-line-larger-than-a-file"])).unwrap();
        file.write(&lines(&["eeee"])).unwrap();
        holds(folder, "log", "eeee");
        holds(folder, "log.1", "a-line-larger-than-a-file");
        holds(folder, "log.2", "cccc dddd");
        assert!(!folder.join("log.3").exists());
        let mode = fs::metadata(folder.join("log"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, MODE);
    }

    #[test]
    fn a_file_without_a_bound_is_left_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Rotating::open(rotation(folder.path(), 0, 2)).unwrap();
        for _ in 0..10 {
            file.write(&lines(&["aaaa"])).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut file = Rotating::open(rotation(folder, 1_000, 2)).unwrap();
        file.write(&lines(&["one"])).unwrap();
        fs::rename(folder.join("log"), folder.join("elsewhere")).unwrap();
        file.write(&lines(&["two"])).unwrap();
        holds(folder, "elsewhere", "one");
        holds(folder, "log", "two");
        fs::remove_file(folder.join("log")).unwrap();
        file.write(&lines(&["three"])).unwrap();
        holds(folder, "log", "three");
    }

    #[test]
    fn a_line_that_was_cut_is_ended_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log"), "whole\ncut").unwrap();
        let mut file = Rotating::open(rotation(folder.path(), 1_000, 2)).unwrap();
        file.write(&lines(&["next"])).unwrap();
        holds(folder.path(), "log", "whole cut next");
    }

    #[test]
    fn what_the_disk_does_not_take_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        std::os::unix::fs::symlink("/dev/full", &file).unwrap();
        let mut full = Rotating::open(rotation(folder.path(), 1_000, 2)).unwrap();
        let unwritten = full.write(&lines(&["one", "two"])).unwrap_err();
        assert_eq!(unwritten.written, 0);
        assert_eq!(unwritten.problem.kind(), io::ErrorKind::StorageFull);
        fs::remove_file(&file).unwrap();
        full.write(&lines(&["three"])).unwrap();
        holds(folder.path(), "log", "three");
    }

    #[test]
    fn a_file_that_can_not_be_put_aside_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        // A folder can't be replaced by a file.
        fs::create_dir_all(folder.join("log.1/in it")).unwrap();
        let mut file = Rotating::open(rotation(folder, 10, 1)).unwrap();
        file.write(&lines(&["aaaa", "bbbb", "cccc", "dddd"]))
            .unwrap();
        holds(folder, "log", "aaaa bbbb cccc dddd");
    }
}
