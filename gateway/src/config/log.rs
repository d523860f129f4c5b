//! `[log]` → where decisions and security events go, and what they tell of people.

use std::path::{Path, PathBuf};

use super::{ConfigError, invalid, raw, within};
use crate::telemetry::{Destination, LogSettings, Telling};

/// What stands for standard output in place of a path.
const STDOUT: &str = "stdout";

/// Smaller files would be put aside every few lines.
const SMALLEST: u64 = 64 << 10;

/// How many files may be kept, and how many lines may wait: each is a KiB of memory.
const KEEP: std::ops::RangeInclusive<usize> = 1..=1_000;
const QUEUE: std::ops::RangeInclusive<usize> = 1..=1_000_000;

pub(super) fn resolve(raw: raw::Log, folder: &Path) -> Result<LogSettings, ConfigError> {
    for (key, value, range) in [
        ("log.keep", raw.keep, KEEP),
        ("log.queue", raw.queue, QUEUE),
    ] {
        within(key, value, &range)?;
    }
    if (1..SMALLEST).contains(&raw.rotate.as_u64()) {
        return Err(invalid(
            "log.rotate",
            "must be at least \"64KiB\", or \"0B\" to leave it to others",
        ));
    }
    let decisions = destination("log.decisions", raw.decisions, folder)?;
    let security = destination("log.security", raw.security, folder)?;
    if decisions == security && decisions != Destination::Stdout {
        return Err(invalid(
            "log.security",
            "is the file of log.decisions; each stream has its own",
        ));
    }
    Ok(LogSettings {
        decisions,
        security,
        rotate: raw.rotate,
        keep: raw.keep,
        queue: raw.queue,
        address: raw.address.into(),
        principal: raw.principal.into(),
    })
}

fn destination(key: &str, raw: PathBuf, folder: &Path) -> Result<Destination, ConfigError> {
    if raw.as_os_str().is_empty() {
        return Err(invalid(key, "is empty; expected \"stdout\" or a file"));
    }
    Ok(if raw.as_os_str() == STDOUT {
        Destination::Stdout
    } else {
        Destination::File(folder.join(raw))
    })
}

impl From<raw::Telling> for Telling {
    fn from(raw: raw::Telling) -> Self {
        match raw {
            raw::Telling::Tell => Self::Tell,
            raw::Telling::Hash => Self::Hash,
            raw::Telling::Omit => Self::Omit,
        }
    }
}
