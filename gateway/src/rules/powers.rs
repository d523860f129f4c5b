//! What a rule may reach beyond the request: its powers, granted by name.
//!
//! A component's imports are all that it can do to the world, so they are held
//! against what the configuration grants before anything of it runs. There is
//! no other place where a power comes from.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The interfaces that every rule gets without being granted them.
pub(super) const CONTRACT: [&str; 2] = ["hapta:rule/json@0.1.0", "hapta:rule/types@0.1.0"];

/// The powers of this package, as they are granted.
const OURS: [&str; 3] = [
    "hapta:rule/records",
    "hapta:rule/counters",
    "hapta:rule/log",
];

/// All of [`PACKAGES`] in one word.
const WASI: &str = "wasi";

/// The packages of WASI that a guest's runtime may need: clocks, randomness,
/// output to the log. The runtimes also import the others of these, and get nothing from them: no
/// files, no environment, no arguments, an input that is closed.
const PACKAGES: [&str; 5] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:io",
    "wasi:random",
];

/// What one rule is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Powers {
    grants: BTreeSet<String>,
    /// The collections that it may read as the gateway, as the schema spells them.
    pub reads: BTreeSet<String>,
}

/// A grant that can't be given.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PowerError {
    /// With what was written.
    #[error(
        "\"{0}\" is nothing that can be granted; it may be \"hapta:rule/records\", \"hapta:rule/counters\", \"hapta:rule/log\", or of WASI, for a guest whose runtime needs it, \"wasi\", one of its packages (\"wasi:cli\", \"wasi:clocks\", \"wasi:filesystem\", \"wasi:io\", \"wasi:random\") or an interface of these"
    )]
    Unknown(String),
    /// With the collection's name.
    #[error("\"{0}\" is PocketBase's own; what begins with _ is never read for a rule")]
    OfPocketBase(String),
    /// `reads` without the grant that makes use of it.
    #[error("names collections, but the rule is not granted \"hapta:rule/records\"")]
    ReadsWithoutRecords,
}

impl Powers {
    /// Takes grants as the configuration writes them: without versions.
    ///
    /// # Errors
    ///
    /// A name that is nothing to grant, a collection that nobody reads.
    pub fn new(grants: Vec<String>, reads: Vec<String>) -> Result<Self, PowerError> {
        if let Some(unknown) = grants.iter().find(|grant| !can_be_granted(grant)) {
            return Err(PowerError::Unknown(unknown.clone()));
        }
        if let Some(name) = reads.iter().find(|name| name.starts_with('_')) {
            return Err(PowerError::OfPocketBase(name.clone()));
        }
        let powers = Self {
            grants: grants.into_iter().collect(),
            reads: reads.into_iter().collect(),
        };
        if !powers.reads.is_empty() && !powers.covers("hapta:rule/records") {
            return Err(PowerError::ReadsWithoutRecords);
        }
        Ok(powers)
    }

    /// Whether a component may import this, as it spells it: with a version.
    pub(super) fn covers(&self, import: &str) -> bool {
        let name = without_version(import);
        let package = name.split('/').next().unwrap_or_default();
        CONTRACT.contains(&import)
            || self.grants.contains(name)
            || self.grants.contains(package)
            || (self.grants.contains(WASI) && PACKAGES.contains(&package))
    }
}

/// What would have to be granted for an import; none where nothing would do.
pub(super) fn grant_for(import: &str) -> Option<&str> {
    let name = without_version(import);
    can_be_granted(name).then_some(name)
}

fn can_be_granted(name: &str) -> bool {
    let package = name.split('/').next().unwrap_or_default();
    name == WASI || OURS.contains(&name) || PACKAGES.contains(&package)
}

fn without_version(import: &str) -> &str {
    import.split('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn powers(grants: &[&str]) -> Powers {
        Powers::new(grants.iter().map(ToString::to_string).collect(), Vec::new()).unwrap()
    }

    #[test]
    fn nothing_is_granted_by_itself_but_the_contract() {
        let none = Powers::default();
        assert!(none.covers("hapta:rule/json@0.1.0") && none.covers("hapta:rule/types@0.1.0"));
        for import in [
            "hapta:rule/records@0.1.0",
            "hapta:rule/log@0.1.0",
            "hapta:rule/types@0.2.0",
            "wasi:clocks/wall-clock@0.2.6",
            "wasi:sockets/tcp@0.2.6",
        ] {
            assert!(!none.covers(import), "{import}");
        }
    }

    #[test]
    fn an_interface_is_granted_by_its_name_its_package_or_all_of_wasi() {
        assert!(powers(&["hapta:rule/records"]).covers("hapta:rule/records@0.1.0"));
        assert!(!powers(&["hapta:rule/records"]).covers("hapta:rule/counters@0.1.0"));
        let clock = "wasi:clocks/wall-clock@0.2.6";
        for grant in ["wasi:clocks/wall-clock", "wasi:clocks", "wasi"] {
            assert!(powers(&[grant]).covers(clock), "{grant}");
        }
        assert!(!powers(&["wasi:random"]).covers(clock));
    }

    #[test]
    fn sockets_and_http_are_never_granted() {
        for grant in [
            "wasi:sockets",
            "wasi:http",
            "wasi:sockets/tcp",
            "hapta:rule",
        ] {
            let refused = Powers::new(vec![grant.to_owned()], Vec::new());
            assert_eq!(refused, Err(PowerError::Unknown(grant.to_owned())));
        }
        let all = powers(&["wasi"]);
        assert!(!all.covers("wasi:sockets/tcp@0.2.6") && !all.covers("wasi:http/types@0.2.6"));
        assert_eq!(grant_for("wasi:sockets/tcp@0.2.6"), None);
    }

    #[test]
    fn collections_of_pocketbase_are_never_read() {
        let records = || vec!["hapta:rule/records".to_owned()];
        let refused = Powers::new(records(), vec!["_superusers".to_owned()]);
        assert_eq!(
            refused,
            Err(PowerError::OfPocketBase("_superusers".to_owned()))
        );
        let refused = Powers::new(Vec::new(), vec!["posts".to_owned()]);
        assert_eq!(refused, Err(PowerError::ReadsWithoutRecords));
        assert!(Powers::new(records(), vec!["posts".to_owned()]).is_ok());
    }
}
