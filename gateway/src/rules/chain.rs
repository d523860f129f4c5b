//! Who judges a collection: its rules in order, alone or in groups, worked out
//! once when a generation is built.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::component::Rule;
use super::set::GenerationError;
use super::tally::Tally;
use super::{Exposed, Settings};
use crate::operation::OperationKind;

/// Among the names of a collection's rules: PocketBase's own rules are enough,
/// so that all the others may be in shadow.
pub const POCKETBASE: &str = "pocketbase";

/// The rules of one collection, in the order in which they judge.
#[derive(Clone, Default)]
pub struct Chain {
    /// Empty: PocketBase's own rules alone.
    pub(super) links: Arc<[Link]>,
}

/// One step of a chain. Numbers are places in the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Rule(usize),
    Group { how: Joined, members: Vec<usize> },
}

/// Several rules that are heard as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Among the names of rules.
    pub name: String,
    /// Which of them must let pass.
    pub how: Joined,
    /// Rules by name, in the order in which they are asked.
    pub members: Vec<String>,
}

/// How the members of a group are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Joined {
    /// Every one must let pass; the first denial is the group's.
    All,
    /// One must let pass; if none does, the first denial is the group's.
    Any,
}

/// To what an entry is limited, beyond what the rule says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// None: all that name the rule.
    pub collections: Option<Vec<String>>,
    /// In `before` and `after`; none: all that the rule judges.
    pub operations: Option<Vec<OperationKind>>,
}

/// A rule in its place in a generation.
pub(super) struct Seat {
    pub(super) rule: Arc<Rule>,
    pub(super) scope: Scope,
    /// Whether its word does not count.
    pub(super) shadow: bool,
    pub(super) tally: Arc<Tally>,
}

/// Hears the members of a group one after the other.
pub(super) struct Ballot<D> {
    how: Joined,
    first: Option<D>,
}

impl Chain {
    /// Whether PocketBase's own rules are alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The places of all its rules, those of groups among them.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.links.iter().flat_map(|link| match link {
            Link::Rule(place) => std::slice::from_ref(place).iter().copied(),
            Link::Group { members, .. } => members.as_slice().iter().copied(),
        })
    }
}

impl Scope {
    /// Whether the entry judges records of this collection.
    pub(super) fn covers(&self, collection: &str) -> bool {
        self.collections
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == collection))
    }

    fn judges(&self, kind: OperationKind) -> bool {
        self.operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&kind))
    }
}

impl Seat {
    /// Whether it judges an operation on this collection, in `before` and `after`.
    pub(super) fn judges(&self, kind: OperationKind, collection: &str) -> bool {
        self.rule.manifest.judges(kind) && self.scope.judges(kind) && self.scope.covers(collection)
    }

    /// Whether its `reveal` is heard about records of this collection.
    pub(super) fn reveals(&self, collection: &str) -> bool {
        self.rule.manifest.hooks.reveal && !self.shadow && self.scope.covers(collection)
    }
}

impl<D> Ballot<D> {
    pub(super) fn new(how: Joined) -> Self {
        Self { how, first: None }
    }

    /// Hears one member: none lets pass. Breaks off as soon as nothing that the
    /// others could say would change what the group says.
    pub(super) fn hear(&mut self, verdict: Option<D>) -> ControlFlow<Option<D>> {
        match (self.how, verdict) {
            (Joined::Any, None) => ControlFlow::Break(None),
            (Joined::All, Some(denial)) => ControlFlow::Break(Some(denial)),
            (Joined::All, None) => ControlFlow::Continue(()),
            (Joined::Any, Some(denial)) => {
                self.first.get_or_insert(denial);
                ControlFlow::Continue(())
            }
        }
    }

    /// What the group says when all were heard. One in which nobody is asked
    /// lets pass, as a rule does that is not asked.
    pub(super) fn end(self) -> Option<D> {
        self.first
    }
}

