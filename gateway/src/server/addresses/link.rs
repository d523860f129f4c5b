//! The links in the text of a mail that hold a token, and how an address is told.

use super::APP_URL;
use crate::config::Origin;

/// What stands in a template for the token.
const TOKEN: &str = "{TOKEN}";

/// How much of an address is told, in characters.
const LONGEST: usize = 200;

/// The links that hold a token, from where they begin.
pub(super) fn links(body: &str) -> impl Iterator<Item = &str> {
    body.match_indices(TOKEN).filter_map(|(at, _)| {
        let before = body.get(..at)?.rsplit(ends_link).next()?;
        let after = body.get(at..)?.split(ends_link).next()?;
        beginning(body.get(at - before.len()..at + after.len())?, before.len())
    })
}

/// An address as it is told: on one line, without a user and a password, and
/// without its query, which may hold what is nobody's business.
pub(super) fn shown(address: &str) -> String {
    let known = match Origin::split(address) {
        Some((origin, rest)) => format!("{origin}{rest}"),
        None => address.rsplit('@').next().unwrap_or_default().to_owned(),
    };
    let told = known.split('?').next().unwrap_or_default();
    let printable = told.chars().filter(|letter| !letter.is_control());
    printable.take(LONGEST).collect()
}

/// What no link has in it, or quotes it, in HTML as in plain text.
fn ends_link(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || "\"'`<>()".contains(letter)
}

/// Cuts off what stands before the link, as the `href=` of one without quotes.
/// None: it is a token that stands for itself, and no link.
fn beginning(text: &str, token: usize) -> Option<&str> {
    let before = text.get(..token)?;
    let scheme = before.split_once("://").and_then(|(head, _)| {
        let name = head
            .rsplit(|letter: char| !letter.is_ascii_alphanumeric())
            .next()?;
        Some(head.len() - name.len())
    });
    let start = [before.find(APP_URL), scheme].into_iter().flatten().min();
    match start {
        Some(start) => text.get(start..),
        None => before.contains('/').then_some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        assert_eq!(links(body).collect::<Vec<_>>(), expected, "{body}");
    }

    #[test]
    fn links_are_found_however_they_are_written() {
        check("", &[]);
        check("{APP_URL}/help", &[]);
        check("your code: {TOKEN}", &[]);
        check("<b>{TOKEN}</b>", &[]);
        check("{TOKEN}://{APP_URL}/", &[]);
        check(
            "<a class=\"btn\" href=\"{APP_URL}/_/#/auth/{TOKEN}\" rel=\"x\">",
            &["{APP_URL}/_/#/auth/{TOKEN}"],
        );
        check(
            "<a href='https://a/?t={TOKEN}&b'>",
            &["https://a/?t={TOKEN}&b"],
        );
        check("<a href=https://a/{TOKEN}>", &["https://a/{TOKEN}"]);
        check("\u{fc}https://a/{TOKEN}", &["https://a/{TOKEN}"]);
        check("[x](http://a/{TOKEN}) y", &["http://a/{TOKEN}"]);
        check(
            "\u{e4}\n{APP_URL}{TOKEN}\u{fc}",
            &["{APP_URL}{TOKEN}\u{fc}"],
        );
        check("<a href=\"/confirm/{TOKEN}\">", &["/confirm/{TOKEN}"]);
        check("www.a.example/{TOKEN}", &["www.a.example/{TOKEN}"]);
        check(
            "https://a/?to={APP_URL}/{TOKEN}",
            &["https://a/?to={APP_URL}/{TOKEN}"],
        );
        check(
            "{APP_URL}/?to=https://a/{TOKEN}",
            &["{APP_URL}/?to=https://a/{TOKEN}"],
        );
        check(
            "<a href=\"https://a/{TOKEN}\">https://b/{TOKEN}</a>",
            &["https://a/{TOKEN}", "https://b/{TOKEN}"],
        );
    }

    #[test]
    fn an_address_is_told_without_what_may_be_secret() {
        let cases = [
            ("https://a.example", "https://a.example"),
            ("HTTPS://A.example:443/b", "https://a.example/b"),
            (
                "https://user:secret@a.example/b?key=secret",
                "https://a.example/b",
            ),
            ("a.example?key=secret", "a.example"),
            ("user:secret@a.example", "a.example"),
            ("ftp://user:secret@a.example", "a.example"),
            ("/a\u{1b}[31m\r\nb", "/a[31mb"),
            ("https://a.example/\u{1b}b", "https://a.example/b"),
        ];
        for (address, expected) in cases {
            assert_eq!(shown(address), expected);
        }
        for length in [LONGEST, LONGEST + 1] {
            let address = "\u{e4}".repeat(length);
            assert_eq!(shown(&address).chars().count(), LONGEST);
        }
    }
}
