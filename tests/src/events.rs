//! A stream of events, as a page has one.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::PATIENCE;

/// A stream under way; its connection ends with this value.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    /// What came and is no whole event yet.
    rest: Vec<u8>,
    /// Its answer's head.
    pub headers: http::HeaderMap,
}

/// An event as a browser would tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The last id.
    pub id: String,
    /// The name; none is `message` to a browser.
    pub name: String,
    /// Its lines, joined.
    pub data: String,
    /// After how many milliseconds to come back when the stream ends, where the server says so.
    pub retry: Option<u64>,
}

/// What says that a stream is alive and nothing else.
const COMMENT: &[u8] = b":\n";

impl EventStream {
    pub(crate) fn new(headers: http::HeaderMap, body: Incoming) -> Self {
        let rest = Vec::new();
        Self {
            body,
            rest,
            headers,
        }
    }

    /// The next event; none when the server ended the stream. Comments are passed by.
    ///
    /// # Panics
    ///
    /// When nothing comes within [`PATIENCE`], or what comes is no stream of events.
    pub async fn event(&mut self) -> Option<Event> {
        tokio::time::timeout(PATIENCE, self.next())
            .await
            .expect("an event, or the end")
    }

    /// Waits for a comment, before which no event comes.
    ///
    /// # Panics
    ///
    /// When nothing comes within [`PATIENCE`], or another thing.
    pub async fn comment(&mut self) {
        let comment = async {
            while self.rest.len() < COMMENT.len() {
                self.read().await.expect("a comment, not the end");
            }
        };
        tokio::time::timeout(PATIENCE, comment)
            .await
            .expect("a comment");
        let comment: Vec<u8> = self.rest.drain(..COMMENT.len()).collect();
        assert_eq!(comment, COMMENT, "before {:?}", self.rest);
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.take() {
                if event != Event::default() {
                    return Some(event);
                }
                continue;
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Option<()> {
        let frame = self.body.frame().await?.ok()?;
        let data: Bytes = frame.into_data().expect("data and no trailers");
        self.rest.extend_from_slice(&data);
        Some(())
    }

    /// Takes what stands before the first empty line.
    fn take(&mut self) -> Option<Event> {
        let end = self.rest.windows(2).position(|pair| pair == b"\n\n")?;
        let block: Vec<u8> = self.rest.drain(..end + 2).collect();
        let mut event = Event::default();
        for line in std::str::from_utf8(&block).expect("text").lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            match field {
                "id" => value.clone_into(&mut event.id),
                "event" => value.clone_into(&mut event.name),
                "data" => event.data.push_str(value),
                "retry" => event.retry = Some(value.parse().expect("milliseconds")),
                // A comment, or the empty line.
                "" => {}
                other => panic!("an event has no field {other}"),
            }
        }
        Some(event)
    }
}
