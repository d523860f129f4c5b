//! How a list is read from its beginning, to fill one page of it.

use super::permit::Permitted;
use crate::operation::{ListQuery, Operation};

/// Sizes of the pages that are read: large enough to be few.
const CHUNK: std::ops::RangeInclusive<u64> = 100..=1_000;

/// How a list is read to fill one page of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Records that may be seen and come before the page.
    pub(super) skip: u64,
    /// Records on the page.
    pub(super) take: u64,
    /// Records read at once.
    pub(super) chunk: u16,
    /// Records read in all.
    pub(super) bound: u32,
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
