//! Who is told what, and that nothing is left of what is over.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::*;

pub(super) const ALICE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(super) const BOB: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

const FOR: Duration = Duration::from_mins(5);
const A_MOMENT: Duration = Duration::from_millis(2);

fn realtime(pending: usize, pending_per_address: usize) -> Realtime {
    Realtime::new(Settings {
        pending,
        pending_per_address,
        pending_for: FOR,
    })
}

pub(super) fn topic() -> Vec<String> {
    vec!["@oauth2".to_owned()]
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

pub(super) fn next(events: &mut Events) -> String {
    let Heard::Event(event) = read(events) else {
        panic!("no event");
    };
    String::from_utf8(event.to_vec()).unwrap()
}

/// Lets timers whose time is over do what they do.
pub(super) async fn settle() {
    // The clock moves when nothing else is left to do.
    sleep(A_MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_begins_with_an_id_of_its_own() {
    let realtime = realtime(1_000, 1_000);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let mut events = realtime.connect(ALICE).unwrap();
        let id = events.id().to_owned();
        assert_eq!(URL_SAFE_NO_PAD.decode(&id).unwrap().len(), ID_BYTES);
        let greeting = format!("id:{id}\nevent:PB_CONNECT\ndata:{{\"clientId\":\"{id}\"}}\n\n");
        assert_eq!(next(&mut events), greeting);
        assert_eq!(read(&mut events), Heard::Nothing);
        assert!(seen.insert(id));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_told_once_in_the_words_of_pocketbase() {
    let realtime = realtime(9, 9);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "c0de")), Ok(()));
    assert_eq!(
        next(&mut events),
        format!("id:{id}\nevent:@oauth2\ndata:{{\"state\":\"{id}\",\"code\":\"c0de\"}}\n\n")
    );
    // A state is good for one login, however its client asks for another.
    let again = |realtime: &Realtime| realtime.deliver(ALICE, &outcome(&id, "other"));
    assert_eq!(again(&realtime), Err(RealtimeError::Unknown));
    assert_eq!(
        realtime.subscribe(&id, ALICE, &topic()),
        Err(RealtimeError::Unknown)
    );
    assert_eq!(realtime.subscribe(&id, ALICE, &[]), Ok(()));
    assert_eq!(again(&realtime), Err(RealtimeError::Unknown));
    assert_eq!(read(&mut events), Heard::Nothing);
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_says_can_not_pose_as_events() {
    let realtime = realtime(9, 9);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    let hostile = Outcome {
        state: id.clone(),
        code: "a\n\nevent:@oauth2\rdata:{}".to_owned(),
        error: Some("access\"denied\r\n".to_owned()),
    };
    realtime.deliver(ALICE, &hostile).unwrap();
    let expected = r#""code":"a\n\nevent:@oauth2\rdata:{}","error":"access\"denied\r\n"}"#;
    assert_eq!(
        next(&mut events),
        format!("id:{id}\nevent:@oauth2\ndata:{{\"state\":\"{id}\",{expected}\n\n")
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_is_of_use_at_its_own_address_alone() {
    let realtime = realtime(9, 9);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    let unknown = Err(RealtimeError::Unknown);
    assert_eq!(realtime.subscribe(&id, BOB, &topic()), unknown);
    assert_eq!(realtime.subscribe("nobody", ALICE, &topic()), unknown);
    assert_eq!(realtime.subscribe("", ALICE, &topic()), unknown);
    // Nobody waits yet.
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "early")), unknown);
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    assert_eq!(realtime.deliver(BOB, &outcome(&id, "bob's")), unknown);
    assert_eq!(realtime.deliver(ALICE, &outcome("nobody", "x")), unknown);
    assert_eq!(read(&mut events), Heard::Nothing);
    // Nor any more.
    realtime.subscribe(&id, ALICE, &[]).unwrap();
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "late")), unknown);
    // None of that ended the login. One client has one address, however it is spelled.
    let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
    realtime.subscribe(&id, mapped, &topic()).unwrap();
    realtime.deliver(ALICE, &outcome(&id, "hers")).unwrap();
    assert!(next(&mut events).contains("hers"));
}

