//! Takes secrets out of texts that come from outside, before they get into a
//! line of a log.
//!
//! Two ways: by what a secret looks like (a JSON Web Token, what follows
//! `Bearer`), and by what it is, for the secrets that this very request carried.
//! What is left is looked at once more when the line is printed: see
//! [`Secrets::leak`].

use std::fmt::{self, Write as _};
use std::ops::Range;

use http::{HeaderMap, header};
use memchr::memmem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// What stands for a secret.
pub(super) const MASK: &str = "[masked]";

/// The secrets that one request carried, to be looked for in what is logged of it.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Vec<String>,
    /// There were more than are looked for: nothing from outside is told then.
    too_many: bool,
}

/// Characters of a secret that is looked for. A shorter one is in every other
/// word, and to take it out would tell it by what is missing.
const SHORTEST: usize = 4;

/// Secrets of one request that are looked for.
const MOST: usize = 32;

/// Bytes of a text that are looked at; none is told at such a length.
const LOOKED_AT: usize = 16 << 10;

/// A text of so many bytes may have been cut before it got here: in the middle of a secret.
const MAY_BE_CUT: usize = 190;

/// Bytes of a secret's beginning, at the end of a text, that are masked as well.
const BEGINNING: usize = 8;

/// Characters of a token's beginning that give it away.
const TOKEN: usize = 12;

/// Characters of each of three parts, between dots, that look like a token.
const TOKEN_PART: usize = 16;

/// Headers by which a request says who it is.
const CREDENTIALS: [header::HeaderName; 3] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    crate::application::KEY_HEADER,
];

/// Parts of the names of query parameters whose values are secrets.
const SECRET_NAMES: [&str; 8] = [
    "token", "password", "secret", "mfaid", "otpid", "code", "verifier", "state",
];

/// What `encodeURIComponent` escapes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

impl Secrets {
    /// Those of a request's head: tokens in headers and in the query, good or bad.
    #[must_use]
    pub fn of_head(headers: &HeaderMap, query: Option<&str>) -> Self {
        let mut secrets = Self::default();
        for name in CREDENTIALS {
            for value in headers.get_all(name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                let words = value.split_ascii_whitespace();
                for word in words.filter(|word| !is_scheme(word)) {
                    secrets.add(word);
                }
            }
        }
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let name = name.to_ascii_lowercase();
            if SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
                secrets.add(&value);
            }
        }
        secrets
    }

    /// Adds a secret, unless it is too short to be looked for.
    pub fn add(&mut self, secret: &str) {
        let is_long = secret.chars().nth(SHORTEST - 1).is_some();
        if !is_long || self.known.iter().any(|known| known == secret) {
            return;
        }
        if self.known.len() < MOST {
            self.known.push(secret.to_owned());
        } else {
            self.too_many = true;
        }
    }

    /// Adds every text and number in a value, however deep.
    pub fn add_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Number(number) => self.add(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.add_all(field)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The text without secrets, in `most` characters.
    #[must_use]
    pub fn mask(&self, text: &str, most: usize) -> String {
        if self.too_many {
            return MASK.to_owned();
        }
        let looked_at = text.floor_char_boundary(LOOKED_AT);
        let (text, rest) = text.split_at(looked_at);
        let mut spans = tokens(text);
        spans.extend(bearers(text));
        let beginning = if rest.is_empty() && text.len() < MAY_BE_CUT {
            BEGINNING
        } else {
            1
        };
        for form in self.known.iter().flat_map(|secret| forms(secret)) {
            spans.extend(all(text, &form));
            spans.extend(begun(text, &form, beginning));
        }
        short(&without(text, spans), most)
    }

    /// Whether any secret is in a printed line, as it is or in a usual escape:
    /// more often than in `own`, which is the same line with the gateway's own
    /// words alone. (Who takes `users` for a password does not get out of the log.)
    #[must_use]
    pub fn leak(&self, line: &str, own: impl FnOnce() -> String) -> bool {
        let found = self.count(line);
        found > 0 && found > self.count(&own())
    }

    fn count(&self, line: &str) -> usize {
        if self.known.is_empty() {
            return 0;
        }
        let readings = line.split(MASK).flat_map(readings);
        readings
            .map(|reading| {
                let found = |secret: &String| all(&reading, secret).len();
                self.known.iter().map(found).sum::<usize>()
            })
            .sum()
    }
}

/// Not even how many: this may end in a log.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secrets]")
    }
}

fn is_scheme(word: &str) -> bool {
    let is = |scheme| word.eq_ignore_ascii_case(scheme);
    is("bearer") || is("basic") || is("dpop")
}

