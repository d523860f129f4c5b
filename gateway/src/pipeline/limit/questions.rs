//! How often PocketBase is asked, for one address, about tokens that turn out not to be good.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::error::Error;
use crate::limits::{LimitError, Limits, Question, Turn};
use crate::sessions::{self, SessionError};

/// How often is looked whether others have given something back.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The questions for one request.
#[derive(Debug)]
pub(in crate::pipeline) struct Questions<'a> {
    limits: &'a Arc<Limits>,
    address: IpAddr,
    last: Mutex<Last>,
}

#[derive(Debug)]
enum Last {
    Nothing,
    Asked(Question),
    Refused(LimitError),
}

impl<'a> Questions<'a> {
    pub(in crate::pipeline) fn of(limits: &'a Arc<Limits>, address: IpAddr) -> Self {
        Self {
            limits,
            address,
            last: Mutex::new(Last::Nothing),
        }
    }

    /// What a question that was not asked is to its client.
    pub(in crate::pipeline) fn told(&self, error: SessionError) -> Error {
        match (&error, &*self.last()) {
            (SessionError::Unasked, Last::Refused(refused)) => refused.clone().into(),
            (_, _) => error.into(),
        }
    }

    async fn ask(&self) -> Result<Question, LimitError> {
        let since = Instant::now();
        loop {
            match self.limits.question(self.address, since.elapsed())? {
                Turn::Now(question) => return Ok(question),
                Turn::Later => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl sessions::Questions for Questions<'_> {
    fn may_ask(&self) -> BoxFuture<'_, bool> {
        let ask = async {
            let asked = self.ask().await;
            let may = asked.is_ok();
            *self.last() = asked.map_or_else(Last::Refused, Last::Asked);
            may
        };
        ask.boxed()
    }

    fn give_back(&self) {
        let last = std::mem::replace(&mut *self.last(), Last::Nothing);
        if let Last::Asked(question) = last {
            question.give_back();
        }
    }
}
