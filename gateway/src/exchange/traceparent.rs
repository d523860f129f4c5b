//! `traceparent`, by which a request is followed from one service to the next (W3C Trace Context),
//! and the id of a request.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};

/// Where a request stands in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    /// The same in all services that it goes through; not 0.
    trace: u128,
    /// Of the one who asks; not 0.
    span: u64,
    is_sampled: bool,
}

/// The header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id of a request that is kept.
const ID: usize = 128;

impl Traceparent {
    /// Where a request stands that this one leads to: in the trace that its headers tell, or at
    /// the beginning of one.
    #[must_use]
    pub fn continued(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next().and_then(|value| value.to_str().ok());
        // Two say nothing.
        let told = value.filter(|_| values.next().is_none());
        match told.and_then(Self::parse) {
            Some(before) => Self {
                span: number(),
                ..before
            },
            None => Self {
                trace: u128::from(number()) << 64 | u128::from(number()),
                span: number(),
                is_sampled: false,
            },
        }
    }

    /// Its trace, as it is written.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hexadecimal(parts.next()?, 2)?;
        let trace = hexadecimal(parts.next()?, 32)?;
        let span = hexadecimal(parts.next()?, 16)?;
        let flags = hexadecimal(parts.next()?, 2)?;
        // Later versions may say more behind it, this one may not.
        let is_known = version != 0xff && (version != 0 || parts.next().is_none());
        (is_known && trace != 0 && span != 0).then_some(Self {
            trace,
            span: u64::try_from(span).ok()?,
            is_sampled: flags & 1 == 1,
        })
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

/// Whether a text can stand as the id of a request, in headers, logs and questions.
#[must_use]
pub fn is_request_id(text: &str) -> bool {
    (1..=ID).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A new id for a request, which tells nothing of others.
#[must_use]
pub fn request_id() -> String {
    format!("{:016x}", number())
}

/// So many digits in lower case.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = text.len() == digits && text.bytes().all(is_digit);
    fits.then(|| u128::from_str_radix(text, 16).ok())?
}

/// One that nobody else has, and that tells nothing of others; not 0. The system is asked for
/// randomness once.
fn number() -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    KEYS.hash_one(NEXT.fetch_add(1, Ordering::Relaxed)).max(1)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn continued(lines: &[&str]) -> Traceparent {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, HeaderValue::from_str(line).unwrap());
        }
        Traceparent::continued(&headers)
    }

    #[test]
    fn a_trace_goes_on_in_a_span_of_its_own() {
        let text = continued(&[GOOD]).to_string();
        assert!(
            text.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{text}"
        );
        assert!(
            text.ends_with("-01") && !text.contains("b7ad6b7169203331"),
            "{text}"
        );
        assert_eq!(text.len(), GOOD.len());
        let later = continued(&["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more"]);
        assert_eq!(later.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert!(later.to_string().ends_with("-01"));
    }

    #[test]
    fn what_says_nothing_begins_a_trace() {
        let upper = GOOD.to_ascii_uppercase();
        let more = format!("{GOOD}-more");
        let cases: [&[&str]; 10] = [
            &[],
            &[GOOD, GOOD],
            &[""],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"],
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
            &["ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01"],
            &[&upper],
            &[&more],
        ];
        let mut traces: Vec<_> = cases
            .iter()
            .map(|lines| continued(lines).trace_id())
            .collect();
        assert!(traces.iter().all(|trace| !trace.starts_with("0af7651916")));
        traces.sort();
        traces.dedup();
        assert_eq!(traces.len(), cases.len());
    }

    #[test]
    fn an_id_is_short_and_plain() {
        for good in ["a", "018f-2c.Z_9", &"a".repeat(128)] {
            assert!(is_request_id(good), "{good}");
        }
        for bad in ["", "a b", "a/b", "a\"", "\u{fc}", &"a".repeat(129)] {
            assert!(!is_request_id(bad), "{bad}");
        }
    }
}
