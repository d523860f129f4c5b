//! `multipart/form-data`, in the one form that browsers and HTTP libraries write,
//! read as it arrives.
//!
//! Go's reader skips what stands before the first boundary and after the last one,
//! takes bare line feeds for line ends, decodes `name*=` and quoted-printable, and
//! passes over headers that it does not know. The usual crate (`multer`) also keeps
//! the last of two equal headers without a word, and shows its caller none of
//! this. So the grammar is held here, byte by byte, and `multer` reads again in the
//! tests whatever is taken:
//!
//! ```text
//! body = *( "--" boundary CRLF 1*header CRLF bytes CRLF ) "--" boundary "--" [CRLF]
//! ```
//!
//! A boundary within a part would be its end to some readers, so it is refused
//! wherever it stands. However the bytes are cut into pieces, what is told of them
//! is the same.

mod head;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::{self, Finder};

use self::head::{Head, Part};
use super::{FormError, MOST_PAIRS};

/// Bytes of a part's headers: its name, a file's name and a type take a third of it.
const LONGEST_HEAD: usize = 2048;

/// Where the headers of a part end.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// What a form has, in its order.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A value, whole.
    Text {
        /// The part's name.
        name: String,
        /// UTF-8 without a NUL.
        value: String,
    },
    /// A file begins: pieces of it follow, and its end.
    File {
        /// The part's name.
        name: String,
        /// Without folders, never empty.
        file_name: String,
    },
    /// Bytes of the file, never none.
    Piece(Bytes),
    /// The file is whole.
    FileEnd,
}

/// Reads a form that arrives in pieces.
pub struct Reader {
    /// The line break before the delimiter, and the delimiter.
    ending: Vec<u8>,
    /// The delimiter: two dashes and the boundary.
    delimiter: Finder<'static>,
    state: State,
    /// What arrived and was not told yet.
    rest: Bytes,
    parts: usize,
}

enum State {
    /// Nothing but the first delimiter may come.
    Beginning,
    /// Behind a delimiter: a part, or the end.
    Delimited,
    /// Within the headers of a part.
    Head,
    /// Within the bytes of a part.
    Within(Within),
    /// Behind the last byte of a part, which is to be told.
    Ending(Within),
    /// Behind the last delimiter: a line break may come.
    Closed,
    /// Nothing may come.
    Done,
}

/// A part whose bytes are being read.
struct Within {
    head: Head,
    length: u64,
    /// Of a value. A file's are told as they come.
    text: Vec<u8>,
}

/// What came of looking at the bytes that are there.
enum Step {
    Told(Event),
    /// To be looked at again, in another state.
    On,
    /// More bytes are needed.
    Wait,
}

impl Reader {
    /// Reads a form whose parts are apart by this boundary.
    #[must_use]
    pub fn new(boundary: &str) -> Self {
        let ending = format!("\r\n--{boundary}").into_bytes();
        let delimiter = Finder::new(ending.get(2..).unwrap_or_default()).into_owned();
        Self {
            ending,
            delimiter,
            state: State::Beginning,
            rest: Bytes::new(),
            parts: 0,
        }
    }

    /// Takes the next bytes of the body. To be asked for events until there are
    /// none, before more are given.
    pub fn feed(&mut self, piece: Bytes) {
        if self.rest.is_empty() {
            self.rest = piece;
        } else {
            // Less than a part's headers, or than a delimiter.
            let mut joined = BytesMut::with_capacity(self.rest.len() + piece.len());
            joined.extend_from_slice(&self.rest);
            joined.extend_from_slice(&piece);
            self.rest = joined.freeze();
        }
    }

    /// What the bytes so far tell next. None: nothing more.
    ///
    /// # Errors
    ///
    /// Whatever is not of the form above: by the part's name, once it is known.
    pub fn event(&mut self) -> Result<Option<Event>, FormError> {
        loop {
            let step = match self.state {
                State::Beginning => self.beginning()?,
                State::Delimited => self.delimited()?,
                State::Head => self.head()?,
                State::Within(_) | State::Ending(_) => self.part()?,
                State::Closed | State::Done => self.closed()?,
            };
            match step {
                Step::Told(event) => return Ok(Some(event)),
                Step::On => {}
                Step::Wait => return Ok(None),
            }
        }
    }

