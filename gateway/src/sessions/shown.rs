//! What a request shows of who asks, and how it is read.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{Questions, SessionError};
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
    /// Who says how often PocketBase may be asked; none: as often as need be.
    pub questions: Option<&'a dyn Questions>,
}

impl Shown<'_> {
    /// The token of a login, if there is one.
    pub(super) fn login(&self) -> Result<Option<Token>, SessionError> {
        match sent(&self.client.headers)? {
            // It says that it is worth nothing without a key: here is one that proved itself.
            Some((Scheme::Dpop, _)) if self.client.key.is_none() => Err(SessionError::Header),
            found => Ok(found.map(|(_, token)| Token::new(token))),
        }
    }
}

/// How a token is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// `TOKEN`, or `Bearer TOKEN`.
    Bearer,
    /// `DPoP TOKEN`: with a proof beside it.
    Dpop,
}

/// The token in a request's Authorization header, whatever it is worth.
///
/// # Errors
///
/// Two headers, or one that has no token.
pub fn token_of(headers: &HeaderMap) -> Result<Option<&str>, SessionError> {
    Ok(sent(headers)?.map(|(_, token)| token))
}

/// The token of a request's one Authorization header, if there is one.
fn sent(headers: &HeaderMap) -> Result<Option<(Scheme, &str)>, SessionError> {
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
    let (scheme, token) = match text.split_once(' ') {
        Some((word, token)) if word.eq_ignore_ascii_case("bearer") => (Scheme::Bearer, token),
        Some((word, token)) if word.eq_ignore_ascii_case("dpop") => (Scheme::Dpop, token),
        Some(_) => return Err(SessionError::Header),
        None => (Scheme::Bearer, text),
    };
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(SessionError::Header);
    }
    Ok(Some((scheme, token)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: Result<Option<(Scheme, &str)>, ()>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let found = sent(&headers).map_err(drop);
        assert_eq!(found, expected);
    }

    #[test]
    fn one_header_holds_one_token() {
        check(&[], Ok(None));
        check(&[""], Ok(None));
        let (bearer, dpop) = ((Scheme::Bearer, "a.b.c"), (Scheme::Dpop, "a.b.c"));
        check(&["a.b.c"], Ok(Some(bearer)));
        check(&["Bearer a.b.c"], Ok(Some(bearer)));
        check(&["bEARER a.b.c"], Ok(Some(bearer)));
        check(&["DPoP a.b.c"], Ok(Some(dpop)));
        check(&["dpop a.b.c"], Ok(Some(dpop)));
        check(&["DPoP"], Ok(Some((Scheme::Bearer, "DPoP"))));
        check(&["DPoP "], Err(()));
        check(&["DPoP a.b.c d"], Err(()));
        check(&["Bearer  a.b.c"], Err(()));
        check(&["Bearer "], Err(()));
        check(&["Basic abc"], Err(()));
        check(&["a.b.c", "a.b.c"], Err(()));
    }
    #[test]
    fn a_token_that_wants_a_proof_is_one_only_beside_a_key() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("DPoP a.b.c"));
        let of = |key| {
            let client = Client {
                key,
                ..Client::of_class(headers.clone(), std::sync::Arc::default())
            };
            let shown = Shown {
                identity: Identity::Optional,
                client: &client,
                file_token: None,
                questions: None,
            };
            shown.login().map_err(drop)
        };
        assert_eq!(of(None), Err(()));
        let key = crate::principal::Thumbprint([0; 32]);
        assert_eq!(of(Some(key)), Ok(Some(Token::new("a.b.c"))));
    }
}
