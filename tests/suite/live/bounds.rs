//! How much there may be of anything, and readers that don't read.

use std::time::Duration;

use hapta_tests::demo::records;
use hapta_tests::live::{self, Listener, NOTES, Place, SOON, Watching, subscribe};
use hapta_tests::{Client, Program, RecordingProxy, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ALL;
use crate::commands::HAPTA;

scenes! { of_a_place:
    streams_are_bounded_by_address_and_in_all,
    whoever_never_subscribes_is_sent_away,
    a_reader_that_stops_is_cut_and_costs_others_nothing,
}

async fn streams_are_bounded_by_address_and_in_all(place: Place) {
    let bounds = "[live]\nstreams = 5\nstreams_per_address = 3\nstreams_per_principal = 2";
    let at = Watching::with(place, |gateway| live::open(gateway).also(bounds)).await;
    let (here, there) = (at.guest(), at.guest().from([127, 0, 0, 2]));
    let alice = at.log_in("alice").await;
    let mut streams = vec![
        Listener::to(&alice, &[ALL]).await,
        Listener::to(&alice, &[ALL]).await,
        Listener::open(&alice).await,
    ];
    let third = streams[2].ask(&alice, &[ALL]).await;
    third.code(429);
    let reply = here.get("/api/realtime").await;
    assert_eq!(reply.code(429), "streams_of_address");
    streams.push(Listener::open(&there).await);
    streams.push(Listener::open(&there).await);
    let reply = there.get("/api/realtime").await;
    assert_eq!(reply.code(503), "streams_full");
    // Whoever goes makes room.
    streams.remove(0);
    let room = async || (at.gateway().metric("hapta_streams").await == Some(4.0)).then_some(());
    eventually("one stream less", room).await;
    streams[1].ask(&alice, &[ALL]).await.expect(204);
    Listener::to(&here, &[ALL]).await;
}

async fn whoever_never_subscribes_is_sent_away(place: Place) {
    let soon = "[live]\nunsubscribed = \"1s\"";
    let at = Watching::with(place, |gateway| live::open(gateway).also(soon)).await;
    let mut idle = Listener::open(&at.guest()).await;
    let mut done = Listener::to(&at.guest(), &[ALL]).await;
    let mut busy = Listener::to(&at.guest(), &[ALL]).await;
    assert_eq!(
        idle.closing(Duration::from_secs(1) + SOON).await,
        "unsubscribed"
    );
    done.subscribe(&[]).await;
    assert_eq!(
        done.closing(Duration::from_secs(1) + SOON).await,
        "unsubscribed"
    );
    busy.nothing_within(Duration::from_secs(2)).await;
}

async fn a_reader_that_stops_is_cut_and_costs_others_nothing(place: Place) {
    let pocketbase = live::pocketbase().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let gateway = Program::new(HAPTA, live::open(place.setup(&proxy)))
        .serve()
        .await;
    let mut reader = Listener::to(&gateway.client(), &[ALL]).await;
    let writer = pocketbase.client();
    let write = async |size: usize| {
        let note = json!({ "title": "x", "status": "public", "body": "b".repeat(size) });
        let call = writer.post(&records(NOTES)).json(&note);
        call.await.expect(200)["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let grown = async |reader: &mut Listener| {
        let before = gateway.holds().memory;
        for _ in 0..WRITES {
            let id = write(LARGE).await;
            assert_eq!(reader.event().await.id(), id);
        }
        gateway.holds().memory.saturating_sub(before)
    };
    // What large events cost in any case, once.
    let in_any_case = grown(&mut reader).await;
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(Stalled::at(&gateway.client()).await);
    }
    let grown = grown(&mut reader).await;
    // Each may have a megabyte that waits; 240 MB were written to them.
    assert!(
        grown < 60_000_000,
        "{grown} bytes more, after {in_any_case} without them"
    );
    let cut = "hapta_streams_closed_total{code=\"slow_reader\"} 20";
    let metrics = async || {
        let metrics = gateway.operator().get("/metrics").await.text();
        metrics.contains(cut).then_some(())
    };
    eventually("all that stalled are cut", metrics).await;
    // Who reads on after all learns why.
    for stalled in stalled.iter_mut().take(3) {
        let rest = stalled.rest().await;
        assert!(
            rest.contains("event:closing"),
            "{} bytes without",
            rest.len()
        );
        assert!(rest.contains("slow_reader"));
    }
    let id = write(10).await;
    assert_eq!(reader.event().await.id(), id);
}

/// How many don't read.
const STALLED: usize = 20;

/// How many records are written, and how large, in bytes.
const WRITES: usize = 60;
const LARGE: usize = 200_000;

/// A stream that somebody subscribed on and reads no more of.
struct Stalled(TcpStream);

impl Stalled {
    async fn at(client: &Client) -> Self {
        let mut stream = TcpStream::connect(client.address())
            .await
            .expect("connects");
        let request = b"GET /api/realtime HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.expect("sends");
        let mut hello = String::new();
        while !hello.contains("\n\n") || !hello.contains("clientId") {
            let mut some = [0; 1_024];
            let length = stream.read(&mut some).await.expect("reads");
            hello += std::str::from_utf8(&some[..length]).expect("text");
        }
        let id = hello
            .split("\"clientId\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        subscribe(client, id.expect("an id"), &[ALL])
            .await
            .expect(204);
        Self(stream)
    }

    /// Reads to the end.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let reading = self.0.read_to_end(&mut rest);
        let read = tokio::time::timeout(Duration::from_secs(20), reading).await;
        read.expect("it ends").expect("reads");
        String::from_utf8_lossy(&rest).into_owned()
    }
}
