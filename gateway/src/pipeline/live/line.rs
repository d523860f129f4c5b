//! One line to PocketBase, kept up as long as anybody is to hear what it tells.
//!
//! A connection's topics are set once: setting them anew would leave a moment in which
//! PocketBase knows of none, and of what is written in it nobody is told. So more topics
//! come by one more connection. From time to time, and before PocketBase ends one because
//! of its age, a new one takes over the topics of all, and they are read on until nothing
//! can be on its way by them any more. What comes twice is told once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{accounts, judge};
use crate::gateway::Gateway;
use crate::principal::Principal;
use crate::realtime::{Ear, Line};
use crate::upstream::{ListenError, Notice, Notices, Whom};

/// Events of one line that wait for their judgement, and their size.
const WAITING: usize = 2_048;
const WAITING_KIB: u32 = 16 << 10;

/// How long what PocketBase sent may be on its way by a connection that was replaced.
/// A write that ten thousand watch keeps it busy for seconds.
const OVERLAP: Duration = Duration::from_secs(5);

/// Connections of one line that others took over from; beyond, a change waits.
const MOST: usize = 64;

/// Connections of one line that go on beside each other; with more, one takes over.
const FEW: usize = 8;

/// The same once none was added for so long.
const SETTLED: Duration = Duration::from_secs(5);

/// PocketBase ends a connection on which it told nothing for five minutes.
const QUIET: Duration = Duration::from_mins(4);

/// PocketBase ends every connection after half an hour.
const AGE: Duration = Duration::from_mins(25);

/// The gateway's own credential may be changed, and PocketBase says nothing: each new
/// connection proves it.
const AGE_OF_GATEWAY: Duration = Duration::from_mins(1);

/// How long topics that nobody needs are left where they are.
const STALE: Duration = Duration::from_secs(30);

/// The first and the longest pause before a connection is tried again.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A connection that tells.
struct Connection {
    topics: HashSet<Arc<str>>,
    opened: Instant,
    /// When it is too old.
    ages: Instant,
    /// When something came last; closed when the connection is lost.
    heard: watch::Receiver<Instant>,
    #[expect(dead_code, reason = "held for its drop")]
    reading: AbortOnDropHandle<()>,
}

/// An event that waits for its judgement.
pub(super) struct Waiting {
    pub(super) notice: Notice,
    /// Of all that wait; given up when it is judged.
    pub(super) room: OwnedSemaphorePermit,
}

/// Where events wait.
#[derive(Clone)]
struct Queue {
    sender: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

/// What a line has now.
struct Connections {
    current: Vec<Connection>,
    /// Those that others took over from, until when they are read.
    former: Vec<(Connection, Instant)>,
    /// Topics that were told and then were not: whoever listens to them missed something.
    missed: HashSet<Arc<str>>,
    /// Since when there are topics that nobody needs.
    stale: Option<Instant>,
    pause: Duration,
}

/// What is to be opened.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// One for topics that no connection has.
    More(HashSet<Arc<str>>),
    /// One that takes over from all.
    All(HashSet<Arc<str>>),
}

/// Keeps a line up until nobody needs it. To be called once for each.
pub(super) async fn follow(gateway: Arc<Gateway>, line: Arc<Line>) {
    let (sender, waiting) = mpsc::channel(WAITING);
    let judging = judge::judge(Arc::clone(&gateway), Arc::clone(&line), waiting);
    let _judging = AbortOnDropHandle::new(tokio::spawn(judging));
    let queue = Queue {
        sender,
        room: Arc::new(Semaphore::new(WAITING_KIB as usize)),
    };
    let ended = Arc::new(Notify::new());
    let opener = Opener {
        gateway: &gateway,
        line: &line,
        queue,
        ended: Arc::clone(&ended),
    };
    let mut connections = Connections {
        current: Vec::new(),
        former: Vec::new(),
        missed: HashSet::new(),
        stale: None,
        pause: PAUSE,
    };
    while !line.has_ended() {
        if line.is_to_be_renewed() {
            connections.give_up();
        }
        connections.look(&line);
        connections.publish(&line);
        let wanted: HashSet<Arc<str>> = line.topics().into_iter().collect();
        let (topics, is_all) = match connections.need(wanted, Instant::now()) {
            Need::Nothing => {
                connections.confirm(&gateway, &line);
                let next_look = connections.next_look();
                tokio::select! {
                    () = line.changed() => {}
                    () = ended.notified() => {}
                    () = tokio::time::sleep_until(next_look) => {}
                }
                continue;
            }
            Need::More(topics) => (topics, false),
            Need::All(topics) => (topics, true),
        };
        match opener.open(topics).await {
            Ok(connection) if is_all => connections.take_over(connection, &gateway, &line),
            Ok(connection) => connections.add(connection, &gateway, &line),
            Err(error) => connections.failed(&gateway, &line, &error).await,
        }
    }
}

