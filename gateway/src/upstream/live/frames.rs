//! The bytes of an event stream, cut anywhere → one event after another.
//!
//! What PocketBase writes and little more: lines end with a line feed; an event
//! has an id, a name and one line of data, each once. Comments, which keep a
//! connection open, and hints about reconnecting are skipped.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memmem};

/// Takes the bytes as they come.
pub(crate) struct Frames {
    /// What is no whole event yet.
    waiting: BytesMut,
    /// No event ends before here.
    searched: usize,
    /// Bytes of one event.
    bound: usize,
}

/// One event, as written. It never shows itself: the id is a secret.
pub(crate) struct Frame {
    pub(crate) id: String,
    /// The topic, for an event about a record.
    pub(crate) name: String,
    pub(crate) data: Bytes,
}

/// Why bytes are no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("an event has more than {0} bytes")]
    TooLarge(usize),
    #[error("an event has a line that PocketBase doesn't write")]
    Line,
    #[error("an event has two lines of one kind")]
    Twice,
    #[error("an event lacks its id, its name or its data")]
    Incomplete,
}

impl Frames {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            waiting: BytesMut::new(),
            searched: 0,
            bound,
        }
    }

    /// Adds what came. All events are taken before more is added, so that no
    /// more than one of them and a part waits here.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Takes the next event that is whole. After an error nothing more is to be
    /// made of the stream.
    pub(crate) fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let blank = self.waiting.iter().take_while(|byte| **byte == b'\n');
            let blank = blank.count();
            if blank > 0 {
                self.waiting.advance(blank);
                self.searched = 0;
            }
            let unsearched = self.waiting.get(self.searched..).unwrap_or_default();
            let Some(end) = memmem::find(unsearched, b"\n\n") else {
                // Its first half may be there.
                self.searched = self.waiting.len().saturating_sub(1);
                self.within_bound(self.waiting.len())?;
                if self.waiting.is_empty() {
                    // A large event leaves no large buffer behind.
                    self.clear();
                }
                return Ok(None);
            };
            let end = self.searched + end + 1;
            self.within_bound(end)?;
            let event = self.waiting.split_to(end).freeze();
            self.searched = 0;
            if let Some(frame) = Frame::read(&event)? {
                return Ok(Some(frame));
            }
        }
    }

    /// Whether no event has begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting = BytesMut::new();
        self.searched = 0;
    }

    fn within_bound(&self, bytes: usize) -> Result<(), FrameError> {
        if bytes > self.bound {
            return Err(FrameError::TooLarge(self.bound));
        }
        Ok(())
    }
}

impl Frame {
    /// Reads the lines of an event. None: there are none that say anything.
    fn read(event: &Bytes) -> Result<Option<Self>, FrameError> {
        let (mut id, mut name, mut data) = (None, None, None);
        for line in event.split(|byte| *byte == b'\n') {
            // A carriage return would end a line for others.
            if memchr(b'\r', line).is_some() {
                return Err(FrameError::Line);
            }
            let Some(colon) = memchr(b':', line) else {
                if line.is_empty() {
                    continue;
                }
                return Err(FrameError::Line);
            };
            let (field, text) = line.split_at(colon);
            let text = text.get(1..).unwrap_or_default();
            let text = text.strip_prefix(b" ").unwrap_or(text);
            let place = match field {
                b"id" => &mut id,
                b"event" => &mut name,
                b"data" => &mut data,
                b"" | b"retry" => continue,
                _ => return Err(FrameError::Line),
            };
            if place.replace(event.slice_ref(text)).is_some() {
                return Err(FrameError::Twice);
            }
        }
        match (id, name, data) {
            (Some(id), Some(name), Some(data)) => Ok(Some(Self {
                id: word(&id)?,
                name: word(&name)?,
                data,
            })),
            (None, None, None) => Ok(None),
            _ => Err(FrameError::Incomplete),
        }
    }
}

/// What waits is nobody's business: it may be a record, and has the stream's id.
impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Frames");
        told.field("waiting", &self.waiting.len());
        told.finish_non_exhaustive()
    }
}