#[tokio::test(start_paused = true)]
async fn one_topic_is_served_and_no_other() {
    let realtime = realtime(9, 9);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    let subscribe = |topics: &[&str]| {
        let topics: Vec<_> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        realtime.subscribe(&id, ALICE, &topics)
    };
    assert_eq!(subscribe(&["@oauth2", "@oauth2"]), Ok(()));
    for other in ["posts/*", "@OAUTH2", "@oauth2?", "@oauth2 ", ""] {
        let refused = Err(RealtimeError::Topic(other.to_owned()));
        assert_eq!(subscribe(&["@oauth2", other]), refused);
    }
    let long = "ü".repeat(2_500);
    let told = RealtimeError::Topic("ü".repeat(64));
    assert_eq!(subscribe(&[&long]), Err(told));
    // What was refused replaced nothing.
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "c")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_address_has_its_bound() {
    let realtime = realtime(9, 2);
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
    assert_eq!((counts.pending, counts.too_many, counts.full), (3, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_network_of_ipv6_is_one_address_to_the_bound() {
    let realtime = realtime(9, 1);
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
    let refused = realtime.subscribe(events.id(), neighbour, &topic());
    assert_eq!(refused, Err(RealtimeError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn all_together_have_their_bound() {
    let realtime = realtime(3, 9);
    let one = realtime.connect(ALICE).unwrap();
    let _two = realtime.connect(ALICE).unwrap();
    let _three = realtime.connect(BOB).unwrap();
    for address in [ALICE, BOB] {
        assert_eq!(realtime.connect(address).unwrap_err(), RealtimeError::Full);
    }
    drop(one);
    let _four = realtime.connect(BOB).unwrap();
    let counts = realtime.counts();
    assert_eq!((counts.pending, counts.too_many, counts.full), (3, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_subscribe_is_not_waited_for() {
    let realtime = realtime(9, 9);
    let mut idle = realtime.connect(ALICE).unwrap();
    let mut waits = realtime.connect(ALICE).unwrap();
    sleep(UNSUBSCRIBED.saturating_sub(A_MOMENT)).await;
    realtime.subscribe(waits.id(), ALICE, &topic()).unwrap();
    assert_eq!(realtime.counts().pending, 2);
    sleep(2 * A_MOMENT).await;
    // Neither of them was read.
    let counts = realtime.counts();
    assert_eq!((counts.pending, counts.expired), (1, 1));
    let refused = realtime.subscribe(idle.id(), ALICE, &topic());
    assert_eq!(refused, Err(RealtimeError::Unknown));
    next(&mut idle);
    assert_eq!(read(&mut idle), Heard::End);
    next(&mut waits);
    assert_eq!(next(&mut waits), ":\n");
    assert_eq!(read(&mut waits), Heard::Nothing);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_not_finished_is_forgotten_at_its_deadline() {
    let realtime = realtime(1, 1);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    sleep(FOR.saturating_sub(A_MOMENT)).await;
    assert_eq!(realtime.counts().pending, 1);
    sleep(2 * A_MOMENT).await;
    let counts = realtime.counts();
    assert_eq!((counts.pending, counts.expired), (0, 1));
    let late = realtime.deliver(ALICE, &outcome(&id, "late"));
    assert_eq!(late, Err(RealtimeError::Unknown));
    // Its place is free while somebody still holds what nobody reads.
    let _other = realtime.connect(ALICE).unwrap();
    next(&mut events);
    assert_eq!(read(&mut events), Heard::End);
    // And its drop takes nobody else's.
    drop(events);
    assert_eq!(realtime.counts().pending, 1);
}

#[tokio::test(start_paused = true)]
async fn a_short_deadline_comes_before_the_wait_for_a_subscription() {
    let realtime = Realtime::new(Settings {
        pending: 1,
        pending_per_address: 1,
        pending_for: Duration::from_secs(1),
    });
    let _events = realtime.connect(ALICE).unwrap();
    sleep(Duration::from_secs(1).saturating_sub(A_MOMENT)).await;
    assert_eq!(realtime.counts().pending, 1);
    sleep(2 * A_MOMENT).await;
    assert_eq!(realtime.counts().pending, 0);
}

#[tokio::test(start_paused = true)]
async fn who_was_told_may_stay_until_the_deadline() {
    let realtime = realtime(9, 9);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    realtime.deliver(ALICE, &outcome(&id, "c0de")).unwrap();
    sleep(FOR.saturating_sub(A_MOMENT)).await;
    assert_eq!(realtime.counts().pending, 1);
    sleep(2 * A_MOMENT).await;
    // It is over, but what was told before is not lost on a slow reader.
    next(&mut events);
    assert!(next(&mut events).contains("c0de"));
    assert_eq!(read(&mut events), Heard::End);
    let expected = Counts {
        delivered: 1,
        ..Counts::default()
    };
    assert_eq!(realtime.counts(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_tells_nothing_says_that_it_is_alive() {
    let realtime = realtime(9, 9);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    next(&mut events);
    let begun = Instant::now();
    for beat in 1..=3 {
        assert_eq!(events.next().await.as_deref(), Some(&b":\n"[..]));
        let due = beat * Duration::from_secs(20);
        let passed = begun.elapsed();
        assert!(due <= passed && passed <= due + A_MOMENT, "{passed:?}");
    }
    // Who was away for longer is told it once.
    sleep(Duration::from_mins(2)).await;
    assert_eq!(next(&mut events), ":\n");
    assert_eq!(read(&mut events), Heard::Nothing);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_all_streams_end_at_once() {
    let realtime = realtime(9, 9);
    let mut told = realtime.connect(ALICE).unwrap();
    let id = told.id().to_owned();
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    realtime.deliver(ALICE, &outcome(&id, "c0de")).unwrap();
    let mut waits = realtime.connect(BOB).unwrap();
    let bobs = waits.id().to_owned();
    next(&mut waits);
    let waiting = tokio::spawn(async move { waits.next().await });
    settle().await;

    let before = Instant::now();
    realtime.end();
    assert_eq!(waiting.await.unwrap(), None);
    assert_eq!(before.elapsed(), Duration::ZERO);
    next(&mut told);
    assert!(next(&mut told).contains("c0de"));
    assert_eq!(read(&mut told), Heard::End);
    assert_eq!(realtime.connect(BOB).unwrap_err(), RealtimeError::Ended);
    let refused = realtime.subscribe(&bobs, BOB, &topic());
    assert_eq!(refused, Err(RealtimeError::Unknown));
    let counts = realtime.counts();
    assert_eq!((counts.pending, counts.expired), (0, 0));
    assert!(lock(&realtime.streams).of_block.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_that_came_and_went_leave_nothing() {
    let realtime = realtime(1_000, 20);
    for round in 0..10_u8 {
        let address = |number: u8| IpAddr::V4(Ipv4Addr::new(10, 0, round, number));
        let held: Vec<_> = (0..100)
            .map(|number| realtime.connect(address(number)).unwrap())
            .collect();
        for (number, events) in (0..100).zip(&held).step_by(2) {
            let subscribed = realtime.subscribe(events.id(), address(number), &topic());
            assert_eq!(subscribed, Ok(()));
        }
        assert_eq!(realtime.counts().pending, 100);
    }
    settle().await;
    assert_eq!(realtime.counts(), Counts::default());
    assert!(lock(&realtime.streams).of_block.is_empty());
    // Nor a timer.
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    assert_eq!(Arc::strong_count(&realtime.streams), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_has_a_bound_and_beyond_it_the_login_goes_on() {
    let realtime = realtime(9, 9);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    realtime.subscribe(&id, ALICE, &topic()).unwrap();
    let around = outcome(&id, "").event().unwrap().len();
    let most = (8 << 10) - around;
    let large = outcome(&id, &"c".repeat(most + 1));
    assert_eq!(
        realtime.deliver(ALICE, &large),
        Err(RealtimeError::TooLarge)
    );
    let fits = outcome(&id, &"c".repeat(most));
    assert_eq!(realtime.deliver(ALICE, &fits), Ok(()));
    assert_eq!(next(&mut events).len(), 8 << 10);
}

#[tokio::test(start_paused = true)]
async fn neither_states_nor_codes_are_in_debug_output() {
    let realtime = realtime(9, 9);
    let events = realtime.connect(ALICE).unwrap();
    let outcome = outcome(events.id(), "c0de");
    assert_eq!(format!("{events:?} {outcome:?}"), "Events Outcome");
}
