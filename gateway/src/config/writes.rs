//! `[writes]` and `[batch]` → how long writes to one record wait for one another, and
//! what a batch may have.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, invalid, raw, surface, within};
use crate::locks::Settings;
use crate::surface::Batch;

/// After more, whoever asked is gone.
const WAIT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(10);

/// How many may wait for one record.
const WAITING: RangeInclusive<usize> = 0..=1_000_000;

/// Each part is judged by itself.
const PARTS: RangeInclusive<usize> = 1..=200;

pub(super) fn resolve(raw: &raw::Writes) -> Result<Settings, ConfigError> {
    if !WAIT.contains(&raw.wait) {
        return Err(invalid("writes.wait", "must be from \"1ms\" to \"10m\""));
    }
    within("writes.waiting", raw.waiting, &WAITING)?;
    Ok(Settings {
        wait: raw.wait,
        waiting: raw.waiting,
    })
}

pub(super) fn batch(raw: &raw::Batch) -> Result<Batch, ConfigError> {
    within("batch.parts", raw.parts, &PARTS)?;
    Ok(Batch {
        parts: raw.parts,
        headers: surface::headers("batch.headers", &raw.headers)?,
    })
}
