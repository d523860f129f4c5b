//! The stream of what happens: told from anywhere, written by one thread.
//!
//! Nobody who serves a request waits for whoever reads. What there is no room for is lost, counted,
//! and told when there is room again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::news::{News, Request, Said};
use super::text;
use crate::cli::terminal::say;
use crate::telemetry::{Ended, Onlooker};

/// Requests that may wait to be written.
pub(super) const REQUESTS: usize = 256;

/// Other news that may wait.
const NEWS: usize = 1_024;

/// Lines of rules that wait for their request to end.
const SAID: usize = 512;

/// How long they do.
const SAID_FOR: Duration = Duration::from_secs(2);

/// Lines of PocketBase that are kept while it starts.
const STARTING: usize = 50;

/// How often it is looked for what waits for nothing.
const TICK: Duration = Duration::from_millis(250);

/// How long what is left may take to be written at the end.
const LAST: Duration = Duration::from_secs(2);

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Tells.
#[derive(Clone)]
pub(super) struct Teller {
    news: Sender<Item>,
    lost: Arc<AtomicU64>,
}

/// The thread that writes.
pub(super) struct Stream(oneshot::Receiver<()>);

enum Item {
    News(Box<News>),
    LookOn(Onlooker),
    End,
}

/// The thread's side.
struct Writer {
    form: Form,
    onlooker: Option<Onlooker>,
    said: VecDeque<(Instant, Said)>,
    /// What PocketBase said before all was up: of interest where it does not come up.
    starting: Option<Vec<String>>,
    /// Lines that [`Teller::try_tell`] had no room for.
    lost: Arc<AtomicU64>,
}

/// Begins to write.
pub(super) fn begin(form: Form) -> anyhow::Result<(Teller, Stream)> {
    let (news, told) = mpsc::channel(NEWS);
    let lost = Arc::new(AtomicU64::new(0));
    let writer = Writer {
        form,
        onlooker: None,
        said: VecDeque::new(),
        starting: Some(Vec::new()),
        lost: Arc::clone(&lost),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (ending, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("hapta-stream".to_owned())
        .spawn(move || {
            runtime.block_on(writer.write_all(told));
            // Nobody may be waiting.
            let _ = ending.send(());
        })
        .context("cannot start the thread that writes")?;
    Ok((Teller { news, lost }, Stream(ended)))
}

impl Teller {
    /// Tells, and waits while there is no room.
    pub(super) async fn tell(&self, news: News) {
        // The thread ends after everybody who tells.
        let _ = self.news.send(Item::News(Box::new(news))).await;
    }

    /// Tells without waiting.
    pub(super) fn try_tell(&self, news: News) {
        if self.news.try_send(Item::News(Box::new(news))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lets requests be written as they end.
    pub(super) async fn look_on(&self, onlooker: Onlooker) {
        let _ = self.news.send(Item::LookOn(onlooker)).await;
    }
}

impl Stream {
    /// Tells why it is over, and waits until all is written that was told; whoever reads may be gone.
    pub(super) async fn finish(self, teller: &Teller, reason: Option<&str>) {
        let finishing = async {
            if let Some(reason) = reason {
                let reason = reason.to_owned();
                teller.tell(News::Ended { reason }).await;
            }
            // Those who tell are not gone: the log is one of them.
            let _ = teller.news.send(Item::End).await;
            let _ = self.0.await;
        };
        let _ = tokio::time::timeout(LAST, finishing).await;
    }
}

impl Writer {
    async fn write_all(mut self, mut told: Receiver<Item>) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                item = told.recv() => match item {
                    Some(Item::End) | None => break,
                    Some(item) => self.take(item),
                },
                Some(ended) = next(&mut self.onlooker) => {
                    // What its rules wrote was told before.
                    for _ in 0..told.len() {
                        if let Ok(item) = told.try_recv() {
                            self.take(item);
                        }
                    }
                    self.request(ended);
                }
                _ = ticks.tick() => self.tick(Instant::now()),
            }
        }
        self.last_words();
        while let Some(ended) = self
            .onlooker
            .as_mut()
            .and_then(|it| it.ended.try_recv().ok())
        {
            self.request(ended);
        }
        self.tick(Instant::now() + SAID_FOR);
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::LookOn(onlooker) => self.onlooker = Some(onlooker),
            // Only while the end is waited for.
            Item::End => {}
            Item::News(news) => match *news {
                News::Says(said) => {
                    self.said.push_back((Instant::now(), said));
                    if self.said.len() > SAID {
                        self.orphan();
                    }
                }
                News::PocketBase { line } => match &mut self.starting {
                    Some(lines) if lines.len() < STARTING => lines.push(line),
                    Some(_) => {}
                    None => self.write(&News::PocketBase { line }),
                },
                news => {
                    match news {
                        News::Ready(_) => self.starting = None,
                        News::Ended { .. } => self.last_words(),
                        _ => {}
                    }
                    self.write(&news);
                }
            },
        }
    }

    /// What PocketBase said, where all that is left of it is why it did not come up.
    fn last_words(&mut self) {
        for line in self.starting.take().into_iter().flatten() {
            self.write(&News::PocketBase { line });
        }
    }

    fn request(&mut self, ended: Ended) {
        let mut log = Vec::new();
        self.said.retain(|(_, said)| {
            let is_of = said.request == ended.decision.request_id;
            if is_of {
                log.push(said.clone());
            }
            !is_of
        });
        self.write(&News::Request(Box::new(Request { ended, log })));
    }

    /// Writes what belongs to no request that ended, and how much was lost.
    fn tick(&mut self, now: Instant) {
        while self
            .said
            .front()
            .is_some_and(|(at, _)| now >= *at + SAID_FOR)
        {
            self.orphan();
        }
        let taken = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let requests = self.onlooker.as_ref().map_or(0, |it| taken(&it.lost));
        let lines = taken(&self.lost);
        if requests + lines > 0 {
            self.write(&News::Lost { requests, lines });
        }
    }

    fn orphan(&mut self) {
        if let Some((_, said)) = self.said.pop_front() {
            self.write(&News::Says(said));
        }
    }

    fn write(&self, news: &News) {
        match self.form {
            // What is told here can always be printed.
            Form::Json => say(&serde_json::to_string(news).unwrap_or_default()),
            Form::Text => say(&text::of(news)),
        }
    }
}

async fn next(onlooker: &mut Option<Onlooker>) -> Option<Ended> {
    match onlooker {
        Some(onlooker) => onlooker.ended.recv().await,
        None => std::future::pending().await,
    }
}
