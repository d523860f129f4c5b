//! What the edge counts: connections that were turned away, certificates, what was compressed.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::ReloadLabels;
use crate::exchange::encoding::Encoding;

/// The metrics of the edge.
#[derive(Clone, Default)]
pub struct Edge {
    /// Connections of clients that speak HTTP/2.
    pub http2: Gauge,
    /// Connections closed because their address has too many.
    pub turned_away: Counter,
    /// Certificates read again, by result.
    pub certificates: Family<ReloadLabels, Counter>,
    /// Questions of operators that were not looked at, after too many wrong keys.
    pub keys_limited: Counter,
    compressed: Family<EncodingLabels, Counter>,
}

/// What tells compressed answers apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EncodingLabels {
    /// As in the header.
    encoding: &'static str,
}

/// One more of what a gauge counts, until it is dropped, however its task ends.
pub struct Open(Gauge);

impl Open {
    /// Counts it.
    #[must_use]
    pub fn one(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Edge {
    /// Counts an answer that is compressed.
    pub fn compressed(&self, encoding: Encoding) {
        let encoding = encoding.name();
        let labels = EncodingLabels { encoding };
        self.compressed.get_or_create(&labels).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "connections_http2",
            "Connections of clients that speak HTTP/2",
            self.http2.clone(),
        );
        registry.register(
            "connections_turned_away",
            "Connections closed because their address has too many",
            self.turned_away.clone(),
        );
        registry.register(
            "certificate_reloads",
            "Reloads of the certificate, by result",
            self.certificates.clone(),
        );
        registry.register(
            "admin_keys_limited",
            "Questions at the admin listener that were not looked at, after too many wrong keys",
            self.keys_limited.clone(),
        );
        registry.register(
            "compressed",
            "Answers compressed, by encoding",
            self.compressed.clone(),
        );
    }
}