impl Queue {
    /// Puts an event last, if there is room.
    fn take(&self, notice: Notice) -> bool {
        let kib = u32::try_from(notice.bytes >> 10).unwrap_or(u32::MAX);
        let kib = kib.clamp(1, WAITING_KIB);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(kib) else {
            return false;
        };
        self.sender.try_send(Waiting { notice, room }).is_ok()
    }
}

impl Connections {
    fn need(&self, wanted: HashSet<Arc<str>>, now: Instant) -> Need {
        if wanted.is_empty() || self.former.len() >= MOST {
            return Need::Nothing;
        }
        if self.current.is_empty() || self.current.len() > FEW {
            return Need::All(wanted);
        }
        let is_told = |topic: &Arc<str>| self.current.iter().any(|one| one.topics.contains(topic));
        let more: HashSet<_> = wanted
            .iter()
            .filter(|topic| !is_told(topic))
            .cloned()
            .collect();
        if !more.is_empty() {
            return Need::More(more);
        }
        let is_many = self.current.len() > 1;
        let is_worn = (is_many && self.settles().is_some_and(|at| now >= at))
            || self.current.iter().any(|one| one.is_old(now))
            || self.stale.is_some_and(|since| now >= since + STALE);
        if is_worn {
            Need::All(wanted)
        } else {
            Need::Nothing
        }
    }

    /// Takes one that has the topics of all others.
    fn take_over(&mut self, connection: Connection, gateway: &Arc<Gateway>, line: &Line) {
        self.look(line);
        let until = Instant::now() + OVERLAP;
        let former = self.current.drain(..).map(|before| (before, until));
        self.former.extend(former);
        self.stale = None;
        self.add(connection, gateway, line);
    }

    fn add(&mut self, connection: Connection, gateway: &Arc<Gateway>, line: &Line) {
        self.pause = PAUSE;
        self.look(line);
        let mut missed = Vec::new();
        self.missed.retain(|topic| {
            let is_back = connection.topics.contains(topic);
            if is_back {
                missed.push(Arc::clone(topic));
            }
            !is_back
        });
        self.current.push(connection);
        self.look(line);
        self.publish(line);
        judge::catch_up(gateway, line, &missed);
        self.confirm(gateway, line);
    }

    /// Whoever waits for what is told now waits no longer.
    fn confirm(&self, gateway: &Arc<Gateway>, line: &Line) {
        for connection in self.current.iter().filter(|one| !one.is_lost()) {
            judge::confirm(gateway, line, &connection.topics);
        }
    }

    /// Lets go of all: what they told last does not count.
    fn give_up(&mut self) {
        let given_up = self.current.drain(..);
        self.missed.extend(given_up.flat_map(|one| one.topics));
    }

