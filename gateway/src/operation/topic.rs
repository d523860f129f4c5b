//! One topic of a subscription, in a grammar of its own.
//!
//! PocketBase takes any text for a topic, echoes it raw into the stream, and reads
//! what follows a question mark as it can: options that it can't read are none, so
//! that what was to be filtered is not. Here a topic is one of a few words, or
//! `NAME/*` (or `NAME`) or `NAME/ID` with at most one `?options=` behind it, in letters that
//! mean nothing to an event stream. Whatever else it might be read as is refused.

mod options;
mod spelling;
#[cfg(test)]
mod tests;

use super::{CollectionRef, Operation, OperationError, RecordId, WatchQuery};
use crate::surface::{Surface, Unnamed};

/// What somebody wants to be told.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of records, and none is kept"
)]
pub enum Topic {
    /// `PB_CONNECT`: the first event of each stream, for which nobody need ask. An
    /// application that listens for it makes the SDKs ask all the same.
    Greeting,
    /// `@oauth2`: how a login at a provider ended.
    OAuth2,
    /// `resync`: that events may have been missed.
    Resync,
    /// `closing`: why the stream is about to end.
    Closing,
    /// What becomes of records.
    Records {
        /// An [`Operation::Watch`].
        operation: Operation,
        /// What was let in only because the gateway observes.
        unnamed: Vec<Unnamed>,
    },
}

/// Bytes of a topic, as many as PocketBase takes.
pub const LONGEST_TOPIC: usize = 2_500;

impl Topic {
    /// Reads a topic as it stands in a subscription.
    ///
    /// # Errors
    ///
    /// Whatever is not one of the topics in its one spelling.
    pub fn parse(text: &str, surface: &Surface) -> Result<Self, OperationError> {
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > LONGEST_TOPIC {
            return refuse("it has more than 2500 characters");
        }
        if let Some(problem) = text.bytes().find_map(problem_of) {
            return refuse(problem);
        }
        match text {
            "PB_CONNECT" => return Ok(Self::Greeting),
            "@oauth2" => return Ok(Self::OAuth2),
            "resync" => return Ok(Self::Resync),
            "closing" => return Ok(Self::Closing),
            _ => {}
        }
        let (place, options) = match text.split_once('?') {
            Some((place, options)) => (place, Some(options)),
            None => (text, None),
        };
        let (collection, id) = records(place)?;
        let mut unnamed = Vec::new();
        let query = match options {
            Some(options) => options::read(options, surface, &mut unnamed)?,
            None => WatchQuery::default(),
        };
        let operation = Operation::Watch {
            collection,
            id,
            query,
        };
        Ok(Self::Records { operation, unnamed })
    }
}

/// Reads `NAME/*` or `NAME/ID`.
fn records(place: &str) -> Result<(CollectionRef, Option<RecordId>), OperationError> {
    if place.contains('%') {
        return refuse("nothing is decoded in it but its options");
    }
    // The name alone is an older spelling for all of its records, and that of some SDKs.
    let (name, record) = place.split_once('/').unwrap_or((place, "*"));
    let Some(collection) = CollectionRef::new(name) else {
        return refuse("a collection has only letters, digits and underscores");
    };
    let id = match record {
        "*" => None,
        "" => return refuse("expected * or the id of a record after the slash"),
        record if record.contains('/') => return refuse("more than one slash"),
        record => match RecordId::new(record).filter(RecordId::is_plain) {
            Some(id) => Some(id),
            None => return refuse("the id of a record in it has only letters, digits, - and _"),
        },
    };
    Ok((collection, id))
}

/// A topic goes into the stream as it was asked for: nothing in it may end a line.
fn problem_of(byte: u8) -> Option<&'static str> {
    match byte {
        0..=0x1f | 0x7f => Some("a control character"),
        0x80.. => Some("characters beyond ASCII"),
        b' ' => Some("a raw space"),
        b'#' => Some("a raw number sign"),
        b';' => Some("a semicolon"),
        b'\\' => Some("a backslash"),
        _ => None,
    }
}

fn refuse<T>(problem: &'static str) -> Result<T, OperationError> {
    Err(OperationError::Topic(problem))
}
