//! What stations count by themselves, as metrics: read at the moment of a scrape.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::limits;
use crate::limits::LimitCounts;
use crate::locks::LockCounts;
use crate::realtime::{Closing, Counts, HubCounts};
use crate::sessions::{Ending, FileTokenCounts, ProofCounts, SessionCounts};
use crate::spool::{self, Bound};

/// What stations count by themselves.
#[derive(Clone, Copy, Debug)]
pub struct Stations {
    /// Of event streams.
    pub streams: Counts,
    /// Of those who listen on them.
    pub hub: HubCounts,
    /// Of how often somebody asks.
    pub limits: LimitCounts,
    /// Of records that are written to.
    pub locks: LockCounts,
    /// Of file tokens.
    pub files: FileTokenCounts,
    /// Of proofs.
    pub proofs: ProofCounts,
    /// Of files that wait.
    pub spools: spool::Counts,
    /// Of sessions of the gateway's own.
    pub sessions: SessionCounts,
}

/// What tells refused streams apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BoundLabels {
    /// The key of the configuration that is the bound.
    bound: &'static str,
}

/// What tells streams apart that were ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabels {
    /// As the client is told.
    code: &'static str,
}

/// What tells sessions apart that have ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndingLabels {
    why: &'static str,
}

pub(super) fn register(registry: &mut Registry, stations: &Stations) {
    streams(registry, stations.streams);
    hub(registry, stations.hub);
    limits::register(registry, &stations.limits);
    locks(registry, stations.locks);
    files(registry, stations.files);
    proofs(registry, stations.proofs);
    uploads(registry, stations.spools);
    sessions(registry, stations.sessions);
}

fn sessions(registry: &mut Registry, counts: SessionCounts) {
    registry.register("sessions", "Sessions that live", gauge(counts.live));
    registry.register(
        "sessions_made",
        "Logins that began a session",
        counter(counts.made),
    );
    registry.register(
        "sessions_rolled",
        "Tokens replaced by a newer one of their session",
        counter(counts.rolled),
    );
    registry.register(
        "sessions_repeated",
        "Refreshes that were given the newest token of their session once more",
        counter(counts.repeated),
    );
    let ended = Family::<EndingLabels, Counter>::default();
    for (ending, count) in Ending::ALL.into_iter().zip(counts.ended) {
        let why = ending.as_str();
        ended.get_or_create(&EndingLabels { why }).inc_by(count);
    }
    registry.register("sessions_ended", "Sessions that have ended, by why", ended);
    registry.register(
        "sessions_queued",
        "Changes to sessions that wait to be written",
        gauge(counts.queued),
    );
}

