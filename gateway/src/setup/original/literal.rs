//! The literals of a TypeScript file: as much of the language as a configuration is made of.
//!
//! Nothing is run. Numbers may be reckoned with; anything else that only running would tell is
//! an error that names place and expression.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::OriginalError;

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// `null` or `undefined`.
    Nothing,
    /// `true` or `false`.
    Truth(bool),
    /// All numbers are of one kind there.
    Number(f64),
    /// In quotes of any kind.
    Text(String),
    /// In order.
    List(Vec<Literal>),
    /// In order.
    Object(Vec<(String, Literal)>),
}

/// A piece of the file.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    what: What,
    /// From 1.
    line: usize,
    /// Where it begins and ends, in bytes.
    at: (usize, usize),
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Word(String),
    Text(String),
    Number(f64),
    Sign(char),
}

/// How deep lists and objects may be in one another.
const DEPTH: usize = 32;

/// What can't be a value by itself, to the next of these.
const ENDS: [char; 5] = [',', '}', ']', ')', ';'];

/// The value that a file exports.
pub(super) fn exported(text: &str) -> Result<Literal, OriginalError> {
    let tokens = tokens(text)?;
    let mut rest = after(&tokens, &["export", "default"])
        .or_else(|| after(&tokens, &["module", ".", "exports", "="]))
        .ok_or(OriginalError::NoExport)?;
    if let Some((name, line)) = named(rest) {
        rest = declared(&tokens, name).ok_or_else(|| OriginalError::Expression {
            line,
            text: name.to_owned(),
        })?;
        if let Some(line) = changed(&tokens, name) {
            let text = text.lines().nth(line - 1).unwrap_or_default();
            let text = text.trim().chars().take(80).collect();
            return Err(OriginalError::Expression { line, text });
        }
    }
    let mut reader = Reader {
        text,
        tokens: Vec::from(rest).into_iter().peekable(),
        end: 0,
    };
    reader.value(DEPTH)
}

/// A name that stands by itself as what is exported, and its line.
fn named(tokens: &[Token]) -> Option<(&str, usize)> {
    let (first, later) = tokens.split_first()?;
    let What::Word(name) = &first.what else {
        return None;
    };
    let is_all = later
        .first()
        .is_none_or(|next| next.what.is(";") || next.line > first.line);
    is_all.then_some((name.as_str(), first.line))
}

/// What follows these words, the first time that they stand in a row.
fn after<'a>(tokens: &'a [Token], words: &[&str]) -> Option<&'a [Token]> {
    let is_here = |window: &[Token]| {
        window
            .iter()
            .zip(words)
            .all(|(token, word)| token.what.is(word))
    };
    let at = tokens.windows(words.len()).position(is_here)?;
    tokens.get(at + words.len()..)
}

/// The line in which the value behind a name may become another: by its keys, or by what it is handed to.
fn changed(tokens: &[Token], name: &str) -> Option<usize> {
    let is_own = |window: &&[Token]| match window {
        [before, own, next] => {
            let is_key = next.what.is(".") || next.what.is("[");
            let is_handed = ["(", ","].iter().any(|it| before.what.is(it))
                && [")", ","].iter().any(|it| next.what.is(it));
            own.what.is(name) && !before.what.is(".") && (is_key || is_handed)
        }
        _ => false,
    };
    let window = tokens.windows(3).find(is_own)?;
    window.get(1).map(|own| own.line)
}

/// What follows `const NAME =` or `const NAME: Type =`.
fn declared<'a>(tokens: &'a [Token], name: &str) -> Option<&'a [Token]> {
    ["const", "let", "var"].iter().find_map(|word| {
        let rest = after(tokens, &[word, name])?;
        let at = rest.iter().position(|token| token.what.is("="))?;
        rest.get(at + 1..)
    })
}

