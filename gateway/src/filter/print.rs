//! Tree → the canonical text.
//!
//! Every group within a group stands in parentheses, so that nothing hangs on
//! PocketBase's precedence.

use std::fmt;

use super::{Filter, Join, Node, Operand};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comparison { left, sign, right } => write!(f, "{left}{}{right}", sign.0),
            Self::Group { join, items } => {
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        f.write_str(join.as_str())?;
                    }
                    match item {
                        Self::Comparison { .. } => item.fmt(f)?,
                        Self::Group { .. } => write!(f, "({item})")?,
                    }
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write_text(text, f),
            Self::Call {
                function,
                arguments,
            } => {
                write!(f, "{function}(")?;
                for (position, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if position > 0 { "," } else { "" })?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Join {
    fn as_str(self) -> &'static str {
        match self {
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}

/// Only the quote around the text is escaped: the one escape of every version.
/// A backslash that would meet another meaning never gets into a tree.
fn write_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    write!(f, "{quote}")?;
    for character in text.chars() {
        if character == quote {
            f.write_str("\\")?;
        }
        write!(f, "{character}")?;
    }
    write!(f, "{quote}")
}
