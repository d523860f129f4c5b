//! Sessions come to an end: by their owners, by operators, by time. And what goes on beside
//! the requests.

use std::net::IpAddr;

use futures_util::StreamExt;
use serde_json::Value;

use super::rolling::{Due, Ended, Ending, Listed, SessionCounts, StoreError, Which};
use super::{SessionError, Sessions};
use crate::principal::{SessionId, Vouched};
use crate::schema::Schema;

/// Tokens of PocketBase that are renewed at once.
const RENEWING: usize = 8;

impl Sessions {
    /// The sessions of who asks.
    ///
    /// # Errors
    ///
    /// Somebody without a session.
    pub fn own(&self, asker: &Vouched) -> Result<Vec<Listed>, SessionError> {
        let rolling = self.rolling.as_ref().ok_or(SessionError::Missing)?;
        Ok(rolling.list(&all_of(asker)))
    }

    /// Ends the session of who asks.
    ///
    /// # Errors
    ///
    /// Somebody without a session; an end that was not written.
    pub async fn log_out(&self, asker: &Vouched, address: IpAddr) -> Result<(), SessionError> {
        let rolling = self.rolling.as_ref().ok_or(SessionError::Missing)?;
        let own = asker.session.ok_or(SessionError::Missing)?;
        rolling
            .end(&Which::One(own), Ending::LoggedOut, Some(address))
            .await?;
        Ok(())
    }

    /// Ends one of the sessions of who asks, or all of them.
    ///
    /// # Errors
    ///
    /// A session that is none of theirs, or none at all: nobody can tell which.
    pub async fn revoke(
        &self,
        asker: &Vouched,
        session: Option<SessionId>,
        address: IpAddr,
    ) -> Result<(), SessionError> {
        let rolling = self.rolling.as_ref().ok_or(SessionError::Missing)?;
        let own = all_of(asker);
        let which = match session {
            None => own,
            Some(id) if rolling.list(&own).iter().any(|listed| listed.id == id) => Which::One(id),
            Some(_) => return Err(StoreError::Gone.into()),
        };
        rolling.end(&which, Ending::Revoked, Some(address)).await?;
        Ok(())
    }

    /// These sessions, for an operator. None: clients hold PocketBase's own tokens.
    #[must_use]
    pub fn list(&self, which: &Which) -> Option<Vec<Listed>> {
        self.rolling.as_ref().map(|rolling| rolling.list(which))
    }

    /// Ends sessions for an operator, and tells how many. None: as [`Sessions::list`].
    ///
    /// # Errors
    ///
    /// An end that was not written.
    pub async fn end(&self, which: &Which) -> Result<Option<usize>, StoreError> {
        match &self.rolling {
            Some(rolling) => rolling.end(which, Ending::Operator, None).await.map(Some),
            None => Ok(None),
        }
    }

    /// Waits until a session has ended, and tells which did. To be called by one alone.
    pub async fn ended(&self) -> Vec<Ended> {
        match &self.rolling {
            Some(rolling) => {
                rolling.has_ended.notified().await;
                rolling.take_ended()
            }
            None => std::future::pending().await,
        }
    }

    /// Which sessions have ended that nobody was told of yet, for the end.
    #[must_use]
    pub fn just_ended(&self) -> Vec<Ended> {
        let rolling = self.rolling.as_ref();
        rolling.map_or_else(Vec::new, |rolling| rolling.take_ended())
    }

    /// Looks at what a command has written.
    ///
    /// # Errors
    ///
    /// Sessions that can't be read.
    pub async fn look_again(&self) -> Result<(), StoreError> {
        match &self.rolling {
            Some(rolling) => rolling.look_again().await,
            None => Ok(()),
        }
    }

    /// Ends what is over, and writes what was only noted. To be called now and then, and at
    /// the end.
    ///
    /// # Errors
    ///
    /// Sessions that can't be written.
    pub async fn tend(&self) -> Result<(), StoreError> {
        match &self.rolling {
            Some(rolling) => rolling.tend().await,
            None => Ok(()),
        }
    }

    /// Changes the key when it is time, and renews the tokens of PocketBase that get old
    /// while nobody asks. To be called from time to time.
    ///
    /// # Errors
    ///
    /// Keys that can't be written.
    pub async fn renew_old(&self, schema: &Schema) -> Result<(), StoreError> {
        let Some(rolling) = &self.rolling else {
            return Ok(());
        };
        rolling.tend_keys().await?;
        loop {
            let due = rolling.due();
            if due.is_empty() {
                return Ok(());
            }
            let due = futures_util::stream::iter(due);
            due.for_each_concurrent(RENEWING, async |due| self.renew_one(&due, schema).await)
                .await;
        }
    }

    /// Renews a token of PocketBase; where that fails it is due again after a while.
    async fn renew_one(&self, due: &Due, schema: &Schema) {
        let Some(collection) = schema.by_id(&due.collection_id) else {
            return;
        };
        match self.upstream.verify(collection, &due.token, None).await {
            Ok(Some(verified)) => {
                if let Some(newer) = &verified.token {
                    self.renew(due.session, &due.token, newer);
                }
            }
            Ok(None) => {
                let _ = self.refused(&due.token).await;
            }
            Err(error) => tracing::debug!(%error, "a token of PocketBase is not renewed yet"),
        }
    }

    /// How many sessions there are.
    #[must_use]
    pub fn counts(&self) -> SessionCounts {
        let rolling = self.rolling.as_ref();
        rolling.map_or_else(SessionCounts::default, |rolling| rolling.counts())
    }
}

/// All sessions of who asks.
fn all_of(asker: &Vouched) -> Which {
    let id = asker.record.get("collectionId").and_then(Value::as_str);
    Which::Record {
        collection_id: id.unwrap_or_default().to_owned(),
        record: asker.id.clone(),
    }
}
