//! Tokens → tree.
//!
//! PocketBase hands the joins to SQL as they come, so `&&` binds tighter than
//! `||`. Where its parser forgives (`a (b=1)` drops the `a`, `(a=1) (b=1)` joins
//! by itself, `()` stands for nothing), this one does not.

use super::bind::Parameters;
use super::lex::{self, Token};
use super::{FilterError, Join, MAX_BYTES, MAX_NESTING, Node, Operand, Sign};

/// The functions of PocketBase (0.27 and 0.36); it spells them in this case alone.
pub(super) const FUNCTIONS: [&str; 2] = ["geoDistance", "strftime"];

/// Above what any of the functions takes.
const MAX_ARGUMENTS: usize = 16;

/// Reads a filter, a template's placeholders being looked up as they come.
pub(super) fn parse(source: &str, parameters: &mut Parameters<'_>) -> Result<Node, FilterError> {
    if source.len() > MAX_BYTES {
        return Err(FilterError::TooMuch {
            limit: MAX_BYTES,
            unit: "bytes",
        });
    }
    let tokens = lex::lex(source)?.into_iter().peekable();
    let mut parser = Parser {
        tokens,
        end: source.len(),
        nesting: 0,
        parameters,
    };
    let root = parser.joined(Join::Or)?;
    match parser.tokens.next() {
        None => Ok(root),
        Some((at, _)) => Err(FilterError::Expected {
            at,
            expected: "&&, || or the end",
        }),
    }
}

struct Parser<'a, 'p, 'v> {
    tokens: std::iter::Peekable<std::vec::IntoIter<(usize, Token<'a>)>>,
    end: usize,
    /// Parentheses open now: the depth of recursion.
    nesting: usize,
    parameters: &'p mut Parameters<'v>,
}

impl Parser<'_, '_, '_> {
    /// Items joined by `join`, those of `||` being what `&&` joins.
    fn joined(&mut self, join: Join) -> Result<Node, FilterError> {
        let mut items = Vec::new();
        loop {
            items.push(match join {
                Join::Or => self.joined(Join::And)?,
                Join::And => self.item()?,
            });
            if self
                .tokens
                .next_if(|(_, token)| *token == Token::Join(join))
                .is_none()
            {
                break;
            }
        }
        Ok(match items.pop() {
            Some(only) if items.is_empty() => only,
            last => Node::Group {
                join,
                items: items.into_iter().chain(last).collect(),
            },
        })
    }

    fn item(&mut self) -> Result<Node, FilterError> {
        if self
            .tokens
            .next_if(|(_, token)| *token == Token::Open)
            .is_none()
        {
            let left = self.operand()?;
            return Ok(Node::Comparison {
                left,
                sign: self.sign()?,
                right: self.operand()?,
            });
        }
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(FilterError::TooMuch {
                limit: MAX_NESTING,
                unit: "nested groups",
            });
        }
        let inner = self.joined(Join::Or)?;
        self.nesting -= 1;
        match self.tokens.next() {
            Some((_, Token::Close)) => Ok(inner),
            other => Err(self.expected(other, "&&, || or a closing parenthesis")),
        }
    }

    fn sign(&mut self) -> Result<Sign, FilterError> {
        match self.tokens.next() {
            Some((_, Token::Sign(sign))) => Ok(sign),
            other => Err(self.expected(other, "a sign")),
        }
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        match self.tokens.next() {
            Some((at, Token::Call(name))) => {
                let known = FUNCTIONS.into_iter().find(|function| *function == name);
                let function = known.ok_or(FilterError::Expected {
                    at,
                    expected: "a function of PocketBase",
                })?;
                Ok(Operand::Call {
                    function,
                    arguments: self.arguments()?,
                })
            }
            token => self.plain(token),
        }
    }

    /// What stands after `name(`, a trailing comma included; calls do not nest.
    fn arguments(&mut self) -> Result<Vec<Operand>, FilterError> {
        let mut arguments = Vec::new();
        loop {
            let token = self.tokens.next();
            if let (false, Some((_, Token::Close))) = (arguments.is_empty(), &token) {
                return Ok(arguments);
            }
            arguments.push(self.plain(token)?);
            if arguments.len() > MAX_ARGUMENTS {
                return Err(FilterError::TooMuch {
                    limit: MAX_ARGUMENTS,
                    unit: "arguments",
                });
            }
            match self.tokens.next() {
                Some((_, Token::Comma)) => {}
                Some((_, Token::Close)) => return Ok(arguments),
                other => return Err(self.expected(other, "a comma or a closing parenthesis")),
            }
        }
    }

    /// An operand that is no call.
    fn plain(&mut self, token: Option<(usize, Token<'_>)>) -> Result<Operand, FilterError> {
        match token {
            Some((_, Token::Identifier(name))) => Ok(Operand::Identifier(name.to_owned())),
            Some((_, Token::Text(text))) => Ok(Operand::Text(text)),
            Some((_, Token::Number(number))) => Ok(Operand::Number(number)),
            Some((_, Token::Placeholder(name))) => self.parameters.operand(name),
            other => Err(self.expected(other, "an identifier, a text or a number")),
        }
    }

    fn expected(&self, found: Option<(usize, Token<'_>)>, expected: &'static str) -> FilterError {
        FilterError::Expected {
            at: found.map_or(self.end, |(at, _)| at),
            expected,
        }
    }
}
