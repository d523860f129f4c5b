//! The query string, split strictly, and what each operation takes from it.
//!
//! PocketBase takes the first of two equal keys and drops a pair that it can't
//! decode, without a word. Here each of these is refused, and so is every key
//! that the operation has no use for: to PocketBase's rules it would be a
//! value of `@request.query`.

use super::path::unescape;
use super::routes::CANCEL_KEY;
use super::{Expand, Fields, OperationError, Sort};
use crate::filter::Filter;
use crate::principal::Token;
use crate::surface::{Surface, Unnamed};

/// Bytes of a query string.
const LONGEST: usize = 32 * 1024;
/// Pairs in a query string.
const MOST_PAIRS: usize = 64;
/// With the largest page size this stays far within the integers of SQLite.
const LAST_PAGE: u64 = 1_000_000_000;
const PER_PAGE: u16 = 30;
const MOST_PER_PAGE: u16 = 1000;

/// What may be asked of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// From 1.
    pub page: u64,
    /// From 1 to 1000.
    pub per_page: u16,
    /// The order; empty for PocketBase's own.
    pub sort: Sort,
    /// Which records; none for all that the collection's rule lets through.
    pub filter: Option<Filter>,
    /// Whether PocketBase may leave out the count; totals are -1 then.
    pub skip_total: bool,
    /// The relations to send along.
    pub expand: Expand,
    /// What the client wants of each record, for the gateway alone.
    pub fields: Option<Fields>,
    /// Parameters that the configuration lets in.
    pub also: Vec<(String, String)>,
}

/// What may be asked of any answer that is one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordQuery {
    /// The relations to send along.
    pub expand: Expand,
    /// What the client wants of the answer, for the gateway alone.
    pub fields: Option<Fields>,
    /// Parameters that the configuration lets in.
    pub also: Vec<(String, String)>,
}

/// What may be asked of what becomes of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchQuery {
    /// Of which of them; none for all that the collection's rule lets through.
    pub filter: Option<Filter>,
    /// The relations to send along.
    pub expand: Expand,
    /// What the client wants of each record, for the gateway alone.
    pub fields: Option<Fields>,
    /// Parameters that the configuration lets in, in the order of their names.
    pub also: Vec<(String, String)>,
    /// Headers that the configuration lets in, by their names in lower case and in
    /// that order.
    pub headers: Vec<(String, String)>,
}

/// What may be asked of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DownloadQuery {
    /// Width and height like `100x50`, `0x50`, `100x50t`.
    pub thumb: Option<String>,
    /// Whether the browser is told to save it.
    pub download: bool,
    /// Who asks, where it is a browser that shows no other token.
    pub token: Option<Token>,
    /// Parameters that the configuration lets in.
    pub also: Vec<(String, String)>,
}

/// The decoded pairs of a query string that nobody has taken yet.
pub(super) struct Pairs {
    /// In their order, no key twice.
    left: Vec<(String, String)>,
    /// Those that the operation does not know and the configuration lets in.
    also: Vec<(String, String)>,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            page: 1,
            per_page: PER_PAGE,
            sort: Sort::default(),
            filter: None,
            skip_total: false,
            expand: Expand::default(),
            fields: None,
            also: Vec::new(),
        }
    }
}

impl ListQuery {
    pub(super) fn take(pairs: &mut Pairs) -> Result<Self, OperationError> {
        let per_page = match pairs.take_number("perPage")? {
            Some(0) | None => PER_PAGE,
            Some(number) => u16::try_from(number)
                .unwrap_or(MOST_PER_PAGE)
                .min(MOST_PER_PAGE),
        };
        let page = pairs.take_number("page")?.unwrap_or(1).max(1);
        if page > LAST_PAGE {
            return refuse("page", "there is no such page");
        }
        Ok(Self {
            page,
            per_page,
            sort: pairs
                .take("sort")
                .map_or(Ok(Sort::default()), |sort| Sort::parse(&sort))?,
            filter: pairs.take_filter()?,
            skip_total: pairs.take_flag("skipTotal")?,
            expand: pairs.take_expand()?,
            fields: pairs.take_fields()?,
            also: pairs.take_also(),
        })
    }
}

impl RecordQuery {
    /// Nothing can be expanded where the table of routes does not say so.
    pub(super) fn take(pairs: &mut Pairs) -> Result<Self, OperationError> {
        Ok(Self {
            expand: pairs.take_expand()?,
            fields: pairs.take_fields()?,
            also: pairs.take_also(),
        })
    }
}

impl WatchQuery {
    /// All but the headers, which are in no query.
    pub(super) fn take(pairs: &mut Pairs) -> Result<Self, OperationError> {
        let mut also = pairs.take_also();
        also.sort_unstable();
        Ok(Self {
            filter: pairs.take_filter()?,
            expand: pairs.take_expand()?,
            fields: pairs.take_fields()?,
            also,
            headers: Vec::new(),
        })
    }
}

