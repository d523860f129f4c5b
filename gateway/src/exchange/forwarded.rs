//! Whose request it is, where proxies stand before the gateway.
//!
//! Anybody can write into a header that he comes for somebody else. So one header counts, and only
//! from a proxy that the operator trusts; and of what it says only what trusted proxies wrote:
//! each adds at the end whom it was asked by, so it is read from its end to the first who is no
//! proxy of ours.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::network::Network;

/// The proxies that are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies {
    /// Where they are.
    pub trusted: Vec<Network>,
    /// Where they tell whom they were asked by.
    pub header: HeaderName,
}

/// A trusted proxy does not tell whose request it is, in a way that can be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proxy's header {0} does not tell whose request it is")]
pub struct ForwardedError(pub HeaderName);

/// Headers to which each proxy adds at the end. Others hold one address.
const LISTS: [HeaderName; 2] = [
    HeaderName::from_static("x-forwarded-for"),
    header::FORWARDED,
];

impl Proxies {
    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.has(address))
    }

    /// The client's address, of what the other end of the connection says. A proxy that says
    /// nothing asks for itself, as those do that look whether the gateway is there.
    ///
    /// # Errors
    ///
    /// What a trusted proxy says is no address.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, ForwardedError> {
        let peer = peer.to_canonical();
        if !self.has(peer) {
            return Ok(peer);
        }
        let failed = || ForwardedError(self.header.clone());
        let mut nearest = peer;
        let values: Vec<&HeaderValue> = headers.get_all(&self.header).iter().collect();
        if !LISTS.contains(&self.header) && values.len() > 1 {
            return Err(failed());
        }
        for value in values.into_iter().rev() {
            let text = value.to_str().map_err(|_| failed())?;
            for told in self.told(text).ok_or_else(failed)?.into_iter().rev() {
                nearest = address(told).ok_or_else(failed)?;
                if !self.has(nearest) {
                    return Ok(nearest);
                }
            }
        }
        // Nobody but proxies of ours: the first of them began it.
        Ok(nearest)
    }

    /// What a value tells, in its order, read no further than that. None: it can't be cut.
    fn told<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        if self.header == header::FORWARDED {
            return elements(text)?.into_iter().map(of_element).collect();
        }
        if !LISTS.contains(&self.header) {
            return Some(vec![text.trim()]);
        }
        let entries = text.split(',').map(str::trim);
        Some(entries.filter(|entry| !entry.is_empty()).collect())
    }
}

/// The elements of a `Forwarded` (RFC 7239), cut at commas that no quotes hold.
fn elements(text: &str) -> Option<Vec<&str>> {
    let (mut elements, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                elements.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    elements.push(text.get(start..)?);
    let filled = elements.into_iter().map(str::trim);
    // What is open at the end may have swallowed what a proxy added.
    (!is_quoted).then(|| filled.filter(|element| !element.is_empty()).collect())
}

/// Whom an element is for. It has to say so, once.
fn of_element(element: &str) -> Option<&str> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        if name.eq_ignore_ascii_case("for") && found.replace(unquoted(value)?).is_some() {
            return None;
        }
    }
    found
}

/// A value without its quotes. An address needs nothing that is escaped.
fn unquoted(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inner.contains(['"', '\\'])).then_some(inner)
}

/// An address, which may stand in brackets, and have a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    let in_brackets = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse().ok().map(IpAddr::V6)
    };
    let address = bare().or_else(with_port).or_else(in_brackets)?;
    Some(address.to_canonical())
}
