//! `[server]` and `[admin]` → where and how clients and operators are served.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use http::HeaderValue;

use super::{ConfigError, Environment, Origin, Scheme, invalid, not_nothing, origin, raw, within};

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
    /// For the whole head of a request to arrive.
    pub header_timeout: Duration,
    /// For the whole body of a request to arrive.
    pub body_timeout: Duration,
    /// For a whole exchange, its body included.
    pub request_timeout: Duration,
    /// For requests under way when the gateway is asked to end.
    pub shutdown_timeout: Duration,
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

/// Shorter keys and secrets can be guessed.
const SECRET_LENGTH: usize = 16;

pub(super) fn resolve(
    raw: raw::Server,
    folder: &Path,
    environment: &Environment,
) -> Result<Server, ConfigError> {
    check_secret("JWT_SECRET", environment.jwt_secret.as_deref())?;
    for (key, bound) in [
        ("server.max_requests", raw.max_requests),
        ("server.max_connections", raw.max_connections),
    ] {
        within(key, bound, &MANY)?;
    }
    not_nothing(&[
        ("server.max_body", raw.max_body.as_u64() == 0),
        ("server.header_timeout", raw.header_timeout.is_zero()),
        ("server.body_timeout", raw.body_timeout.is_zero()),
        ("server.request_timeout", raw.request_timeout.is_zero()),
    ])?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(Server {
        listen: raw.listen,
        public_url: raw
            .public_url
            .as_deref()
            .map(origin::public_url)
            .transpose()?,
        origins: origins(&raw.origins)?,
        worker_threads: if raw.worker_threads == 0 {
            threads
        } else {
            raw.worker_threads
        },
        max_body: raw.max_body,
        max_requests: raw.max_requests,
        max_connections: raw.max_connections,
        header_timeout: raw.header_timeout,
        body_timeout: raw.body_timeout,
        request_timeout: raw.request_timeout,
        shutdown_timeout: raw.shutdown_timeout,
        tls: tls(raw.tls, folder, environment)?,
    })
}

pub(super) fn resolve_admin(
    raw: Option<raw::Admin>,
    environment: &Environment,
) -> Result<Option<Admin>, ConfigError> {
    check_secret("HAPTA_ADMIN_KEY", environment.admin_key.as_deref())?;
    Ok(raw.map(|raw| Admin {
        listen: raw.listen,
        key: environment.admin_key.clone(),
    }))
}

fn check_secret(key: &str, secret: Option<&str>) -> Result<(), ConfigError> {
    match secret {
        Some(secret) if secret.len() < SECRET_LENGTH => Err(invalid(
            key,
            format!("is too short to be safe; use at least {SECRET_LENGTH} random characters"),
        )),
        Some(_) | None => Ok(()),
    }
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
