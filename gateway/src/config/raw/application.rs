//! `[application]` as it is written.

use std::path::PathBuf;

use serde::Deserialize;

use crate::operation::OperationKind;

/// `[application]`: from which applications requests are taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Application {
    pub(in crate::config) keys: AppKeys,
    pub(in crate::config) keys_file: Option<PathBuf>,
    pub(in crate::config) operations: Option<Vec<OperationKind>>,
    pub(in crate::config) dpop: Dpop,
    pub(in crate::config) proofs: usize,
}

/// `"off"` or `"required"`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum AppKeys {
    #[default]
    Off,
    Required,
}

/// `"off"`, `"optional"` or `"required"`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Dpop {
    #[default]
    Off,
    Optional,
    Required,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            keys: AppKeys::Off,
            keys_file: None,
            operations: None,
            dpop: Dpop::Off,
            proofs: 200_000,
        }
    }
}
