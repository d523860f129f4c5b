//! What equal subscribers are told.

use tokio::time::{advance, sleep};

use super::*;
use crate::realtime::tests::{listener, most, outbox, record, settings, told, want};
use crate::realtime::{HubCounts, Listener, Mode, Realtime};

/// `notes/*` with nothing but these fields, as the SDKs spell it.
fn with_fields(fields: &str) -> String {
    format!("notes/*?options=%7B%22query%22%3A%7B%22fields%22%3A%22{fields}%22%7D%7D")
}

fn realtime() -> Realtime {
    Realtime::new(settings(), Mode::Classes, most(9))
}

fn guest() -> Listener {
    listener(Identity::Guest)
}

#[track_caller]
fn join(realtime: &Realtime, spelling: &str, outbox: &Arc<Outbox>) -> Membership {
    realtime.join(&guest(), want(spelling), outbox).unwrap()
}

fn created() -> Value {
    json!({ "action": "create", "record": { "id": "a", "title": "x" } })
}

#[tokio::test]
async fn equal_subscribers_are_one_class_and_share_their_bytes() {
    let realtime = realtime();
    let (one, two, other) = (outbox(), outbox(), outbox());
    let members = [
        join(&realtime, "notes/*", &one),
        join(&realtime, "notes/*", &two),
    ];
    let of_alice = listener(record("alice"));
    let hers = realtime.join(&of_alice, want("notes/*"), &other).unwrap();
    assert!(Arc::ptr_eq(members[0].class(), members[1].class()));
    assert!(!Arc::ptr_eq(members[0].class(), hers.class()));
    members[0].class().deliver(&created(), 1).await;
    let bytes = [&one, &two].map(|outbox| match outbox.take() {
        super::super::outbox::Taken::Event(event) => event,
        _ => panic!("no event"),
    });
    assert_eq!(bytes[0].as_ptr(), bytes[1].as_ptr(), "written once");
    let data = "{\"action\":\"create\",\"record\":{\"id\":\"a\",\"title\":\"x\"}}";
    assert_eq!(bytes[0], format!("event:notes/*\ndata:{data}\n\n"));
    assert!(told(&other).is_empty());
}

#[tokio::test]
async fn each_spelling_is_told_by_its_own_name_and_with_its_own_fields() {
    let realtime = realtime();
    let spellings = ["notes/*", "NOTES/*", "notes", &with_fields("title")];
    let outboxes = spellings.map(|_| outbox());
    let members: Vec<_> = spellings
        .iter()
        .zip(&outboxes)
        .map(|(spelling, outbox)| join(&realtime, spelling, outbox))
        .collect();
    let class = members[0].class();
    assert!(members.iter().all(|one| Arc::ptr_eq(one.class(), class)));
    assert_eq!(realtime.hub_counts().classes, 1);
    class.deliver(&created(), 1).await;
    for (spelling, outbox) in spellings.iter().zip(&outboxes) {
        let told = told(outbox);
        let [event] = &*told else {
            panic!("{told:?}");
        };
        let (name, data) = event.split_once('\n').unwrap();
        assert_eq!(name, format!("event:{spelling}"));
        assert_eq!(data.contains("\"id\""), !spelling.contains("title"));
        assert!(data.contains("\"title\":\"x\""), "{data}");
        assert!(data.contains("\"action\":\"create\""), "{data}");
    }
}

#[tokio::test]
async fn an_end_names_its_record_whatever_the_fields() {
    let realtime = realtime();
    let outbox = outbox();
    let member = join(&realtime, &with_fields("title"), &outbox);
    let name = json!({ "id": "a", "collectionId": "notes", "collectionName": "notes" });
    let event = json!({ "action": "delete", "record": name });
    member.class().deliver(&event, 1).await;
    let told = told(&outbox);
    let (_, data) = told[0].split_once("\ndata:").unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), event);
}

#[tokio::test]
async fn who_is_there_twice_is_told_once_until_both_places_are_given_up() {
    let realtime = realtime();
    let outbox = outbox();
    let (before, after) = (
        join(&realtime, "notes/*", &outbox),
        join(&realtime, "notes/*", &outbox),
    );
    let class = Arc::clone(after.class());
    class.deliver(&created(), 1).await;
    assert_eq!(told(&outbox).len(), 1);
    drop(before);
    class.deliver(&created(), 1).await;
    assert_eq!(told(&outbox).len(), 1);
    assert!(!class.is_empty());
    drop(after);
    class.deliver(&created(), 1).await;
    assert!(told(&outbox).is_empty() && class.is_empty());
    assert_eq!(realtime.hub_counts(), HubCounts::default());
}

