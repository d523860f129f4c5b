//! Who is told what.

use hapta_tests::demo::{ALICE, BOB, POST_OF_ALICE, record, records};
use hapta_tests::live::{BRIEFS, Heard, Listener, NOTES, PLAIN, QUIET, Watching, topic};
use serde_json::{Value, json};

use super::{ALL, keep, move_to, publish, retitle, text};

scenes! { everywhere:
    a_record_is_followed_from_its_beginning_to_its_end,
    who_may_list_is_told_of_all_and_who_may_view_of_one,
    a_role_decides,
    the_owner_alone_is_told_of_the_end_of_what_is_private,
    fields_are_picked,
    a_filter_picks_events,
    a_filter_picks_of_one_record,
    relations_are_expanded,
    what_is_hidden_stays_hidden,
    a_set_replaces_another,
    a_collection_s_name_alone_is_all_of_it,
    a_topic_counts_once_and_each_spelling_for_itself,
    every_tab_is_told,
    each_write_of_a_batch_is_told,
    records_without_dates_are_told_of,
    what_is_written_after_the_answer_is_told,
}

async fn a_record_is_followed_from_its_beginning_to_its_end(at: &Watching) {
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let id = publish(at, "one").await;
    let told = guest.event().await;
    assert_eq!(
        (told.topic.as_str(), told.action(), told.id()),
        (ALL, "create", id.as_str())
    );
    let view = at.guest().get(&record(NOTES, &id)).await.expect(200);
    assert_eq!(told.data["record"], view);
    retitle(at, &id, "two").await;
    let told = guest.event().await;
    assert_eq!(
        (told.action(), told.field("title")),
        ("update", &text("two"))
    );
    let mut one = Listener::to(&at.guest(), &[&format!("notes/{id}")]).await;
    retitle(at, &id, "three").await;
    for listener in [&mut guest, &mut one] {
        let told = listener.event().await;
        assert_eq!(
            (told.action(), told.field("title")),
            ("update", &text("three"))
        );
    }
    at.delete(NOTES, &id).await;
    at.deleted(&guest.event().await, NOTES, &id);
    at.deleted(&one.event().await, NOTES, &id);
    guest.nothing_within(QUIET).await;
}

async fn who_may_list_is_told_of_all_and_who_may_view_of_one(at: &Watching) {
    let id = keep(at, ALICE, "mine").await;
    let topics = [ALL.to_owned(), format!("notes/{id}")];
    let topics = topics.each_ref().map(String::as_str);
    let mut guest = Listener::to(&at.guest(), &topics).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &topics).await;
    let mut bob = Listener::to(&at.log_in("bob").await, &topics).await;
    retitle(at, &id, "still mine").await;
    let mut told = [alice.event().await.topic, alice.event().await.topic];
    told.sort();
    assert_eq!(told, topics);
    guest.nothing_within(QUIET).await;
    bob.nothing_within(QUIET).await;
    move_to(at, &id, "unlisted").await;
    for listener in [&mut guest, &mut bob] {
        let told = listener.event().await;
        assert_eq!(
            (told.topic.as_str(), told.field("status")),
            (topics[1], &text("unlisted"))
        );
        listener.nothing_within(QUIET).await;
    }
    move_to(at, &id, "public").await;
    for listener in [&mut guest, &mut bob] {
        let mut told = [listener.event().await.topic, listener.event().await.topic];
        told.sort();
        assert_eq!(told, topics);
    }
}

async fn a_role_decides(at: &Watching) {
    let mut carol = Listener::to(&at.log_in("carol").await, &["briefs/*"]).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &["briefs/*"]).await;
    let mut guest = Listener::to(&at.guest(), &["briefs/*"]).await;
    at.create(BRIEFS, &json!({ "title": "for moderators" }))
        .await;
    assert_eq!(carol.event().await.field("title"), "for moderators");
    alice.nothing_within(QUIET).await;
    guest.nothing_within(QUIET).await;
}

async fn the_owner_alone_is_told_of_the_end_of_what_is_private(at: &Watching) {
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let mut alice = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let id = keep(at, ALICE, "mine").await;
    assert_eq!(alice.event().await.action(), "create");
    at.delete(NOTES, &id).await;
    at.deleted(&alice.event().await, NOTES, &id);
    guest.nothing_within(QUIET).await;
}

