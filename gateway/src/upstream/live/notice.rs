//! An event of PocketBase's → what it says of a record.

use serde_json::{Map, Value};

use super::frames::{Frame, FrameError};
use crate::exchange::json::{self, JsonError};
use crate::operation::RecordAction;
use crate::principal::Token;

/// The name of a stream's first event.
const GREETING: &str = "PB_CONNECT";

/// Bytes of the longest id that PocketBase takes where topics are set.
const LONGEST_ID: usize = 255;

/// What became of a record, as PocketBase tells it on one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Exactly as it was set.
    pub topic: String,
    /// What became of it.
    pub action: RecordAction,
    /// An object that names its record and its collection. Of one that is gone,
    /// it is all that there was.
    pub record: Value,
    /// What it took to tell it.
    pub bytes: usize,
}

/// Why an event is none of PocketBase's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoticeError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the data of an event is not as expected: {0}")]
    Json(#[from] JsonError),
    #[error("the first event doesn't name the stream")]
    Greeting,
    #[error("an event is of another stream")]
    Stranger,
    #[error("an event says something else than what became of a record")]
    Shape,
}

/// The name of a stream, out of its first event.
pub(crate) fn client_id(frame: &Frame) -> Result<Token, NoticeError> {
    let data = read(frame)?;
    let is_name = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let id = data.get("clientId").and_then(Value::as_str);
    match id.filter(is_name) {
        Some(id) if frame.name == GREETING && data.len() == 1 && frame.id == id => {
            Ok(Token::new(id))
        }
        _ => Err(NoticeError::Greeting),
    }
}

impl Notice {
    /// Reads an event of the stream that has this name.
    pub(crate) fn read(frame: &Frame, client_id: &str) -> Result<Self, NoticeError> {
        if frame.id != client_id {
            return Err(NoticeError::Stranger);
        }
        let mut data = read(frame)?;
        let action = data.get("action").and_then(Value::as_str);
        let action = action.and_then(RecordAction::parse);
        let record = data.remove("record");
        let record = record.filter(|record| {
            ["id", "collectionId", "collectionName"]
                .iter()
                .all(|key| record.get(key).is_some_and(Value::is_string))
        });
        match (action, record) {
            (Some(action), Some(record)) if data.len() == 1 => Ok(Self {
                topic: frame.name.clone(),
                action,
                record,
                bytes: frame.data.len(),
            }),
            _ => Err(NoticeError::Shape),
        }
    }
}

fn read(frame: &Frame) -> Result<Map<String, Value>, NoticeError> {
    match json::parse(&frame.data, json::Bounds::upstream())? {
        Value::Object(data) => Ok(data),
        _ => Err(NoticeError::Shape),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn frame(name: &str, data: &str) -> Frame {
        Frame {
            id: "me".to_owned(),
            name: name.to_owned(),
            data: Bytes::copy_from_slice(data.as_bytes()),
        }
    }

    fn record() -> Value {
        json!({"id": "1", "collectionId": "pbc_1", "collectionName": "posts", "title": "x"})
    }

    #[test]
    fn a_record_is_told_as_it_is() {
        for (word, action) in [
            ("create", RecordAction::Create),
            ("update", RecordAction::Update),
            ("delete", RecordAction::Delete),
        ] {
            let data = json!({"record": record(), "action": word}).to_string();
            let notice = Notice::read(&frame("posts/*", &data), "me").unwrap();
            let expected = Notice {
                topic: "posts/*".to_owned(),
                action,
                record: record(),
                bytes: data.len(),
            };
            assert_eq!(notice, expected);
        }
    }

    #[track_caller]
    fn check(data: &Value) {
        let read = Notice::read(&frame("posts/*", &data.to_string()), "me");
        assert_eq!(read, Err(NoticeError::Shape), "{data}");
    }

    #[test]
    fn another_shape_is_refused() {
        check(&json!([]));
        check(&json!({}));
        check(&json!({"action": "create"}));
        check(&json!({"record": record()}));
        check(&json!({"record": record(), "action": "Create"}));
        check(&json!({"record": record(), "action": 1}));
        check(&json!({"record": record(), "action": "create", "more": null}));
        check(&json!({"record": [record()], "action": "create"}));
        check(&json!({"record": "1", "action": "create"}));
        for key in ["id", "collectionId", "collectionName"] {
            let mut without = record();
            without[key] = 1.into();
            check(&json!({"record": without, "action": "create"}));
        }
    }

    #[test]
    fn data_that_has_two_meanings_is_refused() {
        for data in ["", "{", "{} {}", r#"{"action":"create","action":"delete"}"#] {
            let read = Notice::read(&frame("posts/*", data), "me");
            assert!(matches!(read, Err(NoticeError::Json(_))), "{data}");
        }
    }

    #[test]
    fn an_event_of_another_stream_is_refused() {
        let data = json!({"record": record(), "action": "create"}).to_string();
        let read = Notice::read(&frame("posts/*", &data), "you");
        assert_eq!(read, Err(NoticeError::Stranger));
    }

    #[test]
    fn the_first_event_names_the_stream() {
        let read = |name: &str, data: &Value| client_id(&frame(name, &data.to_string()));
        let good = json!({"clientId": "me"});
        assert_eq!(read(GREETING, &good), Ok(Token::new("me")));
        let refused = [
            ("posts/*", good),
            (GREETING, json!({})),
            (GREETING, json!({"clientId": "you"})),
            (GREETING, json!({"clientId": 1})),
            (GREETING, json!({"clientId": "me", "more": 1})),
        ];
        for (name, data) in refused {
            assert_eq!(read(name, &data), Err(NoticeError::Greeting), "{data}");
        }
        for id in ["", "a b", &"a".repeat(256)] {
            let frame = Frame {
                id: id.to_owned(),
                ..frame(GREETING, &json!({"clientId": id}).to_string())
            };
            assert_eq!(client_id(&frame), Err(NoticeError::Greeting), "{id}");
        }
    }
}
