//! Two users with opposite rights watch the same, while many write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hapta_tests::demo::{ALICE, BOB, record, records};
use hapta_tests::live::{Heard, Listener, NOTES, Place, Watching};
use hapta_tests::{Client, PocketBase};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::ALL;

scenes! { everywhere:
    a_record_of_the_same_id_begins_anew,
    what_is_written_quickly_ends_with_the_last,
    many_lines_of_one_user_are_told_the_same,
}

/// How many write at once.
const WRITERS: u64 = 4;

/// How many records they write to, which is few: each is soon written to again.
const RECORDS: usize = 12;

/// After how long without an event there are no more.
const SILENCE: Duration = Duration::from_secs(1);

/// As many writes as `HAPTA_WRITES` says; what is told must hold for any number.
fn writes() -> u64 {
    std::env::var("HAPTA_WRITES").map_or(400, |said| said.parse().expect("a number"))
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Who writes to which records.
#[derive(Clone, Copy, PartialEq)]
enum Writing {
    /// Each writer to its own. PocketBase judges an event by what the record is when it tells, which is what it
    /// became by that write then.
    Apart,
    /// All to some of them: two who are told the same by PocketBase may be told of different writes.
    Together,
}

/// Has notes change hands between alice and bob, and come and go.
async fn write_at_random(pocketbase: &PocketBase, how: Writing) {
    let client = pocketbase.client();
    let mut notes = Vec::new();
    for _ in 0..RECORDS {
        notes.push(create(&client, ALICE, 0).await);
    }
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        // Each has some of its own, which it deletes too, and some that all write to.
        let own = notes.split_off(notes.len() - 2);
        let shared = match how {
            Writing::Apart => Vec::new(),
            Writing::Together => notes[..RECORDS - 2 * 4].to_vec(),
        };
        writing.spawn(write(client.clone(), writer, own, shared));
    }
    writing.join_all().await;
}

async fn write(client: Client, writer: u64, mut own: Vec<String>, shared: Vec<String>) {
    let mut dice = Dice(writer + 1);
    for number in 0..writes() / WRITERS {
        let number = number * WRITERS + writer;
        let owner = [ALICE, BOB][usize::from(dice.below(2) == 1)];
        let which = usize::try_from(dice.below(2)).expect("small");
        match dice.below(10) {
            0 => {
                let gone = std::mem::replace(&mut own[which], create(&client, owner, number).await);
                client.delete(&record(NOTES, &gone)).await.expect(204);
            }
            1..4 => update(&client, &own[which], owner, number).await,
            _ if shared.is_empty() => update(&client, &own[which], owner, number).await,
            _ => {
                let which = usize::try_from(dice.below(shared.len() as u64)).expect("small");
                update(&client, &shared[which], owner, number).await;
            }
        }
    }
}

async fn create(client: &Client, owner: &str, number: u64) -> String {
    let note = json!({ "status": "private", "owner": owner, "number": number });
    let made = client.post(&records(NOTES)).json(&note).await.expect(200);
    made["id"].as_str().expect("an id").to_owned()
}

async fn update(client: &Client, id: &str, owner: &str, number: u64) {
    let note = json!({ "owner": owner, "number": number });
    client
        .patch(&record(NOTES, id))
        .json(&note)
        .await
        .expect(200);
}

/// What was told of each record, in the order in which it was.
fn by_record(heard: Vec<Heard>) -> BTreeMap<String, Vec<Heard>> {
    let mut records: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for heard in heard {
        assert_eq!(heard.topic, ALL, "{heard:?}");
        records
            .entry(heard.id().to_owned())
            .or_default()
            .push(heard);
    }
    records
}

/// When the record became so. Of what is deleted only its id is told: nothing is newer.
fn stamp(heard: &Heard) -> (bool, String) {
    match heard.action() {
        "delete" => (true, String::new()),
        _ => (false, heard.field("updated").to_string()),
    }
}

