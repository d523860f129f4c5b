//! Filter text → tokens.
//!
//! What PocketBase's scanner (fexpr) skips, cuts or rewrites is refused here.

use super::{FilterError, Join, Sign};

/// All signs; with `?` it is enough that one of many values fits.
pub(super) const SIGNS: [&str; 16] = [
    "=", "!=", ">", ">=", "<", "<=", "~", "!~", "?=", "?!=", "?>", "?>=", "?<", "?<=", "?~", "?!~",
];

/// One token.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    Comma,
    Join(Join),
    Sign(Sign),
    Identifier(&'a str),
    /// An identifier and the parenthesis that touches it: `geoDistance(`.
    Call(&'a str),
    /// Without quotes and escapes.
    Text(String),
    Number(f64),
    /// The name within `{:name}`.
    Placeholder(&'a str),
}

/// Splits a filter into tokens, each with the byte it starts at.
pub(super) fn lex(source: &str) -> Result<Vec<(usize, Token<'_>)>, FilterError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// Whether a text may hold this character. A NUL cuts a filter short; the other
/// controls have no business in one.
pub(super) fn is_text(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r') || !character.is_control()
}

struct Lexer<'a> {
    source: &'a str,
    /// Always at the start of a character.
    at: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<Option<(usize, Token<'a>)>, FilterError> {
        self.take_while(|character| matches!(character, ' ' | '\t' | '\n'));
        let at = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok(None);
        };
        let token = match first {
            '(' => self.single(Token::Open),
            ')' => self.single(Token::Close),
            ',' => self.single(Token::Comma),
            '&' | '|' => self.join()?,
            '=' | '?' | '!' | '>' | '<' | '~' => self.sign()?,
            '\'' | '"' => self.text(first)?,
            '-' | '0'..='9' => self.number()?,
            '{' => self.placeholder()?,
            '/' => {
                return Err(FilterError::Refused {
                    at,
                    problem: "a comment or a slash outside a text",
                });
            }
            'a'..='z' | 'A'..='Z' | '_' | '@' => self.identifier()?,
            control if control.is_control() => {
                return Err(FilterError::Refused {
                    at,
                    problem: "a control character",
                });
            }
            _ => {
                return Err(FilterError::Refused {
                    at,
                    problem: "a character outside the grammar",
                });
            }
        };
        Ok(Some((at, token)))
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest
            .find(|character| !fits(character))
            .unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// A token of one ASCII character.
    fn single(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 1;
        token
    }

    fn join(&mut self) -> Result<Token<'a>, FilterError> {
        let at = self.at;
        match self.take_while(|character| matches!(character, '&' | '|')) {
            "&&" => Ok(Token::Join(Join::And)),
            "||" => Ok(Token::Join(Join::Or)),
            _ => Err(FilterError::Expected {
                at,
                expected: "&& or ||",
            }),
        }
    }

    fn sign(&mut self) -> Result<Token<'a>, FilterError> {
        let at = self.at;
        let written =
            self.take_while(|character| matches!(character, '=' | '?' | '!' | '>' | '<' | '~'));
        let sign = SIGNS.into_iter().find(|sign| *sign == written);
        sign.map(|sign| Token::Sign(Sign(sign)))
            .ok_or(FilterError::Expected {
                at,
                expected: "a sign like = or ?!~",
            })
    }

    fn identifier(&mut self) -> Result<Token<'a>, FilterError> {
        let at = self.at;
        let name = self.take_while(|character| {
            character.is_ascii_alphanumeric() || "_.:@#".contains(character)
        });
        let path = name.strip_prefix('@').unwrap_or(name);
        let is_word = |segment: &str| {
            !segment.is_empty()
                && segment
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || character == '_')
        };
        if !path.split(['.', ':']).all(is_word) {
            return Err(FilterError::Expected {
                at,
                expected: "an identifier like author.name",
            });
        }
        if self.rest().starts_with('(') {
            self.at += 1;
            return Ok(Token::Call(name));
        }
        Ok(Token::Identifier(name))
    }

    fn number(&mut self) -> Result<Token<'a>, FilterError> {
        let at = self.at;
        let expected = FilterError::Expected {
            at,
            expected: "a number like -1.5",
        };
        self.at += 1;
        self.take_while(|character| character.is_ascii_digit() || character == '.');
        let digits = self.source.get(at..self.at).unwrap_or_default();
        match digits.parse::<f64>() {
            // PocketBase takes a number that is too large for 0.
            Ok(number) if number.is_finite() && !digits.ends_with('.') => Ok(Token::Number(number)),
            _ => Err(expected),
        }
    }

    fn placeholder(&mut self) -> Result<Token<'a>, FilterError> {
        let at = self.at;
        let named = self
            .rest()
            .strip_prefix("{:")
            .and_then(|rest| rest.split_once('}'));
        match named {
            Some((name, _))
                if !name.is_empty()
                    && name
                        .chars()
                        .all(|one| one.is_ascii_alphanumeric() || one == '_') =>
            {
                self.at += "{:}".len() + name.len();
                Ok(Token::Placeholder(name))
            }
            _ => Err(FilterError::Expected {
                at,
                expected: "a placeholder like {:name}",
            }),
        }
    }

    /// A quoted text. Up to 0.36 a backslash escapes nothing but the quote around
    /// the text, in 0.40 also the other quote and itself: `'\\'` ends a text there
    /// and goes on here. What the two read differently is refused.
    fn text(&mut self, quote: char) -> Result<Token<'a>, FilterError> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, character)) = characters.next() {
            let at = start + offset;
            if character == quote {
                self.at = at + 1;
                return Ok(Token::Text(text));
            }
            if !is_text(character) {
                return Err(FilterError::Refused {
                    at,
                    problem: "a control character",
                });
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            match characters.peek() {
                Some((_, next)) if *next == quote => {
                    text.push(quote);
                    characters.next();
                }
                Some((_, '\'' | '"' | '\\')) => {
                    return Err(FilterError::Refused {
                        at,
                        problem: "an escape that PocketBase's versions read differently",
                    });
                }
                _ => text.push('\\'),
            }
        }
        Err(FilterError::Refused {
            at: start,
            problem: "a text without an end",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let shown = match lex(source) {
            Ok(tokens) => tokens
                .iter()
                .map(|(at, token)| format!("{at}:{token:?}"))
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{source:?}");
    }

    #[test]
    fn a_filter_splits_into_tokens() {
        check("", "");
        check(
            "a.b:lower?!=-.5",
            r#"0:Identifier("a.b:lower") 9:Sign(Sign("?!=")) 12:Number(-0.5)"#,
        );
        check("\n@now\t&&(", r#"1:Identifier("@now") 6:Join(And) 8:Open"#);
        check(
            "geoDistance(1,{:x}",
            r#"0:Call("geoDistance") 12:Number(1.0) 13:Comma 14:Placeholder("x")"#,
        );
        check("title (", r#"0:Identifier("title") 6:Open"#);
        check(
            r#"'é"\'' "\a//(\"""#,
            r#"0:Text("é\"'") 8:Text("\\a//(\"")"#,
        );
    }

    #[test]
    fn what_is_no_token_says_where() {
        check("a\0", "a control character at byte 1");
        check("a\r=1", "a control character at byte 1");
        check("'é\0'", "a control character at byte 3");
        check("1 //", "a comment or a slash outside a text at byte 2");
        check("a\u{a0}", "a character outside the grammar at byte 1");
        check("#a", "a character outside the grammar at byte 0");
        check("a & & b", "expected && or || at byte 2");
        check("a == 1", "expected a sign like = or ?!~ at byte 2");
        check("a=!b", "expected a sign like = or ?!~ at byte 1");
        check("a..b", "expected an identifier like author.name at byte 0");
        check("b.", "expected an identifier like author.name at byte 0");
        check("a@b", "expected an identifier like author.name at byte 0");
        check("@@a", "expected an identifier like author.name at byte 0");
        check("1.", "expected a number like -1.5 at byte 0");
        check("1.2.3", "expected a number like -1.5 at byte 0");
        check("- 1", "expected a number like -1.5 at byte 0");
        check(&"9".repeat(400), "expected a number like -1.5 at byte 0");
        check("{:a b}", "expected a placeholder like {:name} at byte 0");
        check("{a}", "expected a placeholder like {:name} at byte 0");
        check("'a", "a text without an end at byte 0");
        check(r"'a\'", "a text without an end at byte 0");
        check(
            r"'a\\'",
            "an escape that PocketBase's versions read differently at byte 2",
        );
        check(
            r#"'a\"'"#,
            "an escape that PocketBase's versions read differently at byte 2",
        );
    }
}
