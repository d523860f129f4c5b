//! Whose streams are, and that nothing is left of what is over.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::advance;

use super::*;
use crate::operation::{Operation, Topic};
use crate::principal::Principal;
use crate::schema::{Collection, CollectionKind};
use crate::surface::Surface;

pub(super) const ALICE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(super) const BOB: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

pub(super) const UNSUBSCRIBED: Duration = Duration::from_mins(1);
pub(super) const LOGIN_FOR: Duration = Duration::from_mins(5);
pub(super) const A_MOMENT: Duration = Duration::from_millis(2);

pub(super) fn settings() -> Settings {
    Settings {
        streams: 9,
        per_address: 9,
        per_principal: 9,
        topics: 9,
        topics_per_address: 9_000,
        queue: 9,
        queue_bytes: 64 << 10,
        unsubscribed: UNSUBSCRIBED,
        login_for: LOGIN_FOR,
        heartbeat: Duration::from_secs(20),
        retry: (Duration::from_secs(1), Duration::from_secs(5)),
    }
}

/// So many lines, and as many classes as one likes.
pub(super) fn most(lines: usize) -> Most {
    Most {
        lines,
        classes: 9_000,
    }
}

pub(super) fn with(settings: Settings) -> Realtime {
    Realtime::new(settings, Mode::Classes, most(9))
}

/// Asks for what can be joined at once.
pub(super) fn ask_with<M: Send + 'static>(
    realtime: &Realtime,
    id: &str,
    (address, holder): (IpAddr, Holder),
    join: impl FnOnce(&Arc<Outbox>) -> Vec<M>,
) -> Result<(), RealtimeError> {
    let join = async |outbox: &Arc<Outbox>| Ok(join(outbox));
    let asking = realtime.subscribe(id, address, holder, join);
    asking.now_or_never().unwrap()
}

pub(super) fn realtime() -> Realtime {
    with(settings())
}

/// With bounds on streams over all and of an address.
pub(super) fn bounded(streams: usize, per_address: usize) -> Realtime {
    with(Settings {
        streams,
        per_address,
        ..settings()
    })
}

/// What waits for a reader of its own.
pub(super) fn outbox() -> Arc<Outbox> {
    Arc::new(Outbox::new("id".into(), &settings(), Arc::default()))
}

/// All that waits, taken out.
pub(super) fn told(outbox: &Outbox) -> Vec<String> {
    let mut told = Vec::new();
    while let outbox::Taken::Event(event) = outbox.take() {
        told.push(String::from_utf8(event.to_vec()).unwrap());
    }
    told
}

/// Whoever listens, permitted by the rules of the first generation; all but guests have accounts in `users`.
pub(super) fn listener(identity: Identity) -> Listener {
    let account = match &identity {
        Identity::Guest => None,
        Identity::Record { collection, .. } => Some(collection.clone()),
    };
    Listener {
        identity,
        principal: Principal::Guest,
        account,
        generation: 1,
    }
}

/// A subscription to this topic, of a collection whose id is its name in lower case.
#[track_caller]
pub(super) fn want(spelling: &str) -> Want {
    let topic = Topic::parse(spelling, &Surface::default());
    let Ok(Topic::Records { operation, .. }) = topic else {
        panic!("{topic:?}");
    };
    let name = spelling.split(['/', '?']).next().unwrap();
    let collection = Collection {
        id: name.to_lowercase(),
        name: name.to_lowercase(),
        kind: CollectionKind::Base,
        system: false,
        fields: Vec::new(),
        masked: Arc::default(),
        masked_of_logins: Arc::default(),
    };
    assert!(matches!(operation, Operation::Watch { .. }));
    Want {
        spelling: spelling.into(),
        fields: operation.fields().cloned(),
        topic: operation.upstream_topic(&collection.id).unwrap().into(),
        watched: Watched {
            collection: Arc::new(collection),
            operation,
            expanded: Vec::new(),
            surface: Arc::default(),
        },
    }
}

pub(super) fn guest(login: bool) -> Holder {
    Holder {
        identity: Identity::Guest,
        token: None,
        expires: None,
        generation: 1,
        login,
        topics: 0,
    }
}

