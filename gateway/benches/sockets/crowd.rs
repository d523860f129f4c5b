//! Many clients of one server, from several addresses of this machine, each with an event stream.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stream::{Look, Stream, Subscriber};

/// Streams of one address: ports are left for others, and no cap has to be lifted.
const OF_AN_ADDRESS: usize = 1_000;

/// Connections that are being opened at once by each address.
const AT_ONCE: usize = 4;

/// How often it is looked whether all were told. When they were is known to the moment.
const LOOK: Duration = Duration::from_millis(2);

/// Clients with their open streams, which are closed with this value.
pub(crate) struct Crowd {
    members: Vec<Member>,
    told: Arc<Told>,
    _listening: JoinSet<()>,
}

/// What is to be known of a client to subscribe for it.
struct Member {
    id: String,
    source: Ipv4Addr,
}

/// What all of them together were told.
struct Told {
    since: Instant,
    events: AtomicU64,
    /// When the last of these was read, in nanoseconds since then.
    last: AtomicU64,
    ended: AtomicU64,
}

impl Crowd {
    /// Opens so many streams.
    pub(crate) async fn open(server: SocketAddr, size: usize) -> anyhow::Result<Self> {
        let mut opening = JoinSet::new();
        for (place, source) in sources(size) {
            for turn in 0..AT_ONCE {
                let own = (turn..OF_AN_ADDRESS.min(size - place)).step_by(AT_ONCE);
                let own: Vec<usize> = own.map(|number| place + number).collect();
                opening.spawn(async move {
                    let mut opened = Vec::new();
                    for number in own {
                        let (stream, id) = Stream::open(server, source).await?;
                        opened.push((number, stream, Member { id, source }));
                    }
                    anyhow::Ok(opened)
                });
            }
        }
        let mut opened = Vec::new();
        while let Some(some) = opening.join_next().await {
            opened.append(&mut some??);
        }
        opened.sort_unstable_by_key(|(number, ..)| *number);
        let told = Arc::new(Told::new());
        let (mut members, mut listening) = (Vec::new(), JoinSet::new());
        for (_, stream, member) in opened {
            members.push(member);
            listening.spawn(listen(stream, Arc::clone(&told)));
        }
        Ok(Self {
            members,
            told,
            _listening: listening,
        })
    }

    /// Subscribes all of them to a topic: each with a token of its own, or all as guests.
    pub(crate) async fn subscribe(
        &self,
        server: SocketAddr,
        topic: &'static str,
        tokens: Option<&[String]>,
    ) -> anyhow::Result<()> {
        let mut subscribing = JoinSet::new();
        for (place, members) in self.members.chunks(OF_AN_ADDRESS).enumerate() {
            let mut asked = Vec::new();
            for (number, member) in members.iter().enumerate() {
                let token = tokens.map(|tokens| {
                    let token = tokens.get(place * OF_AN_ADDRESS + number);
                    token.cloned().context("more streams than tokens")
                });
                asked.push((member.id.clone(), token.transpose()?));
            }
            let source = members.first().context("nobody")?.source;
            subscribing.spawn(async move {
                let mut subscriber = Subscriber::connect(server, source).await?;
                for (id, token) in asked {
                    subscriber.subscribe(&id, topic, token.as_deref()).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = subscribing.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// How many events there were, over all.
    pub(crate) fn events(&self) -> u64 {
        self.told.events.load(Ordering::Acquire)
    }

    /// Waits until there were so many events, and says when the last of them was read.
    pub(crate) async fn told(&self, events: u64, patience: Duration) -> anyhow::Result<Instant> {
        let latest = Instant::now() + patience;
        while self.events() < events {
            let missing = events - self.events();
            ensure!(Instant::now() < latest, "{missing} events did not come");
            tokio::time::sleep(LOOK).await;
        }
        let last = Duration::from_nanos(self.told.last.load(Ordering::Relaxed));
        Ok(self.told.since + last)
    }

    /// How many there are.
    pub(crate) fn size(&self) -> usize {
        self.members.len()
    }

    /// Whose stream is still open.
    pub(crate) fn alive(&self) -> usize {
        let ended = usize::try_from(self.told.ended.load(Ordering::Relaxed));
        self.size().saturating_sub(ended.unwrap_or(usize::MAX))
    }
}

impl Told {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            events: AtomicU64::new(0),
            last: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }

    fn events(&self, events: u64) {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last.fetch_max(now, Ordering::Relaxed);
        // After the time: who sees the number sees the time of it.
        self.events.fetch_add(events, Ordering::Release);
    }
}

async fn listen(mut stream: Stream, told: Arc<Told>) {
    loop {
        match stream.next().await {
            Look::Events(0) => {}
            Look::Events(events) => told.events(events),
            Look::Ended => break,
        }
    }
    told.ended.fetch_add(1, Ordering::Relaxed);
}

/// The addresses of so many streams, each with the number of its first.
fn sources(size: usize) -> impl Iterator<Item = (usize, Ipv4Addr)> {
    let firsts = (0..size).step_by(OF_AN_ADDRESS);
    firsts
        .zip(2..)
        .map(|(first, last)| (first, Ipv4Addr::new(127, 0, 0, last)))
}
