//! Watching records live: the collections, who listens, and what they are told.

use std::time::Duration;

use serde_json::{Value, json};

use crate::demo::{record, records};
use crate::{Client, Event, EventStream, PocketBase, RecordingProxy, Reply, Setup, TestGateway};

/// Whoever is not logged in lists what is `public` and views what is `unlisted` too; its owner sees each. Anybody
/// writes. `body` takes a megabyte, `secret` is a text like another, `hidden` is PocketBase's own secret.
pub const NOTES: &str = "notes";

/// Moderators see these. Anybody writes.
pub const BRIEFS: &str = "briefs";

/// Anybody does anything with these, and nothing in them tells when they were changed.
pub const PLAIN: &str = "plain";

/// In which time a stream that is to end does.
pub const SOON: Duration = Duration::from_secs(2);

/// In which time what is told would have come.
pub const QUIET: Duration = Duration::from_millis(200);

/// Where a scenario is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At PocketBase itself.
    PocketBase,
    /// At a gateway that asks PocketBase for each class of equal subscribers.
    Classes,
    /// At a gateway that listens once to all and proves each delivery.
    Feed,
}

/// A place with the collections to watch.
#[derive(Debug)]
pub struct Watching {
    /// Which of the places it is.
    pub place: Place,
    /// Which has the collections.
    pub pocketbase: PocketBase,
    /// None: people ask PocketBase itself.
    pub gateway: Option<TestGateway>,
    /// What sees all that reaches PocketBase from the gateway.
    pub proxy: RecordingProxy,
}

/// Somebody who listens; the stream ends with this value.
#[derive(Debug)]
pub struct Listener {
    stream: EventStream,
    id: String,
    client: Client,
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The topic, as whoever subscribed spelled it.
    pub topic: String,
    /// All that is told.
    pub data: Value,
}

impl Watching {
    /// Plays a scenario with PocketBase itself and through a gateway in each of its modes: what it says is true of all.
    pub async fn everywhere(scenario: impl AsyncFn(&Self)) {
        for place in [Place::PocketBase, Place::Classes, Place::Feed] {
            scenario(&Self::at(place).await).await;
        }
    }

    /// Plays a scenario through a gateway, in each of its modes.
    pub async fn through_gateways(scenario: impl AsyncFn(&Self)) {
        for place in [Place::Classes, Place::Feed] {
            scenario(&Self::at(place).await).await;
        }
    }

    /// One of the places, under PocketBase's own rules alone.
    pub async fn at(place: Place) -> Self {
        Self::with(place, open).await
    }

    /// The same, where the gateway exposes what `set_up` says.
    pub async fn with(place: Place, set_up: impl FnOnce(Setup) -> Setup) -> Self {
        let pocketbase = pocketbase().await;
        let proxy = RecordingProxy::before(pocketbase.address()).await;
        let gateway = match place {
            Place::PocketBase => None,
            Place::Classes | Place::Feed => Some(set_up(place.setup(&proxy)).start().await),
        };
        Self {
            place,
            pocketbase,
            gateway,
            proxy,
        }
    }

    /// Somebody who is not logged in.
    #[must_use]
    pub fn guest(&self) -> Client {
        match &self.gateway {
            Some(gateway) => gateway.client(),
            None => self.pocketbase.client(),
        }
    }

    /// One of the demo's people.
    pub async fn log_in(&self, name: &str) -> Client {
        self.guest()
            .with_token(self.pocketbase.client().log_in(name).await.token())
    }

    /// The gateway.
    ///
    /// # Panics
    ///
    /// When this is PocketBase itself.
    #[must_use]
    pub fn gateway(&self) -> &TestGateway {
        self.gateway.as_ref().expect("a gateway")
    }

    /// Creates a record, past any gateway; its id.
    pub async fn create(&self, collection: &str, body: &Value) -> String {
        let call = self.pocketbase.client().post(&records(collection));
        let made = call.json(body).await.expect(200);
        made["id"].as_str().expect("an id").to_owned()
    }

    /// Updates one, past any gateway.
    pub async fn update(&self, collection: &str, id: &str, body: &Value) {
        let call = self.pocketbase.client().patch(&record(collection, id));
        call.json(body).await.expect(200);
    }

    /// Deletes one, past any gateway.
    pub async fn delete(&self, collection: &str, id: &str) {
        let call = self.pocketbase.client().delete(&record(collection, id));
        call.await.expect(204);
    }

