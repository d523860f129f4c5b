//! What logins tell, and where they lead.

/// What logins tell, and where they lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// Whether clients get the tokens that a provider gave to PocketBase.
    pub provider_tokens: ProviderTokens,
    /// Whether it is told that an e-mail address is taken.
    pub taken_email: TakenEmail,
    /// Where a login by OAuth2 may lead back to; none: PocketBase and the provider decide.
    pub redirect_urls: Option<Vec<String>>,
}

/// What becomes of a provider's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderTokens {
    /// No client sees them.
    #[default]
    Withhold,
    /// They are told as by PocketBase.
    Tell,
}

/// What is told of an address that somebody else has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TakenEmail {
    /// That it is taken, as by PocketBase.
    #[default]
    Tell,
    /// Nothing: a sign-up is answered the same.
    Conceal,
}
