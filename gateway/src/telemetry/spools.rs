//! Files that wait, as metrics: read from where they wait at the moment of a scrape.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::spool::{Bound, Counts};

/// What tells refused uploads apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BoundLabels {
    /// The key of `[uploads]` that is the bound.
    bound: &'static str,
}

pub(super) fn register(registry: &mut Registry, counts: Counts) {
    let bytes: Gauge = Gauge::default();
    bytes.set(i64::try_from(counts.bytes).unwrap_or(i64::MAX));
    registry.register(
        "uploads_spooled_bytes",
        "Bytes of files that wait on disk",
        bytes,
    );
    let open: Gauge = Gauge::default();
    open.set(i64::try_from(counts.open).unwrap_or(i64::MAX));
    registry.register("uploads_open", "Requests with files under way", open);
    let refused = Family::<BoundLabels, Counter>::default();
    for (bound, count) in Bound::ALL.into_iter().zip(counts.refused) {
        let bound = bound.as_str();
        let labels = BoundLabels { bound };
        refused.get_or_create(&labels).inc_by(count);
    }
    registry.register(
        "uploads_refused",
        "Uploads refused, by the bound that was reached",
        refused,
    );
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn every_count_is_told_under_its_name() {
        let mut registry = Registry::with_prefix("hapta");
        let counts = Counts {
            bytes: 9,
            open: 10,
            refused: [1, 2, 3, 4, 5, 6, 7, 8],
        };
        register(&mut registry, counts);
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        for line in [
            "hapta_uploads_spooled_bytes 9",
            "hapta_uploads_open 10",
            "hapta_uploads_refused_total{bound=\"max_file\"} 1",
            "hapta_uploads_refused_total{bound=\"max_total\"} 4",
            "hapta_uploads_refused_total{bound=\"open_principal\"} 8",
        ] {
            assert!(told.lines().any(|other| other == line), "{line} in {told}");
        }
    }
}
