//! A PocketBase with a field of each type, and what is asked of each case.

use hapta_tests::demo::{ALICE, record, records};
use hapta_tests::{Client, PocketBase, Setup, TestGateway};
use serde_json::{Value, json};

/// A key of a body, what is sent under it, what PocketBase stores by itself, and
/// what becomes of it at the gateway.
pub(crate) type Case = (&'static str, Value, Value, Fate);

pub(crate) enum Fate {
    /// Rules see what PocketBase stores.
    Told,
    /// PocketBase never hears of it.
    Refused,
}
use Fate::{Refused, Told};

/// A PocketBase with one collection more, `things`, and two gateways before it.
pub(crate) struct Lab {
    pub(crate) pocketbase: PocketBase,
    /// Whose rule tells what it sees.
    probed: TestGateway,
    /// Under PocketBase's own rules.
    pub(crate) open: TestGateway,
    /// Whether this PocketBase knows fields of type `geoPoint`.
    pub(crate) has_places: bool,
}

const THING: &str = "thing0000000000";

impl Lab {
    pub(crate) async fn start() -> Self {
        let pocketbase = PocketBase::start().await;
        let superuser = pocketbase.superuser().await;
        let has_places = make_things(&superuser).await;
        let before = || Setup::before(pocketbase.address());
        let probed = before().rule("probe").judged("things", &["probe"]);
        let open = ["things", "posts", "comments", "users"]
            .into_iter()
            .fold(before(), Setup::open);
        let lab = Self {
            probed: probed.start().await,
            open: open.start().await,
            has_places,
            pocketbase,
        };
        let empty = json!({ "id": THING });
        superuser
            .post(&records("things"))
            .json(&empty)
            .await
            .expect(200);
        lab.reset().await;
        lab
    }

    /// alice at PocketBase itself.
    pub(crate) async fn alice(&self) -> Client {
        self.pocketbase.client().log_in("alice").await
    }

    /// Puts the thing back to what each case begins with.
    pub(crate) async fn reset(&self) {
        let mut start = json!({
            "text": "x", "html": "", "mail": "", "link": "", "flag": false, "number": 5, "date": "",
            "choice": "a", "choices": ["a"], "friend": ALICE, "friends": [ALICE], "json": [0],
        });
        if self.has_places {
            start["place"] = Value::Null;
        }
        let reset = self.pocketbase.client().patch(&thing()).json(&start).await;
        reset.expect(200);
    }

    pub(crate) async fn check(&self, cases: Vec<Case>) {
        let alice = self.alice().await;
        let open = self.open.client().with_token(alice.token());
        for (key, sent, stored, fate) in cases {
            let body = json!({ key: sent });
            alice.patch(&thing()).json(&body).await.expect(200);
            let read = alice.get(&thing()).await.expect(200);
            assert_eq!(read[key], stored, "of PocketBase itself: {body}");
            self.reset().await;
            match fate {
                Refused => self.is_refused(key, &body).await,
                Told => {
                    assert_eq!(self.seen(&body).await, json!({ key: stored }), "{body}");
                    let written = open.patch(&thing()).json(&body).await.expect(200);
                    assert_eq!(written[key], stored, "{body}");
                    let read = alice.get(&thing()).await.expect(200);
                    assert_eq!(read[key], stored, "{body}");
                }
            }
        }
    }

    /// The body as a rule sees it.
    pub(crate) async fn seen(&self, body: &Value) -> Value {
        let told = self.probed.client().patch(&thing()).json(body).await;
        told.probed()["body"].clone()
    }

    /// Refused by the gateway, by name, before any rule, and nothing is changed.
    pub(crate) async fn is_refused(&self, key: &str, body: &Value) {
        let direct = self.pocketbase.client();
        let before = direct.get(&thing()).await.expect(200);
        for gateway in [&self.probed, &self.open] {
            let reply = gateway.client().patch(&thing()).json(body).await;
            names(&reply.refused(400), key);
        }
        assert_eq!(direct.get(&thing()).await.expect(200), before, "{body}");
    }
}

/// Makes the collection with a field of each type; tells whether places are known.
async fn make_things(superuser: &Client) -> bool {
    let users = superuser.get("/api/collections/users").await.expect(200)["id"].clone();
    let values = ["a", "b", "c", "1"];
    let mut fields = vec![
        json!({ "type": "text", "name": "text" }),
        json!({ "type": "editor", "name": "html" }),
        json!({ "type": "email", "name": "mail" }),
        json!({ "type": "url", "name": "link" }),
        json!({ "type": "bool", "name": "flag" }),
        json!({ "type": "number", "name": "number" }),
        json!({ "type": "date", "name": "date" }),
        json!({ "type": "select", "name": "choice", "values": values }),
        json!({ "type": "select", "name": "choices", "values": values, "maxSelect": 4 }),
        json!({ "type": "relation", "name": "friend", "collectionId": users, "maxSelect": 1 }),
        json!({ "type": "relation", "name": "friends", "collectionId": users, "maxSelect": 9 }),
        json!({ "type": "json", "name": "json" }),
    ];
    let things = |fields: &[Value]| {
        json!({
            "type": "base", "name": "things", "fields": fields,
            "viewRule": "", "updateRule": "", "createRule": "",
        })
    };
    let plain = things(&fields);
    fields.push(json!({ "type": "geoPoint", "name": "place" }));
    let collections = superuser.post("/api/collections");
    if collections.json(&things(&fields)).await.status == 200 {
        return true;
    }
    let collections = superuser.post("/api/collections");
    collections.json(&plain).await.expect(200);
    false
}

/// The path of the one record of `things`.
pub(crate) fn thing() -> String {
    record("things", THING)
}

/// Asserts that a refusal is about this key.
#[track_caller]
pub(crate) fn names(refusal: &Value, key: &str) {
    let message = refusal["message"].as_str().expect("a message");
    assert!(message.contains(&format!("\"{key}\"")), "{refusal}");
}
