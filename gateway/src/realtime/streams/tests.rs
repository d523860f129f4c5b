//! Whatever is asked in whatever order, held against a model.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::realtime::tests::*;
use crate::realtime::{Events, Realtime, lock};

/// More streams than there is room for.
fn narrow() -> Settings {
    Settings {
        streams: 5,
        per_address: 3,
        per_principal: 2,
        queue: QUEUE,
        unsubscribed: Duration::from_secs(31),
        login_for: Duration::from_secs(46),
        ..settings()
    }
}

const QUEUE: usize = 3;

/// No sum of it is a deadline, so that no step meets one in the moment of its end.
const STEP: Duration = Duration::from_secs(9);

const ADDRESSES: [IpAddr; 3] = [
    ALICE,
    BOB,
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// The first is a guest.
const PEOPLE: [&str; 3] = ["", "u", "v"];

/// Streams are named in the order in which they were opened, addresses and people by
/// their place.
#[derive(Clone, Copy, Debug)]
enum Step {
    Connect(usize),
    Ask(usize, usize, Asked),
    Deliver(usize, usize),
    Push(usize, usize),
    Close(usize),
    Read(usize),
    Drop(usize),
    Wait(u32),
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    who: usize,
    login: bool,
    records: bool,
    /// With a token that ends at once.
    briefly: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Login {
    Opened,
    Subscribed,
    Delivered,
    Late,
}

/// A stream as it should be.
struct Model {
    id: String,
    address: usize,
    who: usize,
    events: Option<Events>,
    closed: Option<Closing>,
    has_told_closing: bool,
    login: Login,
    login_until: Option<Instant>,
    idle_since: Instant,
    records: bool,
    briefly: bool,
    outbox: Option<Arc<Outbox>>,
    waiting: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stream = 0..8_usize;
    let place = 0..3_usize;
    // Mostly from where it was opened.
    let at = prop_oneof![3 => Just(0_usize), 1 => place.clone()];
    let rarely = || prop_oneof![9 => Just(false), 1 => Just(true)];
    let asked = (place.clone(), any::<bool>(), any::<bool>(), rarely());
    let asked = asked.prop_map(|(who, login, records, briefly)| Asked {
        who,
        login,
        records,
        briefly: briefly && who > 0,
    });
    let step = prop_oneof![
        4 => at.clone().prop_map(Step::Connect),
        8 => (stream.clone(), at.clone(), asked).prop_map(|(one, at, asked)| Step::Ask(one, at, asked)),
        2 => (stream.clone(), at).prop_map(|(one, at)| Step::Deliver(one, at)),
        4 => (stream.clone(), 1..QUEUE + 2).prop_map(|(one, many)| Step::Push(one, many)),
        1 => place.prop_map(Step::Close),
        3 => stream.clone().prop_map(Step::Read),
        1 => stream.prop_map(Step::Drop),
        1 => (1..4_u32).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..80)
}

/// The station beside its model.
struct Pair {
    realtime: Realtime,
    models: Vec<Model>,
    counts: Counts,
    members: Arc<()>,
}

impl Pair {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Connect(at) => self.connect(at),
            Step::Ask(stream, at, asked) => self.ask(stream, at, asked),
            Step::Deliver(stream, at) => self.deliver(stream, at),
            Step::Push(stream, many) => self.push(stream, many),
            Step::Close(who) => {
                let closed = self
                    .realtime
                    .close_where(Closing::Closed, |open| *open.identity == identity(who));
                let open = self.models.iter_mut().filter(|one| one.is_open());
                let mut own: Vec<_> = open.filter(|model| model.who == who).collect();
                assert_eq!(closed, own.len());
                for model in &mut own {
                    model.close(Closing::Closed, &mut self.counts);
                }
            }
            Step::Read(stream) => {
                if let Some(model) = self.models.get_mut(stream) {
                    model.read();
                }
            }
            Step::Drop(stream) => {
                if let Some(model) = self.models.get_mut(stream) {
                    model.leave();
                }
            }
            Step::Wait(steps) => {
                pass(&self.realtime, STEP * steps).await;
                self.pass();
            }
        }
        self.compare();
    }

    fn connect(&mut self, at: usize) {
        let held = self.models.iter().filter(|model| model.events.is_some());
        let all = held.clone().count();
        let own = held.filter(|model| model.address == at).count();
        match self.realtime.connect(ADDRESSES[at]) {
            Ok(mut events) => {
                assert!(all < narrow().streams && own < narrow().per_address);
                assert!(next(&mut events).contains("PB_CONNECT"));
                self.models.push(Model::new(events, at));
            }
            Err(RealtimeError::TooMany) => {
                assert_eq!(own, narrow().per_address);
                self.counts.of_address += 1;
            }
            Err(error) => {
                assert_eq!((error, all), (RealtimeError::Full, narrow().streams));
                self.counts.full += 1;
            }
        }
    }

    fn ask(&mut self, stream: usize, at: usize, asked: Asked) {
        let held = self.models.iter().filter(|model| model.events.is_some());
        let of_principal = held.filter(|one| one.who == asked.who).count();
        let Some(model) = self.models.get_mut(stream) else {
            return;
        };
        let expected = model.asked(at, asked, of_principal);
        self.counts.of_principal += u64::from(expected == Err(RealtimeError::TooManyOfPrincipal));
        let hours = u64::from(!asked.briefly);
        let holder = match asked.who {
            0 => guest(asked.login),
            who => Holder {
                login: asked.login,
                ..user(PEOPLE[who], "t", hours)
            },
        };
        let mut told = None;
        let members = Arc::clone(&self.members);
        let join = |outbox: &Arc<Outbox>| {
            told = Some(Arc::clone(outbox));
            vec![members; usize::from(asked.records)]
        };
        let at = ADDRESSES[at];
        assert_eq!(
            ask_with(&self.realtime, &model.id, (at, holder), join),
            expected
        );
        model.outbox = told.or(model.outbox.take());
    }

    fn deliver(&mut self, stream: usize, at: usize) {
        let Some(model) = self.models.get_mut(stream) else {
            return;
        };
        let done = self
            .realtime
            .deliver(ADDRESSES[at], &outcome(&model.id, "c0de"));
        let waits = model.is_open() && model.address == at && model.login == Login::Subscribed;
        let done_too = waits && model.push(&mut self.counts);
        assert_eq!(done.is_ok(), done_too);
        if done_too {
            model.login = Login::Delivered;
            self.counts.delivered += 1;
        }
        self.sweep();
    }

    fn push(&mut self, stream: usize, many: usize) {
        let Some(model) = self.models.get_mut(stream) else {
            return;
        };
        for outbox in std::iter::repeat_n(model.outbox.clone(), many).flatten() {
            outbox.push(Bytes::from_static(b"event:posts/*\ndata:{}\n\n"));
            if model.is_open() {
                model.push(&mut self.counts);
            }
        }
        self.sweep();
    }

    fn sweep(&mut self) {
        self.realtime.sweep(Instant::now());
        self.pass();
    }

    /// Ends those whose time is over.
    fn pass(&mut self) {
        let now = Instant::now();
        for model in self.models.iter_mut().filter(|model| model.is_open()) {
            let why = model.over(now);
            let is_late = model.login_until.is_some_and(|until| until <= now);
            if is_late && model.login == Login::Subscribed {
                model.login = Login::Late;
                self.counts.expired += 1;
            }
            if let Some(why) = why {
                model.close(why, &mut self.counts);
            }
        }
    }

    fn compare(&self) {
        let held = self.models.iter().filter(|model| model.events.is_some());
        let open = held.clone().filter(|model| model.is_open());
        let logins = open.clone().filter(|one| one.login == Login::Subscribed);
        let expected = Counts {
            streams: held.clone().count(),
            logins: logins.count(),
            waiting: held.clone().map(|model| model.waiting).sum(),
            ..self.counts
        };
        assert_eq!(self.realtime.counts(), expected);
        let listening = open.filter(|model| model.records).count();
        assert_eq!(members(&self.members), listening);
        let streams = lock(&self.realtime.streams);
        let blocks: BTreeSet<_> = held.clone().map(|model| model.address).collect();
        assert_eq!(streams.of_block.len(), blocks.len());
        let people: BTreeSet<_> = held.map(|model| model.who).filter(|who| *who > 0).collect();
        assert_eq!(streams.of_principal.len(), people.len());
    }
}