impl DownloadQuery {
    pub(super) fn take(pairs: &mut Pairs) -> Result<Self, OperationError> {
        let thumb = pairs.take("thumb");
        if !thumb.as_deref().is_none_or(is_thumb) {
            return refuse(
                "thumb",
                "expected a width and a height like 100x50, 0x50 or 100x50t",
            );
        }
        Ok(Self {
            thumb,
            download: pairs.take_flag("download")?,
            token: pairs.take("token").map(|token| Token::new(&token)),
            also: pairs.take_also(),
        })
    }
}

impl Pairs {
    /// Splits and decodes a raw query string.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, OperationError> {
        let query = query.unwrap_or_default();
        let mut pairs = Self {
            left: Vec::new(),
            also: Vec::new(),
        };
        if query.is_empty() {
            return Ok(pairs);
        }
        if query.len() > LONGEST {
            return Err(OperationError::QueryString("it is too long"));
        }
        for part in query.split('&') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let decode = |raw| decode(raw).map_err(OperationError::QueryString);
            pairs.push(decode(key)?, decode(value)?)?;
        }
        Ok(pairs)
    }

    /// Those that were decoded elsewhere, held to the same.
    pub(super) fn of(decoded: Vec<(String, String)>) -> Result<Self, OperationError> {
        let mut pairs = Self {
            left: Vec::with_capacity(decoded.len()),
            also: Vec::new(),
        };
        for (key, value) in decoded {
            pairs.push(key, value)?;
        }
        Ok(pairs)
    }

    fn push(&mut self, key: String, value: String) -> Result<(), OperationError> {
        if key.is_empty() {
            return Err(OperationError::QueryString("a parameter without a name"));
        }
        // A filter may be written over several lines: it is parsed and printed anew.
        let line_breaks: &[char] = if key == "filter" || key == CANCEL_KEY {
            &['\n', '\t']
        } else {
            &[]
        };
        if key
            .chars()
            .chain(value.chars())
            .any(|c| c.is_control() && !line_breaks.contains(&c))
        {
            return Err(OperationError::QueryString("a control character"));
        }
        if self.left.iter().any(|(other, _)| *other == key) {
            return refuse(&key, "it is there twice");
        }
        if self.left.len() == MOST_PAIRS {
            return Err(OperationError::QueryString("it has too many parameters"));
        }
        self.left.push((key, value));
        Ok(())
    }

    /// Sets apart what the operation does not know, if it is let in.
    pub(super) fn know(
        &mut self,
        keys: &[&str],
        surface: &Surface,
        unnamed: &mut Vec<Unnamed>,
    ) -> Result<(), OperationError> {
        for (key, value) in std::mem::take(&mut self.left) {
            if keys.contains(&key.as_str()) {
                self.left.push((key, value));
            } else if surface.admits(Unnamed::Query { key: key.clone() }, unnamed) {
                self.also.push((key, value));
            } else {
                return refuse(&key, "there is no such parameter here");
            }
        }
        Ok(())
    }

    pub(super) fn take_also(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.also)
    }

    /// All that is left, in its order.
    pub(super) fn take_rest(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.left)
    }

    /// A value; like to PocketBase, an empty one is none.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        let at = self.left.iter().position(|(other, _)| other == key)?;
        let (_, value) = self.left.remove(at);
        (!value.is_empty()).then_some(value)
    }

    fn take_filter(&mut self) -> Result<Option<Filter>, OperationError> {
        let filter = self.take("filter");
        Ok(filter.map(|filter| Filter::parse(&filter)).transpose()?)
    }

    fn take_expand(&mut self) -> Result<Expand, OperationError> {
        self.take("expand")
            .map_or(Ok(Expand::default()), |expand| Expand::parse(&expand))
    }

    fn take_fields(&mut self) -> Result<Option<Fields>, OperationError> {
        self.take("fields")
            .map(|fields| Fields::parse(&fields))
            .transpose()
    }

    /// A whole number; a negative one counts as 0, as it does to PocketBase.
    fn take_number(&mut self, key: &'static str) -> Result<Option<u64>, OperationError> {
        let Some(text) = self.take(key) else {
            return Ok(None);
        };
        let digits = text.strip_prefix('-').unwrap_or(&text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return refuse(key, "expected a whole number");
        }
        match text.parse::<i64>() {
            Ok(number) => Ok(Some(u64::try_from(number).unwrap_or(0))),
            Err(_) => refuse(key, "the number is too large"),
        }
    }

    /// A truth value in one of Go's spellings; none is false.
    fn take_flag(&mut self, key: &'static str) -> Result<bool, OperationError> {
        match self.take(key).as_deref() {
            Some("1" | "t" | "T" | "true" | "True" | "TRUE") => Ok(true),
            None | Some("0" | "f" | "F" | "false" | "False" | "FALSE") => Ok(false),
            Some(_) => refuse(key, "expected true or false"),
        }
    }
}