impl What {
    fn is(&self, word: &str) -> bool {
        match self {
            Self::Word(own) => own == word,
            Self::Sign(own) => word.chars().eq([*own]),
            _ => false,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Peekable<IntoIter<Token>>,
    /// Where the last piece that was taken ends.
    end: usize,
}

impl Reader<'_> {
    /// A value, with what may be said of its type behind it.
    fn value(&mut self, depth: usize) -> Result<Literal, OriginalError> {
        let Some(start) = self.tokens.peek().cloned() else {
            return Err(OriginalError::Ends);
        };
        let value = match self.sum(depth) {
            // One that has its text has been told already, further in.
            Err(OriginalError::Expression { text, .. }) if text.is_empty() => {
                return Err(self.expression(&start));
            }
            other => other?,
        };
        if self.peeks("as") || self.peeks("satisfies") {
            self.skip();
        }
        match self.tokens.peek() {
            None => Ok(value),
            Some(next) if ENDS.iter().any(|end| next.what == What::Sign(*end)) => Ok(value),
            // A statement that has no semicolon.
            Some(next) if depth == DEPTH && matches!(next.what, What::Word(_)) => Ok(value),
            Some(_) => Err(self.expression(&start)),
        }
    }

    fn sum(&mut self, depth: usize) -> Result<Literal, OriginalError> {
        let mut sum = self.product(depth)?;
        while let Some(sign) = self.sign(&['+', '-']) {
            let next = self.product(depth)?;
            sum = reckoned(&sum, sign, &next)?;
        }
        Ok(sum)
    }

    fn product(&mut self, depth: usize) -> Result<Literal, OriginalError> {
        let mut product = self.single(depth)?;
        while let Some(sign) = self.sign(&['*', '/']) {
            let next = self.single(depth)?;
            product = reckoned(&product, sign, &next)?;
        }
        Ok(product)
    }

    fn single(&mut self, depth: usize) -> Result<Literal, OriginalError> {
        let Some(inner) = depth.checked_sub(1) else {
            return Err(OriginalError::TooDeep);
        };
        let Some(token) = self.next() else {
            return Err(OriginalError::Ends);
        };
        Ok(match token.what {
            What::Text(text) => Literal::Text(text),
            What::Number(number) => Literal::Number(number),
            What::Sign('-') => {
                let number = self.single(inner)?;
                reckoned(&Literal::Number(0.0), '-', &number)?
            }
            What::Sign('(') => {
                let value = self.value(inner)?;
                self.closes(')')?;
                value
            }
            What::Sign('[') => self.list(inner)?,
            What::Sign('{') => self.object(inner)?,
            What::Word(word) => match word.as_str() {
                "true" => Literal::Truth(true),
                "false" => Literal::Truth(false),
                "null" | "undefined" => Literal::Nothing,
                _ => return Err(unknown(token.line)),
            },
            What::Sign(_) => return Err(unknown(token.line)),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Literal, OriginalError> {
        let mut list = Vec::new();
        while !self.peeks("]") {
            list.push(self.value(depth)?);
            if self.sign(&[',']).is_none() {
                break;
            }
        }
        self.closes(']')?;
        Ok(Literal::List(list))
    }

    fn object(&mut self, depth: usize) -> Result<Literal, OriginalError> {
        let mut object = Vec::new();
        while !self.peeks("}") {
            let Some(token) = self.tokens.peek().cloned() else {
                return Err(OriginalError::Ends);
            };
            let (What::Word(key) | What::Text(key)) = token.what.clone() else {
                return Err(self.expression(&token));
            };
            self.next();
            if self.sign(&[':']).is_none() {
                // `{ port }` and `run() {}`, which only running would tell.
                return Err(self.expression(&token));
            }
            let value = self.value(depth)?;
            object.push((key, value));
            if self.sign(&[',']).is_none() {
                break;
            }
        }
        self.closes('}')?;
        Ok(Literal::Object(object))
    }

    fn peeks(&mut self, word: &str) -> bool {
        self.tokens.peek().is_some_and(|next| next.what.is(word))
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.next()?;
        self.end = token.at.1;
        Some(token)
    }

    fn sign(&mut self, signs: &[char]) -> Option<char> {
        let What::Sign(sign) = self.tokens.peek()?.what else {
            return None;
        };
        if !signs.contains(&sign) {
            return None;
        }
        self.next();
        Some(sign)
    }

    fn closes(&mut self, sign: char) -> Result<(), OriginalError> {
        match self.tokens.peek().cloned() {
            None => Err(OriginalError::Ends),
            Some(token) if token.what == What::Sign(sign) => {
                self.next();
                Ok(())
            }
            Some(token) => Err(self.expression(&token)),
        }
    }

    /// Goes on to where the value ends, whatever brackets are between.
    fn skip(&mut self) {
        let mut open = 0_usize;
        while let Some(token) = self.tokens.peek() {
            match token.what {
                What::Sign('(' | '[' | '{') => open += 1,
                What::Sign(')' | ']' | '}') if open > 0 => open -= 1,
                What::Sign(sign) if open == 0 && ENDS.contains(&sign) => break,
                _ => {}
            }
            self.next();
        }
    }

    /// What only running would tell, from here to where the value ends.
    fn expression(&mut self, start: &Token) -> OriginalError {
        self.skip();
        let end = self.end.max(start.at.1);
        let text = self.text.get(start.at.0..end).unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        OriginalError::Expression {
            line: start.line,
            text: text.chars().take(80).collect(),
        }
    }
}

/// To be told with its text by whoever has that.
fn unknown(line: usize) -> OriginalError {
    OriginalError::Expression {
        line,
        text: String::new(),
    }
}

fn reckoned(one: &Literal, sign: char, other: &Literal) -> Result<Literal, OriginalError> {
    let (Literal::Number(one), Literal::Number(other)) = (one, other) else {
        return Err(unknown(0));
    };
    Ok(Literal::Number(match sign {
        '+' => one + other,
        '-' => one - other,
        '*' => one * other,
        _ => one / other,
    }))
}

/// Cuts a file into its pieces, without comments.
fn tokens(text: &str) -> Result<Vec<Token>, OriginalError> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = if let Some(comment) = rest.strip_prefix("//") {
            2 + comment.find('\n').unwrap_or(comment.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            4 + comment.find("*/").ok_or(OriginalError::Ends)?
        } else {
            let (what, length) = piece(rest, line)?;
            if let Some(what) = what {
                let at = (at, at + length);
                tokens.push(Token { what, line, at });
            }
            length
        };
        line += rest.get(..length).map_or(0, |it| it.matches('\n').count());
        at += length;
    }
    Ok(tokens)
}

/// The piece with which a text begins, and its length. None: a space.
fn piece(rest: &str, line: usize) -> Result<(Option<What>, usize), OriginalError> {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        return Ok((None, first.len_utf8()));
    }
    if ['"', '\'', '`'].contains(&first) {
        let (text, length) = quoted(rest, first, line)?;
        return Ok((Some(What::Text(text)), length));
    }
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    if first.is_ascii_digit() {
        let end = rest
            .find(|letter: char| !is_of_word(letter) && letter != '.')
            .unwrap_or(rest.len());
        let written = rest.get(..end).unwrap_or_default();
        let number = written.replace('_', "").parse();
        let number = number.map_err(|_| OriginalError::Expression {
            line,
            text: written.to_owned(),
        })?;
        return Ok((Some(What::Number(number)), end));
    }
    if is_of_word(first) {
        let end = rest
            .find(|letter| !is_of_word(letter))
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default().to_owned();
        return Ok((Some(What::Word(word)), end));
    }
    Ok((Some(What::Sign(first)), first.len_utf8()))
}

/// A text in quotes, and its length with them.
fn quoted(rest: &str, quote: char, line: usize) -> Result<(String, usize), OriginalError> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return Ok((text, at + letter.len_utf8()));
        }
        match letter {
            '\\' => match letters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, '\n')) => {}
                Some((_, 'u' | 'x')) => {
                    return Err(OriginalError::Expression {
                        line,
                        text: "a text with an escape".to_owned(),
                    });
                }
                Some((_, other)) => text.push(other),
                None => return Err(OriginalError::Ends),
            },
            '$' if quote == '`' && rest.get(at + 1..).is_some_and(|it| it.starts_with('{')) => {
                return Err(OriginalError::Expression {
                    line,
                    text: "a template with ${…}".to_owned(),
                });
            }
            other => text.push(other),
        }
    }
    Err(OriginalError::Ends)
}

#[cfg(test)]
mod tests;
