//! How many streams there may be, and what may wait for one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use tokio::time::Instant;

use super::*;
use crate::realtime::tests::*;
use crate::realtime::{RealtimeError, Settings};

#[tokio::test(start_paused = true)]
async fn an_address_has_its_bound() {
    let realtime = bounded(9, 2);
    let one = realtime.connect(ALICE).unwrap();
    let _two = realtime.connect(ALICE).unwrap();
    let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
    for same in [ALICE, mapped] {
        assert_eq!(realtime.connect(same).unwrap_err(), RealtimeError::TooMany);
    }
    let _bobs = realtime.connect(BOB).unwrap();
    drop(one);
    let _again = realtime.connect(ALICE).unwrap();
    assert_eq!(realtime.connect(ALICE).unwrap_err(), RealtimeError::TooMany);
    let counts = realtime.counts();
    assert_eq!((counts.streams, counts.of_address, counts.full), (3, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_network_of_ipv6_is_one_address_to_the_bound() {
    let realtime = bounded(9, 1);
    let address = |text: &str| IpAddr::V6(text.parse::<Ipv6Addr>().unwrap());
    let events = realtime.connect(address("2001:db8:0:1::1")).unwrap();
    for same in ["2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"] {
        let refused = realtime.connect(address(same)).unwrap_err();
        assert_eq!(refused, RealtimeError::TooMany);
    }
    let _other = realtime.connect(address("2001:db8:0:2::1")).unwrap();
    let _before = realtime.connect(address("2001:db8:0:0::1")).unwrap();
    // A neighbour counts together, and is foreign all the same.
    let neighbour = address("2001:db8:0:1::2");
    let refused = ask(&realtime, events.id(), neighbour, true);
    assert_eq!(refused, Err(RealtimeError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn all_together_have_their_bound() {
    let realtime = bounded(3, 9);
    let one = realtime.connect(ALICE).unwrap();
    let _two = realtime.connect(ALICE).unwrap();
    let _three = realtime.connect(BOB).unwrap();
    for address in [ALICE, BOB] {
        assert_eq!(realtime.connect(address).unwrap_err(), RealtimeError::Full);
    }
    drop(one);
    let _four = realtime.connect(BOB).unwrap();
    let counts = realtime.counts();
    assert_eq!((counts.streams, counts.of_address, counts.full), (3, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_principal_has_its_bound_from_when_it_asks() {
    let realtime = with(Settings {
        per_principal: 2,
        ..settings()
    });
    let counted = Arc::default();
    let streams = [(); 3].map(|()| realtime.connect(ALICE).unwrap());
    let [one, two, three] = &streams;
    for events in [one, two] {
        listen(&realtime, events, user("u", "t", 1), &counted).unwrap();
    }
    // Those that it has may ask again.
    listen(&realtime, one, user("u", "t2", 1), &counted).unwrap();
    let too_many = Err(RealtimeError::TooManyOfPrincipal);
    assert_eq!(realtime.check(three.id(), ALICE, &record("u")), too_many);
    let refused = listen(&realtime, three, user("u", "t", 1), &counted);
    assert_eq!(refused.map(|_| ()), too_many);
    assert_eq!(members(&counted), 6);
    // It was a guest's and is nobody else's by that.
    listen(&realtime, three, user("v", "t", 1), &counted).unwrap();
    let counts = realtime.counts();
    assert_eq!((counts.streams, counts.of_principal), (3, 2));
    // One that has ended costs as much until its connection is gone.
    realtime.close_where(Closing::Closed, |open| *open.identity == record("u"));
    let [one, _two, _three] = streams;
    let four = realtime.connect(ALICE).unwrap();
    assert_eq!(realtime.check(four.id(), ALICE, &record("u")), too_many);
    drop(one);
    assert_eq!(realtime.check(four.id(), ALICE, &record("u")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_a_bound_of_topics() {
    let realtime = realtime();
    assert_eq!(realtime.fits(9), Ok(()));
    assert_eq!(realtime.fits(10), Err(RealtimeError::TooManyTopics(9)));
    assert_eq!(realtime.counts().topics, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_so_and_then_cut() {
    let realtime = bounded(9, 1);
    let mut events = realtime.connect(ALICE).unwrap();
    next(&mut events);
    let counted = Arc::default();
    let outbox = listen(&realtime, &events, user("u", "t", 1), &counted).unwrap();
    for _ in 0..9 {
        outbox.push(Bytes::from_static(b"event:posts/*\ndata:{}\n\n"));
    }
    assert!(!outbox.is_closed());
    assert_eq!((realtime.counts().waiting, members(&counted)), (9, 3));
    outbox.push(Bytes::from_static(b"event:posts/*\ndata:{}\n\n"));
    let counts = realtime.counts();
    assert_eq!((counts.waiting, counts.dropped), (0, 10));
    assert_eq!(closed(&realtime, Closing::SlowReader), 1);
    // Nobody can ask it any more, and what it waited for is gone with the next sweep.
    let refused = realtime.check(events.id(), ALICE, &record("u"));
    assert_eq!(refused, Err(RealtimeError::Unknown));
    realtime.sweep(Instant::now());
    assert_eq!(members(&counted), 0);
    assert!(realtime.tokens(&record("u")).is_empty());
    // A connection that is stuck keeps its place.
    assert_eq!(realtime.connect(ALICE).unwrap_err(), RealtimeError::TooMany);
    ends(&mut events, Closing::SlowReader);
    drop((events, outbox));
    leaves_nothing(&realtime);
    assert!(realtime.connect(ALICE).is_ok());
    assert_eq!(closed(&realtime, Closing::SlowReader), 1);
}