/// Decodes one half of a pair, once; a form's body is written alike.
pub(crate) fn decode(raw: &str) -> Result<String, &'static str> {
    let odd = |byte: &u8| !byte.is_ascii_graphic() || b";#".contains(byte);
    match raw.bytes().find(odd) {
        Some(b';') => return Err("a semicolon"),
        Some(_) => return Err("a raw character that must be escaped"),
        None => {}
    }
    let bytes = unescape(&raw.replace('+', " "));
    let bytes = bytes.ok_or("a percent sign without two hexadecimal digits")?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}

/// What PocketBase takes for a size; anything else would serve the original.
fn is_thumb(text: &str) -> bool {
    let number = |digits: &str| {
        (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let size = text.strip_suffix(['t', 'b', 'f']).unwrap_or(text);
    size.split_once('x')
        .is_some_and(|(width, height)| number(width) && number(height))
}

fn refuse<T>(key: &str, problem: &'static str) -> Result<T, OperationError> {
    Err(OperationError::Query {
        key: key.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(query: &str, expected: Result<&[(&str, &str)], &str>) {
        let found = Pairs::parse(Some(query))
            .map(|pairs| pairs.left)
            .map_err(|error| error.to_string());
        let owned = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found,
            expected.map(owned).map_err(str::to_owned),
            "{query:?}"
        );
    }

    #[test]
    fn clean_pairs_are_decoded_once() {
        check("", Ok(&[]));
        check("a=1&b=2", Ok(&[("a", "1"), ("b", "2")]));
        check("a", Ok(&[("a", "")]));
        check("a=b=c", Ok(&[("a", "b=c")]));
        check("a=x+y%2Bz%2520", Ok(&[("a", "x y+z%20")]));
        check("%61=%C3%A9", Ok(&[("a", "\u{e9}")]));
        check("filter=a%0A%09b", Ok(&[("filter", "a\n\tb")]));
    }

    #[test]
    fn a_query_with_a_second_reading_is_refused() {
        check(
            "a=1&a=2",
            Err("the query parameter \"a\" is refused: it is there twice"),
        );
        check(
            "a=1&%61=2",
            Err("the query parameter \"a\" is refused: it is there twice"),
        );
        check("a=1;b=2", Err("the query string is refused: a semicolon"));
        check(
            "a=%zz",
            Err("the query string is refused: a percent sign without two hexadecimal digits"),
        );
        check(
            "a=%4",
            Err("the query string is refused: a percent sign without two hexadecimal digits"),
        );
        check("a=%FF", Err("the query string is refused: it is not UTF-8"));
        check(
            "a=%00",
            Err("the query string is refused: a control character"),
        );
        check(
            "a=%0A",
            Err("the query string is refused: a control character"),
        );
        check(
            "filter=%0D",
            Err("the query string is refused: a control character"),
        );
        check(
            "=1",
            Err("the query string is refused: a parameter without a name"),
        );
        check(
            "a=1&",
            Err("the query string is refused: a parameter without a name"),
        );
        check(
            "a=1&&b=2",
            Err("the query string is refused: a parameter without a name"),
        );
        check(
            "a=\u{e9}",
            Err("the query string is refused: a raw character that must be escaped"),
        );
        check(
            "a=b c",
            Err("the query string is refused: a raw character that must be escaped"),
        );
        check(
            &"a".repeat(LONGEST + 1),
            Err("the query string is refused: it is too long"),
        );
    }

    #[test]
    fn pairs_are_counted() {
        let query = |pairs: usize| {
            (0..pairs)
                .map(|n| format!("k{n}=v"))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert!(Pairs::parse(Some(&query(MOST_PAIRS))).is_ok());
        assert_eq!(
            Pairs::parse(Some(&query(MOST_PAIRS + 1))).err(),
            Some(OperationError::QueryString("it has too many parameters"))
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(pairs in proptest::collection::btree_map("[^\\p{Cc}]{1,8}", "[^\\p{Cc}]{0,8}", 0..5)) {
            let pairs: Vec<_> = pairs.into_iter().collect();
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(Pairs::parse(Some(&query)).map(|pairs| pairs.left), Ok(pairs));
        }

        #[test]
        fn no_query_makes_it_panic(query in ".{0,40}") {
            let _ = Pairs::parse(Some(&query)).and_then(|mut pairs| ListQuery::take(&mut pairs));
            let _ = Pairs::parse(Some(&query)).and_then(|mut pairs| DownloadQuery::take(&mut pairs));
        }
    }
}
