//! `[server]` and `[admin]` → where and how clients and operators are served.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use http::{HeaderName, HeaderValue};

use super::{
    ConfigError, Environment, Origin, Scheme, few, invalid, not_nothing, origin, raw, secret,
    within,
};
use crate::exchange::encoding::Encoding;
use crate::exchange::forwarded::Proxies;
use crate::surface::is_forwarding;

/// The listener for clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Port 0: any that is free.
    pub listen: SocketAddr,
    /// Where clients reach it; none: where it listens, as far as that tells.
    pub public_url: Option<Origin>,
    /// Origins of browsers; empty: none but the same; none: any.
    pub origins: Option<Vec<HeaderValue>>,
    /// Threads that serve requests.
    pub worker_threads: usize,
    /// One byte more is answered with 413.
    pub max_body: ByteSize,
    /// Requests under way at once; one more is answered with 503.
    pub max_requests: usize,
    /// One more waits until another ends.
    pub max_connections: usize,
    /// One more from the same address is closed; of IPv6, 64 bits are one address.
    pub connections_per_address: usize,
    /// The proxies that are believed whose request they bring.
    pub proxies: Proxies,
    /// For the whole head of a request to arrive.
    pub header_timeout: Duration,
    /// For the next request of a connection to begin.
    pub idle_timeout: Duration,
    /// For the whole body of a request to arrive.
    pub body_timeout: Duration,
    /// For a whole exchange, its body included.
    pub request_timeout: Duration,
    /// For requests under way when the gateway is asked to end.
    pub shutdown_timeout: Duration,
    /// In this order, where a client wants several as much. Empty: nothing is compressed.
    pub compression: Vec<Encoding>,
    /// What is shorter is sent as it is.
    pub compress_from: ByteSize,
    /// `Strict-Transport-Security`; none where clients come by plain HTTP.
    pub hsts: Option<HeaderValue>,
    /// None: plain HTTP.
    pub tls: Option<Tls>,
}

/// Certificate and key, PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, the server's own first.
    pub certificate: PathBuf,
    /// Of the first certificate.
    pub key: PathBuf,
}

/// The listener for operators.
#[derive(Clone, PartialEq, Eq)]
pub struct Admin {
    /// Plain HTTP, so best an address of this machine.
    pub listen: SocketAddr,
    /// None: what needs the key is refused.
    pub key: Option<String>,
}

/// Where the original looked for its certificate.
const ORIGINAL_CERTIFICATE: (&str, &str) = ("certs/public.pem", "certs/private.pem");

/// How many requests or connections may be allowed.
const MANY: std::ops::RangeInclusive<usize> = 1..=1_000_000;

pub(super) fn resolve(
    raw: raw::Server,
    folder: &Path,
    environment: &Environment,
) -> Result<Server, ConfigError> {
    secret::check("JWT_SECRET", environment.jwt_secret.as_deref())?;
    for (key, bound) in [
        ("server.max_requests", raw.max_requests),
        ("server.max_connections", raw.max_connections),
        (
            "server.connections_per_address",
            raw.connections_per_address,
        ),
    ] {
        within(key, bound, &MANY)?;
    }
    not_nothing(&[
        ("server.max_body", raw.max_body.as_u64() == 0),
        ("server.header_timeout", raw.header_timeout.is_zero()),
        ("server.idle_timeout", raw.idle_timeout.is_zero()),
        ("server.body_timeout", raw.body_timeout.is_zero()),
        ("server.request_timeout", raw.request_timeout.is_zero()),
    ])?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let public_url = raw.public_url.as_deref();
    let public_url = public_url.map(origin::public_url).transpose()?;
    let tls = tls(raw.tls, folder, environment)?;
    let is_https = |url: &Origin| url.scheme() == Scheme::Https;
    let is_secure = tls.is_some() || public_url.as_ref().is_some_and(is_https);
    Ok(Server {
        listen: raw.listen,
        public_url,
        origins: origins(&raw.origins)?,
        worker_threads: if raw.worker_threads == 0 {
            threads
        } else {
            raw.worker_threads
        },
        max_body: raw.max_body,
        max_requests: raw.max_requests,
        max_connections: raw.max_connections,
        connections_per_address: raw.connections_per_address,
        proxies: proxies(&raw.trusted_proxies, &raw.client_address_header)?,
        header_timeout: raw.header_timeout,
        idle_timeout: raw.idle_timeout,
        body_timeout: raw.body_timeout,
        request_timeout: raw.request_timeout,
        shutdown_timeout: raw.shutdown_timeout,
        compression: raw.compression,
        compress_from: raw.compress_from,
        hsts: is_secure.then(|| hsts(raw.hsts)).flatten(),
        tls,
    })
}

