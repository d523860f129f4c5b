//! Which of a rule's denials its cases brought about.

use std::collections::BTreeSet;

use serde::Serialize;

use super::trial::{Trial, Verdict};
use crate::rules::Generation;

/// The codes of a rule's denials: those that it tells in its manifest, and those that were met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Told by the manifest.
    pub declared: BTreeSet<String>,
    /// Brought about by a case.
    pub met: BTreeSet<String>,
}

impl Coverage {
    /// Adds what a rule tells of itself.
    pub(super) fn declare(&mut self, generation: &Generation) {
        let rules = generation.rules();
        let denials = rules.flat_map(|rule| rule.manifest.denials.iter().cloned());
        self.declared.extend(denials);
    }

    /// Adds what a case met, also where it only took a record out of a list.
    pub(super) fn meet(&mut self, trial: &Trial) {
        if let Verdict::Deny { denial, .. } = &trial.verdict {
            self.met.insert(denial.code.clone());
        }
        self.met.extend(trial.trace.denied());
    }

    /// Told, and brought about by no case.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.declared.difference(&self.met).map(String::as_str)
    }

    /// Brought about, and not told by the manifest.
    pub fn undeclared(&self) -> impl Iterator<Item = &str> {
        self.met.difference(&self.declared).map(String::as_str)
    }

    /// What keeps it from being whole; a rule that tells nothing of its denials is not covered
    /// by chance.
    #[must_use]
    pub fn gap(&self) -> Option<String> {
        let missing: Vec<&str> = self.missing().collect();
        match () {
            () if !missing.is_empty() => {
                Some(format!("no case brings about {}", missing.join(", ")))
            }
            () if self.declared.is_empty() && !self.met.is_empty() => Some(
                "the rule tells none of its denials in its manifest, so nobody knows which are missing"
                    .to_owned(),
            ),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_what_no_case_brings_about() {
        let set = |codes: &[&str]| codes.iter().map(ToString::to_string).collect();
        let gap = |declared: &[&str], met: &[&str]| {
            let (declared, met) = (set(declared), set(met));
            Coverage { declared, met }.gap()
        };
        assert_eq!(gap(&["a"], &["a", "b"]), None);
        assert_eq!(
            gap(&["a", "b"], &["a"]).as_deref(),
            Some("no case brings about b")
        );
        assert!(gap(&[], &["a"]).is_some_and(|gap| gap.contains("manifest")));
        assert_eq!(gap(&[], &[]), None);
    }
}
