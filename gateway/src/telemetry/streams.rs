//! Event streams, as metrics: read from their station at the moment of a scrape.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::realtime::Counts;

/// What tells refused streams apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BoundLabels {
    /// The key of `[logins]` that is the bound.
    bound: &'static str,
}

pub(super) fn register(registry: &mut Registry, counts: Counts) {
    let pending: Gauge = Gauge::default();
    pending.set(i64::try_from(counts.pending).unwrap_or(i64::MAX));
    registry.register(
        "login_streams",
        "Event streams that logins at a provider hold",
        pending,
    );
    let refused = Family::<BoundLabels, Counter>::default();
    for (bound, count) in [
        ("pending", counts.full),
        ("pending_per_address", counts.too_many),
    ] {
        let labels = BoundLabels { bound };
        refused.get_or_create(&labels).inc_by(count);
    }
    registry.register(
        "login_streams_refused",
        "Event streams refused, by the bound that was reached",
        refused,
    );
    registry.register(
        "login_streams_delivered",
        "Event streams on which a login's outcome was told",
        counter(counts.delivered),
    );
    registry.register(
        "login_streams_expired",
        "Event streams whose time was over before any outcome",
        counter(counts.expired),
    );
}

fn counter(count: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(count);
    counter
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn every_count_is_told_under_its_name() {
        let mut registry = Registry::with_prefix("hapta");
        let counts = Counts {
            pending: 1,
            full: 2,
            too_many: 3,
            delivered: 4,
            expired: 5,
        };
        register(&mut registry, counts);
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        for line in [
            "hapta_login_streams 1",
            "hapta_login_streams_refused_total{bound=\"pending\"} 2",
            "hapta_login_streams_refused_total{bound=\"pending_per_address\"} 3",
            "hapta_login_streams_delivered_total 4",
            "hapta_login_streams_expired_total 5",
        ] {
            assert!(told.lines().any(|other| other == line), "{line} in {told}");
        }
    }
}
