//! `[limits]` as it is written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::Switch;
use crate::limits::Class;

/// `[limits]`: how often somebody may ask.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Limits {
    pub(in crate::config) mode: Switch,
    pub(in crate::config) default: Option<Rate>,
    pub(in crate::config) list: Option<Rate>,
    pub(in crate::config) view: Option<Rate>,
    pub(in crate::config) create: Option<Rate>,
    pub(in crate::config) update: Option<Rate>,
    pub(in crate::config) delete: Option<Rate>,
    pub(in crate::config) authenticate: Option<Rate>,
    pub(in crate::config) refresh: Option<Rate>,
    pub(in crate::config) mail: Option<Rate>,
    pub(in crate::config) download: Option<Rate>,
    pub(in crate::config) subscribe: Option<Rate>,
    pub(in crate::config) realtime: Option<Rate>,
    pub(in crate::config) superuser: Option<Rate>,
    pub(in crate::config) custom: Option<Rate>,
    pub(in crate::config) pages: Option<Rate>,
    pub(in crate::config) account: Option<Rate>,
    pub(in crate::config) address: Option<Rate>,
    pub(in crate::config) bad_token: Option<Rate>,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) ban_for: Duration,
    pub(in crate::config) running: usize,
    pub(in crate::config) keys: usize,
    pub(in crate::config) collections: BTreeMap<String, BTreeMap<Class, Rate>>,
}

/// One limit.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rate {
    pub(in crate::config) limit: u32,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) every: Duration,
    pub(in crate::config) max_uses: Option<u32>,
    #[serde(default, with = "humantime_serde::option")]
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