/// The chain of a collection.
pub(super) fn chain(
    collection: &str,
    how: &Exposed,
    settings: &Settings,
    seats: &[Arc<Seat>],
) -> Result<Chain, GenerationError> {
    let named = settings.sources.len();
    let links: Vec<Link> = match how {
        Exposed::PocketBase => Vec::new(),
        Exposed::Rules(chosen) => {
            let judges = chosen.iter().filter(|name| *name != POCKETBASE);
            let links =
                judges.map(
                    |name| match settings.groups.iter().find(|group| group.name == *name) {
                        Some(group) => group_link(collection, group, named, seats),
                        None => Ok(Link::Rule(place_of(collection, name, named, seats)?)),
                    },
                );
            let links: Vec<Link> = links.collect::<Result<_, _>>()?;
            let is_shadow = |link: &Link| match link {
                Link::Rule(place) => seats.get(*place).is_some_and(|seat| seat.shadow),
                Link::Group { .. } => false,
            };
            if links.iter().all(is_shadow) && !chosen.iter().any(|name| name == POCKETBASE) {
                return Err(GenerationError::OnlyShadow(collection.to_owned()));
            }
            links
        }
        Exposed::Folder => {
            let dropped_in = seats.iter().enumerate().skip(named);
            let links: Vec<Link> = dropped_in
                .filter(|(_, seat)| seat.rule.manifest.is_for(collection))
                .map(|(place, _)| Link::Rule(place))
                .collect();
            if links.is_empty() {
                return Err(GenerationError::EmptyFolder(collection.to_owned()));
            }
            links
        }
    };
    Ok(Chain {
        links: links.into(),
    })
}

fn group_link(
    collection: &str,
    group: &Group,
    named: usize,
    seats: &[Arc<Seat>],
) -> Result<Link, GenerationError> {
    let mut members = Vec::with_capacity(group.members.len());
    for name in &group.members {
        let place = place_of(collection, name, named, seats)?;
        if let Some(seat) = seats.get(place) {
            let unfit = if seat.shadow {
                Some("is in shadow")
            } else if !seat.rule.manifest.removes.is_empty() {
                Some("takes fields out of records")
            } else {
                None
            };
            if let Some(problem) = unfit {
                return Err(GenerationError::Unfit {
                    group: group.name.clone(),
                    rule: name.clone(),
                    problem,
                });
            }
        }
        members.push(place);
    }
    Ok(Link::Group {
        how: group.how,
        members,
    })
}

/// The place of the rule of an entry; those of the folder can't be named.
fn place_of(
    collection: &str,
    name: &str,
    named: usize,
    seats: &[Arc<Seat>],
) -> Result<usize, GenerationError> {
    let (collection_, rule) = (collection.to_owned(), name.to_owned());
    let mut entries = seats.iter().take(named).enumerate();
    let found = entries.find(|(_, seat)| seat.rule.name == *name);
    match found {
        // Of all others, each is asked about those that it is for.
        Some((place, seat))
            if seat.rule.manifest.is_for(collection)
                && (collection == super::OTHERS || seat.scope.covers(collection)) =>
        {
            Ok(place)
        }
        Some(_) => Err(GenerationError::NotFor {
            collection: collection_,
            rule,
        }),
        None => Err(GenerationError::NoSuchRule {
            collection: collection_,
            rule,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts of members, where a word is a denial, and what is heard of them.
    #[track_caller]
    fn check(how: Joined, verdicts: &[Option<&'static str>], expected: (Option<&str>, usize)) {
        let mut ballot = Ballot::new(how);
        for (heard, verdict) in verdicts.iter().enumerate() {
            if let ControlFlow::Break(said) = ballot.hear(*verdict) {
                assert_eq!((said, heard + 1), expected);
                return;
            }
        }
        assert_eq!((ballot.end(), verdicts.len()), expected);
    }

    #[test]
    fn all_must_let_pass_and_the_first_denial_ends_it() {
        check(Joined::All, &[], (None, 0));
        check(Joined::All, &[None, None], (None, 2));
        check(Joined::All, &[None, Some("b"), Some("c")], (Some("b"), 2));
    }

    #[test]
    fn one_that_lets_pass_is_enough_and_ends_it() {
        check(Joined::Any, &[], (None, 0));
        check(Joined::Any, &[Some("a"), None, Some("c")], (None, 2));
        check(Joined::Any, &[Some("a"), Some("b")], (Some("a"), 2));
    }

    #[test]
    fn an_entry_is_limited_to_what_it_names() {
        let scope = Scope {
            collections: Some(vec!["posts".to_owned()]),
            operations: Some(vec![OperationKind::Create]),
        };
        assert!(scope.covers("posts") && !scope.covers("users"));
        assert!(scope.judges(OperationKind::Create) && !scope.judges(OperationKind::Delete));
        assert!(Scope::default().covers("users") && Scope::default().judges(OperationKind::List));
    }
}
