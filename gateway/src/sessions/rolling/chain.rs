//! The tokens of one session, one after another: which is good, which is no more, and which
//! tells that somebody else has one.
//!
//! Each refresh makes a successor. The one before stays good until the successor is first
//! used, so that an answer that got lost locks nobody out, and for a moment longer, for
//! requests that were under way. Whoever shows it after that has a token that its holder has
//! replaced: one of the two is a thief, and nobody knows which.

/// Tokens that may still be good beside the newest. As many refreshes within one grace are
/// no person's; beyond them the newest is given again.
const MOST_RETIRED: usize = 8;

/// The tokens of a session, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// The number of the newest.
    pub(super) newest: u32,
    /// When it was made, and when it expires: seconds since 1970.
    pub(super) issued: u64,
    pub(super) expires: u64,
    /// Whether anybody has shown it.
    pub(super) is_used: bool,
    /// Those before it that may still be good.
    pub(super) retired: Vec<Retired>,
}

/// A token that has a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retired {
    pub(super) number: u32,
    /// When it is good no more, in milliseconds since 1970; none: its successor was not used yet.
    pub(super) dies: Option<u64>,
}

/// What a token of the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The newest, shown for the first time.
    First,
    /// The newest, or one before it that is still good.
    Good,
    /// One that was replaced for good: somebody has it who should not.
    Reused,
    /// One that was never made, as far as is known: of a database that was put back, say.
    Unknown,
}

/// What a refresh gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rolled {
    /// A new token.
    Next,
    /// The newest once more.
    Again,
    /// None.
    Reused,
    /// None.
    Unknown,
}

/// The moment, and how long a token outlives the first use of its successor: milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) now: u64,
    pub(super) grace: u64,
}

impl Chain {
    /// That of a login, with one token.
    pub(super) fn new(issued: u64, expires: u64) -> Self {
        Self {
            newest: 0,
            issued,
            expires,
            is_used: false,
            retired: Vec::new(),
        }
    }

    /// Somebody shows a token.
    pub(super) fn show(&mut self, number: u32, clock: Clock) -> Standing {
        if number == self.newest {
            if self.is_used {
                return Standing::Good;
            }
            self.is_used = true;
            for before in &mut self.retired {
                before
                    .dies
                    .get_or_insert(clock.now.saturating_add(clock.grace));
            }
            return Standing::First;
        }
        self.standing(number, clock.now)
    }

    /// What a token is at this time in milliseconds since 1970, if nobody shows it.
    pub(super) fn standing(&self, number: u32, now: u64) -> Standing {
        if number > self.newest {
            return Standing::Unknown;
        }
        let before = self.retired.iter().find(|before| before.number == number);
        match before {
            _ if number == self.newest && !self.is_used => Standing::First,
            _ if number == self.newest => Standing::Good,
            Some(before) if before.is_good(now) => Standing::Good,
            Some(_) | None => Standing::Reused,
        }
    }

    /// Somebody asks for a successor of a token, which is to expire then.
    pub(super) fn roll(&mut self, number: u32, expires: u64, clock: Clock) -> Rolled {
        match self.show(number, clock) {
            Standing::Unknown => return Rolled::Unknown,
            Standing::Reused => return Rolled::Reused,
            Standing::First | Standing::Good => {}
        }
        self.retired.retain(|before| before.is_good(clock.now));
        if number != self.newest || self.retired.len() >= MOST_RETIRED {
            return Rolled::Again;
        }
        let Some(next) = self.newest.checked_add(1) else {
            return Rolled::Again;
        };
        self.retired.push(Retired {
            number: self.newest,
            dies: None,
        });
        self.newest = next;
        self.issued = clock.now / 1_000;
        self.expires = expires;
        self.is_used = false;
        Rolled::Next
    }
}

impl Retired {
    fn is_good(&self, now: u64) -> bool {
        self.dies.is_none_or(|dies| now < dies)
    }
}

#[cfg(test)]
mod tests;
