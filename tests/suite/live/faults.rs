//! What becomes of those who listen when PocketBase goes away, the network breaks, or they come and go.

use hapta_tests::live::{self, Heard, Listener, Place, Watching, topic};
use hapta_tests::{Held, Process, Program, RecordingProxy, Setup, eventually};
use serde_json::json;

use super::{ALL, publish};
use crate::commands::HAPTA;

scenes! { of_a_place:
    a_pocketbase_that_comes_back_tells_a_thousand_again,
    a_gap_in_the_network_is_told,
    who_comes_and_goes_leaves_nothing,
    a_subscription_without_pocketbase_is_refused,
}

/// Room for everybody.
const ROOM: &str = "[live]\nstreams_per_address = 20000\nstreams_per_principal = 20000";

fn roomy(gateway: Setup) -> Setup {
    live::open(gateway).also(ROOM)
}

async fn a_pocketbase_that_comes_back_tells_a_thousand_again(place: Place) {
    let mut at = Watching::with(place, roomy).await;
    let alice = at.log_in("alice").await;
    let filtered = topic(ALL, &json!({ "filter": "title != 'never'" }));
    let mut listeners = Vec::new();
    for number in 0..1_000 {
        let client = if number % 10 == 0 {
            alice.clone()
        } else {
            at.guest()
        };
        let wanted = if number % 3 == 0 {
            filtered.as_str()
        } else {
            ALL
        };
        listeners.push((Listener::to(&client, &[wanted]).await, wanted));
    }
    let id = publish(&at, "before").await;
    for (listener, _) in &mut listeners {
        assert_eq!(listener.event().await.id(), id);
    }
    at.pocketbase.stop().await;
    at.pocketbase.start_again().await;
    for (listener, wanted) in &mut listeners {
        assert_eq!(listener.resync().await, [*wanted]);
    }
    told_again(&at, &mut listeners).await;
}

async fn a_gap_in_the_network_is_told(place: Place) {
    let at = Watching::with(place, roomy).await;
    let alice = at.log_in("alice").await;
    let mut listeners = Vec::new();
    for client in [&at.guest(), &alice, &at.guest(), &alice] {
        listeners.push((Listener::to(client, &[ALL]).await, ALL));
    }
    for round in 0..3 {
        at.proxy.cut();
        publish(&at, &format!("missed, perhaps: {round}")).await;
        for (listener, wanted) in &mut listeners {
            assert_eq!(listener.resync().await, [*wanted]);
        }
        told_again(&at, &mut listeners).await;
    }
}

/// From the word that something was missed on, nothing is: what is written is told, or that word comes again.
async fn told_again(at: &Watching, listeners: &mut [(Listener, &str)]) {
    for round in 0..10 {
        let id = publish(at, &format!("after {round}")).await;
        let is_meant = |heard: &Heard| heard.topic == "resync" || heard.id() == id;
        let mut all = true;
        for (listener, _) in listeners.iter_mut() {
            let heard = listener.until(is_meant).await;
            all &= heard.last().is_some_and(|last| last.topic != "resync");
        }
        if all {
            return;
        }
    }
    panic!("the gap has no end");
}

async fn who_comes_and_goes_leaves_nothing(place: Place) {
    let pocketbase = live::pocketbase().await;
    let proxy = RecordingProxy::before(pocketbase.address()).await;
    let gateway = Program::new(HAPTA, roomy(place.setup(&proxy)))
        .serve()
        .await;
    let alice = gateway
        .client()
        .with_token(pocketbase.client().log_in("alice").await.token());
    // It takes what it needs, once.
    cycles(&gateway, &alice, 0..200).await;
    let before = quiet(&gateway, &proxy).await;
    cycles(&gateway, &alice, 200..1_200).await;
    let after = quiet(&gateway, &proxy).await;
    assert!(
        after.descriptors <= before.descriptors + 5,
        "{before:?}, then {after:?}"
    );
    assert!(
        after.threads <= before.threads,
        "{before:?}, then {after:?}"
    );
    // A process gives back late; what each cycle leaves would be far more.
    assert!(
        after.memory <= before.memory + 8_000_000,
        "{before:?}, then {after:?}"
    );
}

/// Connects, subscribes to something of its own, and goes, each time.
async fn cycles(gateway: &Process, alice: &hapta_tests::Client, rounds: std::ops::Range<usize>) {
    for round in rounds {
        let guest = gateway.client();
        let client = if round % 2 == 0 { alice } else { &guest };
        let own = topic(ALL, &json!({ "filter": format!("title = '{round}'") }));
        let topics: &[&str] = match round % 3 {
            0 => &[ALL],
            1 => &[&own, "plain/*"],
            _ => &[],
        };
        let listener = Listener::open(client).await;
        listener.subscribe(topics).await;
    }
}

/// What the gateway holds once all streams are gone, its own to PocketBase too.
async fn quiet(gateway: &Process, proxy: &RecordingProxy) -> Held {
    let none = async || {
        let metrics = gateway.operator().get("/metrics").await.text();
        let streams = metrics
            .lines()
            .find_map(|line| line.strip_prefix("hapta_streams "));
        (streams == Some("0") && proxy.streams() == 0).then_some(())
    };
    eventually("nobody listens any more", none).await;
    gateway.holds()
}

async fn a_subscription_without_pocketbase_is_refused(place: Place) {
    let mut at = Watching::with(place, roomy).await;
    let mut listener = Listener::to(&at.guest(), &[ALL]).await;
    at.pocketbase.stop().await;
    let reply = listener.ask(&at.guest(), &["plain/*"]).await;
    assert!((500..600).contains(&reply.status), "{reply:?}");
    // It has what it had.
    at.pocketbase.start_again().await;
    assert_eq!(listener.resync().await, [ALL]);
    told_again(&at, &mut [(listener, ALL)]).await;
}