    /// Waits a little longer each time.
    async fn failed(&mut self, gateway: &Gateway, line: &Line, error: &ListenError) {
        if gateway.failed_lines.is_first() {
            tracing::warn!(%error, "no connection for live records; others in the same second are not told");
        }
        if let (ListenError::Refused, Ear::Person(person)) = (error, &line.ear) {
            accounts::ask_again(gateway, person).await;
        }
        tokio::time::sleep(super::jittered(self.pause)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Takes down what is told now, for who waits to be watched.
    fn publish(&self, line: &Line) {
        if matches!(line.ear, Ear::Gateway) {
            let topics = self.current.iter().flat_map(|one| &one.topics);
            line.tells(&topics.cloned().collect(), Instant::now());
        }
    }

    /// Lets go of what is lost or over.
    fn look(&mut self, line: &Line) {
        let now = Instant::now();
        self.former.retain(|(_, until)| now < *until);
        let missed = &mut self.missed;
        self.current.retain(|connection| {
            let is_lost = connection.is_lost();
            if is_lost {
                missed.extend(connection.topics.iter().cloned());
            }
            !is_lost
        });
        let wanted: HashSet<Arc<str>> = line.topics().into_iter().collect();
        self.missed.retain(|topic| wanted.contains(topic));
        let told: usize = self.current.iter().map(|one| one.topics.len()).sum();
        self.stale = if wanted.len() < told {
            Some(self.stale.unwrap_or(now))
        } else {
            None
        };
    }

    /// When no connection was added for long.
    fn settles(&self) -> Option<Instant> {
        let opened = self.current.iter().map(|one| one.opened);
        opened.max().map(|last| last + SETTLED)
    }

    fn next_look(&self) -> Instant {
        let former = self.former.iter().map(|(_, until)| *until).min();
        if self.former.len() >= MOST {
            return former.unwrap_or_else(|| Instant::now() + OVERLAP);
        }
        let stale = self.stale.map(|since| since + STALE);
        let old = self.current.iter().map(Connection::gets_old).min();
        let settled = self.settles().filter(|_| self.current.len() > 1);
        let soon = former
            .into_iter()
            .chain(stale)
            .chain(old)
            .chain(settled)
            .min();
        soon.unwrap_or_else(|| Instant::now() + STALE)
    }
}

impl Connection {
    fn is_lost(&self) -> bool {
        self.heard.has_changed().is_err()
    }

    fn gets_old(&self) -> Instant {
        (*self.heard.borrow() + QUIET).min(self.ages)
    }

    fn is_old(&self, now: Instant) -> bool {
        now >= self.gets_old()
    }
}

/// What opens connections.
struct Opener<'a> {
    gateway: &'a Arc<Gateway>,
    line: &'a Arc<Line>,
    queue: Queue,
    /// Told when a connection is lost.
    ended: Arc<Notify>,
}

impl Opener<'_> {
    /// Opens a connection and waits until PocketBase has taken its topics.
    async fn open(&self, topics: HashSet<Arc<str>>) -> Result<Connection, ListenError> {
        let Self { gateway, line, .. } = *self;
        // Few at once: after PocketBase was away, everybody wants one.
        let _place = gateway.opening.acquire().await;
        let principal = match &line.ear {
            Ear::Person(person) => {
                accounts::ask_again(gateway, person).await;
                Some(person.principal())
            }
            Ear::Gateway => None,
        };
        let whom = match &principal {
            None => Whom::Gateway,
            Some(Principal::Guest) => Whom::Guest,
            Some(Principal::Record(vouched)) => Whom::Record(&vouched.token),
        };
        let (set, notices) = gateway.upstream.listen().await?;
        let now = Instant::now();
        let (telling, heard) = watch::channel(now);
        let (line, queue, ended) = (
            Arc::clone(line),
            self.queue.clone(),
            Arc::clone(&self.ended),
        );
        let reading = AbortOnDropHandle::new(tokio::spawn(async move {
            read(notices, &line, &queue, telling).await;
            ended.notify_one();
        }));
        let all: Vec<Arc<str>> = topics.iter().cloned().collect();
        set.replace(&gateway.upstream, whom, &all).await?;
        if let Some(principal) = &principal {
            accounts::is_taken(gateway, principal).await?;
        }
        let age = match self.line.ear {
            Ear::Person(_) => AGE,
            Ear::Gateway => AGE_OF_GATEWAY,
        };
        Ok(Connection {
            topics,
            opened: now,
            ages: now + age,
            heard,
            reading,
        })
    }
}

/// Reads to the end. Never waits for anybody: what PocketBase can't send it keeps in memory.
async fn read(mut notices: Notices, line: &Line, queue: &Queue, telling: watch::Sender<Instant>) {
    loop {
        match notices.next().await {
            Ok(Some(notice)) => {
                telling.send_replace(Instant::now());
                if !queue.take(notice) {
                    line.overrun();
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "a connection for live records is lost");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
