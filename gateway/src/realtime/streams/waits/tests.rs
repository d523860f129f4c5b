//! When streams end, and what they say then; whose login is told to whom, and until when.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::advance;

use super::*;
use crate::realtime::tests::*;
use crate::realtime::{Holder, Identity, Open, Outcome, Realtime};

#[tokio::test(start_paused = true)]
async fn who_does_not_subscribe_is_not_waited_for() {
    let realtime = realtime();
    let mut idle = realtime.connect(ALICE).unwrap();
    let mut waits = realtime.connect(ALICE).unwrap();
    let listens = realtime.connect(ALICE).unwrap();
    pass(&realtime, UNSUBSCRIBED.saturating_sub(A_MOMENT)).await;
    ask(&realtime, waits.id(), ALICE, true).unwrap();
    listen(&realtime, &listens, guest(false), &Arc::default()).unwrap();
    assert_eq!(realtime.check(idle.id(), ALICE, &Identity::Guest), Ok(()));
    pass(&realtime, A_MOMENT).await;
    // None of them was read.
    assert_eq!(closed(&realtime, Closing::Unsubscribed), 1);
    let refused = ask(&realtime, idle.id(), ALICE, true);
    assert_eq!(refused, Err(RealtimeError::Unknown));
    next(&mut idle);
    ends(&mut idle, Closing::Unsubscribed);
    next(&mut waits);
    assert_eq!(next(&mut waits), ":\n");
    assert_eq!(read(&mut waits), Heard::Nothing);
    // Who waits for records may do so for good.
    pass(&realtime, 100 * LOGIN_FOR).await;
    assert_eq!(
        realtime.check(listens.id(), ALICE, &Identity::Guest),
        Ok(())
    );
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_nothing_any_more_has_as_long_from_then() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    next(&mut events);
    listen(&realtime, &events, guest(false), &Arc::default()).unwrap();
    pass(&realtime, 2 * UNSUBSCRIBED).await;
    ask(&realtime, events.id(), ALICE, false).unwrap();
    pass(&realtime, UNSUBSCRIBED.saturating_sub(A_MOMENT)).await;
    // Nothing, once more, is no reason to wait.
    ask(&realtime, events.id(), ALICE, false).unwrap();
    pass(&realtime, A_MOMENT).await;
    ends(&mut events, Closing::Unsubscribed);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_expired_ends_its_streams() {
    let realtime = realtime();
    let counted = Arc::default();
    let streams = [(); 3].map(|()| realtime.connect(ALICE).unwrap());
    let [mut expired, renewed, good] = streams;
    next(&mut expired);
    for events in [&expired, &renewed] {
        listen(&realtime, events, user("u", "old", 0), &counted).unwrap();
    }
    listen(&realtime, &good, user("v", "t", 1), &counted).unwrap();
    listen(&realtime, &renewed, user("u", "new", 1), &counted).unwrap();
    realtime.sweep(Instant::now());
    assert_eq!(
        (members(&counted), closed(&realtime, Closing::TokenExpired)),
        (6, 1)
    );
    assert_eq!(realtime.tokens(&record("u")), [Token::new("new")]);
    ends(&mut expired, Closing::TokenExpired);
    for (events, id) in [(&renewed, "u"), (&good, "v")] {
        assert_eq!(realtime.check(events.id(), ALICE, &record(id)), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn those_are_closed_for_which_it_holds() {
    let realtime = realtime();
    let counted = Arc::default();
    let mut streams = [(); 4].map(|()| realtime.connect(ALICE).unwrap());
    for events in &mut streams {
        next(events);
    }
    let [mut one, mut two, three, four] = streams;
    let outbox = listen(&realtime, &one, user("u", "t1", 1), &counted).unwrap();
    listen(&realtime, &two, user("u", "t2", 1), &counted).unwrap();
    listen(
        &realtime,
        &three,
        Holder {
            generation: 7,
            ..guest(false)
        },
        &counted,
    )
    .unwrap();
    let close = |why, is: &dyn Fn(&Open<'_>) -> bool| realtime.close_where(why, is);
    assert_eq!(close(Closing::Closed, &|open| open.address == BOB), 0);
    // What waited for somebody who may see it no more is not told.
    outbox.push(Bytes::from_static(b"event:posts/*\ndata:{}\n\n"));
    let t1 = Token::new("t1");
    assert_eq!(
        close(Closing::TokenRefused, &|open| open.token == Some(&t1)),
        1
    );
    ends(&mut one, Closing::TokenRefused);
    assert_eq!(
        close(Closing::Closed, &|open| *open.identity == record("u")),
        1
    );
    ends(&mut two, Closing::Closed);
    assert_eq!(
        close(Closing::RulesChanged, &|open| open.generation == 7),
        1
    );
    assert_eq!(close(Closing::RulesChanged, &|open| open.has_records), 0);
    assert_eq!(members(&counted), 0);
    assert_eq!(close(Closing::Closed, &|open| open.address == ALICE), 1);
    assert_eq!(close(Closing::Closed, &|_| true), 0);
    assert_eq!(closed(&realtime, Closing::Closed), 2);
    drop((one, two, three, four, outbox));
    leaves_nothing(&realtime);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_all_streams_end_at_once() {
    let realtime = realtime();
    let mut told = realtime.connect(ALICE).unwrap();
    let id = told.id().to_owned();
    ask(&realtime, &id, ALICE, true).unwrap();
    realtime.deliver(ALICE, &outcome(&id, "c0de")).unwrap();
    let mut waits = realtime.connect(BOB).unwrap();
    let bobs = waits.id().to_owned();
    next(&mut waits);
    let waiting = tokio::spawn(async move { (waits.next().await, waits.next().await) });
    tokio::task::yield_now().await;

    let before = Instant::now();
    realtime.end();
    let (why, end) = waiting.await.unwrap();
    assert_eq!(why, Some(Closing::Shutdown.event().into()));
    assert_eq!(end, None);
    assert_eq!(before.elapsed(), Duration::ZERO);
    next(&mut told);
    assert!(next(&mut told).contains("c0de"));
    ends(&mut told, Closing::Shutdown);
    assert_eq!(realtime.connect(BOB).unwrap_err(), RealtimeError::Ended);
    let refused = ask(&realtime, &bobs, BOB, true);
    assert_eq!(refused, Err(RealtimeError::Unknown));
    drop(told);
    assert_eq!(closed(&realtime, Closing::Shutdown), 2);
    leaves_nothing(&realtime);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_told_once_in_the_words_of_pocketbase() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    ask(&realtime, &id, ALICE, true).unwrap();
    assert_eq!(realtime.counts().logins, 1);
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "c0de")), Ok(()));
    assert_eq!(
        next(&mut events),
        format!("id:{id}\nevent:@oauth2\ndata:{{\"state\":\"{id}\",\"code\":\"c0de\"}}\n\n")
    );
    // A state is good for one login, however its client asks for another.
    let again = |realtime: &Realtime| realtime.deliver(ALICE, &outcome(&id, "other"));
    assert_eq!(again(&realtime), Err(RealtimeError::Unknown));
    let refused = ask(&realtime, &id, ALICE, true);
    assert_eq!(refused, Err(RealtimeError::Unknown));
    assert_eq!(ask(&realtime, &id, ALICE, false), Ok(()));
    assert_eq!(again(&realtime), Err(RealtimeError::Unknown));
    assert_eq!(read(&mut events), Heard::Nothing);
    let counts = realtime.counts();
    assert_eq!((counts.logins, counts.delivered), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_says_can_not_pose_as_events() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    ask(&realtime, &id, ALICE, true).unwrap();
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
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    let unknown = Err(RealtimeError::Unknown);
    assert_eq!(ask(&realtime, &id, BOB, true), unknown);
    assert_eq!(ask(&realtime, "nobody", ALICE, true), unknown);
    assert_eq!(ask(&realtime, "", ALICE, true), unknown);
    // Nobody waits yet.
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "early")), unknown);
    ask(&realtime, &id, ALICE, true).unwrap();
    assert_eq!(realtime.deliver(BOB, &outcome(&id, "bob's")), unknown);
    assert_eq!(realtime.deliver(ALICE, &outcome("nobody", "x")), unknown);
    assert_eq!(read(&mut events), Heard::Nothing);
    // Nor any more.
    ask(&realtime, &id, ALICE, false).unwrap();
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "late")), unknown);
    // None of that ended the login. One client has one address, however it is spelled.
    let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
    ask(&realtime, &id, mapped, true).unwrap();
    realtime.deliver(ALICE, &outcome(&id, "hers")).unwrap();
    assert!(next(&mut events).contains("hers"));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_not_finished_is_forgotten_at_its_deadline() {
    let realtime = bounded(1, 1);
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    let before = UNSUBSCRIBED.saturating_sub(A_MOMENT);
    pass(&realtime, before).await;
    // From here on, and not from when it was opened.
    ask(&realtime, &id, ALICE, true).unwrap();
    pass(&realtime, LOGIN_FOR.saturating_sub(A_MOMENT)).await;
    // Nor from when it is asked for again.
    ask(&realtime, &id, ALICE, false).unwrap();
    ask(&realtime, &id, ALICE, true).unwrap();
    assert_eq!(realtime.counts().logins, 1);
    advance(A_MOMENT).await;
    // Whether it was looked at or not.
    let unknown = Err(RealtimeError::Unknown);
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "late")), unknown);
    realtime.sweep(Instant::now());
    assert_eq!(realtime.deliver(ALICE, &outcome(&id, "late")), unknown);
    let counts = realtime.counts();
    assert_eq!((counts.logins, counts.expired), (0, 1));
    assert_eq!(ask(&realtime, &id, ALICE, true), unknown);
    next(&mut events);
    ends(&mut events, Closing::LoginOver);
    // Its place is free when its connection is gone.
    assert_eq!(realtime.connect(ALICE).unwrap_err(), RealtimeError::TooMany);
    drop(events);
    assert!(realtime.connect(ALICE).is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_was_told_may_stay_until_the_deadline() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    ask(&realtime, &id, ALICE, true).unwrap();
    realtime.deliver(ALICE, &outcome(&id, "c0de")).unwrap();
    pass(&realtime, LOGIN_FOR.saturating_sub(A_MOMENT)).await;
    assert_eq!(closed(&realtime, Closing::LoginOver), 0);
    pass(&realtime, A_MOMENT).await;
    // It is over, but what was told before is not lost on a slow reader.
    next(&mut events);
    assert!(next(&mut events).contains("c0de"));
    ends(&mut events, Closing::LoginOver);
    let counts = realtime.counts();
    assert_eq!((counts.delivered, counts.expired), (1, 0));
    assert_eq!(closed(&realtime, Closing::LoginOver), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_given_up_leaves_as_long_as_if_nothing_was_asked() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    ask(&realtime, &id, ALICE, true).unwrap();
    pass(&realtime, 2 * UNSUBSCRIBED).await;
    ask(&realtime, &id, ALICE, false).unwrap();
    pass(&realtime, UNSUBSCRIBED.saturating_sub(A_MOMENT)).await;
    assert_eq!(realtime.check(&id, ALICE, &Identity::Guest), Ok(()));
    pass(&realtime, A_MOMENT).await;
    ends(&mut events, Closing::Unsubscribed);
}

#[tokio::test(start_paused = true)]
async fn a_login_beside_records_ends_without_the_stream() {
    let realtime = realtime();
    let events = realtime.connect(ALICE).unwrap();
    listen(&realtime, &events, guest(true), &Arc::default()).unwrap();
    pass(&realtime, LOGIN_FOR).await;
    let counts = realtime.counts();
    assert_eq!((counts.logins, counts.expired), (0, 1));
    let late = realtime.deliver(ALICE, &outcome(events.id(), "late"));
    assert_eq!(late, Err(RealtimeError::Unknown));
    pass(&realtime, LOGIN_FOR).await;
    assert_eq!(realtime.counts().expired, 1);
    listen(&realtime, &events, guest(false), &Arc::default()).unwrap();
    // It ends when nothing of it is left.
    ask(&realtime, events.id(), ALICE, false).unwrap();
    pass(&realtime, UNSUBSCRIBED).await;
    assert_eq!(closed(&realtime, Closing::Unsubscribed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_has_a_bound_and_beyond_it_the_login_goes_on() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    let id = events.id().to_owned();
    next(&mut events);
    ask(&realtime, &id, ALICE, true).unwrap();
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
