//! What a request shows of who asks, and how it is read.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::SessionError;
use crate::exchange::Client;
use crate::operation::Identity;
use crate::principal::Token;

/// What a request shows of who asks.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Whether that is looked at.
    pub identity: Identity,
    /// Its headers count.
    pub client: &'a Client,
    /// That of a download.
    pub file_token: Option<&'a Token>,
}

impl Shown<'_> {
    /// The token of a login, if there is one.
    pub(super) fn login(&self) -> Result<Option<Token>, SessionError> {
        of_header(&self.client.headers)
    }
}

/// The token of a request's one Authorization header, if there is one.
fn of_header(headers: &HeaderMap) -> Result<Option<Token>, SessionError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    let Some(first) = first else { return Ok(None) };
    if second.is_some() {
        return Err(SessionError::Header);
    }
    let text = first.to_str().map_err(|_| SessionError::Header)?;
    if text.is_empty() {
        return Ok(None);
    }
    // PocketBase: `TOKEN` or `Bearer TOKEN`, the word in any case, one space.
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        Some(_) => return Err(SessionError::Header),
        None => text,
    };
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(SessionError::Header);
    }
    Ok(Some(Token::new(token)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: Result<Option<&str>, ()>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let found = of_header(&headers)
            .map(|token| token.map(|token| token.expose().to_owned()))
            .map_err(drop);
        assert_eq!(found, expected.map(|token| token.map(str::to_owned)));
    }

    #[test]
    fn one_header_holds_one_token() {
        check(&[], Ok(None));
        check(&[""], Ok(None));
        check(&["a.b.c"], Ok(Some("a.b.c")));
        check(&["Bearer a.b.c"], Ok(Some("a.b.c")));
        check(&["bEARER a.b.c"], Ok(Some("a.b.c")));
        check(&["Bearer  a.b.c"], Err(()));
        check(&["Bearer "], Err(()));
        check(&["Basic abc"], Err(()));
        check(&["a.b.c", "a.b.c"], Err(()));
    }
}
