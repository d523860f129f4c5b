//! Lists under rules that drop records: a page stays as long as was asked.
//!
//! The SDK's `getFullList` ends at the first short page, so a dropped record
//! must not make one. The list is read from its beginning in larger pages, and
//! what passes is counted off until the page that was asked is full. Which page
//! that is then depends only on what may be seen, so pages fit together; the
//! number of records read for it is bounded.

use serde_json::{Value, json};

use super::answer;
use super::fetch::fetch_page;
use super::permit::Permitted;
use super::scan::Scan;
use super::trace::Trace;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::Operation;
use crate::record::{Records, Shape};
use crate::rules::Released;
use crate::upstream::Reply;

/// Fills the page that was asked, beginning with the first page that was read.
pub(super) async fn fill(
    gateway: &Gateway,
    permitted: &Permitted,
    (scan, first): (Scan, Value),
    trace: &mut Trace<'_>,
) -> Result<Value, Error> {
    let generation = &permitted.in_force().generation;
    let (mut page, mut read) = (1, 0_u32);
    let mut seen = 0;
    let mut items = Vec::new();
    let mut body = first;
    loop {
        let count = body
            .get("items")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let before = trace.copy(Some(&body));
        let records = Records::take(body, Shape::List)?;
        answer::hold(gateway, permitted, &records, trace).await?;
        read = read.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        let Released {
            answer: revealed, ..
        } = generation.reveal(permitted.leaving(200), records).await?;
        trace.revealed(before.as_ref(), revealed.as_ref());
        for record in into_items(revealed) {
            seen += 1;
            if seen > scan.skip {
                items.push(record);
            }
        }
        if items.len() as u64 >= scan.take || count < usize::from(scan.chunk) {
            items.truncate(usize::try_from(scan.take).unwrap_or(usize::MAX));
            return Ok(whole(permitted, &items));
        }
        if read >= scan.bound {
            return Err(Error::Sparse { scanned: read });
        }
        page += 1;
        body = match fetch_page(gateway, permitted, scan, page).await? {
            Reply::Json { body, .. } => body,
            Reply::Empty { .. } | Reply::Refused { .. } | Reply::File(_) => {
                let problem = "a further page of a list is none".to_owned();
                return Err(crate::upstream::UpstreamError::Garbled(problem).into());
            }
        };
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
