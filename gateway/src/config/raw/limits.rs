//! `[limits]` as it is written.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Switch, written};
use crate::limits::Class;

/// How often somebody may ask. docs/limits.md has what that means, and what clients are told. Who
/// asks is a record of an auth collection, whatever token it has and wherever it is; a guest is his
/// address, of IPv6 the network of 64 bits. Set server.trusted_proxies where a proxy stands before
/// the gateway: else all guests are one.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Limits {
    /// "off": nothing is limited, and whoever was kept out is let in.
    pub(in crate::config) mode: Switch,
    /// What holds for those that have no line of their own, except authenticate, mail, download,
    /// subscribe, pages, account, address and bad_token, whose own numbers stand below. Each is
    /// counted by itself, over all collections.
    pub(in crate::config) default: Option<Rate>,
    /// Lists of records, page by page.
    pub(in crate::config) list: Option<Rate>,
    /// One record, and how one may log in.
    pub(in crate::config) view: Option<Rate>,
    /// New records; those of a batch one by one. A PUT of a batch is a create, and an update as
    /// well where the record is there.
    pub(in crate::config) create: Option<Rate>,
    /// Changes to records; those of a batch one by one.
    pub(in crate::config) update: Option<Rate>,
    /// Ends of records; those of a batch one by one.
    pub(in crate::config) delete: Option<Rate>,
    /// Logins of any kind, and the confirmations that mails lead to, whatever comes of them: each
    /// has PocketBase hash a password or compare a code. Raise it where many people share an
    /// address.
    pub(in crate::config) authenticate: Option<Rate>,
    /// Refreshing a token.
    pub(in crate::config) refresh: Option<Rate>,
    /// What has PocketBase send a mail.
    pub(in crate::config) mail: Option<Rate>,
    /// Files, and the tokens for them.
    pub(in crate::config) download: Option<Rate>,
    /// Topics of subscriptions, one by one; SDKs send all of a page's again with each new one.
    pub(in crate::config) subscribe: Option<Rate>,
    /// Event streams, and setting their topics.
    pub(in crate::config) realtime: Option<Rate>,
    /// Routes for superusers, and impersonation.
    pub(in crate::config) superuser: Option<Rate>,
    /// Routes of compat.routes.
    pub(in crate::config) custom: Option<Rate>,
    /// The dashboard, pages and files of no record.
    pub(in crate::config) pages: Option<Rate>,
    /// Beside authenticate: logins as one account, and beside mail: mails to one address, wherever
    /// they are asked for. Refusals count for who asks: nobody can have another's account closed.
    pub(in crate::config) account: Option<Rate>,
    /// Everything that comes from one address, whoever asks: nothing is looked at before it.
    pub(in crate::config) address: Option<Rate>,
    /// Questions to PocketBase about tokens that turn out not to be good, by address. Beyond it
    /// tokens of which nothing is known are refused there; everybody else goes on.
    pub(in crate::config) bad_token: Option<Rate>,
    /// ban_for of limits that name none. From "1s" to "30d"; a restart lets everybody in.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) ban_for: Duration,
    /// Requests of one principal, or of the guests of one address, under way at once; one more is
    /// answered with 429 and the code "running". Event streams and downloads under way are not
    /// counted.
    pub(in crate::config) running: usize,
    /// How much is remembered: one for each limit and principal or address, some 100 bytes each,
    /// until it is worth nothing any more. When all are in use, those who come anew share one for
    /// each limit, and nobody's is given up for them.
    pub(in crate::config) keys: usize,
    /// In place of the limit above for one collection, counted by itself. By the collection's name;
    /// its id, or another case, leads to the same.
    #[schemars(with = "BTreeMap<String, written::RatesOfCollection>")]
    pub(in crate::config) collections: BTreeMap<String, BTreeMap<Class, Rate>>,
}

/// A limit: never more than `limit` in any stretch of `every`. What is too much is answered with
/// 429, the code "limited" and Retry-After.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rate {
    /// How many, in any stretch of `every`; half of it may be used at once, the rest comes again
    /// steadily.
    pub(in crate::config) limit: u32,
    /// The stretch, in whole seconds, from "1s" to "24h".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) every: Duration,
    /// With so many refusals within `every`, who asks is kept out for ban_for; 0, or left out:
    /// never.
    pub(in crate::config) max_uses: Option<u32>,
    /// How long; left out, limits.ban_for. From "1s" to "30d".
    #[serde(default, with = "written::duration::option")]
    #[schemars(with = "Option<written::Duration>")]
    pub(in crate::config) ban_for: Option<Duration>,
}

impl Limits {
    /// What is written for a class.
    pub(in crate::config) fn class(&self, class: Class) -> Option<Rate> {
        match class {
            Class::List => self.list,
            Class::View => self.view,
            Class::Create => self.create,
            Class::Update => self.update,
            Class::Delete => self.delete,
            Class::Authenticate => self.authenticate,
            Class::Refresh => self.refresh,
            Class::Mail => self.mail,
            Class::Download => self.download,
            Class::Subscribe => self.subscribe,
            Class::Realtime => self.realtime,
            Class::Superuser => self.superuser,
            Class::Custom => self.custom,
            Class::Pages => self.pages,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mode: Switch::On,
            default: None,
            list: None,
            view: None,
            create: None,
            update: None,
            delete: None,
            authenticate: None,
            refresh: None,
            mail: None,
            download: None,
            subscribe: None,
            realtime: None,
            superuser: None,
            custom: None,
            pages: None,
            account: None,
            address: None,
            bad_token: None,
            ban_for: Duration::from_mins(15),
            running: 64,
            keys: 200_000,
            collections: BTreeMap::new(),
        }
    }
}
