//! Values for the placeholders of a template.

use super::lex::is_text;
use super::{FilterError, Operand};

/// A value to put in the place of `{:name}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// `null`, which equals an empty text as well.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Finite.
    Number(f64),
    /// After `~` and `!~` a `%` in it stands for anything, unless it is written `\%`.
    Text(String),
}

/// The parameters of one template, and which of them it has named.
pub(super) struct Parameters<'a> {
    given: &'a [(String, Parameter)],
    used: Vec<bool>,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(given: &'a [(String, Parameter)]) -> Result<Self, FilterError> {
        let mut names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names
            .windows(2)
            .find_map(|pair| (pair.first() == pair.last()).then_some(pair.first()?))
        {
            Some(name) => Err(problem(name, "is given twice")),
            None => Ok(Self {
                given,
                used: vec![false; given.len()],
            }),
        }
    }

    /// What stands for a placeholder.
    pub(super) fn operand(&mut self, name: &str) -> Result<Operand, FilterError> {
        let mut all = self.given.iter().zip(&mut self.used);
        let Some(((_, value), used)) = all.find(|((given, _), _)| given == name) else {
            return Err(problem(name, "is missing"));
        };
        *used = true;
        match value {
            // Lower case: no field can have these names.
            Parameter::Null => Ok(Operand::Identifier("null".to_owned())),
            Parameter::Bool(value) => Ok(Operand::Identifier(value.to_string())),
            Parameter::Number(number) if number.is_finite() => Ok(Operand::Number(*number)),
            Parameter::Number(_) => Err(problem(name, "is no finite number")),
            Parameter::Text(text) if !text.chars().all(is_text) => {
                Err(problem(name, "holds a control character"))
            }
            Parameter::Text(text) if is_ambiguous(text) => Err(problem(
                name,
                "holds a backslash before a quote, a backslash or the end, which has no safe spelling",
            )),
            Parameter::Text(text) => Ok(Operand::Text(text.clone())),
        }
    }

    pub(super) fn all_used(&self) -> Result<(), FilterError> {
        let mut all = self.given.iter().zip(&self.used);
        all.find(|(_, used)| !**used)
            .map_or(Ok(()), |((name, _), _)| {
                Err(problem(name, "is not in the template"))
            })
    }
}

/// Whether a text has no spelling that all versions of PocketBase read alike: see `lex.rs`.
fn is_ambiguous(text: &str) -> bool {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\\' && matches!(characters.peek(), None | Some('\'' | '"' | '\\')) {
            return true;
        }
    }
    false
}

fn problem(name: &str, problem: &'static str) -> FilterError {
    FilterError::Parameter {
        name: name.to_owned(),
        problem,
    }
}
