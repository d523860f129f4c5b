//! Questions to PocketBase about tokens of which nobody here knows whether they are good.
//!
//! Each is counted before it is asked, and for nothing if the token was good. So however many
//! come at once, those about bad ones stay within the limit.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::table::Limit;
use super::{LimitError, Limits, Mode, Running, Subject};

/// How long one waits for what others may give back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A question under way.
#[derive(Debug)]
pub struct Question {
    /// None: nothing is limited.
    counted: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    place: Running,
    limit: Arc<Limit>,
    /// Until when it counts at least, in nanoseconds of the station's clock.
    until: u64,
}

/// Whether it is a question's turn.
#[derive(Debug)]
pub enum Turn {
    /// It is.
    Now(Question),
    /// Others are under way, and may be worth nothing in a moment.
    Later,
}

impl Limits {
    /// Counts a question about a token shown at an address.
    ///
    /// # Errors
    ///
    /// Too many were about tokens that are not good.
    pub fn question(
        self: &Arc<Self>,
        address: IpAddr,
        waited: Duration,
    ) -> Result<Turn, LimitError> {
        let table = self.table.load();
        if table.mode == Mode::Off {
            return Ok(Turn::Now(Question { counted: None }));
        }
        let who = Subject::of_tokens(address);
        self.check(who)?;
        let limit = &table.bad_token;
        let now = self.maker.store.clock.nanos();
        match limit.take(who) {
            Ok(standing) => {
                self.count(limit.kind, 0);
                let used = standing.after.saturating_sub(limit.period);
                let until = now.saturating_add(nanos(used.max(limit.period)));
                let counted = Counted {
                    place: self.occupy(who),
                    limit: Arc::clone(limit),
                    until,
                };
                Ok(Turn::Now(Question {
                    counted: Some(counted),
                }))
            }
            Err(_) if waited < LONGEST_WAIT && self.running().contains_key(&who) => Ok(Turn::Later),
            Err(standing) => {
                self.count(limit.kind, 1);
                let noted = self.refused(limit, who, who);
                Err(LimitError::Limited { standing, noted })
            }
        }
    }
}

impl Question {
    /// It counts for nothing: the token is good, or nobody was asked. What has come again
    /// by itself meanwhile is not given twice.
    pub fn give_back(self) {
        let Some(counted) = self.counted else {
            return;
        };
        let Counted {
            place,
            limit,
            until,
        } = counted;
        let now = place.limits.maker.store.clock.nanos();
        let left = Duration::from_nanos(until.saturating_sub(now));
        limit.give_back(place.who, left.min(limit.period));
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