    /// Makes sure that the form is whole, when no more bytes come.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn end(&self) -> Result<(), FormError> {
        match self.state {
            State::Beginning => refuse("it does not begin with its boundary"),
            State::Closed | State::Done if self.rest.is_empty() => Ok(()),
            _ => refuse("it does not end with its last boundary"),
        }
    }

    fn beginning(&mut self) -> Result<Step, FormError> {
        let delimiter = self.delimiter.needle();
        let there = self.rest.len().min(delimiter.len());
        if self.rest.get(..there) != delimiter.get(..there) {
            return refuse("it does not begin with its boundary");
        }
        if there < delimiter.len() {
            return Ok(Step::Wait);
        }
        self.rest.advance(there);
        self.state = State::Delimited;
        Ok(Step::On)
    }

    fn delimited(&mut self) -> Result<Step, FormError> {
        self.state = match self.rest.get(..2) {
            Some(b"\r\n") if self.parts == MOST_PAIRS => return refuse("too many parts"),
            Some(b"\r\n") => State::Head,
            Some(b"--") => State::Closed,
            None if matches!(*self.rest, [] | [b'\r' | b'-']) => return Ok(Step::Wait),
            Some(_) | None => return refuse("a boundary that is not a line of its own"),
        };
        self.rest.advance(2);
        Ok(Step::On)
    }

    fn head(&mut self) -> Result<Step, FormError> {
        let most = LONGEST_HEAD + BLANK_LINE.len();
        let bytes = self.rest.get(..most).unwrap_or(&self.rest);
        let end = memmem::find(bytes, BLANK_LINE);
        let head = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if self.delimiter.find(head).is_some() {
            return refuse("a part without an empty line after its headers");
        }
        let Some(end) = end else {
            if bytes.len() == most {
                return refuse("the headers of a part are too long");
            }
            return Ok(Step::Wait);
        };
        let head = Head::parse(head)?;
        self.rest.advance(end + BLANK_LINE.len());
        self.parts += 1;
        let event = match &head.part {
            Part::File(file_name) => Step::Told(Event::File {
                name: head.name.clone(),
                file_name: file_name.clone(),
            }),
            Part::Text | Part::NoFile => Step::On,
        };
        self.state = State::Within(Within {
            head,
            length: 0,
            text: Vec::new(),
        });
        Ok(event)
    }

    /// Takes as many bytes of the part as are sure to belong to it.
    fn part(&mut self) -> Result<Step, FormError> {
        let mut within = match std::mem::replace(&mut self.state, State::Delimited) {
            State::Within(within) => within,
            State::Ending(within) => return within.end(),
            other => {
                self.state = other;
                return Ok(Step::Wait);
            }
        };
        let (piece, is_whole) = match self.delimiter.find(&self.rest) {
            Some(at) => {
                let mut piece = self.rest.split_to(at);
                self.rest.advance(self.delimiter.needle().len());
                if !piece.ends_with(b"\r\n") {
                    return refuse(if within.length == 0 && piece.is_empty() {
                        "a part without an empty line after its headers"
                    } else {
                        "a boundary that is not a line of its own"
                    });
                }
                piece.truncate(at.saturating_sub(2));
                (piece, true)
            }
            None => (self.rest.split_to(self.rest.len() - self.held()), false),
        };
        let is_nothing = piece.is_empty();
        let event = within.take(piece);
        self.state = if is_whole {
            State::Ending(within)
        } else {
            State::Within(within)
        };
        Ok(match event {
            Some(event) => Step::Told(event),
            None if is_nothing && !is_whole => Step::Wait,
            None => Step::On,
        })
    }

    /// How many bytes at the end may be the beginning of a delimiter, or of the
    /// line break before it.
    fn held(&self) -> usize {
        let begins = |pattern: &[u8], length: usize| {
            pattern
                .get(..length)
                .is_some_and(|begin| self.rest.ends_with(begin))
        };
        let longest = self.ending.len().saturating_sub(1);
        (1..=longest)
            .rev()
            .find(|&length| begins(&self.ending, length) || begins(self.delimiter.needle(), length))
            .unwrap_or(0)
    }

    fn closed(&mut self) -> Result<Step, FormError> {
        match (&self.state, &*self.rest) {
            (_, b"") | (State::Closed, b"\r") => Ok(Step::Wait),
            (State::Closed, b"\r\n") => {
                self.rest.clear();
                self.state = State::Done;
                Ok(Step::Wait)
            }
            _ => refuse("it does not end with its last boundary"),
        }
    }
}

impl Within {
    fn take(&mut self, piece: Bytes) -> Option<Event> {
        self.length += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        match self.head.part {
            Part::Text => {
                self.text.extend_from_slice(&piece);
                None
            }
            Part::File(_) if !piece.is_empty() => Some(Event::Piece(piece)),
            // Refused at its end if there are any.
            Part::File(_) | Part::NoFile => None,
        }
    }

    fn end(self) -> Result<Step, FormError> {
        let Head {
            name,
            part,
            kind,
            length,
        } = self.head;
        let length = length.is_none_or(|told| told == self.length.to_string());
        let text = String::from_utf8(self.text);
        let problem = match (part, text) {
            (Part::Text, _) if !kind.is_none_or(|kind| head::is_text(&kind)) => {
                "its type is neither text/plain nor application/json, in utf-8"
            }
            (_, Err(_)) => "it is not UTF-8",
            (Part::Text, Ok(text)) if text.contains('\0') => "a NUL",
            (Part::NoFile, _) if self.length > 0 => "it is a file without a name",
            _ if !length => "its Content-Length is another",
            (Part::Text | Part::NoFile, Ok(value)) => {
                return Ok(Step::Told(Event::Text { name, value }));
            }
            (Part::File(_), Ok(_)) => return Ok(Step::Told(Event::FileEnd)),
        };
        Err(FormError::Value { name, problem })
    }
}

fn refuse<T>(problem: &'static str) -> Result<T, FormError> {
    Err(FormError::Form(problem))
}

#[cfg(test)]
mod tests;