pub(super) fn record(id: &str) -> Identity {
    Identity::Record {
        collection: "users".to_owned(),
        id: id.to_owned(),
    }
}

/// A record with a token that is good for so many hours.
pub(super) fn user(id: &str, token: &str, hours: u64) -> Holder {
    Holder {
        identity: record(id),
        token: Some(Token::new(token)),
        expires: Some(SystemTime::now() + Duration::from_hours(hours)),
        ..guest(false)
    }
}

pub(super) fn nothing(_: &Arc<Outbox>) -> Vec<()> {
    Vec::new()
}

/// Asks, as a guest, for the outcome of a login, or for nothing.
pub(super) fn ask(
    realtime: &Realtime,
    id: &str,
    address: IpAddr,
    login: bool,
) -> Result<(), RealtimeError> {
    ask_with(realtime, id, (address, guest(login)), nothing)
}

/// Asks for records: as many memberships as `counted` has owners then.
pub(super) fn listen(
    realtime: &Realtime,
    events: &Events,
    holder: Holder,
    counted: &Arc<()>,
) -> Result<Arc<Outbox>, RealtimeError> {
    let mut told = None;
    ask_with(realtime, events.id(), (ALICE, holder), |outbox| {
        told = Some(Arc::clone(outbox));
        vec![Arc::clone(counted); 3]
    })?;
    Ok(told.unwrap())
}

/// How many memberships there are.
pub(super) fn members(counted: &Arc<()>) -> usize {
    Arc::strong_count(counted) - 1
}

pub(super) fn outcome(state: &str, code: &str) -> Outcome {
    Outcome {
        state: state.to_owned(),
        code: code.to_owned(),
        error: None,
    }
}

/// What a stream has to say at once.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Event(Bytes),
    Nothing,
    End,
}

pub(super) fn read(events: &mut Events) -> Heard {
    match events.next().now_or_never() {
        Some(Some(event)) => Heard::Event(event),
        Some(None) => Heard::End,
        None => Heard::Nothing,
    }
}

#[track_caller]
pub(super) fn next(events: &mut Events) -> String {
    let Heard::Event(event) = read(events) else {
        panic!("no event");
    };
    String::from_utf8(event.to_vec()).unwrap()
}

/// That a stream tells why it ends, and nothing after that.
#[track_caller]
pub(super) fn ends(events: &mut Events, why: Closing) {
    assert_eq!(next(events), why.event());
    assert_eq!(read(events), Heard::End);
    assert_eq!(read(events), Heard::End);
}

/// Lets time pass, and ends what is over then.
pub(super) async fn pass(realtime: &Realtime, time: Duration) {
    advance(time).await;
    realtime.sweep(Instant::now());
}

pub(super) fn closed(realtime: &Realtime, why: Closing) -> u64 {
    let at = Closing::ALL.iter().position(|closing| *closing == why);
    realtime.counts().closed[at.unwrap()]
}

