//! What is special about files: a token that is handed out for them, and how long
//! who may keep one.

use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use super::permit::Permitted;
use crate::error::Error;
use crate::gateway::Gateway;
use crate::operation::Operation;
use crate::upstream::UpstreamError;

/// The token of an answer. Where clients get the gateway's own, no rule is to see
/// PocketBase's: an empty one stands in its place.
pub(super) fn take_token(gateway: &Gateway, body: &mut Value) -> Option<Value> {
    let token = body.get_mut("token")?;
    if gateway.sessions.is_rolling() {
        Some(std::mem::replace(token, Value::from("")))
    } else {
        Some(token.clone())
    }
}

/// Makes good a file token that is on its way to who asked, and tells what that gets in its
/// place; none: the token itself.
///
/// # Errors
///
/// An answer without one, or with somebody else's; too many at once.
pub(super) fn hand_out(
    gateway: &Gateway,
    permitted: &Permitted,
    token: Option<&Value>,
) -> Result<Option<String>, Error> {
    let owner = permitted.exchange().principal.record();
    let token = token.and_then(Value::as_str);
    let (Some(owner), Some(token)) = (owner, token) else {
        let problem = "no token where one was asked for".to_owned();
        return Err(UpstreamError::Garbled(problem).into());
    };
    Ok(gateway.sessions.put_file_token(owner, token)?)
}

/// What depended on who asks is not to be kept for others: PocketBase lets every
/// cache on the way keep a file for a month, a protected one too.
pub(super) fn guard_caches(permitted: &Permitted, headers: &mut HeaderMap) {
    let exchange = permitted.exchange();
    if !matches!(exchange.operation, Operation::Download { .. }) {
        return;
    }
    let collection = exchange.collection.as_ref();
    if permitted.is_judged() {
        // A rule may say otherwise the next time.
        let judged = HeaderValue::from_static("private, no-cache");
        headers.insert(header::CACHE_CONTROL, judged);
        headers.append(header::VARY, HeaderValue::from_static("Authorization"));
    } else if exchange.operation.file_token().is_some()
        || collection.is_some_and(|collection| collection.has_protected_files())
    {
        let own = private(headers);
        headers.insert(header::CACHE_CONTROL, own);
    }
}

/// The directives for caches, such that only the client's own may keep it.
fn private(headers: &HeaderMap) -> HeaderValue {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let directives = texts.flat_map(|text| text.split(','));
    let mut private = "private".to_owned();
    for directive in directives.map(str::trim) {
        let name = directive.split('=').next().unwrap_or_default().trim();
        let is_for_others = ["public", "private", "s-maxage"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other));
        if !is_for_others && !name.is_empty() {
            private.push_str(", ");
            private.push_str(directive);
        }
    }
    HeaderValue::from_str(&private).unwrap_or(HeaderValue::from_static("private, no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&'static str], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static(value));
        }
        assert_eq!(private(&headers), expected);
    }

    #[test]
    fn what_is_private_keeps_its_other_directives() {
        check(&[], "private");
        check(
            &["max-age=2592000, stale-while-revalidate=86400"],
            "private, max-age=2592000, stale-while-revalidate=86400",
        );
        check(&["Public, S-MaxAge = 9 ,max-age=1"], "private, max-age=1");
        check(&["private", "no-store,"], "private, no-store");
    }
}