impl Model {
    fn new(events: Events, address: usize) -> Self {
        Self {
            id: events.id().to_owned(),
            address,
            who: 0,
            events: Some(events),
            closed: None,
            has_told_closing: false,
            login: Login::Opened,
            login_until: None,
            idle_since: Instant::now(),
            records: false,
            briefly: false,
            outbox: None,
            waiting: 0,
        }
    }

    fn is_open(&self) -> bool {
        self.events.is_some() && self.closed.is_none()
    }

    /// What comes of a subscription.
    fn asked(&mut self, at: usize, asked: Asked, held: usize) -> Result<(), RealtimeError> {
        if !self.is_open() || self.address != at {
            return Err(RealtimeError::Unknown);
        }
        if self.who != asked.who {
            if self.who > 0 {
                return Err(RealtimeError::OtherIdentity);
            }
            if held >= narrow().per_principal {
                return Err(RealtimeError::TooManyOfPrincipal);
            }
        }
        let now = Instant::now();
        if asked.login {
            let until = self.login_until.unwrap_or(now + narrow().login_for);
            let is_over = matches!(self.login, Login::Delivered | Login::Late) || until <= now;
            // Only when it is waited for at all does its time begin.
            if is_over {
                return Err(RealtimeError::Unknown);
            }
            self.login_until = Some(until);
            self.login = Login::Subscribed;
        } else if self.login == Login::Subscribed {
            self.login = Login::Opened;
            self.idle_since = now;
        }
        if self.records && !asked.records {
            self.idle_since = now;
        }
        self.who = asked.who;
        self.briefly = asked.briefly;
        self.records = asked.records;
        Ok(())
    }

