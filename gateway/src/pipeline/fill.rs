//! Lists under rules that drop records: a page stays as long as was asked.
//!
//! The SDK's `getFullList` ends at the first short page, so a dropped record
//! must not make one. The list is read from its beginning in larger pages, and
//! what passes is counted off until the page that was asked is full. Which page
//! that is then depends only on what may be seen, so pages fit together; the
//! number of records read for it is bounded.

use serde_json::{Value, json};

use super::fetch::fetch_page;
use super::permit::Permitted;
use super::release::leaving;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::{ListQuery, Operation};
use crate::record::{Records, Shape};
use crate::rules::{Notes, Released};
use crate::upstream::Reply;

/// Sizes of the pages that are read: large enough to be few.
const CHUNK: std::ops::RangeInclusive<u64> = 100..=1_000;

/// How a list is read to fill one page of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Records that may be seen and come before the page.
    skip: u64,
    /// Records on the page.
    take: u64,
    /// Records read at once.
    chunk: u16,
    /// Records read in all.
    bound: u32,
}

/// Whether a reply must be filled, and how.
pub(super) fn plan(permitted: &Permitted) -> Option<Scan> {
    let exchange = permitted.exchange();
    let (Operation::List { query, .. }, Some(collection)) =
        (&exchange.operation, &exchange.collection)
    else {
        return None;
    };
    let in_force = permitted.in_force();
    in_force
        .generation
        .may_drop(&collection.name)
        .then(|| Scan::new(query, in_force.serving.list_scan))
}

/// Fills the page that was asked, beginning with the first page that was read.
pub(super) async fn fill(
    gateway: &Gateway,
    permitted: &Permitted,
    scan: Scan,
    first: Value,
) -> Result<(Value, Notes), Error> {
    let generation = &permitted.in_force().generation;
    let (mut page, mut read) = (1, 0_u32);
    let mut seen = 0;
    let mut items = Vec::new();
    let mut notes = Notes::new();
    let mut answer = first;
    loop {
        let count = answer
            .get("items")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let records = Records::take(answer, Shape::List)?;
        read = read.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        let Released {
            answer: revealed,
            notes: more,
            ..
        } = generation.reveal(leaving(permitted, 200), records).await?;
        notes.extend(more);
        for record in into_items(revealed) {
            seen += 1;
            if seen > scan.skip {
                items.push(record);
            }
        }
        if items.len() as u64 >= scan.take || count < usize::from(scan.chunk) {
            items.truncate(usize::try_from(scan.take).unwrap_or(usize::MAX));
            return Ok((whole(permitted, &items), notes));
        }
        if read >= scan.bound {
            return Err(Error::Sparse { scanned: read });
        }
        page += 1;
        answer = match fetch_page(gateway, permitted, scan, page).await? {
            Reply::Json { body, .. } => body,
            Reply::Empty { .. } | Reply::Refused { .. } | Reply::File(_) => {
                let problem = "a further page of a list is none".to_owned();
                return Err(crate::upstream::UpstreamError::Garbled(problem).into());
            }
        };
    }
}

impl Scan {
    fn new(query: &ListQuery, bound: u32) -> Self {
        let take = u64::from(query.per_page);
        let skip = query.page.saturating_sub(1).saturating_mul(take);
        let chunk = skip
            .saturating_add(take)
            .clamp(*CHUNK.start(), *CHUNK.end());
        // Within the range above, so it always fits.
        Self {
            skip,
            take,
            chunk: u16::try_from(chunk).unwrap_or(1_000),
            bound,
        }
    }

    /// Makes a list's query ask for one of the pages that are read.
    pub(super) fn turn_to(self, operation: &mut Operation, page: u64) {
        if let Operation::List { query, .. } = operation {
            query.page = page;
            query.per_page = self.chunk;
            query.skip_total = true;
        }
    }
}

/// The answer as it was asked for. Totals would tell how many were dropped.
fn whole(permitted: &Permitted, items: &[Value]) -> Value {
    let (page, per_page) = match &permitted.exchange().operation {
        Operation::List { query, .. } => (query.page, query.per_page),
        _ => (1, 0),
    };
    json!({ "items": items, "page": page, "perPage": per_page, "totalItems": -1, "totalPages": -1 })
}

fn into_items(answer: Option<Value>) -> Vec<Value> {
    match answer {
        Some(Value::Object(mut list)) => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