fn word(bytes: &Bytes) -> Result<String, FrameError> {
    let word = std::str::from_utf8(bytes).map_err(|_| FrameError::Line)?;
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUND: usize = 64;

    type Told = (Vec<(String, String, Vec<u8>)>, Option<FrameError>);

    /// What is told of a stream that comes in these parts.
    fn told<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Told {
        let mut frames = Frames::new(BOUND);
        let mut events = Vec::new();
        for part in parts {
            frames.push(part);
            loop {
                match frames.take() {
                    Ok(Some(frame)) => events.push((frame.id, frame.name, frame.data.to_vec())),
                    Ok(None) => break,
                    Err(error) => return (events, Some(error)),
                }
            }
        }
        (events, None)
    }

    #[track_caller]
    fn check(stream: &str, expected: &[(&str, &str, &str)], error: Option<FrameError>) {
        let expected = expected.iter().map(|(id, name, data)| {
            (
                (*id).to_owned(),
                (*name).to_owned(),
                data.as_bytes().to_vec(),
            )
        });
        let expected = (expected.collect(), error);
        assert_eq!(told([stream.as_bytes()]), expected);
        assert_eq!(told(stream.as_bytes().chunks(1)), expected);
    }

    #[test]
    fn events_are_read_as_pocketbase_writes_them() {
        let one = "id:a\nevent:posts/*\ndata:{\"x\":1}\n\n";
        let event = ("a", "posts/*", "{\"x\":1}");
        check("", &[], None);
        check(one, &[event], None);
        check(&one.repeat(3), &[event, event, event], None);
        check(
            &format!("{one}id:a\nevent:posts/*\ndata:{{}}\n"),
            &[event],
            None,
        );
        check(
            "data: 1\nevent: b:c\nid:  d\n\n",
            &[(" d", "b:c", "1")],
            None,
        );
        check("id:\nevent:\ndata:\n\n", &[("", "", "")], None);
    }

    #[test]
    fn what_says_nothing_is_skipped() {
        let one = "id:a\nevent:b\ndata:c\n\n";
        let event = ("a", "b", "c");
        check(&format!("\n\n\n{one}\n\n{one}"), &[event, event], None);
        check(
            &format!(":\n\n{one}: hello\nretry:3\n\n{one}"),
            &[event, event],
            None,
        );
        check("id:a\n:\nevent:b\nretry:1\ndata:c\n\n", &[event], None);
    }

    #[test]
    fn what_pocketbase_does_not_write_is_refused() {
        let whole = "id:a\nevent:b\ndata:c\n\n";
        let event = ("a", "b", "c");
        let all = [
            ("id:a\r\nevent:b\r\ndata:c\r\n\n", FrameError::Line),
            ("id:a\nevent:b\ndata:c\rid:x\n\n", FrameError::Line),
            ("id:a\nevent\ndata:c\n\n", FrameError::Line),
            ("ID:a\nevent:b\ndata:c\n\n", FrameError::Line),
            ("\u{feff}id:a\nevent:b\ndata:c\n\n", FrameError::Line),
            ("id:a\nevent:b\ndata:c\ndata:d\n\n", FrameError::Twice),
            ("id:a\nid:a\nevent:b\ndata:c\n\n", FrameError::Twice),
            ("id:a\ndata:c\n\n", FrameError::Incomplete),
            ("event:b\ndata:c\n\n", FrameError::Incomplete),
            ("id:a\nevent:b\n\n", FrameError::Incomplete),
        ];
        for (stream, error) in all {
            check(&format!("{whole}{stream}"), &[event], Some(error));
        }
        let stream = b"id:a\nevent:\xff\ndata:c\n\n";
        assert_eq!(told([&stream[..]]).1, Some(FrameError::Line));
    }

    #[test]
    fn an_event_has_a_bound() {
        let of = |bytes: usize| {
            let head = "id:a\nevent:b\ndata:";
            format!("{head}{}\n\n", "c".repeat(bytes - head.len() - 1))
        };
        let data = "c".repeat(BOUND - 19);
        check(&of(BOUND), &[("a", "b", &data)], None);
        let error = Some(FrameError::TooLarge(BOUND));
        check(&of(BOUND + 1), &[], error);
        check(&"x".repeat(BOUND), &[], None);
        check(
            &"x".repeat(BOUND + 1),
            &[],
            Some(FrameError::TooLarge(BOUND)),
        );
    }

    #[test]
    fn nothing_waits_between_events() {
        let mut frames = Frames::new(1 << 20);
        frames.push(format!("id:a\nevent:b\ndata:{}\n\n", "c".repeat(1 << 16)).as_bytes());
        assert!(!frames.is_empty());
        assert!(frames.take().unwrap().is_some());
        assert!(frames.take().unwrap().is_none());
        assert!(frames.is_empty());
        assert_eq!(frames.waiting.capacity(), 0);
    }

    /// Lines that are near to right, so that most streams have some events.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let event = Just("id:a\nevent:b\ndata:{}\n\n".to_owned());
        let near = "(id|event|data|retry|)?(:| |: ?[a-z]{0,9})?(\n|\n\n|\r\n|)";
        let part = prop_oneof![2 => event, 1 => near];
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_cutting_tells_the_same(stream in stream(), cuts in prop::collection::vec(0..300_usize, 0..20)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            prop_assert_eq!(told(parts), told([&stream[..]]));
        }
    }
}
