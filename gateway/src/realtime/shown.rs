//! Which records a class may have, where PocketBase's word on each is asked for.

use std::collections::HashSet;

use super::order;

/// Records that are remembered for each class.
pub const SHOWN: usize = 5_000;

/// Which records a class may have.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The rules by which these were told.
    generation: u64,
    told: HashSet<u64>,
    /// Seen by the class, as far as PocketBase is concerned, when it began to listen.
    seeded: HashSet<u64>,
    /// Whether there may be more than these.
    is_partial: bool,
}

/// What a class may have of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Had {
    /// It was told of it.
    Told,
    /// It could be read when the class began to listen.
    Seeded,
    /// It is not known.
    Unsure,
    /// Nothing.
    No,
}

impl Shown {
    /// Takes down which records may be read at the beginning, and whether there may be more.
    pub(super) fn seed(&mut self, ids: &[String], is_partial: bool) {
        self.seeded = ids.iter().map(|id| order::hash(id)).collect();
        self.is_partial = is_partial || self.told.len() >= SHOWN;
    }

    /// There may be records of which nothing is known here.
    pub(super) fn has_more(&mut self) {
        self.is_partial = true;
    }

    /// What there is of a record, where the rules of this generation judge.
    pub(super) fn had(&mut self, id: &str, generation: u64) -> Had {
        self.turn_to(generation);
        let id = order::hash(id);
        if self.told.contains(&id) {
            Had::Told
        } else if self.seeded.contains(&id) {
            Had::Seeded
        } else if self.is_partial {
            Had::Unsure
        } else {
            Had::No
        }
    }

    /// A record was told by the rules of this generation.
    pub(super) fn has(&mut self, id: &str, generation: u64) {
        self.turn_to(generation);
        let id = order::hash(id);
        if self.told.len() < SHOWN || self.told.contains(&id) {
            self.told.insert(id);
        } else {
            self.is_partial = true;
        }
    }

    /// A record is there no more.
    pub(super) fn has_no_more(&mut self, id: &str) {
        let id = order::hash(id);
        self.told.remove(&id);
        self.seeded.remove(&id);
    }

    /// What was told by other rules was told to others, perhaps.
    fn turn_to(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.is_partial |= !self.told.is_empty();
            self.told.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_class_may_have_is_known_as_far_as_it_was_told_or_could_be_read() {
        let mut shown = Shown::default();
        shown.seed(&["a".to_owned()], false);
        shown.has("b", 1);
        let mut check = |id: &str, expected| assert_eq!(shown.had(id, 1), expected, "{id}");
        check("a", Had::Seeded);
        check("b", Had::Told);
        check("c", Had::No);
        shown.has_no_more("a");
        shown.has_no_more("b");
        assert_eq!((shown.had("a", 1), shown.had("b", 1)), (Had::No, Had::No));
        shown.has_more();
        assert_eq!(shown.had("a", 1), Had::Unsure);
    }

    #[test]
    fn what_other_rules_told_is_not_known_any_more() {
        let mut shown = Shown::default();
        shown.has("a", 1);
        assert_eq!(shown.had("a", 2), Had::Unsure);
    }

    #[test]
    fn so_many_records_are_remembered_and_no_more() {
        let mut shown = Shown::default();
        for number in 0..SHOWN {
            shown.has(&number.to_string(), 1);
        }
        assert_eq!(shown.had("another", 1), Had::No);
        shown.has("another", 1);
        assert_eq!(shown.had("another", 1), Had::Unsure);
        shown.seed(&[], false);
        assert_eq!(shown.had("another", 1), Had::Unsure, "it is full");
    }
}
