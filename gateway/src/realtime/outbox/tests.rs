//! Where the bounds are, and what is left behind them.

use super::*;
use crate::realtime::tests::settings;

fn outbox(queue: usize, queue_bytes: usize) -> (Outbox, Arc<Tally>) {
    let tally = Arc::new(Tally::default());
    let settings = Settings {
        queue,
        queue_bytes,
        ..settings()
    };
    let outbox = Outbox::new("id".into(), &settings, Arc::clone(&tally));
    (outbox, tally)
}

/// All that there is to read, and whether that is the end.
fn read(outbox: &Outbox) -> (Vec<String>, bool) {
    let mut read = Vec::new();
    loop {
        match outbox.take() {
            Taken::Event(event) => read.push(String::from_utf8(event.to_vec()).unwrap()),
            Taken::Nothing => return (read, false),
            Taken::End => return (read, true),
        }
    }
}

fn counts(tally: &Tally) -> (usize, u64) {
    let waiting = tally.waiting.load(Relaxed);
    (waiting, tally.dropped.load(Relaxed))
}

const EVENT: Bytes = Bytes::from_static(b"12345678");

#[test]
fn events_are_read_in_order_and_leave_nothing() {
    let (outbox, tally) = outbox(9, 99);
    for text in ["a", "b", "c"] {
        outbox.push(Bytes::from_static(text.as_bytes()));
    }
    assert_eq!(counts(&tally), (3, 0));
    let (told, is_over) = read(&outbox);
    assert_eq!((told.join(""), is_over), ("abc".to_owned(), false));
    assert_eq!(counts(&tally), (0, 0));
    assert_eq!(outbox.lock().events.capacity(), 0);
    assert_eq!(outbox.lock().bytes, 0);
}

#[test]
fn one_event_too_many_ends_it() {
    let (outbox, tally) = outbox(3, 99);
    for _ in 0..3 {
        outbox.push(EVENT);
    }
    assert!(!outbox.is_closed());
    outbox.push(EVENT);
    assert!(outbox.is_closed());
    // What waited is free at once, read or not.
    assert_eq!(outbox.lock().events.capacity(), 0);
    assert_eq!(counts(&tally), (0, 4));
    assert_eq!(tally.take_ended(), ["id".into()]);
    outbox.push(EVENT);
    outbox.close(Closing::Shutdown);
    assert_eq!(read(&outbox), (vec![Closing::SlowReader.event()], true));
    assert_eq!(counts(&tally), (0, 4));
    assert!(tally.take_ended().is_empty());
}

#[test]
fn one_byte_too_many_ends_it_but_for_a_single_event() {
    let (outbox, _) = outbox(9, 16);
    outbox.push(EVENT);
    outbox.push(EVENT);
    assert!(!outbox.is_closed());
    assert_eq!(read(&outbox).0.len(), 2);
    let large = Bytes::from(vec![b'x'; 17]);
    outbox.push(large.clone());
    assert_eq!(read(&outbox).0.len(), 1);
    outbox.push(Bytes::from_static(b"x"));
    outbox.push(large.slice(..16));
    assert_eq!(read(&outbox), (vec![Closing::SlowReader.event()], true));
}

#[test]
fn who_waited_longer_than_allowed_is_told_nothing_more_but_why() {
    for why in Closing::ALL {
        let (outbox, tally) = outbox(9, 99);
        outbox.push(EVENT);
        outbox.close(why);
        outbox.push(EVENT);
        let (told, is_over) = read(&outbox);
        assert!(is_over);
        assert_eq!(told.len(), 1 + usize::from(why.keeps_what_waits()));
        assert_eq!(told.last(), Some(&why.event()));
        assert_eq!(counts(&tally).0, 0);
    }
}

#[test]
fn what_nobody_reads_is_free_when_its_reader_is_gone() {
    let (outbox, tally) = outbox(9, 99);
    outbox.push(EVENT);
    outbox.abandon();
    outbox.push(EVENT);
    outbox.close(Closing::Closed);
    assert_eq!(outbox.lock().events.capacity(), 0);
    assert_eq!(counts(&tally), (0, 0));
    assert!(tally.take_ended().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_woken_by_events_and_by_the_end() {
    let (outbox, _) = outbox(9, 99);
    let outbox = Arc::new(outbox);
    let reader = Arc::clone(&outbox);
    let reading = tokio::spawn(async move {
        let mut told = 0;
        loop {
            match reader.take() {
                Taken::Event(_) => told += 1,
                Taken::Nothing => reader.told().await,
                Taken::End => return told,
            }
        }
    });
    for _ in 0..3 {
        outbox.push(EVENT);
        tokio::task::yield_now().await;
    }
    outbox.close(Closing::Shutdown);
    assert_eq!(reading.await.unwrap(), 4);
}
