//! Why the gateway ends a stream, as its client is told.

/// Why the gateway ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// More waited for its reader than may.
    SlowReader,
    /// The token that it was asked with is good no more, by the clock.
    TokenExpired,
    /// PocketBase doesn't take that token any more.
    TokenRefused,
    /// Rules or what is exposed have changed, and may say otherwise now.
    RulesChanged,
    /// An operator closed it.
    Closed,
    /// Nothing was subscribed to for too long.
    Unsubscribed,
    /// It waited for a login alone, whose time is over.
    LoginOver,
    /// The gateway is about to stop.
    Shutdown,
}

impl Closing {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::SlowReader,
        Self::TokenExpired,
        Self::TokenRefused,
        Self::RulesChanged,
        Self::Closed,
        Self::Unsubscribed,
        Self::LoginOver,
        Self::Shutdown,
    ];

    /// As clients and metrics have it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::SlowReader => "slow_reader",
            Self::TokenExpired => "token_expired",
            Self::TokenRefused => "token_refused",
            Self::RulesChanged => "rules_changed",
            Self::Closed => "closed",
            Self::Unsubscribed => "unsubscribed",
            Self::LoginOver => "login_over",
            Self::Shutdown => "shutdown",
        }
    }

    /// For people; a plain text that needs no escape in JSON.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::SlowReader => "Events came faster than they were read; connect and fetch again.",
            Self::TokenExpired => "The token has expired; log in and connect again.",
            Self::TokenRefused => "The token is good no more; log in and connect again.",
            Self::RulesChanged => "What may be seen has changed; connect and fetch again.",
            Self::Closed => "The operator of this service has closed this for now.",
            Self::Unsubscribed => "Nothing was subscribed to; connect again when something is.",
            Self::LoginOver => "The time of the login is over; begin it again.",
            Self::Shutdown => "The service restarts; connect and fetch again.",
        }
    }

    /// Whether what was told before it still reaches the reader: not where it
    /// ends because there may be no more of it.
    pub(super) fn keeps_what_waits(self) -> bool {
        match self {
            Self::Unsubscribed | Self::LoginOver | Self::Shutdown => true,
            Self::SlowReader
            | Self::TokenExpired
            | Self::TokenRefused
            | Self::RulesChanged
            | Self::Closed => false,
        }
    }

    /// The last event of a stream.
    pub(super) fn event(self) -> String {
        let (code, message) = (self.code(), self.message());
        format!("event:closing\ndata:{{\"code\":\"{code}\",\"message\":\"{message}\"}}\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_as_an_event_of_one_line_of_json() {
        for closing in Closing::ALL {
            let event = closing.event();
            let data = event.strip_prefix("event:closing\ndata:").unwrap();
            let data = data.strip_suffix("\n\n").unwrap();
            assert!(!data.contains('\n'));
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["code"], closing.code());
            assert_eq!(data["message"], closing.message());
        }
    }
}
