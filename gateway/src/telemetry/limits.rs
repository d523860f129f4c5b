//! How often limits refused, and what they remember, as metrics.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::stations::{counter, gauge};
use crate::limits::{Kind, LimitCounts};

/// What tells decisions apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DecisionLabels {
    /// The key of the configuration.
    limit: &'static str,
    /// `admitted` or `limited`.
    outcome: &'static str,
}

/// What tells other refusals apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    /// `banned` or `running`.
    reason: &'static str,
}

pub(super) fn register(registry: &mut Registry, counts: &LimitCounts) {
    let decisions = Family::<DecisionLabels, Counter>::default();
    for (kind, both) in Kind::ALL.into_iter().zip(counts.decisions) {
        for (outcome, count) in ["admitted", "limited"].into_iter().zip(both) {
            let limit = kind.as_str();
            decisions
                .get_or_create(&DecisionLabels { limit, outcome })
                .inc_by(count);
        }
    }
    registry.register("limits_decisions", "What limits decided", decisions);
    let refused = Family::<ReasonLabels, Counter>::default();
    for (reason, count) in [("banned", counts.banned), ("running", counts.running)] {
        refused
            .get_or_create(&ReasonLabels { reason })
            .inc_by(count);
    }
    registry.register(
        "limits_refused",
        "Requests refused because who asks is kept out, or has too many under way",
        refused,
    );
    registry.register(
        "limits_keys",
        "Who used how much of which limit, as far as it is remembered",
        gauge(counts.keys),
    );
    registry.register(
        "limits_crowded",
        "Decisions without a key of their own, for want of room",
        counter(counts.crowded),
    );
    registry.register(
        "limits_bans",
        "Principals and addresses that are kept out",
        gauge(counts.bans),
    );
}
