//! `fields`: which parts of an answer the client wants.
//!
//! PocketBase never sees it: it would take from the answer what the rules
//! judge by. The gateway picks last, with the meaning that PocketBase gives it.

mod excerpt;

use serde_json::{Map, Value};

use super::OperationError;
use excerpt::Excerpt;

/// What one record or answer may be picked by at most.
const MOST_PATHS: usize = 128;
/// Bytes of the whole expression.
const LONGEST: usize = 8192;

/// A choice of parts: `title,expand.author.name,body:excerpt(200,true)`, `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Vec<Pick>);

/// One path and what becomes of the value there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pick {
    path: String,
    excerpt: Option<Excerpt>,
}

/// What is left of a path at some depth of the answer.
#[derive(Clone, Copy)]
struct Rest<'a> {
    path: &'a str,
    excerpt: Option<&'a Excerpt>,
}

impl Fields {
    /// Reads a comma list of dot paths. Empty parts say nothing, as they do to
    /// PocketBase; when there are only such, all is picked.
    ///
    /// # Errors
    /// An unknown modifier, a part that is no path, or too many of them.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        if text.len() > LONGEST {
            return Err(OperationError::Query {
                key: "fields".to_owned(),
                problem: "it is too long",
            });
        }
        let mut picks: Vec<Pick> = Vec::new();
        for part in parts(text).map(str::trim).filter(|part| !part.is_empty()) {
            let pick = Pick::parse(part)?;
            // The last word on a path counts.
            picks.retain(|other| other.path != pick.path);
            if picks.len() == MOST_PATHS {
                return Err(OperationError::Query {
                    key: "fields".to_owned(),
                    problem: "it has too many paths",
                });
            }
            picks.push(pick);
        }
        Ok(Self(picks))
    }

    /// Leaves of a record, an answer, or each entry of an array what was asked for.
    pub fn pick(&self, value: &mut Value) {
        let rests: Vec<Rest<'_>> = self
            .0
            .iter()
            .map(|pick| Rest {
                path: &pick.path,
                excerpt: pick.excerpt.as_ref(),
            })
            .collect();
        pick_value(value, &rests);
    }

    /// The same for the answer of a list: of each of its `items`, while the
    /// numbers of the page stay.
    pub fn pick_items(&self, page: &mut Value) {
        if let Some(items) = page.get_mut("items") {
            self.pick(items);
        }
    }
}

impl Pick {
    fn parse(part: &str) -> Result<Self, OperationError> {
        let refuse = |problem| {
            Err(OperationError::Part {
                key: "fields",
                part: part.to_owned(),
                problem,
            })
        };
        let (path, excerpt) = match part.split_once(':') {
            Some((path, modifier)) => match Excerpt::parse(modifier) {
                Some(excerpt) => (path, Some(excerpt)),
                None => {
                    return refuse(
                        "expected excerpt(length) or excerpt(length,true) after the colon",
                    );
                }
            },
            None => (part, None),
        };
        if path.split('.').any(str::is_empty) || path.contains(['(', ')', '\'', '"', '`', '\\']) {
            return refuse("expected names with single dots between them");
        }
        Ok(Self {
            path: path.to_owned(),
            excerpt,
        })
    }
}

impl Rest<'_> {
    /// What is left of it below `key`; empty when it ends there. A key may
    /// have dots itself.
    fn below(self, key: &str) -> Option<Self> {
        let rest = self.path.strip_prefix(key)?;
        let path = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix('.')?
        };
        Some(Rest { path, ..self })
    }
}

/// Splits at commas outside of parentheses.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

/// What has no parts stays whole, like an array that does not start with an object.
fn pick_value(value: &mut Value, rests: &[Rest<'_>]) {
    match value {
        Value::Object(object) => pick_object(object, rests),
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            for item in items {
                if let Value::Object(object) = item {
                    pick_object(object, rests);
                }
            }
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pick_object(object: &mut Map<String, Value>, rests: &[Rest<'_>]) {
    if rests.is_empty() {
        return;
    }
    // The star is for the keys that no other path names.
    let star = rests
        .iter()
        .find(|rest| rest.path == "*")
        .map(|rest| Rest { path: "", ..*rest });
    object.retain(|key, value| {
        let mut below: Vec<Rest<'_>> = rests.iter().filter_map(|rest| rest.below(key)).collect();
        if below.is_empty() {
            below.extend(star);
        }
        let Some(whole) = below.iter().find(|rest| rest.path.is_empty()) else {
            pick_value(value, &below);
            return !below.is_empty();
        };
        if let (Some(excerpt), Value::String(text)) = (whole.excerpt, &mut *value) {
            *text = excerpt.of(text);
        }
        true
    });
}