#[tokio::test(start_paused = true)]
async fn whom_other_rules_permitted_is_told_that_there_was_something_and_no_more() {
    let realtime = realtime();
    let (old, new) = (outbox(), outbox());
    let second = Listener {
        generation: 2,
        ..guest()
    };
    let _old = join(&realtime, "notes/*", &old);
    let member = realtime.join(&second, want("notes/*"), &new).unwrap();
    let class = member.class();
    let names = |outbox: &Outbox| {
        let told = told(outbox).into_iter();
        let names = told.map(|event| event.lines().next().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>()
    };
    let (resync, event) = ("event:resync", "event:notes/*");
    class.deliver(&created(), 1).await;
    assert_eq!(
        (names(&old), names(&new)),
        (vec![resync.into(), event.into()], vec![resync.into()])
    );
    sleep(RESYNC_EVERY).await;
    class.deliver(&created(), 2).await;
    assert_eq!(
        (names(&old), names(&new)),
        (vec![resync.into()], vec![resync.into(), event.into()])
    );
    sleep(RESYNC_EVERY).await;
    class.deliver(&created(), 3).await;
    assert_eq!(
        (names(&old), names(&new)),
        (vec![resync.into()], vec![resync.into()])
    );
    // Whoever asks again is permitted by what is in force then.
    let _again = realtime.join(&second, want("notes/*"), &old).unwrap();
    class.deliver(&created(), 2).await;
    assert_eq!(
        (names(&old), names(&new)),
        (vec![event.to_owned()], vec![event.to_owned()])
    );
    // That something may have been missed concerns everybody.
    sleep(RESYNC_EVERY).await;
    class.resync();
    assert_eq!((told(&old).len(), told(&new).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_may_be_missed_is_told_once_a_second_and_always_once_more() {
    let realtime = realtime();
    let outbox = outbox();
    let member = join(&realtime, "NOTES/*", &outbox);
    let class = member.class();
    class.resync();
    let event = "event:resync\ndata:{\"topics\":[\"NOTES/*\"]}\n\n";
    assert_eq!(told(&outbox), [event]);
    for _ in 0..9 {
        sleep(Duration::from_millis(100)).await;
        class.resync();
        assert!(told(&outbox).is_empty());
    }
    sleep(Duration::from_millis(101)).await;
    assert_eq!(told(&outbox), [event], "what came last");
    sleep(RESYNC_EVERY * 3).await;
    assert!(told(&outbox).is_empty(), "once");
    class.resync();
    assert_eq!(told(&outbox), [event], "after a quiet time at once");
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_missed_does_not_wait_for_what_is_not() {
    let realtime = realtime();
    let outbox = outbox();
    let member = join(&realtime, "notes/*", &outbox);
    let class = member.class();
    class.resync_unsure();
    assert_eq!(told(&outbox).len(), 1);
    class.resync_unsure();
    sleep(Duration::from_millis(100)).await;
    assert!(told(&outbox).is_empty());
    class.resync();
    sleep(RESYNC_EVERY).await;
    assert_eq!(told(&outbox).len(), 1);
    // By that all of it is told.
    sleep(RESYNC_UNSURE_EVERY * 2).await;
    assert!(told(&outbox).is_empty());
    class.resync_unsure();
    class.resync_unsure();
    assert_eq!(told(&outbox).len(), 1);
    sleep(RESYNC_EVERY * 2).await;
    assert!(told(&outbox).is_empty());
    sleep(RESYNC_UNSURE_EVERY).await;
    assert_eq!(told(&outbox).len(), 1, "what came last, if late");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_who_went_meanwhile() {
    let realtime = realtime();
    let outbox = outbox();
    let member = join(&realtime, "notes/*", &outbox);
    member.class().resync();
    member.class().resync();
    drop(member);
    told(&outbox);
    advance(RESYNC_EVERY * 2).await;
    assert!(told(&outbox).is_empty());
    assert_eq!(realtime.hub_counts(), HubCounts::default());
}

#[tokio::test]
async fn whoever_waits_hears_when_it_is_live() {
    let realtime = realtime();
    let member = join(&realtime, "notes/*", &outbox());
    let class = Arc::clone(member.class());
    let waiting = tokio::spawn({
        let class = Arc::clone(&class);
        async move { class.live().await }
    });
    tokio::task::yield_now().await;
    assert!(!class.is_live() && !waiting.is_finished());
    class.set_live();
    waiting.await.unwrap();
    class.live().await;
}
