//! How long a stream lasts, and that it is known to be alive.

use std::time::Duration;

use hapta_tests::demo::{ALICE, record};
use hapta_tests::live::{self, Listener, Place, QUIET, SOON, Watching};
use hapta_tests::{Setup, eventually};
use http::Method;
use serde_json::json;

use super::{ALL, publish};

scenes! { of_a_place:
    the_gateway_s_end_is_told,
    a_stream_says_that_it_is_alive,
    a_token_is_asked_about_from_time_to_time,
}

async fn the_gateway_s_end_is_told(place: Place) {
    let mut at = Watching::at(place).await;
    let alice = at.log_in("alice").await;
    let mut guest = Listener::to(&at.guest(), &[ALL]).await;
    let mut hers = Listener::to(&alice, &[ALL, "briefs/*"]).await;
    let mut idle = Listener::open(&at.guest()).await;
    let id = publish(&at, "before").await;
    assert_eq!(guest.event().await.id(), id);
    let gateway = at.gateway.take().expect("a gateway");
    let within = SOON;
    let (guest, hers, idle, ()) = tokio::join!(
        guest.closing(within),
        hers.closing(within),
        idle.closing(within),
        gateway.stop()
    );
    assert_eq!([guest, hers, idle], ["shutdown"; 3]);
    let none = async || (at.proxy.streams() == 0).then_some(());
    eventually("nobody listens at PocketBase", none).await;
}

async fn a_stream_says_that_it_is_alive(place: Place) {
    let at = Watching::with(place, with("heartbeat = \"1s\"")).await;
    let mut idle = Listener::open(&at.guest()).await;
    let mut listener = Listener::to(&at.guest(), &[ALL]).await;
    for _ in 0..2 {
        idle.beat().await;
        listener.beat().await;
    }
    let id = publish(&at, "still told").await;
    assert_eq!(listener.event().await.id(), id);
}

async fn a_token_is_asked_about_from_time_to_time(place: Place) {
    let at = Watching::with(place, with("verify = \"1s\"")).await;
    let mut hers = Listener::to(&at.log_in("alice").await, &[ALL]).await;
    let mut his = Listener::to(&at.log_in("bob").await, &[ALL]).await;
    // Of what is done to accounts from now on the gateway is told nothing.
    at.proxy.take();
    let held = at.proxy.hold("/api/realtime");
    at.proxy.cut();
    let lines = if place == Place::Feed { 1 } else { 3 };
    let waiting = async || {
        let seen = at.proxy.seen();
        let asks = seen
            .iter()
            .filter(|seen| seen.method == Method::GET && seen.target == "/api/realtime");
        (asks.count() >= lines).then_some(())
    };
    eventually("it wants to listen again", waiting).await;
    let superuser = at.pocketbase.superuser().await;
    let password = json!({ "password": "another-1234", "passwordConfirm": "another-1234" });
    let call = superuser.patch(&record("users", ALICE)).json(&password);
    call.await.expect(200);
    let within = Duration::from_secs(3);
    assert_eq!(hers.closing(within).await, "token_refused");
    drop(held);
    assert_eq!(his.resync().await, [ALL]);
    his.nothing_within(QUIET).await;
    let id = publish(&at, "still told").await;
    assert_eq!(his.event().await.id(), id);
}

/// All is open, with this in `[live]`.
fn with(live: &str) -> impl FnOnce(Setup) -> Setup {
    let live = format!("[live]\n{live}");
    move |gateway| live::open(gateway).also(&live)
}
