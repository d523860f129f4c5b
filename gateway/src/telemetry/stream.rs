//! A stream of lines, into a file or among all others on standard output: a
//! bounded queue, and a thread that writes.
//!
//! Whoever has a line to write never waits. A line for which there is no room,
//! or which the disk does not take, is lost and counted; when lines are written
//! again, one among them says how many were lost. What was taken is written,
//! at an orderly end too.

mod rotating;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::Serialize;
use tokio::sync::oneshot;

pub(super) use self::rotating::Rotation;
use self::rotating::{Rotating, Unwritten};
use super::decisions::{Decision, line, now};
use super::log::LogError;
use super::metrics::DroppedLabels;
use super::security::SecurityEvent;

/// Where lines are sent.
pub(super) struct Stream {
    shared: Arc<Shared>,
    place: Place,
    /// Told when the thread has written all; taken by whoever waits for it.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

/// Where they go.
#[derive(Clone)]
pub(super) enum Place {
    /// Through tracing, which waits for whoever reads standard output.
    Tracing,
    File(Rotation),
}

/// What is written as a line: printed, for a file, and as it is, for tracing.
pub(super) struct Entry {
    /// With its end.
    pub(super) line: Vec<u8>,
    pub(super) told: Told,
}

/// What a line tells.
pub(super) enum Told {
    Decision(Box<Decision>),
    Event(Box<SecurityEvent>),
}

/// How much may wait, and where it is counted what did not.
pub(super) struct Bounds {
    /// In metrics.
    pub(super) name: &'static str,
    /// Lines of a KiB.
    pub(super) queue: usize,
    pub(super) dropped: Family<DroppedLabels, Counter>,
}

struct Shared {
    bounds: Bounds,
    queue: Mutex<Queue>,
    /// Notified when there is something to do for the thread.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Entry>,
    /// Of all lines, in KiB begun.
    weight: usize,
    lost: Lost,
    is_closed: bool,
}

/// Lines lost and not yet told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lost {
    queue: u64,
    disk: u64,
}

/// What the thread writes at once.
struct Batch {
    lines: Vec<Entry>,
    lost: Lost,
}

/// The thread's end of it.
enum Sink {
    Tracing,
    File(Rotating),
}

/// The line that tells of lost lines.
#[derive(Serialize)]
struct LostLine {
    time: String,
    event: &'static str,
    lines: u64,
    queue: u64,
    disk: u64,
}

/// Lines that are written at once.
const BATCH: usize = 256;

/// The name of standard output.
const STDOUT: &str = "stdout";

/// What counts as one line in the queue, in bytes.
const LINE: usize = 1 << 10;

impl Stream {
    /// Keeps lines; writes none before it is opened.
    pub(super) fn new(place: Place, bounds: Bounds) -> Self {
        Self {
            shared: Arc::new(Shared {
                bounds,
                queue: Mutex::default(),
                changed: Condvar::new(),
            }),
            place,
            ended: Mutex::default(),
        }
    }

    /// Opens the file and starts the thread.
    pub(super) fn open(&self) -> Result<(), LogError> {
        let failed = |problem| LogError {
            file: match &self.place {
                Place::Tracing => STDOUT.into(),
                Place::File(rotation) => rotation.file.clone(),
            },
            problem,
        };
        let mut sink = match &self.place {
            Place::Tracing => Sink::Tracing,
            Place::File(rotation) => Sink::File(Rotating::open(rotation.clone()).map_err(failed)?),
        };
        let (ending, ended) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new()
            .name("hapta-log".to_owned())
            .spawn(move || {
                write_all(&shared, &mut sink);
                // Nobody may be waiting.
                let _ = ending.send(());
            })
            .map_err(failed)?;
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        Ok(())
    }

    /// Hands over a line. It never waits.
    pub(super) fn send(&self, entry: Entry) {
        let weight = weight(&entry);
        let mut queue = self.shared.queue();
        let reason = if queue.is_closed {
            "ended"
        } else if queue.weight > 0 && queue.weight + weight > self.shared.bounds.queue {
            queue.lost.queue += 1;
            "queue"
        } else {
            // The thread sleeps only when there is nothing.
            let may_sleep = queue.lines.is_empty();
            queue.weight += weight;
            queue.lines.push_back(entry);
            drop(queue);
            if may_sleep {
                self.shared.changed.notify_one();
            }
            return;
        };
        drop(queue);
        self.shared.count(reason, 1);
    }

