//! When a line opens a connection, and when it looks again.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::operation::{RecordAction, Topic};
use crate::realtime::{
    Holder, Identity, Listener, Membership, Mode, Most, Outbox, Realtime, RealtimeError, Settings,
    Want, Watched,
};
use crate::schema::{Collection, CollectionKind};
use crate::surface::Surface;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const A_MOMENT: Duration = Duration::from_millis(1);

/// A line of guests, whose topics are those of the members.
struct Guests {
    realtime: Realtime,
    outbox: Arc<Outbox>,
    line: Arc<Line>,
    members: Vec<(String, Membership)>,
}

/// The connections of a line, and what keeps each.
struct Played {
    guests: Guests,
    connections: Connections,
    telling: Vec<watch::Sender<Instant>>,
    opened: usize,
}

impl Guests {
    async fn of(topics: &[&str]) -> Self {
        let settings = Settings {
            streams: 1,
            per_address: 1,
            per_principal: 1,
            topics: 1,
            topics_per_address: 1,
            queue: 8,
            queue_bytes: 1 << 20,
            unsubscribed: AGE * 9,
            login_for: AGE,
            heartbeat: AGE,
            retry: (A_MOMENT, A_MOMENT),
        };
        let most = Most {
            lines: 1,
            classes: 99_000,
        };
        let realtime = Realtime::new(settings, Mode::Classes, most);
        let outbox = outbox(&realtime).await;
        let members = topics.iter().map(|topic| {
            let member = join(&realtime, topic, &outbox);
            ((*topic).to_owned(), member)
        });
        let members = members.collect();
        let line = realtime.take_begun().remove(0);
        Self {
            realtime,
            outbox,
            line,
            members,
        }
    }

    fn add(&mut self, topic: &str) {
        let member = join(&self.realtime, topic, &self.outbox);
        self.members.push((topic.to_owned(), member));
    }

    fn remove(&mut self, topic: &str) {
        self.members.retain(|(own, _)| own != topic);
    }

    fn wanted(&self) -> HashSet<Arc<str>> {
        self.line.topics().into_iter().collect()
    }
}

async fn outbox(realtime: &Realtime) -> Arc<Outbox> {
    let events = realtime.connect(ADDRESS).unwrap();
    let holder = Holder {
        identity: Identity::Guest,
        token: None,
        expires: None,
        generation: 1,
        login: false,
        topics: 0,
    };
    let mut own = None;
    let join = async |outbox: &Arc<Outbox>| {
        own = Some(Arc::clone(outbox));
        Ok::<_, RealtimeError>(Vec::<()>::new())
    };
    let asking = realtime.subscribe(events.id(), ADDRESS, holder, join);
    asking.await.unwrap();
    own.unwrap()
}

fn join(realtime: &Realtime, topic: &str, outbox: &Arc<Outbox>) -> Membership {
    let Ok(Topic::Records { operation, .. }) = Topic::parse(topic, &Surface::default()) else {
        panic!("{topic}");
    };
    let collection = Collection {
        id: "notes".to_owned(),
        name: "notes".to_owned(),
        kind: CollectionKind::Base,
        system: false,
        fields: Vec::new(),
        masked: Arc::default(),
        masked_of_logins: Arc::default(),
    };
    let listener = Listener {
        identity: Identity::Guest,
        principal: Principal::Guest,
        account: None,
        generation: 1,
    };
    let want = Want {
        spelling: topic.into(),
        fields: None,
        topic: topic.into(),
        watched: Watched {
            collection: Arc::new(collection),
            operation,
            expanded: Vec::new(),
            surface: Arc::default(),
        },
    };
    realtime.join(&listener, want, outbox).unwrap()
}

impl Played {
    async fn with(topics: &[&str]) -> Self {
        let connections = Connections {
            current: Vec::new(),
            former: Vec::new(),
            missed: HashSet::new(),
            stale: None,
            pause: PAUSE,
        };
        Self {
            guests: Guests::of(topics).await,
            connections,
            telling: Vec::new(),
            opened: 0,
        }
    }

    /// What is needed now.
    fn need(&mut self) -> Need {
        self.connections.look(&self.guests.line);
        let wanted = self.guests.wanted();
        self.connections.need(wanted, Instant::now())
    }