    /// Asserts that this tells of a deleted record, by the gateway by its id alone.
    ///
    /// # Panics
    ///
    /// When it tells another thing.
    #[track_caller]
    pub fn deleted(&self, heard: &Heard, collection: &str, id: &str) {
        assert_eq!(heard.action(), "delete", "{heard:?}");
        let told = &heard.data["record"];
        assert_eq!(told["id"], id, "{heard:?}");
        if self.place != Place::PocketBase {
            let keys: Vec<_> = told.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["collectionId", "collectionName", "id"], "{heard:?}");
            assert_eq!(told["collectionName"], collection, "{heard:?}");
        }
    }
}

impl Place {
    /// A gateway of this mode before this proxy, in the making: nothing is exposed yet.
    pub fn setup(self, proxy: &RecordingProxy) -> Setup {
        let mode = if self == Self::Feed {
            "feed"
        } else {
            "classes"
        };
        Setup::before(proxy.address()).also(&format!("[live]\nmode = \"{mode}\""))
    }
}

impl Listener {
    /// Opens a stream.
    ///
    /// # Panics
    ///
    /// When it doesn't begin as PocketBase's do.
    pub async fn open(client: &Client) -> Self {
        let mut stream = client.get("/api/realtime").stream().await;
        let hello = stream.event().await.expect("a first event");
        assert_eq!(hello.name, "PB_CONNECT");
        let data: Value = serde_json::from_str(&hello.data).expect("JSON");
        assert_eq!(data["clientId"], hello.id.as_str());
        Self {
            stream,
            id: hello.id,
            client: client.clone(),
        }
    }

    /// Opens a stream and has it wait for this.
    pub async fn to(client: &Client, topics: &[&str]) -> Self {
        let listener = Self::open(client).await;
        listener.subscribe(topics).await;
        listener
    }

    /// What the stream is asked by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits for this from now on, and for nothing else.
    pub async fn subscribe(&self, topics: &[&str]) {
        self.ask(&self.client, topics).await.expect(204);
    }

    /// Asks for this as somebody, and gives back what that is answered.
    pub async fn ask(&self, client: &Client, topics: &[&str]) -> Reply {
        subscribe(client, &self.id, topics).await
    }

    /// The next event.
    ///
    /// # Panics
    ///
    /// When none comes in time, or the stream ends.
    pub async fn event(&mut self) -> Heard {
        let event = self.stream.event().await.expect("an event, not the end");
        Heard::of(&event)
    }

    /// Waits for the word that the stream is alive, before which nothing is told.
    pub async fn beat(&mut self) {
        self.stream.comment().await;
    }

    /// Every event up to the one that is meant, which is the last.
    pub async fn until(&mut self, is_meant: impl Fn(&Heard) -> bool) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            let next = self.event().await;
            let was_meant = is_meant(&next);
            heard.push(next);
            if was_meant {
                return heard;
            }
        }
    }

    /// Every event until none comes for so long.
    pub async fn all_within(&mut self, quiet: Duration) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Ok(event) = tokio::time::timeout(quiet, self.stream.event()).await {
            heard.push(Heard::of(&event.expect("an event, not the end")));
        }
        heard
    }

    /// The same, where the stream may end.
    pub async fn all_within_or_end(&mut self, quiet: Duration) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(quiet, self.stream.event()).await {
            heard.push(Heard::of(&event));
        }
        heard
    }

    /// Asserts that no event comes for so long, and that the stream stays.
    ///
    /// # Panics
    ///
    /// When one does.
    pub async fn nothing_within(&mut self, quiet: Duration) {
        let heard = self.all_within(quiet).await;
        assert!(heard.is_empty(), "{heard:?}");
    }

    /// Reads on to the end of the stream, and gives back why the gateway said that it ends.
    ///
    /// # Panics
    ///
    /// When it doesn't end within this time, or its end wasn't announced.
    pub async fn closing(&mut self, within: Duration) -> String {
        let reading = async {
            let mut last = Event::default();
            while let Some(event) = self.stream.event().await {
                last = event;
            }
            last
        };
        let Ok(last) = tokio::time::timeout(within, reading).await else {
            panic!("the stream still stands after {within:?}");
        };
        assert_eq!(last.name, "closing", "the last event: {last:?}");
        let told = Heard::of(&last).data;
        assert!(told["message"].is_string(), "{told}");
        told["code"].as_str().expect("a code").to_owned()
    }

    /// Reads on to the word that events may have been missed, and gives back of which topics.
    ///
    /// # Panics
    ///
    /// When it doesn't come.
    pub async fn resync(&mut self) -> Vec<String> {
        let heard = self.until(|heard| heard.topic == "resync").await;
        let told = &heard.last().expect("it was meant").data["topics"];
        serde_json::from_value(told.clone()).expect("a list of topics")
    }
}

