//! `application/x-www-form-urlencoded`: decoded as the query string is.
//!
//! Go drops a pair with a semicolon or a broken escape and reads on; here the
//! whole is refused.

use super::{FormError, LONGEST_NAME, MOST_PAIRS};
use crate::operation::decode;

/// Splits and decodes a body.
///
/// # Errors
///
/// A byte that a form does not write, a broken escape, text that is no UTF-8 or has a
/// NUL, a pair without a name, or more pairs than are taken.
pub fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, FormError> {
    let body = std::str::from_utf8(body)
        .map_err(|_| FormError::Form("a raw character that must be escaped"))?;
    let mut pairs = Vec::new();
    for part in body.split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decode(name).map_err(FormError::Form)?;
        if name.is_empty() {
            return Err(FormError::Form("a value without a name"));
        }
        if name.len() > LONGEST_NAME || name.contains(char::is_control) {
            return Err(FormError::Form("a name that no field has"));
        }
        let value = decode(value).and_then(|value| {
            let has_nul = value.contains('\0');
            (!has_nul).then_some(value).ok_or("a NUL")
        });
        let value = match value {
            Ok(value) => value,
            Err(problem) => return Err(FormError::Value { name, problem }),
        };
        if pairs.len() == MOST_PAIRS {
            return Err(FormError::Form("too many values"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(body: impl AsRef<[u8]>, expected: Result<&[(&str, &str)], &str>) {
        let body = body.as_ref();
        let found = pairs(body).map_err(|error| error.to_string());
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let body = String::from_utf8_lossy(body);
        assert_eq!(
            found,
            expected.map(owned).map_err(str::to_owned),
            "{body:?}"
        );
    }

    #[test]
    fn pairs_are_decoded_once_and_keep_their_order() {
        check("b=2&a=1&b=", Ok(&[("b", "2"), ("a", "1"), ("b", "")]));
        check("a", Ok(&[("a", "")]));
        check("a=b=c", Ok(&[("a", "b=c")]));
        check("n%2B=x+y%2Bz%2520", Ok(&[("n+", "x y+z%20")]));
        check("n+=1", Ok(&[("n ", "1")]));
        check("a=%C3%A9%0D%0A%3B", Ok(&[("a", "\u{e9}\r\n;")]));
    }

    #[test]
    fn what_could_be_read_otherwise_is_refused() {
        check("", Err("the form is refused: a value without a name"));
        check("a=1&", Err("the form is refused: a value without a name"));
        check("=1", Err("the form is refused: a value without a name"));
        check(
            "a%zz=1",
            Err("the form is refused: a percent sign without two hexadecimal digits"),
        );
        check(
            "a=%z",
            Err("the form's value \"a\" is refused: a percent sign without two hexadecimal digits"),
        );
        check(
            "a=1;b=2",
            Err("the form's value \"a\" is refused: a semicolon"),
        );
        check(
            "a=%FF",
            Err("the form's value \"a\" is refused: it is not UTF-8"),
        );
        check("a=x%00y", Err("the form's value \"a\" is refused: a NUL"));
        check(
            "a=b c",
            Err("the form's value \"a\" is refused: a raw character that must be escaped"),
        );
        check(
            "a=1\n",
            Err("the form's value \"a\" is refused: a raw character that must be escaped"),
        );
        check(
            "a=\u{e9}",
            Err("the form's value \"a\" is refused: a raw character that must be escaped"),
        );
        check(
            b"a=\xff",
            Err("the form is refused: a raw character that must be escaped"),
        );
        check(
            "a%00=1",
            Err("the form is refused: a name that no field has"),
        );
        check(
            "a".repeat(LONGEST_NAME + 1),
            Err("the form is refused: a name that no field has"),
        );
        check(
            vec!["a=1"; MOST_PAIRS + 1].join("&"),
            Err("the form is refused: too many values"),
        );
        assert!(pairs(vec!["a=1"; MOST_PAIRS].join("&").as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(
            sent in proptest::collection::vec(("[^\\p{Cc}]{1,8}", "[^\\x00]{0,8}"), 1..5),
        ) {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&sent).finish();
            prop_assert_eq!(pairs(body.as_bytes()), Ok(sent));
        }

        #[test]
        fn what_is_read_the_usual_reader_reads_alike(body in "[a-c%0-9F;&=+é]{0,20}") {
            if let Ok(read) = pairs(body.as_bytes()) {
                let usual: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                prop_assert_eq!(read, usual);
            }
        }
    }
}
