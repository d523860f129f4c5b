//! What stations count by themselves, as metrics: read at the moment of a scrape.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::locks::LockCounts;
use crate::realtime::Counts;
use crate::sessions::FileTokenCounts;
use crate::spool::{self, Bound};

/// What stations count by themselves.
#[derive(Clone, Copy, Debug)]
pub struct Stations {
    /// Of event streams.
    pub streams: Counts,
    /// Of records that are written to.
    pub locks: LockCounts,
    /// Of file tokens.
    pub files: FileTokenCounts,
    /// Of files that wait.
    pub spools: spool::Counts,
}

/// What tells refused streams apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BoundLabels {
    /// The key of the configuration that is the bound.
    bound: &'static str,
}

pub(super) fn register(registry: &mut Registry, stations: Stations) {
    streams(registry, stations.streams);
    locks(registry, stations.locks);
    files(registry, stations.files);
    uploads(registry, stations.spools);
}

fn files(registry: &mut Registry, counts: FileTokenCounts) {
    registry.register(
        "file_tokens",
        "File tokens that are good",
        gauge(counts.held),
    );
    registry.register(
        "file_tokens_refused",
        "File tokens not handed out for want of room",
        counter(counts.refused),
    );
    registry.register(
        "file_tokens_displaced",
        "File tokens given up for a newer one of the same record",
        counter(counts.displaced),
    );
}

fn locks(registry: &mut Registry, counts: LockCounts) {
    registry.register(
        "records_locked",
        "Records that are written to",
        gauge(counts.records),
    );
    registry.register(
        "writes_waiting",
        "Writes that wait for another to the same record",
        gauge(counts.waiting),
    );
    registry.register(
        "writes_refused",
        "Writes refused because others to the same record took too long, by the bound that was reached",
        bounds([("wait", counts.late), ("waiting", counts.crowded)]),
    );
}

fn uploads(registry: &mut Registry, counts: spool::Counts) {
    let bytes: Gauge = Gauge::default();
    bytes.set(i64::try_from(counts.bytes).unwrap_or(i64::MAX));
    registry.register(
        "uploads_spooled_bytes",
        "Bytes of files that wait on disk",
        bytes,
    );
    registry.register(
        "uploads_open",
        "Requests with files under way",
        gauge(counts.open),
    );
    let refused = Bound::ALL.into_iter().zip(counts.refused);
    registry.register(
        "uploads_refused",
        "Uploads refused, by the bound that was reached",
        bounds(refused.map(|(bound, count)| (bound.as_str(), count))),
    );
}

fn streams(registry: &mut Registry, counts: Counts) {
    registry.register(
        "login_streams",
        "Event streams that logins at a provider hold",
        gauge(counts.pending),
    );
    let refused = bounds([
        ("pending", counts.full),
        ("pending_per_address", counts.too_many),
    ]);
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

fn gauge(count: usize) -> Gauge {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    gauge
}

fn bounds(counts: impl IntoIterator<Item = (&'static str, u64)>) -> Family<BoundLabels, Counter> {
    let bounds = Family::<BoundLabels, Counter>::default();
    for (bound, count) in counts {
        bounds.get_or_create(&BoundLabels { bound }).inc_by(count);
    }
    bounds
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
        let locks = LockCounts {
            records: 6,
            waiting: 7,
            late: 8,
            crowded: 9,
        };
        let files = FileTokenCounts {
            held: 10,
            refused: 11,
            displaced: 12,
        };
        let spools = spool::Counts {
            bytes: 10,
            open: 11,
            refused: [1, 2, 3, 4, 5, 6, 7, 8],
        };
        let stations = Stations {
            streams: counts,
            locks,
            files,
            spools,
        };
        register(&mut registry, stations);
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        for line in [
            "hapta_login_streams 1",
            "hapta_login_streams_refused_total{bound=\"pending\"} 2",
            "hapta_login_streams_refused_total{bound=\"pending_per_address\"} 3",
            "hapta_login_streams_delivered_total 4",
            "hapta_login_streams_expired_total 5",
            "hapta_uploads_spooled_bytes 10",
            "hapta_uploads_open 11",
            "hapta_uploads_refused_total{bound=\"max_file\"} 1",
            "hapta_uploads_refused_total{bound=\"open_principal\"} 8",
            "hapta_records_locked 6",
            "hapta_writes_waiting 7",
            "hapta_writes_refused_total{bound=\"wait\"} 8",
            "hapta_writes_refused_total{bound=\"waiting\"} 9",
            "hapta_file_tokens 10",
            "hapta_file_tokens_refused_total 11",
            "hapta_file_tokens_displaced_total 12",
        ] {
            assert!(told.lines().any(|other| other == line), "{line} in {told}");
        }
    }
}
