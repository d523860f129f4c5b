//! Records as they change, for whoever watches.
//!
//! Each scene is played at PocketBase itself, where that makes sense, and at a gateway in each of its modes: what it
//! says is true of all of them. They are tests of their own: `scene::pocketbase`, `scene::classes`, `scene::feed`.

/// Plays scenes at all places, or at gateways alone; those `of_a_place` set up their own.
macro_rules! scenes {
    (everywhere: $($scene:ident),+ $(,)?) => {
        $(mod $scene {
            use hapta_tests::live::{Place, Watching};

            #[tokio::test]
            async fn pocketbase() {
                super::$scene(&Watching::at(Place::PocketBase).await).await;
            }

            #[tokio::test]
            async fn classes() {
                super::$scene(&Watching::at(Place::Classes).await).await;
            }

            #[tokio::test]
            async fn feed() {
                super::$scene(&Watching::at(Place::Feed).await).await;
            }
        })+
    };
    (gateways: $($scene:ident),+ $(,)?) => {
        $(mod $scene {
            use hapta_tests::live::{Place, Watching};

            #[tokio::test]
            async fn classes() {
                super::$scene(&Watching::at(Place::Classes).await).await;
            }

            #[tokio::test]
            async fn feed() {
                super::$scene(&Watching::at(Place::Feed).await).await;
            }
        })+
    };
    (of_a_place: $($scene:ident),+ $(,)?) => {
        $(mod $scene {
            use hapta_tests::live::Place;

            #[tokio::test]
            async fn classes() {
                super::$scene(Place::Classes).await;
            }

            #[tokio::test]
            async fn feed() {
                super::$scene(Place::Feed).await;
            }
        })+
    };
}

/// What is not asked in good faith.
mod attack;
/// Who is told what.
mod basic;
/// How much there may be of anything, and readers that don't read.
mod bounds;
/// One line to PocketBase for all who are told the same.
mod classes;
/// How long a stream lasts, and that it is known to be alive.
mod ends;
/// What becomes of those who listen when PocketBase goes away, the network breaks, or they come and go.
mod faults;
/// One line to PocketBase for each collection, and a proof for each delivery.
mod feed;
/// Whose a stream is, and for how long.
mod identity;
/// What rules say of what is watched.
mod judged;
/// What operators change while people watch.
mod operators;
/// What is told of writes that come fast, or at once.
mod order;
/// The SDKs, unchanged.
mod sdk;

use hapta_tests::Setup;
use hapta_tests::live::{NOTES, Place, Watching};
use serde_json::{Value, json};

/// All notes.
const ALL: &str = "notes/*";

/// Notes under the rule `event_judge` with these settings, the rest under PocketBase's own.
async fn judged(place: Place, settings: &Value) -> Watching {
    let judge = |gateway: Setup| {
        let gateway = gateway.rule_with("event_judge", settings);
        open_but_notes(gateway).judged(NOTES, &["event_judge"])
    };
    Watching::with(place, judge).await
}

fn open_but_notes(gateway: Setup) -> Setup {
    ["plain", "users", "posts", "comments"]
        .into_iter()
        .fold(gateway, Setup::open)
}

/// A note that anybody may list.
async fn publish(at: &Watching, title: &str) -> String {
    let note = json!({ "title": title, "status": "public" });
    at.create(NOTES, &note).await
}

/// A note that its owner alone sees.
async fn keep(at: &Watching, owner: &str, title: &str) -> String {
    let note = json!({ "title": title, "status": "private", "owner": owner });
    at.create(NOTES, &note).await
}

/// Changes a note's title.
async fn retitle(at: &Watching, id: &str, title: &str) {
    at.update(NOTES, id, &json!({ "title": title })).await;
}

/// Changes who may see a note.
async fn move_to(at: &Watching, id: &str, status: &str) {
    at.update(NOTES, id, &json!({ "status": status })).await;
}

/// A text as JSON, for comparing.
fn text(text: &str) -> Value {
    Value::from(text)
}
