//! Whatever is asked in whatever order, held against a model.

use std::net::Ipv6Addr;
use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::*;
use crate::realtime::tests::{ALICE, BOB, Heard, next, outcome, read, settle, topic};
use crate::realtime::{Events, Realtime, UNSUBSCRIBED, lock};

/// More streams than there is room for.
const SETTINGS: Settings = Settings {
    pending: 4,
    pending_per_address: 2,
    pending_for: Duration::from_secs(46),
};

/// No multiple of it is a deadline, so that no step meets one in the moment of its end.
const STEP: Duration = Duration::from_secs(9);

const ADDRESSES: [IpAddr; 3] = [
    ALICE,
    BOB,
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// Streams are named in the order in which they were opened, addresses by their place.
#[derive(Clone, Copy, Debug)]
enum Step {
    Connect(usize),
    Subscribe(usize, usize),
    Unsubscribe(usize, usize),
    Deliver(usize, usize),
    Drop(usize),
    Wait(u32),
}

/// A stream as it should be.
struct Model {
    id: String,
    address: usize,
    events: Option<Events>,
    is_open: bool,
    flow: Flow,
    /// Since when, and until when.
    opened: Instant,
    lasts: Duration,
    /// The code that it was told.
    told: Option<String>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stream = 0..8_usize;
    let address = 0..ADDRESSES.len();
    let pair = (stream.clone(), address.clone());
    let step = prop_oneof![
        4 => address.prop_map(Step::Connect),
        4 => pair.clone().prop_map(|(stream, at)| Step::Subscribe(stream, at)),
        1 => pair.clone().prop_map(|(stream, at)| Step::Unsubscribe(stream, at)),
        4 => pair.prop_map(|(stream, at)| Step::Deliver(stream, at)),
        2 => stream.prop_map(Step::Drop),
        1 => (1..4_u32).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The station beside its model.
struct Pair {
    realtime: Realtime,
    models: Vec<Model>,
    counts: Counts,
}

impl Pair {
    async fn take(&mut self, number: usize, step: Step) {
        match step {
            Step::Connect(at) => self.connect(at),
            Step::Subscribe(stream, at) => self.subscribe(stream, at),
            Step::Unsubscribe(stream, at) => self.unsubscribe(stream, at),
            Step::Deliver(stream, at) => self.deliver(stream, at, &format!("code{number}")),
            Step::Drop(stream) => {
                if let Some(model) = self.models.get_mut(stream) {
                    model.events = None;
                    model.is_open = false;
                }
            }
            Step::Wait(steps) => {
                sleep(STEP * steps).await;
                settle().await;
                self.pass();
            }
        }
        self.compare();
    }

    fn connect(&mut self, at: usize) {
        let open = self.models.iter().filter(|model| model.is_open);
        let all = open.clone().count();
        let own = open.filter(|model| model.address == at).count();
        match self.realtime.connect(ADDRESSES[at]) {
            Ok(events) => {
                assert!(all < SETTINGS.pending && own < SETTINGS.pending_per_address);
                self.models.push(Model {
                    id: events.id().to_owned(),
                    address: at,
                    events: Some(events),
                    is_open: true,
                    flow: Flow::Opened,
                    opened: Instant::now(),
                    lasts: UNSUBSCRIBED,
                    told: None,
                });
            }
            Err(RealtimeError::TooMany) => {
                assert_eq!(own, SETTINGS.pending_per_address);
                self.counts.too_many += 1;
            }
            Err(error) => {
                assert_eq!((error, all), (RealtimeError::Full, SETTINGS.pending));
                self.counts.full += 1;
            }
        }
    }

    fn subscribe(&mut self, stream: usize, at: usize) {
        let Some(model) = self.models.get_mut(stream) else {
            return;
        };
        let done = self
            .realtime
            .subscribe(&model.id, ADDRESSES[at], &topic())
            .is_ok();
        let is_known = model.is_open && model.address == at;
        assert_eq!(done, is_known && model.flow != Flow::Delivered);
        if done {
            model.flow = Flow::Subscribed;
            model.lasts = SETTINGS.pending_for;
        }
    }

    fn unsubscribe(&mut self, stream: usize, at: usize) {
        let Some(model) = self.models.get_mut(stream) else {
            return;
        };
        let done = self
            .realtime
            .subscribe(&model.id, ADDRESSES[at], &[])
            .is_ok();
        assert_eq!(done, model.is_open && model.address == at);
        if done && model.flow == Flow::Subscribed {
            model.flow = Flow::Opened;
        }
    }

    fn deliver(&mut self, stream: usize, at: usize, code: &str) {
        let Some(model) = self.models.get_mut(stream) else {
            return;
        };
        let done = self
            .realtime
            .deliver(ADDRESSES[at], &outcome(&model.id, code));
        let is_known = model.is_open && model.address == at;
        let expected = is_known && model.flow == Flow::Subscribed;
        assert_eq!(done.is_ok(), expected);
        if expected {
            model.flow = Flow::Delivered;
            model.told = Some(code.to_owned());
            self.counts.delivered += 1;
        }
    }

    /// Ends those whose time is over.
    fn pass(&mut self) {
        for model in self.models.iter_mut().filter(|model| model.is_open) {
            if model.opened.elapsed() > model.lasts {
                model.is_open = false;
                self.counts.expired += u64::from(model.flow != Flow::Delivered);
            }
        }
    }

    fn compare(&self) {
        let open = self.models.iter().filter(|model| model.is_open);
        let expected = Counts {
            pending: open.clone().count(),
            ..self.counts
        };
        assert_eq!(self.realtime.counts(), expected);
        let blocks: std::collections::BTreeSet<_> = open.map(|model| model.address).collect();
        assert_eq!(lock(&self.realtime.streams).of_block.len(), blocks.len());
    }

    /// What the streams that are left tell is theirs, and no more.
    fn read(&mut self) {
        for model in &mut self.models {
            let Some(events) = &mut model.events else {
                continue;
            };
            assert!(next(events).contains(&format!("\"clientId\":\"{}\"", model.id)));
            let mut told = None;
            let end = loop {
                match read(events) {
                    Heard::Event(event) if &event[..] == b":\n" => {}
                    Heard::Event(event) => {
                        assert_eq!(told.replace(event), None, "two outcomes");
                    }
                    Heard::End => break true,
                    Heard::Nothing => break false,
                }
            };
            assert_eq!(end, !model.is_open);
            let expected = model.told.as_ref();
            let expected = expected.map(|code| outcome(&model.id, code).event().unwrap());
            assert_eq!(told, expected);
        }
    }
}

proptest! {
    #[test]
    fn outcomes_reach_their_own_stream_and_counts_are_right(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut pair = Pair {
                realtime: Realtime::new(SETTINGS),
                models: Vec::new(),
                counts: Counts::default(),
            };
            for (number, step) in steps.into_iter().enumerate() {
                pair.take(number, step).await;
            }
            pair.read();
            pair.models.clear();
            settle().await;
            assert_eq!(pair.realtime.counts().pending, 0);
            assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
        });
    }
}