/// A secret as it may stand in a text: raw, in JSON, in a URL, in a form.
fn forms(secret: &str) -> Vec<String> {
    let quoted = serde_json::to_string(secret).unwrap_or_default();
    let in_json = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let in_json = in_json.unwrap_or(secret).to_owned();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut forms = vec![
        secret.to_owned(),
        in_ascii(&in_json),
        in_json,
        lower_escapes(&percent),
        percent,
        utf8_percent_encode(secret, COMPONENT).to_string(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    ];
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// JSON for those who write it in ASCII.
fn in_ascii(json: &str) -> String {
    let mut units = [0; 2];
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                // Writing to a string can't fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// `%2F` as `%2f`.
fn lower_escapes(percent: &str) -> String {
    let mut escaped = 0;
    let lower = |letter: char| match (letter, escaped) {
        ('%', _) => {
            escaped = 2;
            letter
        }
        (_, 0) => letter,
        _ => {
            escaped -= 1;
            letter.to_ascii_lowercase()
        }
    };
    percent.chars().map(lower).collect()
}

/// A piece of a line as it is, and as whoever decodes it would read it: the JSON
/// of the line, JSON within that, and what is escaped as in a URL or a form.
fn readings(piece: &str) -> Vec<String> {
    let mut readings = vec![piece.to_owned()];
    for _ in 0..2 {
        let escaped = readings.last().filter(|text| text.contains('\\'));
        readings.extend(escaped.map(|text| unescaped(text)));
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    for at in 0..readings.len() {
        let escaped = readings.get(at).filter(|text| text.contains(['%', '+']));
        if let Some(text) = escaped {
            let both = [decoded(text), decoded(&text.replace('+', " "))];
            readings.extend(both);
        }
    }
    readings
}

/// Without the escapes of JSON.
fn unescaped(json: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(json.len());
    let mut letters = json.chars();
    let mut buffer = [0; 2];
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(letter.encode_utf16(&mut buffer));
    }
    String::from_utf16_lossy(&units)
}

/// Where a text is, each time, overlapping ones too.
fn all(text: &str, what: &str) -> Vec<Range<usize>> {
    let finder = memmem::Finder::new(what);
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(at) = text
        .as_bytes()
        .get(from..)
        .and_then(|rest| finder.find(rest))
    {
        found.push(from + at..from + at + what.len());
        from += at + 1;
    }
    found
}

/// Where a text ends with the beginning of another.
fn begun(text: &str, what: &str, least: usize) -> Option<Range<usize>> {
    let (text, what) = (text.as_bytes(), what.as_bytes());
    let longest = what.len().saturating_sub(1).min(text.len());
    let is_begun = |length: &usize| {
        what.get(..*length)
            .is_some_and(|beginning| text.ends_with(beginning))
    };
    let length = (least..=longest).rev().find(is_begun)?;
    Some(text.len() - length..text.len())
}

/// Where something looks like a JSON Web Token, whole or cut.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let (mut found, mut at) = (Vec::new(), 0);
    for piece in text.split_inclusive(|letter| !is_of_token(letter)) {
        let word = piece.trim_end_matches(|letter| !is_of_token(letter));
        // The first part of every such token is `{"…` in base64.
        let begins = word.find("eyJ").filter(|begin| word.len() - begin >= TOKEN);
        let begins = begins.or_else(|| has_three_parts(word).then_some(0));
        found.extend(begins.map(|begin| at + begin..at + word.len()));
        at += piece.len();
    }
    found
}

fn has_three_parts(word: &str) -> bool {
    let mut in_a_row = 0;
    word.split('.').any(|part| {
        in_a_row = if part.len() >= TOKEN_PART {
            in_a_row + 1
        } else {
            0
        };
        in_a_row == 3
    })
}

/// What follows `Bearer`.
fn bearers(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let follows = |(at, scheme): (usize, &str)| {
        let from = at + scheme.len();
        let rest = text.get(from..)?;
        let value = rest
            .trim_start_matches("%20")
            .trim_start_matches([' ', '+', ':', '=', '\t']);
        let ends = |letter: char| letter.is_whitespace() || "\"',;&".contains(letter);
        let length = value.find(ends).unwrap_or(value.len());
        let begin = text.len() - value.len();
        (begin > from && length >= SHORTEST).then_some(begin..begin + length)
    };
    lower.match_indices("bearer").filter_map(follows).collect()
}

/// The text with the mask in place of each span.
fn without(text: &str, mut spans: Vec<Range<usize>>) -> String {
    if spans.is_empty() {
        return text.to_owned();
    }
    spans.sort_unstable_by_key(|span| span.start);
    let mut told = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        // Bytes of a letter belong together, wherever a span begins or ends.
        let start = text.floor_char_boundary(span.start);
        let end = text.ceil_char_boundary(span.end);
        if start > at || told.is_empty() {
            told.push_str(text.get(at..start).unwrap_or_default());
            told.push_str(MASK);
        }
        at = at.max(end);
    }
    told.push_str(text.get(at..).unwrap_or_default());
    told
}

fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.split_at(at).0),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
