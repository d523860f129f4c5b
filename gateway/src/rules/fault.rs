//! How a rule can fail to have an opinion, and what its chain can answer.

/// Why a call of a rule ended without a verdict. Every one of them refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The guest trapped: a panic, an `unreachable`, a bad memory access.
    #[error("the rule trapped: {0}")]
    Trap(String),
    /// The rule gave up, in its own words: an exception that is no denial, a panic.
    #[error("the rule failed: {0}")]
    Failed(String),
    /// More CPU than the rule may use.
    #[error("the rule used up its CPU time")]
    Cpu,
    /// The call with its host calls took longer than it may.
    #[error("the rule did not answer in time")]
    Deadline,
    /// More memory or table elements than the rule may have.
    #[error("the rule asked for more memory than it may have")]
    Memory,
    /// Recursion without end.
    #[error("the rule's stack overflowed")]
    Stack,
    /// More host calls than the rule may make.
    #[error("the rule made more host calls than it may")]
    HostCalls,
    /// `reveal` touched a field that the manifest doesn't name.
    #[error("the rule changed the field \"{0}\", which its manifest does not declare")]
    UndeclaredField(String),
    /// `reveal` denied one of many records, and the manifest doesn't say that it may.
    #[error("the rule dropped a record, and its manifest does not say that it may")]
    UndeclaredDrop,
    /// The gateway's own code panicked under the call.
    #[error("the gateway failed while the rule ran")]
    Host,
    /// The component has more parts than the pool has left.
    #[error("the pool has no room for the rule's component")]
    Pool,
    /// In a batch the rule asked for what an earlier part changes.
    #[error("the rule asked for a record that an earlier part of the batch changes")]
    Chained,
    /// A body that the rule edited is no body for the operation any more.
    #[error("the rule left a body that can't be sent: {0}")]
    BadEdit(String),
}

/// The "no" of a rule, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// 400 to 499.
    pub status: u16,
    /// For programs, like `ownership_required`; at most 2000 bytes.
    pub code: String,
    /// For people, shown to the client; at most 2000 bytes.
    pub message: String,
    /// Where single fields are at fault; at most 100.
    pub fields: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The rule's word for it, not held against the schema.
    pub field: String,
    /// For programs; at most 2000 bytes.
    pub code: String,
    /// For people, shown to the client; at most 2000 bytes.
    pub message: String,
}

/// Why the rules did not let something pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A rule said no.
    #[error("rule \"{rule}\" denied it: {}", denial.code)]
    Denied {
        /// By name; the client is not told.
        rule: String,
        /// What the client is told.
        denial: Denial,
    },
    /// A rule gave no verdict that counts, so it refuses.
    #[error("rule \"{rule}\": {fault}")]
    Faulted {
        /// By name; the client is not told.
        rule: String,
        /// The client is told a code for it, and no more.
        fault: Fault,
    },
    /// All instances are in use, and none came free in time.
    #[error("no instance of rule \"{rule}\" came free in time")]
    Busy {
        /// By name; the client is not told.
        rule: String,
    },
    /// A rule needs to know what an earlier part of the same batch changes. Nobody is
    /// to blame: the part can be sent by itself.
    #[error("rule \"{rule}\" asked for a record that an earlier part of the batch changes")]
    Chained {
        /// By name; the client is not told.
        rule: String,
    },
    /// PocketBase answered with a record of a collection that nothing exposes.
    #[error("the answer holds a record of \"{collection}\", which is not exposed")]
    Unexposed {
        /// As the record's `collectionName` says.
        collection: String,
    },
}

impl Fault {
    /// Every code there is.
    pub(super) const CODES: [&str; 11] = [
        "rule_trap",
        "rule_cpu",
        "rule_deadline",
        "rule_memory",
        "rule_stack",
        "rule_host_calls",
        "rule_undeclared",
        "rule_host",
        "rule_busy",
        "rule_edit",
        "rule_chained",
    ];

    /// The word for metrics, and all that the client is told.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trap(_) | Self::Failed(_) => "rule_trap",
            Self::Cpu => "rule_cpu",
            Self::Deadline => "rule_deadline",
            Self::Memory => "rule_memory",
            Self::Stack => "rule_stack",
            Self::HostCalls => "rule_host_calls",
            Self::UndeclaredField(_) | Self::UndeclaredDrop => "rule_undeclared",
            Self::Host => "rule_host",
            Self::Pool => "rule_busy",
            Self::BadEdit(_) => "rule_edit",
            Self::Chained => "rule_chained",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn every_code_is_in_the_list() {
        let text = String::new;
        for fault in [
            Fault::Trap(text()),
            Fault::Failed(text()),
            Fault::Cpu,
            Fault::Deadline,
            Fault::Memory,
            Fault::Stack,
            Fault::HostCalls,
            Fault::UndeclaredField(text()),
            Fault::UndeclaredDrop,
            Fault::Host,
            Fault::Pool,
            Fault::Chained,
            Fault::BadEdit(text()),
        ] {
            assert!(Fault::CODES.contains(&fault.code()), "{fault:?}");
        }
    }
}
