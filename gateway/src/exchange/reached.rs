//! Where a client believes that it reaches the gateway, held against what is known of that.

/// What is known of where the gateway is reached.
#[derive(Clone, Copy, Debug)]
pub struct Reached<'a> {
    /// Scheme, host and port, as the operator has it; then nothing else counts.
    pub public: Option<&'a str>,
    /// The `Host` of the request. Whether by TLS or not it does not tell.
    pub host: Option<&'a str>,
}

/// The schemes, and the port that is not written with each.
const SCHEMES: [(&str, &str); 2] = [("http", ":80"), ("https", ":443")];

impl Reached<'_> {
    /// What follows in an address after scheme, host and port; none where those lead elsewhere.
    #[must_use]
    pub fn rest<'b>(&self, address: &'b str) -> Option<&'b str> {
        let (scheme, host, rest) = split(address)?;
        let is_here = match self.public {
            Some(public) => {
                let (own_scheme, own_host, _) = split(public)?;
                own_scheme == scheme && own_host.eq_ignore_ascii_case(host)
            }
            None => self
                .host
                .is_some_and(|own| without_port(own, scheme).eq_ignore_ascii_case(host)),
        };
        is_here.then_some(rest)
    }
}

/// The two parts that tell where an address leads, in one spelling but for case, and the rest.
fn split(address: &str) -> Option<(&'static str, &str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let (scheme, _) = SCHEMES
        .iter()
        .find(|(known, _)| scheme.eq_ignore_ascii_case(known))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, rest) = rest.split_at_checked(end)?;
    // To browsers a backslash begins the path, and what stands before an @ is no host.
    if host.is_empty() || host.contains(['@', '\\']) {
        return None;
    }
    Some((*scheme, without_port(host, scheme), rest))
}

fn without_port<'a>(host: &'a str, scheme: &str) -> &'a str {
    let port = SCHEMES.iter().find(|(known, _)| *known == scheme);
    port.and_then(|(_, port)| host.strip_suffix(port))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reached: Reached<'_>, address: &str, expected: Option<&str>) {
        assert_eq!(reached.rest(address), expected, "{address} at {reached:?}");
    }

    #[test]
    fn who_has_no_public_address_is_where_the_client_asked() {
        let at = |host| Reached {
            public: None,
            host: Some(host),
        };
        let plain = at("a.example");
        check(plain, "http://a.example", Some(""));
        check(plain, "https://a.example/x?y", Some("/x?y"));
        check(plain, "HTTPS://A.Example:443/x", Some("/x"));
        check(at("a.example:443"), "https://a.example", Some(""));
        check(at("A.EXAMPLE:8090"), "http://a.example:8090#f", Some("#f"));
        check(at("[::1]:8090"), "http://[::1]:8090/", Some("/"));
        for other in [
            "null",
            "",
            "a.example",
            "//a.example",
            "ftp://a.example",
            "http://a.example:8090",
            "http://a.example:443",
            "http://b.example",
            "http://a.example.b",
            "http://a.example@b.example",
            "http://b@a.example",
            "http://a.example\\b",
            "http://",
            "http:///x",
        ] {
            check(plain, other, None);
        }
        let nowhere = Reached {
            public: None,
            host: None,
        };
        check(nowhere, "http://a.example", None);
    }

    #[test]
    fn a_public_address_is_the_only_one_and_has_a_scheme() {
        let reached = Reached {
            public: Some("https://a.example"),
            host: Some("evil.example"),
        };
        check(reached, "https://a.example/x", Some("/x"));
        check(reached, "https://a.example:443", Some(""));
        check(reached, "http://a.example", None);
        check(reached, "https://evil.example", None);
        check(reached, "https://a.example:8443", None);
    }
}
