//! What a rule's author writes.

use serde::de::DeserializeOwned;

use crate::{Document, Manifest, Request, Response, SettingsError, Verdict};

/// A rule: it judges what goes to PocketBase and what leaves it.
///
/// Returning is "allow"; the error is "deny". A panic, a missed deadline or an exceeded limit
/// denies as well: there is no way for a failure to allow. Of the hooks only those are called that
/// the [`manifest`](Self::manifest) names.
pub trait Rule: Sized + 'static {
    /// What the operator may set, read from the configuration by serde;
    /// [`NoSettings`](crate::NoSettings) for a rule that has none. Unknown keys are refused.
    type Settings: DeserializeOwned;

    /// Called once, at load. Every later call starts from what this returns: parse and precompute
    /// here. There is no clock and no randomness.
    ///
    /// # Errors
    ///
    /// Settings that can't be worked with; the text is shown to the operator.
    fn configure(settings: Self::Settings) -> Result<Self, SettingsError>;

    /// What the rule, so configured, is for.
    fn manifest(&self) -> Manifest;

    /// A request is about to go to PocketBase. It may be refused, its body edited, a list or a subscription
    /// narrowed.
    ///
    /// # Errors
    ///
    /// The denial.
    fn before(&self, request: &Request) -> Verdict {
        let _ = request;
        Ok(())
    }

    /// One record is about to leave, in whichever answer and at whatever depth. It may be refused
    /// or have fields taken out, as the manifest declares.
    ///
    /// # Errors
    ///
    /// The denial.
    fn reveal(&self, request: &Request, record: &Document) -> Verdict {
        let _ = (request, record);
        Ok(())
    }

    /// The whole answer is about to leave, its records already revealed.
    ///
    /// # Errors
    ///
    /// The denial.
    fn after(&self, request: &Request, response: &Response) -> Verdict {
        let _ = (request, response);
        Ok(())
    }
}
