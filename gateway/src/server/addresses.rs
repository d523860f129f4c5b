//! Whether the addresses that PocketBase gives to people lead to the gateway,
//! and what to set where they do not.
//!
//! A link in a mail carries a token to whatever the address leads to. Where that
//! is PocketBase itself, it goes past everything that the rules say.

mod finding;
mod link;

use std::collections::HashSet;
use std::net::SocketAddr;

use self::finding::{Finding, Problem};
use self::link::{links, shown};
use crate::config::{Config, Origin};
use crate::gateway::Gateway;
use crate::upstream::Addresses;

/// What stands in a template for PocketBase's Application URL.
const APP_URL: &str = "{APP_URL}";

/// Below this are the pages of PocketBase's dashboard, to which its own templates lead.
const DASHBOARD: &str = "/_/";

/// Where everything is.
#[derive(Debug)]
struct Places {
    gateway: Reached,
    pocketbase: Option<Origin>,
    /// Pages of the application that are known to ask the gateway.
    pages: Vec<Origin>,
}

/// Where clients reach the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reached {
    /// There, as the configuration says.
    Public(Origin),
    /// Where it listens, unless something stands before it.
    Listener(Origin),
    /// That can't be told from where it listens.
    Unknown,
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    ToGateway,
    ToPocketBase,
    /// To one of [`Places::pages`].
    ToPage,
    Elsewhere,
    Unclear,
}

/// Finds out and says so in the log. It stops nothing: the gateway serves as well
/// behind wrong addresses.
pub(super) async fn report(gateway: &Gateway, config: &Config, listener: SocketAddr) {
    let in_force = gateway.in_force();
    let schema = gateway.upstream.schema();
    let served: HashSet<&str> = schema
        .collections()
        .filter(|collection| collection.is_auth())
        .map(|collection| collection.name.as_str())
        .filter(|name| in_force.generation.chain(name).is_some())
        .collect();
    if served.is_empty() {
        // Nobody logs in here, so nobody gets mails because of what was asked here.
        return;
    }
    let mut told = match gateway.upstream.addresses().await {
        Ok(told) => told,
        Err(error) => {
            tracing::warn!(%error, "could not find out where the links in PocketBase's mails lead");
            return;
        }
    };
    told.collections
        .retain(|collection| served.contains(collection.name.as_str()));
    for finding in findings(&Places::of(config, listener), &told) {
        if finding.is_good() {
            tracing::info!("{finding}");
        } else {
            tracing::warn!("{finding}");
        }
    }
}

impl Places {
    fn of(config: &Config, listener: SocketAddr) -> Self {
        let server = &config.server;
        let listener = Origin::of_listener(server.scheme(), listener);
        let gateway = match (&server.public_url, listener) {
            (Some(public), _) => Reached::Public(public.clone()),
            (None, Some(listener)) => Reached::Listener(listener),
            (None, None) => Reached::Unknown,
        };
        let origin = |address: &str| Origin::split(address).map(|(origin, _)| origin);
        let pages = server.origins.iter().flatten();
        Self {
            gateway,
            pocketbase: origin(&config.pocketbase.upstream.url.to_string()),
            pages: pages
                .filter_map(|page| origin(page.to_str().ok()?))
                .collect(),
        }
    }

    fn lead(&self, address: &Origin) -> Leads {
        let is_gateway = self.gateway.origin().is_some_and(|it| it.is_same(address));
        let is_pocketbase = |it: &Origin| it.is_same_door(address);
        if is_gateway {
            return Leads::ToGateway;
        }
        if self.pocketbase.as_ref().is_some_and(is_pocketbase) {
            return Leads::ToPocketBase;
        }
        if self.pages.iter().any(|page| page.is_same(address)) {
            return Leads::ToPage;
        }
        match &self.gateway {
            Reached::Public(_) => Leads::Elsewhere,
            Reached::Listener(own) if own.is_loopback() && address.is_loopback() => {
                Leads::Elsewhere
            }
            // Something that stands before the gateway may be there, and lead to it.
            Reached::Listener(_) | Reached::Unknown => Leads::Unclear,
        }
    }
}

fn findings(places: &Places, told: &Addresses) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(app_url(places, told.app_url.as_deref()));
    for collection in &told.collections {
        for (template, body) in &collection.templates {
            let problem =
                links(body).find_map(|link| in_template(places, told.app_url.as_deref(), link));
            found.extend(problem.map(|(address, problem)| Finding::Link {
                collection: collection.name.clone(),
                template: *template,
                address,
                problem,
                gateway: places.gateway.clone(),
            }));
        }
        if !collection.providers.is_empty() {
            found.push(Finding::Redirect {
                collection: collection.name.clone(),
                providers: collection.providers.clone(),
                gateway: places.gateway.clone(),
            });
        }
    }
    found
}

/// None: there is nothing to say of it.
fn app_url(places: &Places, told: Option<&str>) -> Option<Finding> {
    let Some(told) = told else {
        return Some(Finding::Untold);
    };
    let app_url = shown(told);
    let problem = match Origin::split(told) {
        None => Problem::NoAddress,
        Some((origin, rest)) => match places.lead(&origin) {
            Leads::ToGateway if rest.is_empty() => return Some(Finding::Good { app_url }),
            Leads::ToGateway => Problem::Longer,
            Leads::ToPage => return None,
            Leads::ToPocketBase => Problem::PocketBase,
            Leads::Elsewhere => Problem::Elsewhere,
            Leads::Unclear => Problem::Unclear,
        },
    };
    Some(Finding::AppUrl {
        app_url,
        problem,
        gateway: places.gateway.clone(),
    })
}

/// What is wrong with a link, beyond what is wrong with the Application URL.
fn in_template(places: &Places, app_url: Option<&str>, link: &str) -> Option<(String, Problem)> {
    let told = app_url.and_then(Origin::split).map(|(origin, _)| origin);
    let address = match link.strip_prefix(APP_URL) {
        // Without a good one there is nothing to say of what begins with it.
        Some(rest) if told.is_some() => format!("{}{rest}", app_url?),
        Some(_) => return None,
        None => link.to_owned(),
    };
    let Some((origin, path)) = Origin::split(&address) else {
        return Some((shown(link), Problem::NoAddress));
    };
    let is_told = told.is_some_and(|told| told.is_same(&origin)) && link.starts_with(APP_URL);
    let problem = match places.lead(&origin) {
        Leads::ToPage if path.starts_with(DASHBOARD) => Problem::NoSuchPage,
        Leads::ToGateway | Leads::ToPage => return None,
        _ if is_told => return None,
        Leads::ToPocketBase => Problem::PocketBase,
        Leads::Elsewhere => Problem::Elsewhere,
        Leads::Unclear => Problem::Unclear,
    };
    Some((shown(&address), problem))
}

impl Reached {
    fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Public(origin) | Self::Listener(origin) => Some(origin),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests;
