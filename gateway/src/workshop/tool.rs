//! Where the tools of a language are found, and how one is run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::write;
use super::{PLACE, Project, Step, WorkshopError};

/// A build under way.
pub(super) struct Shop<'a> {
    pub(super) project: &'a Project,
    /// Where files lie that are needed meanwhile; empty at the beginning.
    pub(super) bench: PathBuf,
    /// Files outside of the folder that go into it.
    pub(super) elsewhere: Vec<PathBuf>,
    tell: &'a mut dyn FnMut(Step),
}

impl<'a> Shop<'a> {
    /// Clears the place for a build.
    pub(super) fn open(
        project: &'a Project,
        tell: &'a mut dyn FnMut(Step),
    ) -> Result<Self, WorkshopError> {
        let bench = project.folder.join(PLACE).join(".making");
        if bench.exists() {
            fs::remove_dir_all(&bench).map_err(write(&bench))?;
        }
        fs::create_dir_all(&bench).map_err(write(&bench))?;
        Ok(Self {
            project,
            bench,
            elsewhere: Vec::new(),
            tell,
        })
    }

    /// Clears away what was needed meanwhile. What a build that failed left is there to be looked at.
    /// Gives the files of elsewhere that it was made of.
    pub(super) fn close(self) -> Vec<PathBuf> {
        // Where it can't be, the next build says so.
        let _ = fs::remove_dir_all(self.bench);
        self.elsewhere
    }

    /// Says what begins.
    pub(super) fn begins(&mut self, what: impl Into<String>) {
        (self.tell)(Step::Begins(what.into()));
    }

    /// Passes on what a tool, or the workshop itself, has to say beside its work.
    pub(super) fn says(&mut self, what: &str) {
        let what = what.trim_end();
        if !what.is_empty() {
            (self.tell)(Step::Said(what.to_owned()));
        }
    }

    /// Runs a tool in the folder to its end, and gives what it wrote to its output. What it wrote
    /// beside is passed on: as the failure, or as what it had to say.
    pub(super) fn run(
        &mut self,
        tool: &str,
        command: &mut Command,
    ) -> Result<String, WorkshopError> {
        let (output, beside) = self.run_apart(tool, command)?;
        self.says(&beside);
        Ok(output)
    }

    /// As [`Self::run`], for a tool that tells of its progress where others warn.
    pub(super) fn run_quietly(
        &mut self,
        tool: &str,
        command: &mut Command,
    ) -> Result<(), WorkshopError> {
        self.run_apart(tool, command).map(drop)
    }

    /// What a tool wrote to its output, and beside it.
    fn run_apart(
        &self,
        tool: &str,
        command: &mut Command,
    ) -> Result<(String, String), WorkshopError> {
        let failed = |output: String| WorkshopError::Failed {
            tool: tool.to_owned(),
            output,
        };
        let ended = command
            .current_dir(&self.project.folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (output, beside) = (text(&ended.stdout), text(&ended.stderr));
        if !ended.status.success() {
            let said = match (beside.trim(), output.trim()) {
                ("", "") => format!("it said nothing, and ended with {}", ended.status),
                ("", output) => output.to_owned(),
                (beside, "") => beside.to_owned(),
                (beside, output) => format!("{beside}\n{output}"),
            };
            return Err(failed(said));
        }
        Ok((output, beside))
    }
}

/// A program that the environment's `PATH` leads to.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

/// What a program answers, if it is there and ends well.
pub(super) fn answer(command: &mut Command) -> Option<String> {
    let ended = command.stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8(ended.stdout).ok()?;
    ended.status.success().then(|| said.trim().to_owned())
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}
