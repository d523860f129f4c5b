//! What a stream tells by itself: how it begins, and that it is alive.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::sleep;

use super::*;
use crate::realtime::ID_BYTES;
use crate::realtime::tests::*;

#[tokio::test(start_paused = true)]
async fn a_stream_begins_with_an_id_of_its_own_and_a_time_to_come_back() {
    let realtime = bounded(1_000, 1_000);
    let mut seen = BTreeSet::new();
    let mut times = BTreeSet::new();
    for _ in 0..100 {
        let mut events = realtime.connect(ALICE).unwrap();
        let id = events.id().to_owned();
        assert_eq!(URL_SAFE_NO_PAD.decode(&id).unwrap().len(), ID_BYTES);
        let told = next(&mut events);
        let (retry, told) = told.split_once('\n').unwrap();
        let greeting = format!("id:{id}\nevent:PB_CONNECT\ndata:{{\"clientId\":\"{id}\"}}\n\n");
        assert_eq!(told, greeting);
        let retry: u64 = retry.strip_prefix("retry:").unwrap().parse().unwrap();
        assert!((1_000..=5_000).contains(&retry), "{retry}");
        times.insert(retry);
        assert_eq!(read(&mut events), Heard::Nothing);
        assert!(seen.insert(id));
    }
    assert!(times.len() > 50, "they come back all at once");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_tells_nothing_says_that_it_is_alive() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
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
async fn events_wake_their_reader() {
    let realtime = realtime();
    let mut events = realtime.connect(ALICE).unwrap();
    next(&mut events);
    let outbox = listen(&realtime, &events, guest(false), &Arc::default()).unwrap();
    let waiting = tokio::spawn(async move { events.next().await });
    tokio::task::yield_now().await;
    let before = Instant::now();
    outbox.push(Bytes::from_static(b"event:posts/*\ndata:{}\n\n"));
    assert!(waiting.await.unwrap().unwrap().starts_with(b"event:posts"));
    assert_eq!(before.elapsed(), Duration::ZERO);
}
