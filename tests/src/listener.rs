//! Somebody who listens to PocketBase's realtime events.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::{Client, PATIENCE, Reply};

/// A connection for events under way; ended with this value.
#[derive(Debug)]
pub struct Listener {
    client: Client,
    id: String,
    stream: Incoming,
    /// What came and is no whole event yet.
    begun: String,
}

/// An event as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is about: a topic, as it was subscribed to.
    pub name: String,
    /// What it says.
    pub data: Value,
}

impl Listener {
    /// Connects, and waits for the id that PocketBase gives the connection.
    ///
    /// # Panics
    ///
    /// When there is no such stream, or it opens with another event.
    pub async fn open(client: &Client) -> Self {
        let stream = client.stream("/api/realtime").await;
        let mut listener = Self {
            client: client.clone(),
            id: String::new(),
            stream,
            begun: String::new(),
        };
        let first = listener.next().await;
        assert_eq!(first.name, "PB_CONNECT", "{first:?}");
        let id = first.data["clientId"].as_str().expect("an id");
        id.clone_into(&mut listener.id);
        listener
    }

    /// The id of the connection: a secret of whoever opened it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Wants these topics from now on, and no others.
    pub async fn subscribe(&self, topics: &[&str]) -> Reply {
        let wanted = json!({ "clientId": self.id, "subscriptions": topics });
        self.client.post("/api/realtime").json(&wanted).await
    }

    /// The next event; waits for it.
    ///
    /// # Panics
    ///
    /// When none comes within [`PATIENCE`].
    pub async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(PATIENCE, self.read());
        next.await.expect("an event in time")
    }

    async fn read(&mut self) -> Event {
        loop {
            if let Some(end) = self.begun.find("\n\n") {
                let text: String = self.begun.drain(..end + 2).collect();
                return Event::parse(&text);
            }
            let frame = self.stream.frame().await.expect("the stream goes on");
            let bytes = frame.expect("no break").into_data().expect("no trailers");
            self.begun += std::str::from_utf8(&bytes).expect("text");
        }
    }
}

impl Event {
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value
                .unwrap_or_else(|| panic!("no {name} in {text}"))
                .trim_start()
        };
        Self {
            name: field("event").to_owned(),
            data: serde_json::from_str(field("data")).expect("JSON"),
        }
    }
}