async fn fields_are_picked(at: &Watching) {
    let few = topic(ALL, &json!({ "fields": "id,title" }));
    let mut guest = Listener::to(&at.guest(), &[&few]).await;
    let id = publish(at, "picked").await;
    let told = guest.event().await;
    assert_eq!((&told.topic, told.action()), (&few, "create"));
    assert_eq!(told.data["record"], json!({ "id": id, "title": "picked" }));
    at.delete(NOTES, &id).await;
    let told = guest.event().await;
    assert_eq!((told.action(), told.id()), ("delete", id.as_str()));
    assert_eq!(told.field("secret"), &Value::Null);
}

async fn a_filter_picks_events(at: &Watching) {
    let about = topic(ALL, &json!({ "filter": "title ~ 'wanted'" }));
    let mut guest = Listener::to(&at.guest(), &[&about]).await;
    publish(at, "of no interest").await;
    let id = publish(at, "wanted").await;
    assert_eq!(guest.event().await.id(), id);
    retitle(at, &id, "wanted again").await;
    assert_eq!(guest.event().await.field("title"), "wanted again");
    at.delete(NOTES, &id).await;
    at.deleted(&guest.event().await, NOTES, &id);
    guest.nothing_within(QUIET).await;
}

async fn a_filter_picks_of_one_record(at: &Watching) {
    let id = publish(at, "other").await;
    let about = topic(
        &format!("notes/{id}"),
        &json!({ "filter": "title = 'wanted'" }),
    );
    let mut guest = Listener::to(&at.guest(), &[&about]).await;
    retitle(at, &id, "another").await;
    guest.nothing_within(QUIET).await;
    retitle(at, &id, "wanted").await;
    assert_eq!(guest.event().await.field("title"), "wanted");
}

async fn relations_are_expanded(at: &Watching) {
    let expanded = topic(ALL, &json!({ "expand": "owner" }));
    let mut guest = Listener::to(&at.guest(), &[&expanded]).await;
    let mut bob = Listener::to(&at.log_in("bob").await, &[&expanded]).await;
    let note = json!({ "title": "x", "status": "public", "owner": BOB });
    at.create(NOTES, &note).await;
    let told = guest.event().await.data["record"]["expand"]["owner"].clone();
    assert_eq!((&told["id"], &told["name"]), (&text(BOB), &text("bob")));
    // Who hides an address shows it to nobody else.
    assert_eq!(told.get("email"), None);
    let told = bob.event().await.data["record"]["expand"]["owner"].clone();
    assert_eq!(told["email"], "bob@example.com");
}

async fn what_is_hidden_stays_hidden(at: &Watching) {
    let topics = [ALL.to_owned(), topic(ALL, &json!({ "fields": "*,hidden" }))];
    let topics = topics.each_ref().map(String::as_str);
    let mut alice = Listener::to(&at.log_in("alice").await, &topics).await;
    let note = json!({ "title": "x", "status": "public", "owner": ALICE });
    let id = at.create(NOTES, &note).await;
    let superuser = at.pocketbase.superuser().await;
    let call = superuser.patch(&record(NOTES, &id));
    call.json(&json!({ "hidden": "never told" }))
        .await
        .expect(200);
    for heard in alice.all_within(QUIET * 2).await {
        assert_eq!(heard.data["record"].get("hidden"), None, "{heard:?}");
        assert_eq!(heard.id(), id);
    }
}

async fn a_set_replaces_another(at: &Watching) {
    let mut guest = Listener::to(&at.guest(), &[ALL, "plain/*"]).await;
    publish(at, "one").await;
    assert_eq!(guest.event().await.topic, ALL);
    guest.subscribe(&["plain/*"]).await;
    publish(at, "two").await;
    at.create(PLAIN, &json!({ "title": "three" })).await;
    assert_eq!(guest.event().await.topic, "plain/*");
    guest.nothing_within(QUIET).await;
    guest.subscribe(&[]).await;
    at.create(PLAIN, &json!({ "title": "four" })).await;
    guest.nothing_within(QUIET).await;
    guest.subscribe(&[ALL]).await;
    publish(at, "five").await;
    assert_eq!(guest.event().await.field("title"), "five");
}

async fn a_collection_s_name_alone_is_all_of_it(at: &Watching) {
    let mut bare = Listener::to(&at.guest(), &[NOTES]).await;
    let mut both = Listener::to(&at.guest(), &[NOTES, ALL]).await;
    let id = publish(at, "one").await;
    let told = bare.event().await;
    assert_eq!((told.topic.as_str(), told.id()), (NOTES, id.as_str()));
    let mut told = [both.event().await.topic, both.event().await.topic];
    told.sort();
    assert_eq!(told, [NOTES, ALL]);
    at.delete(NOTES, &id).await;
    let told = bare.event().await;
    assert_eq!(told.topic, NOTES);
    at.deleted(&told, NOTES, &id);
    bare.nothing_within(QUIET).await;
}