impl Heard {
    fn of(event: &Event) -> Self {
        Self {
            topic: event.name.clone(),
            data: serde_json::from_str(&event.data).expect("JSON"),
        }
    }

    /// What happened to the record.
    ///
    /// # Panics
    ///
    /// When this tells of none.
    #[must_use]
    #[track_caller]
    pub fn action(&self) -> &str {
        let action = self.data["action"].as_str();
        action.unwrap_or_else(|| panic!("no record's event: {self:?}"))
    }

    /// The record's id.
    ///
    /// # Panics
    ///
    /// When this tells of none.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> &str {
        let id = self.data["record"]["id"].as_str();
        id.unwrap_or_else(|| panic!("no record's event: {self:?}"))
    }

    /// A field of the record; `null` where it isn't told.
    #[must_use]
    pub fn field(&self, name: &str) -> &Value {
        &self.data["record"][name]
    }
}

/// Has a stream wait for this, and gives back what that is answered.
pub async fn subscribe(client: &Client, id: &str, topics: &[&str]) -> Reply {
    let body = json!({ "clientId": id, "subscriptions": topics });
    client.post("/api/realtime").json(&body).await
}

/// A topic with these options, as the SDK for JavaScript writes it.
#[must_use]
pub fn topic(of: &str, query: &Value) -> String {
    with_options(of, &json!({ "query": query }))
}

/// A topic with options that the SDK may not write.
#[must_use]
pub fn with_options(of: &str, options: &Value) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    let escaped = options
        .to_string()
        .bytes()
        .fold(String::new(), |text, byte| {
            if is_plain(byte) {
                text + &char::from(byte).to_string()
            } else {
                text + &format!("%{byte:02X}")
            }
        });
    format!("{of}?options={escaped}")
}

/// Exposes the collections, under PocketBase's own rules alone.
pub fn open(gateway: Setup) -> Setup {
    [NOTES, BRIEFS, PLAIN, "users", "posts", "comments"]
        .into_iter()
        .fold(gateway, Setup::open)
        .also("[superusers]\nroutes = \"on\"")
}

/// A PocketBase with the collections.
///
/// # Panics
///
/// When it refuses.
pub async fn pocketbase() -> PocketBase {
    let pocketbase = PocketBase::start().await;
    let superuser = pocketbase.superuser().await;
    let users = superuser.get("/api/collections/users").await.expect(200);
    for collection in [notes(&users["id"]), briefs(), plain()] {
        let call = superuser.post("/api/collections").json(&collection);
        call.await.expect(200);
    }
    pocketbase
}

fn notes(users: &Value) -> Value {
    let own = "(@request.auth.id != '' && owner = @request.auth.id)";
    json!({
        "type": "base", "name": NOTES,
        "listRule": format!("status = 'public' || {own}"),
        "viewRule": format!("status = 'public' || status = 'unlisted' || {own}"),
        "createRule": "", "updateRule": "", "deleteRule": "",
        "fields": [
            { "type": "text", "name": "title" },
            { "type": "text", "name": "status" },
            { "type": "relation", "name": "owner", "collectionId": users, "maxSelect": 1 },
            { "type": "text", "name": "body", "max": 1_000_000 },
            { "type": "text", "name": "secret" },
            { "type": "text", "name": "hidden", "hidden": true },
            { "type": "number", "name": "number" },
            { "type": "autodate", "name": "created", "onCreate": true },
            { "type": "autodate", "name": "updated", "onCreate": true, "onUpdate": true },
        ],
    })
}

fn briefs() -> Value {
    json!({
        "type": "base", "name": BRIEFS,
        "listRule": "@request.auth.role = 'moderator'",
        "viewRule": "@request.auth.role = 'moderator'",
        "createRule": "", "updateRule": "", "deleteRule": "",
        "fields": [{ "type": "text", "name": "title" }],
    })
}

fn plain() -> Value {
    json!({
        "type": "base", "name": PLAIN,
        "listRule": "", "viewRule": "", "createRule": "", "updateRule": "", "deleteRule": "",
        "fields": [{ "type": "text", "name": "title" }],
    })
}
