//! What a process holds of the machine.

use std::fs;

use crate::Process;

/// What a process holds at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Bytes of memory that are resident.
    pub memory: u64,
    /// Open files and sockets.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// Ranges of memory, of the kernel's bound on those.
    pub mappings: u64,
}

impl Process {
    /// What it holds now.
    ///
    /// # Panics
    ///
    /// When it has ended.
    #[must_use]
    pub fn holds(&self) -> Held {
        let about = |file: &str| format!("/proc/{}/{file}", self.id());
        let read = |file| fs::read_to_string(about(file)).expect("it runs");
        let count = |folder| {
            let entries = fs::read_dir(about(folder)).expect("it runs");
            u64::try_from(entries.count()).expect("not so many")
        };
        let status = read("status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.split_whitespace().next());
        let kib: u64 = resident.expect("a size").parse().expect("a number");
        Held {
            memory: kib * 1024,
            descriptors: count("fd"),
            threads: count("task"),
            mappings: u64::try_from(read("maps").lines().count()).expect("not so many"),
        }
    }
}
