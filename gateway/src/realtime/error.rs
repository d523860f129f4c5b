//! Why there is no stream, or nothing to tell on it.

/// A stream is refused, or what is asked of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealtimeError {
    /// [`Settings::pending`](super::Settings::pending) is reached.
    #[error("there are as many event streams as there may be")]
    Full,
    /// [`Settings::pending_per_address`](super::Settings::pending_per_address) is reached.
    #[error("the address has as many event streams as it may have")]
    TooMany,
    /// Nobody has this client id, or somebody at another address, or it does not
    /// wait for what it is to be told: which of them is nobody's business.
    #[error("no event stream of this address waits under that client id")]
    Unknown,
    /// Its first letters.
    #[error("the topic {0:?} is not served")]
    Topic(String),
    /// A provider's answer is some hundred bytes.
    #[error("the outcome of a login is too large to be told")]
    TooLarge,
    /// The gateway is about to stop.
    #[error("event streams have ended with the gateway")]
    Ended,
    /// No client id can be made.
    #[error("the system gave no randomness to make a client id of")]
    Random,
}