/// What this tells of the record, whatever was done to it.
fn state(heard: &Heard) -> String {
    match heard.action() {
        "delete" => "delete".to_owned(),
        _ => heard.data["record"].to_string(),
    }
}

/// What this tells, comparably.
fn content(heard: &Heard) -> String {
    match heard.action() {
        "delete" => "delete".to_owned(),
        _ => heard.data.to_string(),
    }
}

#[tokio::test]
async fn in_classes_each_sees_what_a_subscription_at_pocketbase_shows() {
    let at = Watching::at(Place::Classes).await;
    let (mut pairs, over) = (Vec::new(), Arc::<AtomicBool>::default());
    for name in ["alice", "bob"] {
        let direct = at.pocketbase.client().log_in(name).await;
        let through = at.guest().with_token(direct.token());
        let pair = (
            Listener::to(&direct, &[ALL]).await,
            Listener::to(&through, &[ALL]).await,
        );
        let over = over.clone();
        pairs.push(tokio::spawn(async move {
            let (mut direct, mut through) = pair;
            tokio::join!(
                until_silence(&mut direct, &over),
                until_silence(&mut through, &over)
            )
        }));
    }
    write_at_random(&at.pocketbase, Writing::Apart).await;
    over.store(true, Ordering::Relaxed);
    for pair in pairs {
        let (direct, through) = pair.await.expect("it listens");
        assert!(!direct.is_empty());
        is_as_direct(by_record(direct), &by_record(through));
    }
}

/// Reads until nothing more comes, once all is written.
async fn until_silence(listener: &mut Listener, is_over: &AtomicBool) -> Vec<Heard> {
    let mut heard = Vec::new();
    loop {
        let was_over = is_over.load(Ordering::Relaxed);
        let more = listener.all_within(SILENCE).await;
        if was_over && more.is_empty() {
            return heard;
        }
        heard.extend(more);
    }
}

fn is_as_direct(direct: BTreeMap<String, Vec<Heard>>, through: &BTreeMap<String, Vec<Heard>>) {
    for id in through.keys() {
        assert!(
            direct.contains_key(id),
            "{id} was told by the gateway alone"
        );
    }
    for (id, direct) in direct {
        let told = through
            .get(&id)
            .unwrap_or_else(|| panic!("nothing was told of {id}"));
        // That it is new may come late, and is told with what is true then.
        let shown: BTreeSet<_> = direct.iter().map(state).collect();
        for heard in told {
            assert!(
                shown.contains(&state(heard)),
                "PocketBase doesn't show {heard:?}"
            );
        }
        let stamps: Vec<_> = told.iter().map(stamp).collect();
        assert!(stamps.is_sorted(), "out of order: {told:?}");
        let distinct: BTreeSet<_> = told.iter().map(content).collect();
        assert_eq!(distinct.len(), told.len(), "told twice: {told:?}");
        // What isn't told was overtaken; so the newest is.
        for missing in direct
            .iter()
            .filter(|heard| !distinct.contains(&content(heard)))
        {
            let overtaken = stamps.iter().any(|told| *told >= stamp(missing));
            assert!(overtaken, "{missing:?} is missing from {told:?}");
        }
        let newest = direct.iter().map(stamp).max();
        assert_eq!(stamps.last(), newest.as_ref(), "{id}: {told:?}");
    }
}

#[tokio::test]
async fn in_classes_each_ends_with_what_a_list_shows() {
    let at = Watching::at(Place::Classes).await;
    for (client, heard) in followed(&at).await {
        let mut told = by_record(heard);
        for (id, shown) in shown_to(&client).await {
            let last = told.remove(&id).and_then(|mut told| told.pop());
            let last = last.unwrap_or_else(|| panic!("nothing was told of {shown}"));
            assert_eq!(last.data["record"], shown);
        }
    }
}

#[tokio::test]
async fn in_a_feed_each_ends_with_what_a_list_shows() {
    let at = Watching::at(Place::Feed).await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    for (client, heard) in followed(&at).await {
        assert_eq!(had_after(&heard), shown_to(&client).await);
    }
    guest.nothing_within(SILENCE).await;
}