    /// One event more; whether there is room.
    fn push(&mut self, counts: &mut Counts) -> bool {
        if self.waiting < QUEUE {
            self.waiting += 1;
            return true;
        }
        counts.dropped += u64::try_from(self.waiting + 1).unwrap();
        self.close(Closing::SlowReader, counts);
        false
    }

    fn close(&mut self, why: Closing, counts: &mut Counts) {
        let at = Closing::ALL.iter().position(|closing| *closing == why);
        counts.closed[at.unwrap()] += 1;
        self.closed = Some(why);
        if !why.keeps_what_waits() {
            self.waiting = 0;
        }
    }

    /// Why it ends at this moment.
    fn over(&self, now: Instant) -> Option<Closing> {
        let is_login = matches!(self.login, Login::Subscribed | Login::Delivered);
        let idle_until = self.idle_since + narrow().unsubscribed;
        match self.login_until {
            _ if self.briefly => Some(Closing::TokenExpired),
            _ if self.records => None,
            Some(until) if is_login => (until <= now).then_some(Closing::LoginOver),
            _ => (idle_until <= now).then_some(Closing::Unsubscribed),
        }
    }

    /// Reads all that is told, and no more.
    fn read(&mut self) {
        let Some(events) = &mut self.events else {
            return;
        };
        let (mut told, mut last) = (0, None);
        let end = loop {
            match read(events) {
                Heard::Event(event) if &event[..] == b":\n" => {}
                Heard::Event(event) if event.starts_with(b"event:closing") => last = Some(event),
                Heard::Event(_) => told += 1,
                Heard::End => break true,
                Heard::Nothing => break false,
            }
        };
        assert_eq!((told, end), (self.waiting, self.closed.is_some()));
        let closing = self.closed.filter(|_| !self.has_told_closing);
        assert_eq!(last, closing.map(|why| why.event().into()));
        self.has_told_closing = end;
        self.waiting = 0;
    }

    fn leave(&mut self) {
        self.events = None;
        self.waiting = 0;
    }
}

fn identity(who: usize) -> Identity {
    match who {
        0 => Identity::Guest,
        who => record(PEOPLE[who]),
    }
}

proptest! {
    #[test]
    fn streams_tell_what_is_theirs_and_counts_are_right(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut pair = Pair {
                realtime: with(narrow()),
                models: Vec::new(),
                counts: Counts::default(),
                members: Arc::default(),
            };
            for step in steps {
                pair.take(step).await;
            }
            for model in &mut pair.models {
                model.read();
            }
            pair.models.clear();
            leaves_nothing(&pair.realtime);
            assert_eq!(members(&pair.members), 0);
        });
    }
}