pub(super) fn resolve_admin(
    raw: Option<raw::Admin>,
    environment: &Environment,
) -> Result<Option<Admin>, ConfigError> {
    secret::check("HAPTA_ADMIN_KEY", environment.admin_key.as_deref())?;
    Ok(raw.map(|raw| Admin {
        listen: raw.listen,
        key: environment.admin_key.clone(),
    }))
}

fn proxies(trusted: &[String], header: &str) -> Result<Proxies, ConfigError> {
    let key = "server.trusted_proxies";
    few(key, trusted)?;
    let network = |text: &String| {
        let network = text.parse();
        network.map_err(|error: crate::network::NetworkError| invalid(key, error.to_string()))
    };
    let key = "server.client_address_header";
    let header = HeaderName::try_from(header).map_err(|error| invalid(key, error.to_string()))?;
    if !is_forwarding(&header) {
        // Rules see all others as the client sent them.
        let problem = format!(
            "\"{header}\" is no header by which proxies tell the client's address, like X-Forwarded-For, Forwarded, X-Real-IP or CF-Connecting-IP"
        );
        return Err(invalid(key, problem));
    }
    Ok(Proxies {
        trusted: trusted.iter().map(network).collect::<Result<_, _>>()?,
        header,
    })
}

/// None: browsers are told nothing.
fn hsts(age: Duration) -> Option<HeaderValue> {
    let seconds = age.as_secs();
    let value = HeaderValue::try_from(format!("max-age={seconds}")).ok();
    value.filter(|_| seconds > 0)
}

fn origins(raw: &[String]) -> Result<Option<Vec<HeaderValue>>, ConfigError> {
    if raw.iter().any(|origin| origin == "*") {
        return if raw.len() == 1 {
            Ok(None)
        } else {
            Err(invalid(
                "server.origins",
                "\"*\" allows every origin; name no others beside it",
            ))
        };
    }
    let origin = |origin: &String| {
        let has_path = origin
            .split_once("://")
            .is_none_or(|(_, rest)| rest.is_empty() || rest.contains('/'));
        if has_path {
            return Err(invalid(
                "server.origins",
                format!("\"{origin}\" is no origin, like https://example.com"),
            ));
        }
        HeaderValue::from_str(origin).map_err(|error| invalid("server.origins", error.to_string()))
    };
    raw.iter()
        .map(origin)
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

fn tls(
    raw: Option<raw::Tls>,
    folder: &Path,
    environment: &Environment,
) -> Result<Option<Tls>, ConfigError> {
    let paths = |raw: raw::Tls| Tls {
        certificate: folder.join(raw.certificate),
        key: folder.join(raw.key),
    };
    match environment.ssl_enabled.as_deref() {
        None => Ok(raw.map(paths)),
        Some("false" | "0") => Ok(None),
        Some("true" | "1") => Ok(Some(paths(raw.unwrap_or(raw::Tls {
            certificate: ORIGINAL_CERTIFICATE.0.into(),
            key: ORIGINAL_CERTIFICATE.1.into(),
        })))),
        Some(other) => Err(invalid(
            "SSL_ENABLED",
            format!("is \"{other}\"; expected true or false"),
        )),
    }
}

impl Server {
    /// How clients speak to the listener.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self.tls {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        }
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_networks_and_their_header_is_one_of_proxies() {
        let networks = |texts: &[&str], header: &str| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            proxies(&texts, header).map_err(|error| error.to_string())
        };
        let found = networks(&["10.0.0.0/8", "2001:db8::7"], "X-Forwarded-For").unwrap();
        assert!(found.has([10, 1, 2, 3].into()) && !found.has([11, 1, 2, 3].into()));
        assert!(found.has("2001:db8::7".parse().unwrap()));
        assert!(
            !networks(&[], "Forwarded")
                .unwrap()
                .has([127, 0, 0, 1].into())
        );
        for (text, header, expected) in [
            (
                "10.0.0.0/33",
                "X-Real-IP",
                "server.trusted_proxies: \"10.0.0.0/33\"",
            ),
            (
                "proxy.example",
                "X-Real-IP",
                "server.trusted_proxies: \"proxy",
            ),
            (
                "10.0.0.1",
                "X-Tenant",
                "server.client_address_header: \"x-tenant\"",
            ),
            ("10.0.0.1", "a b", "server.client_address_header: "),
        ] {
            let error = networks(&[text], header).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn browsers_are_told_in_whole_seconds_or_not_at_all() {
        let told = |age| hsts(age).map(|value| value.to_str().unwrap().to_owned());
        let hour = told(Duration::from_hours(1));
        assert_eq!(hour.as_deref(), Some("max-age=3600"));
        assert_eq!(told(Duration::from_millis(999)), None);
    }
}
