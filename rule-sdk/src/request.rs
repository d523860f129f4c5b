//! The request under judgement.

use std::fmt;
use std::time::Duration;

use crate::{Document, Fault, Operation, Records, Standing, Value, backend};

/// The request under judgement.
///
/// Every fact in it is the gateway's own finding; nothing is the client's unverified claim but
/// [`header`](Self::header) and [`query`](Self::query).
#[repr(transparent)]
pub struct Request(pub(crate) backend::Request);

/// One file of an upload. A rule sees what it is, never its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The field that it is for.
    pub field: String,
    /// The file's name, as the client gave it.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Sniffed from the bytes, not the client's word.
    pub media_type: String,
}

/// How much a line of the log weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For whoever writes the rule.
    Debug,
    /// Worth a line.
    Info,
    /// Worth a look.
    Warn,
    /// Something is wrong.
    Error,
}

impl Request {
    /// What is asked.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.0.operation()
    }

    /// The collection's name as the schema spells it.
    #[must_use]
    pub fn collection(&self) -> String {
        self.0.collection()
    }

    /// The id in the path, for operations on one record.
    #[must_use]
    pub fn record_id(&self) -> Option<String> {
        self.0.record_id()
    }

    /// Who asks: the auth record that PocketBase vouched for. None: a guest.
    #[must_use]
    pub fn principal(&self) -> Option<Document> {
        self.0.principal().map(Document)
    }

    /// The id of who asks; none for a guest. Ids are told apart within one collection only: where
    /// several can log in, look at the principal's `/collectionName` as well.
    #[must_use]
    pub fn principal_id(&self) -> Option<String> {
        self.principal()?.str("/id")
    }

    /// Whether who asks is a superuser of PocketBase.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.0.is_superuser()
    }

    /// The address of the client.
    #[must_use]
    pub fn client_ip(&self) -> String {
        self.0.client_ip()
    }

    /// A request header by name, in any case. Credentials and cookies are never told.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.0.header(name)
    }

    /// A query parameter, as the gateway passes it on.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.0.query(name)
    }

    /// When the request came in: milliseconds since 1970, UTC. A rule has no other clock.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.0.time()
    }

    /// The place in a batch, from 0; none outside one.
    #[must_use]
    pub fn batch_index(&self) -> Option<u32> {
        self.0.batch_index()
    }

    /// The body of a write or login, if it has one. `before` may edit it; later it is read-only.
    #[must_use]
    pub fn body(&self) -> Option<Document> {
        self.0.body().map(Document)
    }

    /// The fields this write would change, by their bare names: `votes+`, `+votes` and `votes-` all
    /// count as `votes`. A rule that guards fields asks this and not the body's keys.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        self.0.changes()
    }

    /// The files that come with a write.
    #[must_use]
    pub fn uploads(&self) -> Vec<Upload> {
        self.0.uploads()
    }

    /// The record as PocketBase holds it now, hidden fields included; none if there is none. It is
    /// fetched at the first call, and never for a request whose rules don't ask.
    ///
    /// # Errors
    ///
    /// [`Fault::NotHere`] where the operation is not about one record, [`Fault::Upstream`] where
    /// PocketBase does not answer. `?` makes a denial of either.
    pub fn stored(&self) -> Result<Option<Document>, Fault> {
        Ok(self.0.stored()?.map(Document))
    }

    /// Narrows a list, or what somebody is told who subscribes, to the records that match a
    /// filter as well as the client's own. For [`Operation::List`] and [`Operation::Subscribe`],
    /// in `before`.
    ///
    /// Values come in by name and are bound, never pasted:
    ///
    /// ```
    /// # use hapta_rule::{Request, Verdict};
    /// # fn before(request: &Request) -> Verdict {
    /// request.narrow("public = true || author = {:me}", [("me", request.principal_id())])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Fault`] says why not; `?` makes a denial of it.
    pub fn narrow<'a, V: Into<Value>>(
        &self,
        filter: &str,
        parameters: impl IntoIterator<Item = (&'a str, V)>,
    ) -> Result<(), Fault> {
        let parameters = parameters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        self.0.narrow(filter, parameters)
    }

    /// Other records, as the one who asks may see them: PocketBase's own rules decide.
    ///
    /// A power: the rule must be granted `hapta:rule/records`.
    ///
    /// ```
    /// # use hapta_rule::{Denial, Request, Verdict};
    /// # fn before(request: &Request) -> Verdict {
    /// let mine = [("me", request.principal_id())];
    /// let found = request.records().first("memberships", "user = {:me}", mine)?;
    /// found.ok_or_else(|| Denial::forbidden("no_member", "You are no member."))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::new(self, Standing::Caller)
    }

    /// The same as the gateway, past PocketBase's rules: for collections that the configuration
    /// names in the rule's `reads`.
    #[must_use]
    pub fn records_as_gateway(&self) -> Records<'_> {
        Records::new(self, Standing::Gateway)
    }

    /// Adds to a counter of this rule, and tells its total. The counter is forgotten when so much
    /// time has gone by since it began; parts of a second do not count.
    ///
    /// What `before` adds is given back when the request is not done. A power: the rule must be
    /// granted `hapta:rule/counters`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use hapta_rule::{Denial, Request, Verdict};
    /// # fn before(request: &Request) -> Verdict {
    /// let key = format!("posts:{}", request.principal_id().unwrap_or_default());
    /// if request.add(&key, 1, Duration::from_secs(24 * 60 * 60))? > 10 {
    ///     return Err(Denial::new(429, "too_many_posts", "Ten posts a day are enough."));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Fault::Exhausted`] where the gateway has no room for one more; `?` denies then.
    pub fn add(&self, key: &str, amount: i64, lasts: Duration) -> Result<i64, Fault> {
        self.0.add(key, amount, lasts.as_secs())
    }

    /// Writes a line to the operator's log, for a rule that is being looked into. A power: the
    /// rule must be granted `hapta:rule/log`. What belongs to the verdict is a [`note`](Self::note).
    pub fn log(&self, level: Level, message: &str) {
        self.0.log(level, message);
    }

    /// A word for the decision log.
    pub fn note(&self, key: &str, value: &str) {
        self.0.note(key, value);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("operation", &self.operation())
            .field("collection", &self.collection())
            .field("record_id", &self.record_id())
            .finish_non_exhaustive()
    }
}
