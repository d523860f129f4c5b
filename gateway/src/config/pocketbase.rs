//! `[pocketbase]` → where it is, how it is started, who the gateway is to it.

use std::path::Path;

use http::{HeaderName, Uri};

use super::{ConfigError, Environment, invalid, not_nothing, raw};
use crate::upstream::{self, Child, Credential, Untested};

/// PocketBase: reached at a URL, or started and looked after.
#[derive(Clone, Debug, PartialEq)]
pub struct PocketBase {
    /// Its URL is that of `run`, if that is set.
    pub upstream: upstream::Settings,
    /// None: somebody else starts it.
    pub run: Option<Child>,
}

/// Forwarding headers that PocketBase can be told to trust and that hold one address.
const FORWARDING: [&str; 5] = [
    "x-real-ip",
    "x-forwarded-for",
    "cf-connecting-ip",
    "fly-client-ip",
    "true-client-ip",
];

pub(super) fn resolve(
    raw: raw::PocketBase,
    folder: &Path,
    environment: &Environment,
) -> Result<PocketBase, ConfigError> {
    let run = raw.run.map(|run| Child {
        binary: folder.join(run.binary),
        data: folder.join(run.data),
        listen: run.listen.to_string(),
        args: run.args,
    });
    let url = match (environment.db_url.clone().or(raw.url), &run) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "pocketbase",
                "has both a url (or DB_URL) and run; give one of them",
            ));
        }
        (None, None) => {
            return Err(invalid(
                "pocketbase",
                "needs a url (or DB_URL), or run to start a PocketBase",
            ));
        }
        (Some(url), None) => url,
        (None, Some(child)) => format!("http://{}", child.listen),
    };
    let header = raw.forwarding_header.to_ascii_lowercase();
    if !FORWARDING.contains(&header.as_str()) {
        return Err(invalid(
            "pocketbase.forwarding_header",
            format!("must be one of {}", FORWARDING.join(", ")),
        ));
    }
    not_nothing(&[
        ("pocketbase.timeout", raw.timeout.is_zero()),
        ("pocketbase.schema_interval", raw.schema_interval.is_zero()),
        ("pocketbase.max_response", raw.max_response.as_u64() == 0),
    ])?;
    let url = self::url(&url)?;
    if raw.ca.is_some() && url.scheme_str() != Some("https") {
        return Err(invalid(
            "pocketbase.ca",
            "is for a pocketbase.url that begins with https://",
        ));
    }
    Ok(PocketBase {
        upstream: upstream::Settings {
            url,
            ca: raw.ca.map(|file| folder.join(file)),
            untested: match raw.untested {
                raw::Untested::Refuse => Untested::Refuse,
                raw::Untested::Allow => Untested::Allow,
            },
            credential: credential(raw.superuser, folder, environment)?,
            forwarding_header: HeaderName::try_from(header)
                .map_err(|error| invalid("pocketbase.forwarding_header", error.to_string()))?,
            timeout: raw.timeout,
            max_response: raw.max_response,
            schema_interval: raw.schema_interval,
        },
        run,
    })
}

fn url(text: &str) -> Result<Uri, ConfigError> {
    let key = "pocketbase.url (or DB_URL)";
    let url: Uri = text
        .parse()
        .map_err(|error| invalid(key, format!("\"{text}\" is no URL: {error}")))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        let problem = format!("\"{text}\" must begin with http:// or https://");
        return Err(invalid(key, problem));
    }
    if url.path() != "/" || url.query().is_some() {
        return Err(invalid(
            key,
            format!("\"{text}\" must have no path and no query"),
        ));
    }
    Ok(url)
}

fn credential(
    raw: Option<raw::Superuser>,
    folder: &Path,
    environment: &Environment,
) -> Result<Credential, ConfigError> {
    let raw = raw.unwrap_or(raw::Superuser {
        email: None,
        password: None,
        token_file: None,
    });
    let email = environment.admin_email.clone().or(raw.email);
    let password = environment.admin_password.clone().or(raw.password);
    match (email, password, raw.token_file) {
        (None, None, Some(file)) => Ok(Credential::TokenFile(folder.join(file))),
        (Some(email), Some(password), None) => Ok(Credential::Password { email, password }),
        (_, _, Some(_)) => Err(invalid(
            "pocketbase.superuser",
            "has a token_file and a password as well; give one of them",
        )),
        _ => Err(invalid(
            "pocketbase.superuser",
            "needs email and password (or ADMIN_EMAIL and ADMIN_PASSWORD), or a token_file; the gateway reads the schema with it",
        )),
    }
}
