//! A filter: read into a tree, bound, joined, and printed again.
//!
//! PocketBase reads filters generously. A text may be cut at a NUL, half a
//! comparison may vanish before a parenthesis, a group may be joined by a word
//! that nobody wrote. So no filter goes on as it came: what goes on is printed
//! from a tree, in a spelling that every version reads alike.

mod bind;
mod lex;
mod matches;
mod parse;
mod print;

pub use bind::Parameter;
pub use matches::{Facts, Unclear, compare, stored};

/// PocketBase refuses a longer filter.
pub const MAX_BYTES: usize = 3500;
/// PocketBase refuses a filter of more.
pub const MAX_COMPARISONS: usize = 200;
/// PocketBase has no limit here; ours is far above what people write.
pub const MAX_NESTING: usize = 32;

/// A filter that PocketBase reads as the gateway does, within the bounds above.
///
/// Printing gives the one canonical spelling, and parsing that gives the same filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Two items or more, all joined alike: precedence is in the tree.
    Group { join: Join, items: Vec<Node> },
    Comparison {
        left: Operand,
        sign: Sign,
        right: Operand,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Join {
    And,
    Or,
}

/// One of [`lex::SIGNS`].
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sign(&'static str);

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    /// A path, a macro, or a word like `null`: as written, since `NULL` names a
    /// field where there is one of that name.
    Identifier(String),
    /// The name is one of [`parse::FUNCTIONS`], the arguments are no calls.
    Call {
        function: &'static str,
        arguments: Vec<Operand>,
    },
    Text(String),
    /// Always finite.
    Number(f64),
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// It goes beyond a bound.
    #[error("more than {limit} {unit}")]
    TooMuch {
        /// How many are allowed.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// The grammar wants something else here.
    #[error("expected {expected} at byte {at}")]
    Expected {
        /// The byte where it should be.
        at: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// Something that PocketBase may read otherwise than it looks.
    #[error("{problem} at byte {at}")]
    Refused {
        /// The byte where it is.
        at: usize,
        /// What it is.
        problem: &'static str,
    },
    /// A template and its parameters do not fit.
    #[error("the parameter \"{name}\" {problem}")]
    Parameter {
        /// The parameter, as the template names it.
        name: String,
        /// What does not fit.
        problem: &'static str,
    },
}

impl Filter {
    /// Reads a filter as a client sends it.
    ///
    /// # Errors
    ///
    /// When PocketBase would refuse it, or might read it otherwise than it looks.
    pub fn parse(source: &str) -> Result<Self, FilterError> {
        Self::bind(source, &[])
    }

    /// Reads a template and puts a value in the place of each `{:name}`.
    ///
    /// A placeholder stands where an operand stands, and becomes exactly one: no
    /// value can change what the template compares, or how.
    ///
    /// # Errors
    ///
    /// When the template is no filter, a parameter is missing, unused, named
    /// twice or has no spelling in a filter.
    pub fn bind(template: &str, parameters: &[(String, Parameter)]) -> Result<Self, FilterError> {
        let mut parameters = bind::Parameters::new(parameters)?;
        let root = parse::parse(template, &mut parameters)?;
        parameters.all_used()?;
        Self { root }.within_bounds()
    }

    /// Both: what passes this filter and the other.
    ///
    /// # Errors
    ///
    /// When the two together go beyond the bounds.
    pub fn and(self, other: Self) -> Result<Self, FilterError> {
        let mut items = Vec::new();
        for root in [self.root, other.root] {
            match root {
                Node::Group {
                    join: Join::And,
                    items: more,
                } => items.extend(more),
                root => items.push(root),
            }
        }
        Self {
            root: Node::Group {
                join: Join::And,
                items,
            },
        }
        .within_bounds()
    }

    /// Every identifier in order, also within function calls, as written:
    /// `author.name:lower`, `@now`, `null`, `@request.auth.id`.
    #[must_use]
    pub fn identifiers(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.root.identifiers(&mut found);
        found
    }

    fn within_bounds(self) -> Result<Self, FilterError> {
        let too_much = |limit, unit| Err(FilterError::TooMuch { limit, unit });
        if self.root.comparisons() > MAX_COMPARISONS {
            return too_much(MAX_COMPARISONS, "comparisons");
        }
        if self.root.nesting() > MAX_NESTING {
            return too_much(MAX_NESTING, "nested groups");
        }
        if self.to_string().len() > MAX_BYTES {
            return too_much(MAX_BYTES, "bytes");
        }
        Ok(self)
    }
}

impl Node {
    fn comparisons(&self) -> usize {
        match self {
            Self::Group { items, .. } => items.iter().map(Self::comparisons).sum(),
            Self::Comparison { .. } => 1,
        }
    }

    fn nesting(&self) -> usize {
        match self {
            Self::Group { items, .. } => 1 + items.iter().map(Self::nesting).max().unwrap_or(0),
            Self::Comparison { .. } => 0,
        }
    }

    fn identifiers<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Group { items, .. } => items.iter().for_each(|item| item.identifiers(found)),
            Self::Comparison { left, right, .. } => {
                left.identifiers(found);
                right.identifiers(found);
            }
        }
    }
}

impl Operand {
    fn identifiers<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Identifier(name) => found.push(name),
            Self::Call { arguments, .. } => arguments
                .iter()
                .for_each(|argument| argument.identifiers(found)),
            Self::Text(_) | Self::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