    /// Opens what is needed, as the line itself does, until nothing is.
    fn settle(&mut self) {
        for _ in 0..3 {
            match self.need() {
                Need::Nothing => {
                    let next = self.connections.next_look();
                    assert!(next > Instant::now(), "it never rests");
                    return;
                }
                Need::More(topics) => self.open(topics),
                Need::All(topics) => {
                    let until = Instant::now() + OVERLAP;
                    let former = self.connections.current.drain(..);
                    let former = former.map(|before| (before, until));
                    self.connections.former.extend(former);
                    self.connections.stale = None;
                    self.open(topics);
                }
            }
        }
        panic!("there is always something to open");
    }

    fn open(&mut self, topics: HashSet<Arc<str>>) {
        let now = Instant::now();
        let (telling, heard) = watch::channel(now);
        self.telling.push(telling);
        self.opened += 1;
        self.connections
            .missed
            .retain(|topic| !topics.contains(topic));
        self.connections.current.push(Connection {
            topics,
            opened: now,
            ages: now + AGE,
            heard,
            reading: AbortOnDropHandle::new(tokio::spawn(pending())),
        });
    }

    /// That what is wanted is told, and how many connections there are: now, and for a while yet.
    #[track_caller]
    fn has(&self, current: usize, former: usize) {
        let connections = &self.connections;
        let found = (connections.current.len(), connections.former.len());
        assert_eq!(found, (current, former));
        assert!(self.guests.wanted().is_subset(&self.told()));
    }

    fn all(&self) -> usize {
        self.connections.current.len() + self.connections.former.len()
    }

