//! The beginning of an address: scheme, host and port, and whether two of them
//! lead to the same place.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::uri::Authority;

use super::{ConfigError, invalid};

/// Where something is reached: what an address has before its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    /// In lower case; an IPv6 address in brackets and in its one spelling.
    host: String,
    port: u16,
}

/// How that is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In clear text.
    Http,
    /// Over TLS.
    Https,
}

const KEY: &str = "server.public_url";

/// The names of this machine to itself, and what a listener on all of its
/// addresses says: whoever follows a link to one of them comes to the same place.
const LOOPBACK: [&str; 5] = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]"];

pub(super) fn public_url(text: &str) -> Result<Origin, ConfigError> {
    if text.contains('@') {
        // What stands before it may be a password, so it is not repeated.
        return Err(invalid(KEY, "must have no user and no password"));
    }
    match Origin::split(text) {
        Some((origin, "" | "/")) => Ok(origin),
        Some(_) => Err(invalid(
            KEY,
            format!("\"{text}\" must have no path, no query and no fragment"),
        )),
        None => Err(invalid(
            KEY,
            format!("\"{text}\" is no address like https://api.example.com"),
        )),
    }
}

impl Origin {
    /// Reads an address, and tells what follows after scheme, host and port.
    /// None: it is not one that begins with `https://` or `http://`.
    #[must_use]
    pub fn split(address: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = address.split_once("://")?;
        let scheme = Scheme::read(scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        if authority.contains('\\') {
            // To browsers that begins the path, to others it is a part of the user.
            return None;
        }
        // What stands before the last @ is no host, however much it looks like one.
        let authority = authority.rsplit('@').next()?.parse::<Authority>().ok()?;
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" | ":" => scheme.port(),
            port => read_port(port.strip_prefix(':')?)?,
        };
        let host = host(authority.host())?;
        Some((Self { scheme, host, port }, rest))
    }

    /// Where a listener is reached. None: by all addresses of the machine, or at
    /// a port that is not known yet.
    #[must_use]
    pub fn of_listener(scheme: Scheme, listener: SocketAddr) -> Option<Self> {
        let host = match listener.ip() {
            address if address.is_unspecified() => return None,
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let port = listener.port();
        (port != 0).then_some(Self { scheme, host, port })
    }

    /// How it is spoken to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// In lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Written or not.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is this machine, as the machine itself calls it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        LOOPBACK.contains(&self.host.as_str())
    }

    /// Whether both lead to the same place, spoken to in the same way.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.is_same_door(other)
    }

    /// Whether both lead to the same host and port, in whatever way spoken to.
    #[must_use]
    pub fn is_same_door(&self, other: &Self) -> bool {
        let same_host = self.host == other.host || (self.is_loopback() && other.is_loopback());
        same_host && self.port == other.port
    }
}

impl Scheme {
    fn read(text: &str) -> Option<Self> {
        let is = |name| text.eq_ignore_ascii_case(name);
        match (is("http"), is("https")) {
            (true, _) => Some(Self::Http),
            (_, true) => Some(Self::Https),
            _ => None,
        }
    }

    /// The one that is not written.
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port == self.scheme.port() {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

fn host(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    // Browsers take more for a host; what is no name here counts as no address.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (!text.is_empty() && text.bytes().all(is_name)).then(|| text.to_ascii_lowercase())
}

fn read_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok()?;
    (is_number && port != 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of the address, and what follows after it.
    #[track_caller]
    fn check(address: &str, expected: Option<(&str, &str)>) {
        let found = Origin::split(address).map(|(origin, rest)| (origin.to_string(), rest));
        let found = found
            .as_ref()
            .map(|(origin, rest)| (origin.as_str(), *rest));
        assert_eq!(found, expected, "{address}");
    }

    #[test]
    fn an_address_is_cut_after_host_and_port() {
        check("https://a.example", Some(("https://a.example", "")));
        check("HTTPS://A.Example:443/", Some(("https://a.example", "/")));
        check("http://a.example:443", Some(("http://a.example:443", "")));
        check("http://a.example:/x", Some(("http://a.example", "/x")));
        check("http://a:65535?b=//c", Some(("http://a:65535", "?b=//c")));
        check("https://a#/b/{TOKEN}", Some(("https://a", "#/b/{TOKEN}")));
        check("http://[0::0:1]:80/x", Some(("http://[::1]", "/x")));
        for no_address in [
            "",
            "a.example",
            "//a.example",
            "/path",
            "ftp://a.example",
            "javascript://a.example",
            "https://",
            "https:///a.example",
            "https://:443",
            "https://a:0",
            "https://a:65536",
            "https://a:+1",
            "https://a:b",
            "https://a b",
            "https://[::1",
            "https://b\u{fc}cher.example",
            "https://{RECORD:tenant}.example",
        ] {
            check(no_address, None);
        }
    }

    #[test]
    fn whoever_writes_a_host_before_another_is_not_believed() {
        check("https://a@b.example", Some(("https://b.example", "")));
        check("https://a:1@b@c.example/", Some(("https://c.example", "/")));
        check("https://a\\@b.example", None);
        check("https://a\\b.example", None);
        check("https://a%2f@b", Some(("https://b", "")));
        check("https://a%2fb", None);
    }

    #[test]
    fn names_of_this_machine_are_the_same_place() {
        let origin = |address| Origin::split(address).unwrap().0;
        let cases = [
            ("http://localhost:8090", "http://127.0.0.1:8090", true, true),
            ("http://[::1]:8090", "http://0.0.0.0:8090", true, true),
            ("http://LOCALHOST", "http://[0::1]:80", true, true),
            ("http://127.0.0.2", "http://127.0.0.1", false, false),
            ("http://localhost:1", "http://localhost:2", false, false),
            ("https://a:80", "http://a", false, true),
            ("https://a", "http://a", false, false),
            ("http://a", "http://b", false, false),
        ];
        for (one, other, same, same_door) in cases {
            let (one, other) = (origin(one), origin(other));
            assert_eq!(one.is_same(&other), same, "{one} {other}");
            assert_eq!(one.is_same_door(&other), same_door, "{one} {other}");
        }
    }

    #[test]
    fn a_listener_on_every_address_does_not_tell_where_it_is_reached() {
        let cases = [
            ("127.0.0.1:8090", Some("http://127.0.0.1:8090")),
            ("10.0.0.1:80", Some("http://10.0.0.1")),
            ("[::1]:8090", Some("http://[::1]:8090")),
            ("127.0.0.1:0", None),
            ("0.0.0.0:8090", None),
            ("[::]:8090", None),
        ];
        for (listener, expected) in cases {
            let origin = Origin::of_listener(Scheme::Http, listener.parse().unwrap());
            let told = origin.map(|origin| origin.to_string());
            assert_eq!(told.as_deref(), expected, "{listener}");
        }
    }

    #[test]
    fn a_public_url_is_that_and_nothing_more() {
        let read = |text| public_url(text).map_err(|error| error.to_string());
        for good in ["https://a.example", "https://a.example/"] {
            assert_eq!(read(good).unwrap().to_string(), "https://a.example");
        }
        let cases = [
            ("https://a.example/api", "no path"),
            ("https://a.example?x", "no query"),
            ("https://a.example/#x", "no fragment"),
            ("a.example", "is no address like https://"),
            ("ftp://a.example", "is no address like https://"),
            ("", "is no address like https://"),
            ("https://a:secret@b.example", "no user and no password"),
        ];
        for (text, expected) in cases {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("server.public_url: "), "{error}");
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