/// alice and bob, and what each was told of random writes.
async fn followed(at: &Watching) -> Vec<(Client, Vec<Heard>)> {
    let (mut listening, over) = (Vec::new(), Arc::<AtomicBool>::default());
    for name in ["alice", "bob"] {
        let client = at.log_in(name).await;
        let mut listener = Listener::to(&client, &[ALL]).await;
        let over = over.clone();
        let heard = tokio::spawn(async move { until_silence(&mut listener, &over).await });
        listening.push((client, heard));
    }
    write_at_random(&at.pocketbase, Writing::Together).await;
    over.store(true, Ordering::Relaxed);
    let mut followed = Vec::new();
    for (client, heard) in listening {
        followed.push((client, heard.await.expect("it listens")));
    }
    followed
}

/// The records that somebody has who follows what is told.
fn had_after(heard: &[Heard]) -> BTreeMap<String, Value> {
    let mut had = BTreeMap::new();
    for heard in heard {
        let record = heard.data["record"].clone();
        if heard.action() == "delete" {
            let before = had.remove(heard.id());
            assert!(
                before.is_some(),
                "whoever never had it is told of its end: {heard:?}"
            );
        } else {
            had.insert(heard.id().to_owned(), record);
        }
    }
    had
}

/// The records that a list shows.
async fn shown_to(client: &Client) -> BTreeMap<String, Value> {
    let target = format!("{}?perPage=500", records(NOTES));
    let list = client.get(&target).await.expect(200);
    let items = list["items"].as_array().cloned().expect("a list");
    let id = |item: &Value| item["id"].as_str().expect("an id").to_owned();
    items.into_iter().map(|item| (id(&item), item)).collect()
}

async fn a_record_of_the_same_id_begins_anew(at: &Watching) {
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    for round in 0..5 {
        let note = json!({ "id": "again0000000000", "status": "public", "number": round });
        let id = at.create(NOTES, &note).await;
        let told = guest.event().await;
        assert_eq!(
            (told.action(), told.field("number")),
            ("create", &json!(round))
        );
        at.delete(NOTES, &id).await;
        at.deleted(&guest.event().await, NOTES, &id);
    }
}

async fn what_is_written_quickly_ends_with_the_last(at: &Watching) {
    let mut guest = Listener::to(&at.guest(), &[ALL, "plain/*"]).await;
    for collection in [NOTES, "plain"] {
        let note = json!({ "title": "0", "status": "public" });
        let id = at.create(collection, &note).await;
        for round in 1..=50 {
            let title = json!({ "title": round.to_string() });
            at.update(collection, &id, &title).await;
        }
        let told = guest.until(|heard| *heard.field("title") == "50").await;
        assert!(told.iter().all(|heard| heard.id() == id));
        let late = guest.all_within(SILENCE).await;
        assert!(at.place == Place::PocketBase || late.is_empty(), "{late:?}");
    }
}

async fn many_lines_of_one_user_are_told_the_same(at: &Watching) {
    let (client, over) = (at.log_in("alice").await, Arc::<AtomicBool>::default());
    let mut listening = JoinSet::new();
    for _ in 0..3 {
        let (mut listener, over) = (Listener::to(&client, &[ALL]).await, over.clone());
        listening.spawn(async move { until_silence(&mut listener, &over).await });
    }
    write_at_random(&at.pocketbase, Writing::Apart).await;
    over.store(true, Ordering::Relaxed);
    let told = listening.join_all().await;
    let told = told.into_iter().map(|heard| {
        let contents = heard
            .iter()
            .map(|heard| (heard.id().to_owned(), content(heard)));
        contents.collect::<BTreeSet<_>>()
    });
    let told: Vec<_> = told.collect();
    assert!(told[0].len() > RECORDS && told.iter().all(|other| *other == told[0]));
}