    /// Takes no more, and waits until all is written, at most so long.
    pub(super) async fn finish(&self, bound: Duration) {
        self.close();
        let ended = self
            .ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(ended) = ended else { return };
        if tokio::time::timeout(bound, ended).await.is_err() {
            let waiting = self.shared.queue().lines.len();
            let stream = self.shared.bounds.name;
            tracing::error!(
                stream,
                waiting,
                "lines of a log were not written by the end"
            );
        }
    }

    fn close(&self) {
        self.shared.queue().is_closed = true;
        self.shared.changed.notify_one();
    }
}

/// So that the thread ends, whatever became of the gateway.
impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines; none when there will be no more.
    fn next(&self) -> Option<Batch> {
        let mut queue = self.queue();
        while queue.lines.is_empty() && !queue.is_closed {
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let many = queue.lines.len().min(BATCH);
        let lines: Vec<_> = queue.lines.drain(..many).collect();
        queue.weight -= lines.iter().map(weight).sum::<usize>();
        // Told once the thread has caught up with what was taken before.
        let lost = if queue.lines.is_empty() {
            std::mem::take(&mut queue.lost)
        } else {
            Lost::default()
        };
        (!lines.is_empty() || lost.all() > 0).then_some(Batch { lines, lost })
    }

    /// Keeps what is not told yet for the next time.
    fn lose(&self, lost: Lost) {
        let mut queue = self.queue();
        queue.lost.queue += lost.queue;
        queue.lost.disk += lost.disk;
    }

    fn count(&self, reason: &'static str, lines: u64) {
        let stream = self.bounds.name;
        let labels = DroppedLabels { stream, reason };
        self.bounds.dropped.get_or_create(&labels).inc_by(lines);
    }
}

impl Lost {
    fn all(self) -> u64 {
        self.queue + self.disk
    }

    fn line(self) -> Vec<u8> {
        let mut line = line(&LostLine {
            time: now(),
            event: "lines_lost",
            lines: self.all(),
            queue: self.queue,
            disk: self.disk,
        });
        line.push('\n');
        line.into_bytes()
    }
}

/// The thread: writes until there is no more to write.
fn write_all(shared: &Shared, sink: &mut Sink) {
    let stream = shared.bounds.name;
    let mut is_failing = false;
    while let Some(Batch { lines, lost }) = shared.next() {
        let many = lines.len();
        match sink.write(lines, lost) {
            Ok(()) => {
                is_failing = false;
                if lost.all() > 0 {
                    tracing::warn!(stream, lines = lost.all(), "lines of a log were lost");
                }
            }
            Err(Unwritten { written, problem }) => {
                // The line that tells of the others is the last, so it is not written.
                let missed = many.saturating_sub(written) as u64;
                shared.count("disk", missed);
                shared.lose(Lost {
                    disk: lost.disk + missed,
                    ..lost
                });
                if !is_failing {
                    // Once: the next lines would say the same.
                    tracing::error!(stream, %problem, "a log can't be written; its lines are lost until it can");
                }
                is_failing = true;
                if many == 0 {
                    // The end; what is lost can only be told elsewhere.
                    return;
                }
            }
        }
    }
}

/// In lines of the queue.
fn weight(entry: &Entry) -> usize {
    entry.line.len().div_ceil(LINE).max(1)
}

impl Sink {
    fn write(&mut self, entries: Vec<Entry>, lost: Lost) -> Result<(), Unwritten> {
        match self {
            Self::Tracing => {
                for entry in entries {
                    entry.told.trace();
                }
                Ok(())
            }
            Self::File(file) => {
                let lines = entries.into_iter().map(|entry| entry.line);
                let lost = (lost.all() > 0).then(|| lost.line());
                file.write(&lines.chain(lost).collect::<Vec<_>>())
            }
        }
    }
}

impl Told {
    fn trace(&self) {
        match self {
            Self::Decision(decision) => decision.trace(),
            Self::Event(event) => event.trace(),
        }
    }
}

#[cfg(test)]
mod tests;