fn hub(registry: &mut Registry, counts: HubCounts) {
    registry.register(
        "live_classes",
        "Different subscriptions: all streams of one identity and topic are one",
        gauge(counts.classes),
    );
    registry.register(
        "live_lines",
        "Connections to PocketBase for live records",
        gauge(counts.lines),
    );
    registry.register(
        "live_people",
        "Different identities that listen, all guests being one",
        gauge(counts.people),
    );
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

fn proofs(registry: &mut Registry, counts: ProofCounts) {
    registry.register(
        "proofs",
        "Proofs of clients that are remembered, so that each is good once",
        gauge(counts.held),
    );
    registry.register(
        "proofs_replayed",
        "Proofs refused because they were seen before",
        counter(counts.replayed),
    );
    registry.register(
        "proofs_refused",
        "Proofs refused for want of room, by the bound that was reached",
        bounds([("remembered", counts.full), ("client", counts.crowded)]),
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
    registry.register("streams", "Event streams", gauge(counts.streams));
    registry.register(
        "streams_refused",
        "Event streams and subscriptions refused, by the bound that was reached",
        bounds([
            ("streams", counts.full),
            ("streams_per_address", counts.of_address),
            ("streams_per_principal", counts.of_principal),
            ("topics", counts.topics),
            ("topics_per_address", counts.topics_of_address),
        ]),
    );
    let closed = Family::<CodeLabels, Counter>::default();
    for (closing, count) in Closing::ALL.into_iter().zip(counts.closed) {
        let code = closing.code();
        closed.get_or_create(&CodeLabels { code }).inc_by(count);
    }
    registry.register(
        "streams_closed",
        "Event streams that the gateway ended, by why",
        closed,
    );
    registry.register(
        "events_waiting",
        "Events that wait for readers of streams",
        gauge(counts.waiting),
    );
    registry.register(
        "events_dropped",
        "Events that slow readers of streams missed",
        counter(counts.dropped),
    );
    logins(registry, counts);
}

fn logins(registry: &mut Registry, counts: Counts) {
    registry.register(
        "login_streams",
        "Event streams that wait for the outcome of a login",
        gauge(counts.logins),
    );
    registry.register(
        "login_streams_delivered",
        "Event streams on which a login's outcome was told",
        counter(counts.delivered),
    );
    registry.register(
        "login_streams_expired",
        "Event streams on which a login's time was over before any outcome",
        counter(counts.expired),
    );
}

pub(super) fn counter(count: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(count);
    counter
}

pub(super) fn gauge(count: usize) -> Gauge {
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
    use crate::limits::Kind;

    /// In which each is another.
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn stations() -> Stations {
        let counts = Counts {
            streams: 1,
            logins: 2,
            waiting: 3,
            full: 4,
            of_address: 5,
            of_principal: 6,
            topics: 7,
            topics_of_address: 24,
            closed: [8, 9, 10, 11, 12, 13, 14, 15],
            dropped: 16,
            delivered: 17,
            expired: 18,
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
        let proofs = ProofCounts {
            held: 31,
            replayed: 32,
            full: 33,
            crowded: 34,
        };
        let spools = spool::Counts {
            bytes: 10,
            open: 11,
            refused: [1, 2, 3, 4, 5, 6, 7, 8],
        };
        Stations {
            streams: counts,
            hub: HubCounts {
                classes: 21,
                lines: 22,
                people: 23,
            },
            limits: LimitCounts {
                decisions: [[25, 26]; Kind::ALL.len()],
                banned: 27,
                running: 28,
                keys: 29,
                crowded: 30,
                bans: 31,
            },
            locks,
            files,
            proofs,
            spools,
            sessions: SessionCounts {
                live: 31,
                made: 32,
                rolled: 33,
                repeated: 34,
                ended: [41, 42, 43, 44, 45, 46, 47],
                queued: 35,
            },
        }
    }

    #[test]
    fn every_count_is_told_under_its_name() {
        let mut registry = Registry::with_prefix("hapta");
        register(&mut registry, &stations());
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        for line in [
            "hapta_streams 1",
            "hapta_login_streams 2",
            "hapta_events_waiting 3",
            "hapta_streams_refused_total{bound=\"streams\"} 4",
            "hapta_streams_refused_total{bound=\"streams_per_address\"} 5",
            "hapta_streams_refused_total{bound=\"streams_per_principal\"} 6",
            "hapta_streams_refused_total{bound=\"topics\"} 7",
            "hapta_streams_closed_total{code=\"slow_reader\"} 8",
            "hapta_streams_closed_total{code=\"shutdown\"} 15",
            "hapta_events_dropped_total 16",
            "hapta_login_streams_delivered_total 17",
            "hapta_login_streams_expired_total 18",
            "hapta_streams_refused_total{bound=\"topics_per_address\"} 24",
            "hapta_live_classes 21",
            "hapta_live_lines 22",
            "hapta_live_people 23",
            "hapta_uploads_spooled_bytes 10",
            "hapta_uploads_open 11",
            "hapta_uploads_refused_total{bound=\"max_file\"} 1",
            "hapta_uploads_refused_total{bound=\"open_principal\"} 8",
            "hapta_limits_decisions_total{limit=\"list\",outcome=\"admitted\"} 25",
            "hapta_limits_decisions_total{limit=\"bad_token\",outcome=\"limited\"} 26",
            "hapta_limits_refused_total{reason=\"banned\"} 27",
            "hapta_limits_refused_total{reason=\"running\"} 28",
            "hapta_limits_keys 29",
            "hapta_limits_crowded_total 30",
            "hapta_limits_bans 31",
            "hapta_records_locked 6",
            "hapta_writes_waiting 7",
            "hapta_writes_refused_total{bound=\"wait\"} 8",
            "hapta_writes_refused_total{bound=\"waiting\"} 9",
            "hapta_file_tokens 10",
            "hapta_file_tokens_refused_total 11",
            "hapta_file_tokens_displaced_total 12",
            "hapta_proofs 31",
            "hapta_proofs_replayed_total 32",
            "hapta_proofs_refused_total{bound=\"remembered\"} 33",
            "hapta_proofs_refused_total{bound=\"client\"} 34",
            "hapta_sessions 31",
            "hapta_sessions_made_total 32",
            "hapta_sessions_rolled_total 33",
            "hapta_sessions_repeated_total 34",
            "hapta_sessions_queued 35",
            "hapta_sessions_ended_total{why=\"logged_out\"} 41",
            "hapta_sessions_ended_total{why=\"displaced\"} 47",
        ] {
            assert!(told.lines().any(|other| other == line), "{line} in {told}");
        }
    }
}
