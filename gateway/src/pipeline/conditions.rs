//! Conditions on writes: PocketBase has no versions of records to compare, and
//! ignores `If-Match`. Whoever sends one means to be refused when the record has
//! changed, so that the write is refused rather than done without looking.

use http::{HeaderName, header};

use crate::error::Error;
use crate::exchange::Client;
use crate::operation::Operation;
use crate::surface::Unnamed;

const CONDITIONS: [HeaderName; 2] = [header::IF_MATCH, header::IF_UNMODIFIED_SINCE];

/// Refuses a condition on a write, and tells those that are let in by observing.
pub(super) fn check(operation: &Operation, client: &Client) -> Result<Vec<Unnamed>, Error> {
    let mut unnamed = Vec::new();
    if operation.is_write() && !operation.is_streamed() {
        for name in CONDITIONS {
            let header = Unnamed::Header { name: name.clone() };
            if client.headers.contains_key(&name) && !client.surface.admits(header, &mut unnamed) {
                return Err(Error::Condition(name));
            }
        }
    }
    Ok(unnamed)
}
