//! The gateway's side of a rule: its handles, and the calls that it makes.
//!
//! Public only for what [`crate::export!`] writes into the author's crate.

mod convert;
mod document;
mod request;

use std::cell::OnceCell;

pub(crate) use document::Document;
pub(crate) use request::{Request, Response};

use crate::bindings as wit;
use crate::{Denial, Rule, settings};

/// Makes the rule of its settings and keeps it for the calls to come.
///
/// # Errors
///
/// Settings that the rule does not take, as a text for the operator.
pub fn configure<R: Rule>(rule: &OnceCell<R>, text: &str) -> Result<wit::Manifest, String> {
    std::panic::set_hook(Box::new(panicked));
    let configured = settings::parse(text)
        .and_then(R::configure)
        .map_err(|error| error.to_string())?;
    let manifest = configured.manifest();
    // The gateway configures once. Were it to do so again, the first would stay in force.
    rule.set(configured)
        .map_err(|_| "the rule was configured before".to_owned())?;
    Ok(manifest.into())
}

/// Calls the rule's `before`.
///
/// # Errors
///
/// The rule's denial.
pub fn before<R: Rule>(rule: &OnceCell<R>, request: &wit::Request) -> Result<(), wit::Denial> {
    configured(rule)
        .and_then(|rule| rule.before(Request::wrap(request)))
        .map_err(Into::into)
}

/// Calls the rule's `reveal`.
///
/// # Errors
///
/// The rule's denial.
pub fn reveal<R: Rule>(
    rule: &OnceCell<R>,
    request: &wit::Request,
    record: &wit::Document,
) -> Result<(), wit::Denial> {
    configured(rule)
        .and_then(|rule| rule.reveal(Request::wrap(request), Document::wrap(record)))
        .map_err(Into::into)
}

/// Calls the rule's `after`.
///
/// # Errors
///
/// The rule's denial.
pub fn after<R: Rule>(
    rule: &OnceCell<R>,
    request: &wit::Request,
    response: &wit::Response,
) -> Result<(), wit::Denial> {
    configured(rule)
        .and_then(|rule| rule.after(Request::wrap(request), Response::wrap(response)))
        .map_err(Into::into)
}

/// Tells the operator of a panic, which ends the call here.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or("a panic without words");
    let place = panic.location().map(|place| format!(", at {place}"));
    wit::hapta::rule::types::fail(&format!("{said}{}", place.unwrap_or_default()));
}

/// The configured rule. A gateway that forgot to configure it gets a denial.
fn configured<R>(rule: &OnceCell<R>) -> Result<&R, Denial> {
    rule.get()
        .ok_or_else(|| Denial::forbidden("rule_fault", "The request could not be judged."))
}