/// That nothing but counts is left.
#[track_caller]
pub(super) fn leaves_nothing(realtime: &Realtime) {
    let counts = realtime.counts();
    assert_eq!((counts.streams, counts.logins, counts.waiting), (0, 0, 0));
    let streams = lock(&realtime.streams);
    assert!(streams.of_block.is_empty() && streams.of_principal.is_empty());
    drop(streams);
    assert_eq!(Arc::strong_count(&realtime.streams), 1);
    assert_eq!(Arc::strong_count(&realtime.tally), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_that_came_and_went_leave_nothing() {
    let realtime = bounded(1_000, 20);
    let counted = Arc::default();
    for round in 0..10_u8 {
        let address = |number: u8| IpAddr::V4(Ipv4Addr::new(10, 0, round, number));
        let held: Vec<_> = (0..100)
            .map(|number| realtime.connect(address(number)).unwrap())
            .collect();
        for (number, events) in (0..100).zip(&held).step_by(2) {
            let holder = user(&number.to_string(), "t", 1);
            let joined = |_: &_| vec![Arc::clone(&counted)];
            let asked = ask_with(&realtime, events.id(), (address(number), holder), joined);
            assert_eq!(asked, Ok(()));
        }
        assert_eq!(realtime.counts().streams, 100);
        assert_eq!(members(&counted), 50);
    }
    assert_eq!(realtime.counts(), Counts::default());
    leaves_nothing(&realtime);
    assert_eq!(members(&counted), 0);
    // Nor was there ever a task.
    let runtime = tokio::runtime::Handle::current();
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn neither_states_nor_codes_nor_tokens_are_in_debug_output() {
    let realtime = realtime();
    let events = realtime.connect(ALICE).unwrap();
    let outcome = outcome(events.id(), "c0de");
    assert_eq!(format!("{events:?} {outcome:?}"), "Events Outcome");
    let outbox = listen(&realtime, &events, user("u", "t0ken", 1), &Arc::default()).unwrap();
    assert_eq!(format!("{outbox:?}"), "Outbox");
    realtime.close_where(Closing::Closed, |open| {
        assert!(!format!("{open:?}").contains("t0ken"));
        false
    });
}

#[tokio::test(start_paused = true)]
async fn a_guests_stream_becomes_a_records_and_nobody_elses_then() {
    let realtime = realtime();
    let counted = Arc::default();
    let events = realtime.connect(ALICE).unwrap();
    listen(&realtime, &events, guest(false), &counted).unwrap();
    listen(&realtime, &events, user("u", "t", 1), &counted).unwrap();
    let other = |holder: Holder| {
        let refused = Err(RealtimeError::OtherIdentity);
        assert_eq!(
            realtime.check(events.id(), ALICE, &holder.identity),
            refused
        );
        let asked = listen(&realtime, &events, holder, &counted);
        assert_eq!(asked.map(|_| ()), refused);
    };
    other(guest(false));
    other(guest(true));
    other(user("v", "t", 1));
    other(Holder {
        identity: Identity::Record {
            collection: "staff".to_owned(),
            id: "u".to_owned(),
        },
        ..user("u", "t", 1)
    });
    // What was refused changed nothing.
    assert_eq!(realtime.tokens(&record("u")), [Token::new("t")]);
    assert_eq!(realtime.counts().logins, 0);
    assert_eq!(members(&counted), 3);
    // Nor does it tell anything to those elsewhere.
    let unknown = Err(RealtimeError::Unknown);
    assert_eq!(realtime.check(events.id(), BOB, &record("u")), unknown);
    assert_eq!(realtime.check("nobody", ALICE, &record("u")), unknown);
}

#[tokio::test(start_paused = true)]
async fn the_same_record_may_come_with_another_token() {
    let realtime = realtime();
    let counted = Arc::default();
    let streams = [(); 3].map(|()| realtime.connect(ALICE).unwrap());
    let [one, two, three] = &streams;
    listen(&realtime, one, user("u", "short", 1), &counted).unwrap();
    listen(&realtime, two, user("u", "long", 3), &counted).unwrap();
    listen(&realtime, three, user("v", "other", 9), &counted).unwrap();
    let tokens = |id| realtime.tokens(&record(id));
    assert_eq!(tokens("u"), [Token::new("long"), Token::new("short")]);
    listen(&realtime, one, user("u", "longest", 5), &counted).unwrap();
    assert_eq!(tokens("u"), [Token::new("longest"), Token::new("long")]);
    listen(&realtime, one, user("u", "long", 3), &counted).unwrap();
    assert_eq!(tokens("u"), [Token::new("long")]);
    assert_eq!(tokens("v"), [Token::new("other")]);
    assert_eq!(tokens("w"), []);
    assert_eq!(realtime.tokens(&Identity::Guest), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_replaces_what_was_and_ends_it_after_that() {
    let realtime = realtime();
    let events = realtime.connect(ALICE).unwrap();
    let (before, after) = (Arc::default(), Arc::default());
    listen(&realtime, &events, guest(false), &before).unwrap();
    let join = |_: &_| {
        assert_eq!(members(&before), 3, "there must not be a gap");
        vec![Arc::clone(&after)]
    };
    let asked = ask_with(&realtime, events.id(), (ALICE, guest(false)), join);
    assert_eq!(asked, Ok(()));
    assert_eq!((members(&before), members(&after)), (0, 1));
    ask(&realtime, events.id(), ALICE, false).unwrap();
    assert_eq!(members(&after), 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_that_ask_at_once_the_later_counts() {
    let realtime = realtime();
    let events = realtime.connect(ALICE).unwrap();
    let (early, late) = (Arc::default(), Arc::default());
    let join = |_: &_| {
        listen(&realtime, &events, user("u", "late", 1), &late).unwrap();
        vec![Arc::clone(&early)]
    };
    let holder = user("u", "early", 1);
    let asked = ask_with(&realtime, events.id(), (ALICE, holder), join);
    assert_eq!(asked, Ok(()));
    assert_eq!((members(&early), members(&late)), (0, 3));
    assert_eq!(realtime.tokens(&record("u")), [Token::new("late")]);
}

#[tokio::test(start_paused = true)]
async fn what_ends_while_it_is_asked_keeps_nothing() {
    let realtime = realtime();
    let counted = Arc::default();
    let mut events = Some(realtime.connect(ALICE).unwrap());
    let id = events.as_ref().unwrap().id().to_owned();
    let join = |_: &_| {
        events = None;
        vec![Arc::clone(&counted)]
    };
    let asked = ask_with(&realtime, &id, (ALICE, guest(false)), join);
    assert_eq!(asked, Err(RealtimeError::Unknown));
    let events = realtime.connect(ALICE).unwrap();
    let join = |_: &_| {
        realtime.close_where(Closing::RulesChanged, |_| true);
        vec![Arc::clone(&counted)]
    };
    let asked = ask_with(&realtime, events.id(), (ALICE, guest(false)), join);
    assert_eq!(asked, Err(RealtimeError::Unknown));
    assert_eq!(members(&counted), 0);
}

/// A membership whose end needs what is locked elsewhere.
struct Member(Arc<Mutex<streams::Streams>>, Arc<AtomicUsize>);

impl Drop for Member {
    fn drop(&mut self) {
        let is_free = self.0.try_lock().is_ok();
        self.1.fetch_add(usize::from(is_free), Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn memberships_end_where_nothing_is_locked() {
    let realtime = realtime();
    let ended = Arc::new(AtomicUsize::new(0));
    let member = || Member(Arc::clone(&realtime.streams), Arc::clone(&ended));
    let again = || {
        let events = realtime.connect(ALICE).unwrap();
        let mut told = None;
        let join = |outbox: &Arc<Outbox>| {
            told = Some(Arc::clone(outbox));
            vec![member()]
        };
        let asked = ask_with(&realtime, events.id(), (ALICE, user("u", "t", 0)), join);
        assert_eq!(asked, Ok(()));
        (events, told.unwrap())
    };
    let (events, _) = again();
    let join = |_: &_| vec![member()];
    let asked = ask_with(&realtime, events.id(), (ALICE, user("u", "t", 0)), join);
    assert_eq!((asked, ended.load(Relaxed)), (Ok(()), 1), "replaced");
    drop(events);
    assert_eq!(ended.load(Relaxed), 2, "its reader went away");
    let (events, outbox) = again();
    outbox.close(Closing::Closed);
    assert_eq!(ended.load(Relaxed), 2, "whoever tells may hold locks");
    realtime.close_where(Closing::Closed, |_| true);
    assert_eq!(ended.load(Relaxed), 3, "closed");
    drop(events);
    let (events, _) = again();
    realtime.sweep(Instant::now());
    assert_eq!(ended.load(Relaxed), 4, "expired");
    drop(events);
    let (events, outbox) = again();
    outbox.close(Closing::Closed);
    realtime.sweep(Instant::now());
    assert_eq!(ended.load(Relaxed), 5, "taken out");
    drop(events);
    let (_events, _) = again();
    realtime.end();
    assert_eq!(ended.load(Relaxed), 6, "the end of all");
}
