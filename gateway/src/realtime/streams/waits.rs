//! What one open stream waits for, and until when.

use std::net::IpAddr;
use std::time::SystemTime;

use tokio::time::Instant;

use super::Joined;
use crate::principal::Token;
use crate::realtime::{Closing, RealtimeError, Settings};

/// What an open stream waits for.
pub(in crate::realtime) struct Waits {
    pub(super) token: Option<Token>,
    pub(super) expires: Option<SystemTime>,
    pub(super) generation: u64,
    pub(super) flow: Flow,
    /// From when it was first waited for; never moved.
    login_until: Option<Instant>,
    /// Since when there is nothing to wait for, but for a login. None: there is.
    idle_since: Option<Instant>,
    /// How often it was asked for something.
    pub(super) turn: u64,
    /// The last of these whose records it is told of.
    pub(super) done: u64,
    /// Topics of records that were asked for last.
    pub(super) topics: usize,
    pub(super) block: IpAddr,
    joined: Joined,
}

/// How far the login of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Nobody waits.
    Opened,
    /// The client waits for the outcome.
    Subscribed,
    /// The outcome was told: nothing more is.
    Delivered,
    /// Its time was over before any outcome.
    Late,
}

impl Waits {
    pub(super) fn new(block: IpAddr, now: Instant) -> Self {
        Self {
            token: None,
            expires: None,
            generation: 0,
            flow: Flow::Opened,
            login_until: None,
            idle_since: Some(now),
            turn: 0,
            done: 0,
            topics: 0,
            block,
            joined: None,
        }
    }

    /// Begins to wait for the outcome of a login, or gives it up.
    pub(super) fn ask(
        &mut self,
        login: bool,
        now: Instant,
        settings: &Settings,
    ) -> Result<(), RealtimeError> {
        match (self.flow, login) {
            (Flow::Opened | Flow::Subscribed, true) => {
                let until = self.login_until.get_or_insert(now + settings.login_for);
                if *until <= now {
                    return Err(RealtimeError::Unknown);
                }
                self.flow = Flow::Subscribed;
            }
            (Flow::Subscribed, false) => {
                self.flow = Flow::Opened;
                self.idle_since = self.idle_since.map(|_| now);
            }
            (Flow::Opened | Flow::Delivered | Flow::Late, false) => {}
            (Flow::Delivered | Flow::Late, true) => return Err(RealtimeError::Unknown),
        }
        Ok(())
    }

    /// Replaces what has it told of records.
    pub(super) fn join(&mut self, joined: Joined, now: Instant) -> Joined {
        self.idle_since = match joined {
            Some(_) => None,
            None => self.idle_since.or(Some(now)),
        };
        std::mem::replace(&mut self.joined, joined)
    }

    pub(super) fn has_records(&self) -> bool {
        self.joined.is_some()
    }

    /// Whether a login is waited for that will not come any more.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.flow == Flow::Subscribed && self.login_until.is_some_and(|until| until <= now)
    }

    /// Why it ends now, if it does.
    pub(super) fn over(
        &self,
        (now, clock): (Instant, SystemTime),
        settings: &Settings,
    ) -> Option<Closing> {
        if self.expires.is_some_and(|expires| expires <= clock) {
            return Some(Closing::TokenExpired);
        }
        let (_, why) = self.ends(settings).filter(|(at, _)| *at <= now)?;
        Some(why)
    }

    /// When it ends because of what it waits for.
    fn ends(&self, settings: &Settings) -> Option<(Instant, Closing)> {
        let since = self.idle_since?;
        match (self.flow, self.login_until) {
            (Flow::Subscribed | Flow::Delivered, Some(until)) => Some((until, Closing::LoginOver)),
            _ => Some((since + settings.unsubscribed, Closing::Unsubscribed)),
        }
    }
}

/// Before when nothing is over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    at: Option<Instant>,
    expires: Option<SystemTime>,
}

impl Due {
    pub(super) fn of(waits: &Waits, settings: &Settings) -> Self {
        let login = waits.login_until;
        let login = login.filter(|_| waits.flow == Flow::Subscribed);
        let ends = waits.ends(settings).map(|(at, _)| at);
        Self {
            at: earlier(ends, login),
            expires: waits.expires,
        }
    }

    pub(super) fn note(&mut self, waits: &Waits, settings: &Settings) {
        self.meet(Self::of(waits, settings));
    }

    pub(super) fn meet(&mut self, other: Self) {
        self.at = earlier(self.at, other.at);
        self.expires = earlier(self.expires, other.expires);
    }

    pub(super) fn has_come(&self, now: Instant, clock: SystemTime) -> bool {
        self.at.is_some_and(|at| at <= now) || self.expires.is_some_and(|at| at <= clock)
    }
}

fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    // None comes before all others, and is none of them.
    [one, other].into_iter().flatten().min()
}

#[cfg(test)]
mod tests;
