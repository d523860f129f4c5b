//! `:excerpt(length,ellipsis)`: the beginning of a formatted text, plain.
//!
//! As PocketBase cuts it, but without an HTML parser: of the named entities
//! those of Latin-1 and XML are known, and nothing is moved as browsers move
//! what stands in a wrong place.

/// What to cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Characters of text.
    length: usize,
    /// Whether three dots stand for the rest.
    ellipsis: bool,
}

/// Text gathered so far, never with two spaces in a row.
struct Plain {
    text: String,
    /// Characters in it.
    length: usize,
    after_space: bool,
}

/// The most characters that an excerpt may ask for.
const LONGEST: usize = 1_000_000;
/// Bytes of an entity's name or number.
const LONGEST_ENTITY: usize = 8;
/// Their text is no part of the reading text.
const EXCLUDED: [&str; 14] = [
    "head", "style", "script", "iframe", "applet", "object", "svg", "picture", "dialog",
    "template", "button", "form", "textarea", "select",
];
/// They don't part words; whatever else does.
const INLINE: [&str; 24] = [
    "a", "abbr", "acronym", "b", "bdo", "big", "br", "cite", "code", "em", "embed", "i", "img",
    "input", "label", "q", "small", "span", "strong", "strike", "sub", "sup", "time", "option",
];
/// The entities of U+00A0 to U+00FF, in order.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
    sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde \
    Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde \
    Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig \
    ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide \
    oslash ugrave uacute ucirc uuml yacute thorn yuml";

impl Excerpt {
    /// Reads `excerpt(length)` or `excerpt(length,true)`.
    pub(super) fn parse(modifier: &str) -> Option<Self> {
        let arguments = modifier
            .trim()
            .strip_prefix("excerpt(")?
            .strip_suffix(')')?;
        let (length, ellipsis) = match arguments.split_once(',') {
            Some((length, flag)) => (length, flag.trim()),
            None => (arguments, "false"),
        };
        let ellipsis = match ellipsis {
            "1" | "t" | "T" | "true" | "True" | "TRUE" => true,
            "0" | "f" | "F" | "false" | "False" | "FALSE" => false,
            _ => return None,
        };
        let length = length.trim();
        if !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let length = length
            .parse()
            .ok()
            .filter(|length| (1..=LONGEST).contains(length))?;
        Some(Self { length, ellipsis })
    }

    /// The excerpt of a text.
    pub(super) fn of(&self, formatted: &str) -> String {
        let plain = Plain::read(formatted, self.length);
        let text = plain.text.trim();
        let Some((end, _)) = text.char_indices().nth(self.length) else {
            return text.to_owned();
        };
        let (cut, _) = text.split_at(end);
        let dots = if self.ellipsis { "..." } else { "" };
        format!("{}{dots}", cut.trim())
    }
}

impl Plain {
    /// Reads until there is more than `length` for certain.
    fn read(formatted: &str, length: usize) -> Self {
        let mut plain = Self {
            text: String::new(),
            length: 0,
            after_space: false,
        };
        let mut rest = formatted;
        while !rest.is_empty() && plain.length <= length + 2 {
            rest = match rest.strip_prefix('<') {
                Some(tag) => plain.markup(tag),
                None => plain.characters(rest),
            };
        }
        plain
    }

    /// Takes text up to the next tag.
    fn characters<'a>(&mut self, text: &'a str) -> &'a str {
        let (mut here, rest) = text.split_at(text.find('<').unwrap_or(text.len()));
        while let Some(c) = here.chars().next() {
            let (c, after) = match here.strip_prefix('&').and_then(entity) {
                Some(found) => found,
                None => (c, here.get(c.len_utf8()..).unwrap_or_default()),
            };
            self.push(c);
            here = after;
        }
        rest
    }

    /// Takes what follows a `<`, and with an excluded element all that is in it.
    fn markup<'a>(&mut self, tag: &'a str) -> &'a str {
        if let Some(comment) = tag.strip_prefix("!--") {
            return after(comment, "-->");
        }
        if tag.starts_with(['!', '?']) {
            return after(tag, ">");
        }
        let closing = tag.starts_with('/');
        let named = tag.strip_prefix('/').unwrap_or(tag);
        if !named.starts_with(|c: char| c.is_ascii_alphabetic()) {
            if closing {
                return after(named, ">");
            }
            self.push('<');
            return tag;
        }
        let end = named
            .find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>')
            .unwrap_or(named.len());
        let (name, attributes) = named.split_at(end);
        let name = name.to_ascii_lowercase();
        let rest = after_attributes(attributes);
        if EXCLUDED.contains(&name.as_str()) {
            return if closing {
                rest
            } else {
                after_element(rest, &name)
            };
        }
        if !INLINE.contains(&name.as_str()) {
            self.push(' ');
        }
        rest
    }

    fn push(&mut self, c: char) {
        let space = c.is_ascii_whitespace();
        if !(space && self.after_space) {
            self.text.push(if space { ' ' } else { c });
            self.length += 1;
        }
        self.after_space = space;
    }
}

