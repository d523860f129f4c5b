//! Why there is no stream, or nothing to tell on it.

/// A stream is refused, or what is asked of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealtimeError {
    /// [`Settings::streams`](super::Settings::streams) is reached.
    #[error("there are as many event streams as there may be")]
    Full,
    /// [`Settings::per_address`](super::Settings::per_address) is reached.
    #[error("the address has as many event streams as it may have")]
    TooMany,
    /// [`Settings::per_principal`](super::Settings::per_principal) is reached.
    #[error("the account has as many event streams as it may have")]
    TooManyOfPrincipal,
    /// With the bound, [`Settings::topics`](super::Settings::topics).
    #[error("one event stream may have at most {0} topics")]
    TooManyTopics(usize),
    /// Nobody has this client id, or somebody at another address, or it does not
    /// wait for what it is to be told: which of them is nobody's business. In PocketBase's words.
    #[error("missing or invalid client id")]
    Unknown,
    /// A stream that was a record's is asked by somebody else. In PocketBase's words.
    #[error("the current and the previous request authorization don't match")]
    OtherIdentity,
    /// A provider's answer is some hundred bytes.
    #[error("the outcome of a login is too large to be told")]
    TooLarge,
    /// With the bound, [`Settings::topics_per_address`](super::Settings::topics_per_address).
    #[error("the address may have at most {0} topics")]
    TopicsOfAddress(usize),
    /// Of different subscriptions there are as many as there may be.
    #[error("there are as many different subscriptions as there may be")]
    Classes,
    /// With as many connections to PocketBase as there may be, one more would be needed.
    #[error("there are as many connections to PocketBase for live records as there may be")]
    Lines,
    /// PocketBase does not tell of it yet.
    #[error("PocketBase took too long to begin with live records")]
    Late,
    /// The gateway is about to stop.
    #[error("event streams have ended with the gateway")]
    Ended,
    /// No client id can be made.
    #[error("the system gave no randomness to make a client id of")]
    Random,
}
