//! Writes to one record, one after another.

use hapta_tests::albums::{self, ALBUMS};
use hapta_tests::demo::{record, records};
use hapta_tests::{Client, Stage};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{FIRST, batch, update};

const WRITES: usize = 300;

async fn stage() -> Stage {
    let stage = albums::stage(albums::open).await;
    let album = json!({ "id": FIRST });
    stage
        .direct()
        .post(&records(ALBUMS))
        .json(&album)
        .await
        .expect(200);
    stage
}

async fn plays(client: &Client) -> Value {
    client.get(&record(ALBUMS, FIRST)).await.expect(200)["plays"].clone()
}

/// Adds one, so often, all at once.
async fn add_one(client: &Client, times: usize) {
    let mut writes = JoinSet::new();
    for _ in 0..times {
        let call = client
            .patch(&record(ALBUMS, FIRST))
            .json(&json!({ "plays+": 1 }));
        writes.spawn(async move { call.await.expect(200) });
    }
    while let Some(written) = writes.join_next().await {
        written.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_added_at_once_is_lost() {
    let stage = stage().await;
    add_one(&stage.guest(), WRITES).await;
    assert_eq!(plays(&stage.direct()).await, WRITES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_takes_its_turn_like_others() {
    let stage = stage().await;
    let guest = stage.guest();
    let mut batches = JoinSet::new();
    for _ in 0..20 {
        let part = update(ALBUMS, FIRST, &json!({ "plays+": 1 }));
        let call = batch(&guest, &[part.clone(), part]);
        batches.spawn(async move { call.await.expect(200) });
    }
    add_one(&guest, 60).await;
    while let Some(written) = batches.join_next().await {
        written.expect("no panic");
    }
    assert_eq!(plays(&stage.direct()).await, 100);
}

#[tokio::test]
async fn other_records_do_not_wait() {
    let stage = stage().await;
    let held = stage.proxy.hold(&record(ALBUMS, FIRST));
    let guest = stage.guest();
    let write = |id: &str| {
        guest
            .patch(&record(ALBUMS, id))
            .json(&json!({ "title": "x" }))
    };
    let first = tokio::spawn(write(FIRST).into_future());
    stage.proxy.arrived(&record(ALBUMS, FIRST)).await;
    let other = json!({ "id": "album0000000002" });
    guest.post(&records(ALBUMS)).json(&other).await.expect(200);
    write("album0000000002").await.expect(200);
    drop(held);
    first.await.expect("no panic").expect(200);
}

#[tokio::test]
async fn so_many_wait_for_a_record_and_no_more() {
    let stage = albums::stage(|gateway| albums::open(gateway).also("[writes]\nwaiting = 1")).await;
    let album = json!({ "id": FIRST });
    let made = stage.direct().post(&records(ALBUMS)).json(&album);
    made.await.expect(200);
    let held = stage.proxy.hold(&record(ALBUMS, FIRST));
    let write = || {
        let call = stage.guest().patch(&record(ALBUMS, FIRST));
        call.json(&json!({ "plays+": 1 }))
    };
    let first = tokio::spawn(write().into_future());
    stage.proxy.arrived(&record(ALBUMS, FIRST)).await;
    // Of these one has the place, whichever comes first; the other is refused at once.
    let mut second = tokio::spawn(write().into_future());
    let mut third = tokio::spawn(write().into_future());
    let (refused, waits) = tokio::select! {
        refused = &mut second => (refused, third),
        refused = &mut third => (refused, second),
    };
    assert_eq!(refused.expect("no panic").code(503), "record_busy");
    drop(held);
    for written in [first, waits] {
        written.await.expect("no panic").expect(200);
    }
    assert_eq!(plays(&stage.direct()).await, 2);
}

#[tokio::test]
async fn who_waits_for_a_record_does_not_wait_for_ever() {
    let stage =
        albums::stage(|gateway| albums::open(gateway).also("[writes]\nwait = \"200ms\"")).await;
    stage
        .direct()
        .post(&records(ALBUMS))
        .json(&json!({ "id": FIRST }))
        .await
        .expect(200);
    let held = stage.proxy.hold(&record(ALBUMS, FIRST));
    let write = || {
        stage
            .guest()
            .patch(&record(ALBUMS, FIRST))
            .json(&json!({ "title": "x" }))
    };
    let first = tokio::spawn(write().into_future());
    stage.proxy.arrived(&record(ALBUMS, FIRST)).await;
    assert_eq!(write().await.code(503), "record_busy");
    // A batch waits for all its records.
    let part = update(ALBUMS, FIRST, &json!({ "title": "x" }));
    let code = batch(&stage.guest(), &[part]).await;
    assert_eq!(code.status, 503, "{code:?}");
    drop(held);
    first.await.expect("no panic").expect(200);
    write().await.expect(200);
}