/// The character of an entity and what follows its semicolon.
fn entity(text: &str) -> Option<(char, &str)> {
    let end = text
        .bytes()
        .take(LONGEST_ENTITY + 1)
        .position(|byte| byte == b';')?;
    let (name, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
                .filter(|c| *c != '\0')
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        None => match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                ('\u{a0}'..='\u{ff}')
                    .zip(LATIN.split_whitespace())
                    .find(|(_, known)| *known == name)?
                    .0
            }
        },
    };
    Some((c, rest))
}

/// What follows the `>` of a tag; a quoted value may have one itself.
fn after_attributes(attributes: &str) -> &str {
    let mut rest = attributes;
    while let Some(at) = rest.find(['=', '>']) {
        let (_, found) = rest.split_at(at);
        if let Some(rest) = found.strip_prefix('>') {
            return rest;
        }
        let value = found.trim_start_matches('=').trim_start();
        rest = match value.chars().next() {
            Some('"') => value
                .strip_prefix('"')
                .map_or("", |value| after(value, "\"")),
            Some('\'') => value
                .strip_prefix('\'')
                .map_or("", |value| after(value, "'")),
            _ => value,
        };
    }
    ""
}

/// What follows the end tag of an element whose start tag has been read.
fn after_element<'a>(inside: &'a str, name: &str) -> &'a str {
    let mut depth = 1_usize;
    let mut rest = inside;
    while depth > 0 {
        let Some((_, tag)) = rest.split_once('<') else {
            return "";
        };
        let closing = tag.starts_with('/');
        let named = tag.strip_prefix('/').unwrap_or(tag);
        rest = named;
        if named
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
        {
            let attributes = named.get(name.len()..).unwrap_or_default();
            if !attributes.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-') {
                depth = if closing { depth - 1 } else { depth + 1 };
                rest = after_attributes(attributes);
            }
        }
    }
    rest
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(modifier: &str, formatted: &str, expected: &str) {
        let found = Excerpt::parse(modifier).map(|excerpt| excerpt.of(formatted));
        assert_eq!(
            found.as_deref(),
            Some(expected),
            "{modifier} of {formatted:?}"
        );
    }

    // Each of these answers was seen on PocketBase 0.40.6.
    #[test]
    fn it_is_cut_as_pocketbase_cuts_it() {
        let text = "<p>Hello <b>big</b>   world</p><p>Second &amp; third</p>";
        check("excerpt(5)", text, "Hello");
        check("excerpt(5,true)", text, "Hello...");
        check("excerpt(100, 1)", text, "Hello big world Second & third");
        check("excerpt(6,true)", text, "Hello...");
        check(
            "excerpt(4,true)",
            "<p>h\u{e9}llo w\u{f6}rld</p>",
            "h\u{e9}ll...",
        );
        check("excerpt(9)", "a<br>b", "ab");
        check("excerpt(9)", "<ul><li>x</li><li>y</li></ul>", "x y");
        check(
            "excerpt(9)",
            "<div>a<svg><path d='a>b'/></svg>b</div>",
            "ab",
        );
        check("excerpt(9)", "<a title=\"x>y\">link</a> t", "link t");
        check("excerpt(9)", "<!-- c -->x<!doctype html>y", "xy");
        check("excerpt(99)", "1 < 2 and 3 > 2", "1 < 2 and 3 > 2");
        check("excerpt(9)", "<SCRIPT>a<b</SCRIPT>B", "B");
        check(
            "excerpt(9)",
            "&lt;b&gt;x&nbsp;&eacute;&#xe9;",
            "<b>x\u{a0}\u{e9}\u{e9}",
        );
    }

    #[test]
    fn other_modifiers_are_none() {
        for modifier in [
            "",
            "excerpt",
            "excerpt()",
            "excerpt(0)",
            "excerpt(-3)",
            "excerpt(5",
            "excerpt(5,yes)",
        ] {
            assert_eq!(Excerpt::parse(modifier), None, "{modifier}");
        }
        for modifier in [
            "excerpt(5,true,1)",
            "excerpt('5')",
            "excerpt(+5)",
            "foo(1)",
            "excerpt(5):excerpt(2)",
        ] {
            assert_eq!(Excerpt::parse(modifier), None, "{modifier}");
        }
    }

    proptest! {
        #[test]
        fn it_never_panics_and_keeps_its_length(text in "([<>/!?&;='\" #-]|[a-cé]|script|svg|p|&amp;|&#x41;|<!--|-->){0,30}") {
            let excerpt = Excerpt { length: 10, ellipsis: true };
            prop_assert!(excerpt.of(&text).chars().count() <= 13);
        }
    }
}