async fn a_topic_counts_once_and_each_spelling_for_itself(at: &Watching) {
    let notes = at
        .guest()
        .get(&record(NOTES, &publish(at, "x").await))
        .await
        .expect(200);
    let by_id = format!("{}/*", notes["collectionId"].as_str().expect("an id"));
    let mut guest = Listener::to(&at.guest(), &[ALL, &by_id, ALL]).await;
    publish(at, "y").await;
    let mut told = guest.all_within(QUIET).await;
    told.sort_by(|one, other| one.topic.cmp(&other.topic));
    let topics: Vec<_> = told.iter().map(|heard| heard.topic.as_str()).collect();
    assert_eq!(topics, [ALL, &by_id]);
    assert_eq!(told[0].data, told[1].data);
}

async fn every_tab_is_told(at: &Watching) {
    let alice = at.log_in("alice").await;
    let mut tabs = Vec::new();
    for _ in 0..5 {
        tabs.push(Listener::to(&alice, &[ALL]).await);
    }
    for _ in 0..5 {
        tabs.push(Listener::to(&at.guest(), &[ALL]).await);
    }
    let id = publish(at, "x").await;
    for tab in &mut tabs {
        assert_eq!(tab.event().await.id(), id);
    }
    drop(tabs.remove(0));
    drop(tabs.pop());
    retitle(at, &id, "y").await;
    for tab in &mut tabs {
        assert_eq!(tab.event().await.field("title"), "y");
        tab.nothing_within(QUIET / 10).await;
    }
}

async fn each_write_of_a_batch_is_told(at: &Watching) {
    hapta_tests::albums::take_batches(&at.pocketbase, 10).await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let part = |title: &str| {
        let note = json!({ "title": title, "status": "public" });
        json!({ "method": "POST", "url": records(NOTES), "body": note })
    };
    let parts = json!({ "requests": [part("one"), part("two"), part("three")] });
    at.guest().post("/api/batch").json(&parts).await.expect(200);
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(guest.event().await.field("title").clone());
    }
    told.sort_by_key(ToString::to_string);
    assert_eq!(json!(told), json!(["one", "three", "two"]));
    // All of them or none.
    let bad = json!({ "method": "DELETE", "url": record(NOTES, "missing00000000") });
    let parts = json!({ "requests": [part("four"), bad] });
    at.guest()
        .post("/api/batch")
        .json(&parts)
        .await
        .refused(400);
    guest.nothing_within(QUIET).await;
}

async fn records_without_dates_are_told_of(at: &Watching) {
    let mut guest = Listener::to(&at.guest(), &["plain/*"]).await;
    let id = at.create(PLAIN, &json!({ "title": "0" })).await;
    assert_eq!(guest.event().await.action(), "create");
    for round in 1..5 {
        let title = (round % 2).to_string();
        at.update(PLAIN, &id, &json!({ "title": title })).await;
        assert_eq!(guest.event().await.field("title"), title.as_str());
    }
    at.delete(PLAIN, &id).await;
    at.deleted(&guest.event().await, PLAIN, &id);
    let mut posts = Listener::to(&at.guest(), &[&format!("posts/{POST_OF_ALICE}")]).await;
    let alice = at.log_in("alice").await;
    let call = alice.patch(&record("posts", POST_OF_ALICE));
    call.json(&json!({ "views": 4 })).await.expect(200);
    assert_eq!(posts.event().await.field("views"), 4);
}

async fn what_is_written_after_the_answer_is_told(at: &Watching) {
    let guest = at.guest();
    let mut listener = Listener::open(&guest).await;
    for round in 0..50 {
        // A topic that nobody asked for before, on a stream that is there or new.
        if round % 5 == 0 {
            listener = Listener::open(&guest).await;
        }
        let id = publish(at, "before").await;
        let topic = match round % 2 {
            0 => format!("notes/{id}"),
            _ => topic(
                ALL,
                &json!({ "filter": format!("title = 'after {round}'") }),
            ),
        };
        listener.subscribe(&[&topic]).await;
        let title = format!("after {round}");
        retitle(at, &id, &title).await;
        // What was written just before may still be told, of what was asked for before too.
        let is_meant = |heard: &Heard| heard.topic == topic && *heard.field("title") == *title;
        let told = listener.until(is_meant).await;
        let told = told.last().expect("it was meant");
        assert_eq!(
            (told.topic.as_str(), told.id()),
            (topic.as_str(), id.as_str())
        );
    }
}