    fn told(&self) -> HashSet<Arc<str>> {
        let current = self.connections.current.iter();
        current.flat_map(|one| one.topics.iter().cloned()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn more_topics_come_by_more_connections_until_one_takes_over() {
    let mut played = Played::with(&["notes/*"]).await;
    assert_eq!(played.need(), Need::All(played.guests.wanted()));
    played.settle();
    played.has(1, 0);
    played.guests.add("notes/a");
    assert_eq!(played.need(), Need::More(HashSet::from(["notes/a".into()])));
    played.settle();
    played.has(2, 0);
    // Others may come for a while, and then one has all of them.
    advance(SETTLED.saturating_sub(A_MOMENT)).await;
    played.settle();
    played.has(2, 0);
    advance(A_MOMENT).await;
    played.settle();
    played.has(1, 2);
    // Nothing that PocketBase sent by the former is lost.
    advance(OVERLAP.saturating_sub(A_MOMENT)).await;
    played.settle();
    played.has(1, 2);
    advance(A_MOMENT).await;
    played.settle();
    played.has(1, 0);
    assert_eq!(played.opened, 3);
}

#[tokio::test(start_paused = true)]
async fn with_many_beside_each_other_one_takes_over_at_once() {
    let mut played = Played::with(&["notes/*"]).await;
    played.settle();
    for number in 1..FEW {
        played.guests.add(&format!("notes/n{number}"));
        played.settle();
        played.has(number + 1, 0);
    }
    played.guests.add("notes/last");
    played.settle();
    played.has(1, FEW + 1);
}

#[tokio::test(start_paused = true)]
async fn there_are_never_more_than_so_many_and_a_change_waits() {
    let mut played = Played::with(&["notes/*"]).await;
    played.settle();
    // As fast as they come.
    for number in 0..2 * MOST {
        played.guests.add(&format!("notes/n{number}"));
        played.settle();
        assert!(played.all() <= MOST + 2 * (FEW + 1));
    }
    assert!(played.all() >= MOST);
    // What waits has its turn when those that were taken over from are gone.
    let next = played.connections.next_look();
    assert!(next <= Instant::now() + OVERLAP);
    tokio::time::sleep_until(next).await;
    assert_ne!(played.need(), Need::Nothing);
    played.settle();
    assert!(played.guests.wanted().is_subset(&played.told()));
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_opened_again_and_its_topics_were_missed() {
    let mut played = Played::with(&["notes/*"]).await;
    played.settle();
    played.guests.add("notes/a");
    played.settle();
    played.telling.remove(0);
    assert_eq!(played.need(), Need::More(HashSet::from(["notes/*".into()])));
    let missed = HashSet::from(["notes/*".into()]);
    assert_eq!(played.connections.missed, missed);
    played.telling.clear();
    assert_eq!(played.need(), Need::All(played.guests.wanted()));
    assert_eq!(played.connections.missed, played.guests.wanted());
    played.settle();
    played.has(1, 0);
    // One that another took over from is missed by nobody.
    played.guests.add("notes/b");
    played.settle();
    advance(SETTLED).await;
    played.settle();
    played.has(1, 2);
    played.telling.drain(..2);
    assert_eq!(played.need(), Need::Nothing);
    assert!(played.connections.missed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_replaced_before_pocketbase_ends_it() {
    let mut played = Played::with(&["notes/*"]).await;
    played.settle();
    // On which nothing is told.
    advance(QUIET.saturating_sub(A_MOMENT)).await;
    played.settle();
    played.has(1, 0);
    advance(A_MOMENT).await;
    played.settle();
    played.has(1, 1);
    // On which something always is.
    let begun = Instant::now();
    while played.opened == 2 {
        advance(Duration::from_mins(1)).await;
        if let Some(telling) = played.telling.last() {
            telling.send_replace(Instant::now());
        }
        played.settle();
        assert!(begun.elapsed() <= AGE, "it grows too old");
    }
    assert_eq!(begun.elapsed(), AGE);
}

#[tokio::test(start_paused = true)]
async fn topics_that_nobody_needs_are_let_go_in_time() {
    let mut played = Played::with(&["notes/*", "notes/a"]).await;
    played.settle();
    played.guests.remove("notes/a");
    played.settle();
    played.has(1, 0);
    advance(STALE.saturating_sub(A_MOMENT)).await;
    played.settle();
    played.has(1, 0);
    // Whoever wants it again by then has it.
    played.guests.add("notes/a");
    played.settle();
    advance(STALE).await;
    played.settle();
    played.has(1, 0);
    played.guests.remove("notes/a");
    played.settle();
    advance(STALE).await;
    played.settle();
    played.has(1, 1);
    assert_eq!(played.connections.current[0].topics, played.guests.wanted());
}

/// Whatever happens, when nothing is to be opened it is looked at later, not at once.
#[tokio::test(start_paused = true)]
async fn it_always_rests() {
    let mut played = Played::with(&["notes/*"]).await;
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    for _ in 0..5_000 {
        let topic = format!("notes/n{}", next(20));
        match next(6) {
            0 => played.guests.remove(&topic),
            1 | 2 => played.guests.add(&topic),
            3 => {
                let lost = usize::try_from(next(64)).unwrap();
                if lost < played.telling.len() {
                    played.telling.remove(lost);
                }
            }
            4 => {
                if let Some(telling) = played.telling.last() {
                    telling.send_replace(Instant::now());
                }
            }
            _ => {
                let look = played.connections.next_look();
                tokio::time::sleep_until(look.max(Instant::now())).await;
            }
        }
        advance(Duration::from_millis(next(4_000))).await;
        played.settle();
        assert!(played.all() <= MOST);
        played
            .telling
            .retain(|telling| telling.receiver_count() > 0);
    }
}

fn notice(bytes: usize) -> Notice {
    Notice {
        topic: "notes/*".to_owned(),
        action: RecordAction::Create,
        record: json!({}),
        bytes,
    }
}

#[tokio::test]
async fn so_much_waits_for_its_judgement_and_no_more() {
    let (sender, mut waiting) = mpsc::channel(WAITING);
    let room = Arc::new(Semaphore::new(WAITING_KIB as usize));
    let queue = Queue { sender, room };
    for _ in 0..WAITING {
        assert!(queue.take(notice(0)));
    }
    assert!(!queue.take(notice(0)), "so many");
    waiting.recv().await.unwrap();
    assert!(queue.take(notice(0)));
    assert!(!queue.take(notice(0)), "so many");
    while waiting.try_recv().is_ok() {}
    assert_eq!(queue.room.available_permits(), WAITING_KIB as usize);
    for _ in 0..WAITING_KIB >> 10 {
        assert!(queue.take(notice(1 << 20)));
    }
    assert!(!queue.take(notice(1)), "so much");
    // What is judged takes its room to the end of that.
    let judged = waiting.recv().await.unwrap();
    assert!(!queue.take(notice(1)), "so much");
    drop(judged);
    assert!(queue.take(notice(1)));
    while waiting.try_recv().is_ok() {}
    // One that is larger than all of it has its turn when nothing else waits.
    assert!(queue.take(notice(1)));
    assert!(!queue.take(notice(usize::MAX)), "so much");
    while waiting.try_recv().is_ok() {}
    assert!(queue.take(notice(usize::MAX)));
}
