//! What was found out about an address, in words for an operator.

use std::fmt;

use super::{APP_URL, Reached};
use crate::upstream::Template;

/// Where providers of `OAuth2` send people back to.
const REDIRECT: &str = "/api/oauth2-redirect";

/// The end of what can't be told.
const TELL_ME: &str = "set server.public_url to where clients reach the gateway";

/// What to tell an operator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The Application URL leads to the gateway, and so do links that begin with it.
    Good { app_url: String },
    /// PocketBase doesn't tell its Application URL.
    Untold,
    /// The Application URL is to be set.
    AppUrl {
        app_url: String,
        problem: Problem,
        gateway: Reached,
    },
    /// The link of a mail is to be changed.
    Link {
        collection: String,
        template: Template,
        address: String,
        problem: Problem,
        gateway: Reached,
    },
    /// Providers of `OAuth2` must know where to send people back to.
    Redirect {
        collection: String,
        providers: Vec<String>,
        gateway: Reached,
    },
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It leads past the gateway.
    PocketBase,
    /// It leads neither to the gateway nor to a page that is known.
    Elsewhere,
    /// It leads to what may stand before the gateway, or not.
    Unclear,
    /// It leads to the gateway, but links that begin with it do not.
    Longer,
    /// It leads to a page of the dashboard, where the application's own pages are.
    NoSuchPage,
    /// It begins like no address.
    NoAddress,
}

impl Finding {
    /// Whether there is nothing to set in PocketBase or here.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Good { .. } | Self::Redirect { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { app_url } => write!(
                f,
                "the links in PocketBase's mails lead to the gateway, by its Application URL {app_url}"
            ),
            Self::Untold => write!(
                f,
                "PocketBase does not tell to which Application URL the links in its mails lead; see to it that it is where clients reach the gateway"
            ),
            Self::AppUrl {
                app_url,
                problem,
                gateway,
            } => {
                write!(
                    f,
                    "the links in PocketBase's mails lead to {app_url}, {problem}; {}",
                    of_app_url(*problem, gateway)
                )
            }
            Self::Link {
                collection,
                template,
                address,
                problem,
                gateway,
            } => write!(
                f,
                "the link in {} of the collection {collection} leads to {address}, {problem}; {}",
                template.name(),
                of_link(*problem, gateway, collection)
            ),
            Self::Redirect {
                collection,
                providers,
                gateway,
            } => write!(
                f,
                "the collection {collection} takes logins by OAuth2: register {} with {}",
                redirect(gateway),
                providers.join(", "),
            ),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PocketBase => "which is PocketBase itself, past the gateway",
            Self::Elsewhere => "which is not the gateway",
            Self::Unclear => "and it can't be told whether that leads to the gateway",
            Self::Longer => {
                "and what follows makes them paths that the gateway does not serve"
            }
            Self::NoSuchPage => {
                "a page of PocketBase's dashboard, but server.origins has that for your application's own pages"
            }
            Self::NoAddress => "which is no address that begins with https:// or http://",
        })
    }
}

/// What to do about the Application URL.
fn of_app_url(problem: Problem, gateway: &Reached) -> String {
    if problem == Problem::Unclear {
        return TELL_ME.to_owned();
    }
    let target = match gateway {
        Reached::Public(origin) => origin.to_string(),
        Reached::Listener(origin) => format!(
            "{origin}, or, if clients reach the gateway at another address, to that one and server.public_url as well"
        ),
        Reached::Unknown => {
            "where clients reach the gateway, and server.public_url as well".to_owned()
        }
    };
    let exception = exception(problem);
    format!(
        "in its dashboard, Settings > Application > Application URL: set it to {target}{exception}"
    )
}

/// What to do about a link.
fn of_link(problem: Problem, gateway: &Reached, collection: &str) -> String {
    let beginning = match (problem, gateway.origin()) {
        (Problem::Unclear, _) => return TELL_ME.to_owned(),
        (Problem::NoSuchPage, Some(gateway)) => gateway.to_string(),
        (Problem::NoSuchPage, None) => "the address where clients reach the gateway".to_owned(),
        _ => APP_URL.to_owned(),
    };
    let exception = exception(problem);
    format!(
        "in PocketBase's dashboard, {collection} > Options > Mail templates: let it begin with {beginning}{exception}"
    )
}

fn exception(problem: Problem) -> &'static str {
    match problem {
        Problem::Elsewhere => {
            "; if it is a page of your application, name its origin in server.origins instead"
        }
        Problem::PocketBase
        | Problem::Unclear
        | Problem::Longer
        | Problem::NoSuchPage
        | Problem::NoAddress => "",
    }
}

fn redirect(gateway: &Reached) -> String {
    match gateway.origin() {
        Some(origin) => format!("{origin}{REDIRECT}"),
        None => format!("{REDIRECT} at the address where clients reach the gateway"),
    }
}
