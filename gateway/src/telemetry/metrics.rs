//! Every metric, with its name, in one table.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::edge::Edge;
use super::live::Events;
use super::log;
use super::rules::RuleCalls;
use super::security::SecurityKind;
use super::stations::{self, Stations};
use crate::rules::{Generation, Tallies};

/// The metrics of one gateway.
#[derive(Clone)]
pub struct Metrics {
    /// Exchanges ended, by operation and status.
    pub exchanges: Family<ExchangeLabels, Counter>,
    /// Seconds from the request's head to the answer's.
    pub duration: Histogram,
    /// Requests under way; one beyond the bound is refused with the code `busy`.
    pub in_flight: Gauge,
    /// Connections of clients.
    pub connections: Gauge,
    /// Refusals of rules, by rule and code; faults have codes of their own.
    pub rules: Family<RuleLabels, Counter>,
    /// Reloads, by result.
    pub reloads: Family<ReloadLabels, Counter>,
    /// The generation in force.
    pub generation: Gauge,
    /// 1 while the generation in force fails too often.
    pub generation_alarm: Gauge,
    /// 1 while a start went back to the last good generation.
    pub degraded: Gauge,
    /// What an operator closed, by what it was closed for.
    pub denied: Family<DeniedLabels, Counter>,
    /// Refused since no application showed itself that may ask, by code.
    pub application: Family<CodeLabels, Counter>,
    /// What was let in only because the gateway observes, by section of `[compat]`.
    pub unnamed: Family<UnnamedLabels, Counter>,
    /// The names among them that are kept.
    pub unnamed_names: Gauge,
    /// Requests of browsers that ask what they may; they go no further.
    pub preflights: Counter,
    /// Lines that did not get into a log, by stream and reason.
    pub log_lines_dropped: Family<DroppedLabels, Counter>,
    /// Security events, by kind.
    pub security_events: Family<SecurityLabels, Counter>,
    /// Events of records, by what became of them.
    pub events: Events,
    /// What the edge counts.
    pub edge: Edge,
}

/// What tells exchanges apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ExchangeLabels {
    /// `none` where no operation was recognised.
    pub operation: &'static str,
    /// As answered to the client.
    pub status: u16,
}

/// What tells refusals of rules apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RuleLabels {
    /// By name; empty where the gateway refused for want of one.
    pub rule: String,
    /// `denied`, `busy`, `unexposed`, or the fault's.
    pub code: &'static str,
}

/// What tells loads of rules apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LoadLabels {
    /// `cache` or `compiler`.
    from: &'static str,
}

/// What tells apart the instances that wait.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WaitingLabels {
    rule: String,
}

/// What tells reloads apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReloadLabels {
    /// `swapped` or `refused`.
    pub result: &'static str,
}

/// What tells apart what an operator closed.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct DeniedLabels {
    /// `address`, `collection` or `user`.
    pub by: &'static str,
}

/// What tells refusals apart that have codes of their own.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CodeLabels {
    /// As the client is told.
    pub code: &'static str,
}

/// What tells apart what was let in only because the gateway observes.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct UnnamedLabels {
    /// `routes`, `query`, `headers`, `body` or `answer`.
    pub section: &'static str,
}

/// What tells lines apart that did not get into a log.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct DroppedLabels {
    /// `decisions` or `security`.
    pub stream: &'static str,
    /// `queue`, `disk`, `masking` or `ended`.
    pub reason: &'static str,
}

/// What tells security events apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SecurityLabels {
    /// The kind's word.
    pub kind: &'static str,
}

impl Metrics {
    /// All metrics in the text format of Prometheus, with those that rules and
    /// what belongs to them, and other stations, keep by themselves.
    #[must_use]
    pub fn text(
        &self,
        tallies: Vec<Tallies>,
        generation: &Generation,
        stations: &Stations,
    ) -> String {
        let mut registry = Registry::with_prefix("hapta");
        registry.register("exchanges", "Exchanges ended", self.exchanges.clone());
        registry.register(
            "exchange_seconds",
            "From a request's head to its answer's",
            self.duration.clone(),
        );
        registry.register("in_flight", "Requests under way", self.in_flight.clone());
        registry.register(
            "connections",
            "Connections of clients",
            self.connections.clone(),
        );
        registry.register(
            "rule_refusals",
            "Denials and faults of rules",
            self.rules.clone(),
        );
        registry.register(
            "reloads",
            "Reloads of configuration and rules",
            self.reloads.clone(),
        );
        registry.register(
            "generation",
            "The generation of rules in force",
            self.generation.clone(),
        );
        registry.register(
            "unnamed",
            "Let in without being named in [compat], because strict.mode is observe",
            self.unnamed.clone(),
        );
        registry.register(
            "unnamed_names",
            "Different names among these, up to 200 of each section",
            self.unnamed_names.clone(),
        );
        registry.register(
            "preflights",
            "OPTIONS requests answered",
            self.preflights.clone(),
        );
        register_rules(&mut registry, tallies, generation);
        stations::register(&mut registry, stations);
        registry.register(
            "log_lines_dropped",
            "Lines that did not get into a log",
            self.log_lines_dropped.clone(),
        );
        registry.register(
            "security_events",
            "Security events",
            self.security_events.clone(),
        );
        self.events.register(&mut registry);
        self.operations(&mut registry);
        let mut out = String::new();
        // Writing to a string can't fail.
        let _ = text::encode(&mut out, &registry);
        out
    }

    /// Those about generations and what operators do with them.
    fn operations(&self, registry: &mut Registry) {
        registry.register(
            "generation_alarm",
            "Whether the rules in force fail too often",
            self.generation_alarm.clone(),
        );
        registry.register(
            "degraded",
            "Whether the start went back to the last good generation",
            self.degraded.clone(),
        );
        registry.register(
            "denied",
            "Refused because an operator denied the address, collection or user",
            self.denied.clone(),
        );
        registry.register(
            "application_refusals",
            "Refused because of an origin, an application's key or a client's proof, by code",
            self.application.clone(),
        );
        self.edge.register(registry);
    }
}

/// What rules, and what belongs to them, keep by themselves.
fn register_rules(registry: &mut Registry, tallies: Vec<Tallies>, generation: &Generation) {
    registry.register_collector(Box::new(RuleCalls(tallies)));
    let loads = Family::<LoadLabels, Counter>::default();
    let (cached, compiled) = generation.loads();
    for (from, count) in [("cache", cached), ("compiler", compiled)] {
        loads.get_or_create(&LoadLabels { from }).inc_by(count);
    }
    registry.register(
        "rule_loads",
        "Rules loaded, by where their code came from",
        loads,
    );
    let waiting = Family::<WaitingLabels, Gauge>::default();
    for (rule, count) in generation.waiting() {
        let rule = rule.to_owned();
        waiting
            .get_or_create(&WaitingLabels { rule })
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register(
        "rule_instances_waiting",
        "Instances that wait for a call",
        waiting,
    );
    let counters: Gauge = Gauge::default();
    counters.set(i64::try_from(generation.counters()).unwrap_or(i64::MAX));
    registry.register(
        "counters",
        "What rules count from request to request",
        counters,
    );
}

impl Default for Metrics {
    fn default() -> Self {
        // 50 µs to 6.5 s, doubling.
        let buckets = prometheus_client::metrics::histogram::exponential_buckets(0.000_05, 2.0, 18);
        Self {
            exchanges: Family::default(),
            duration: Histogram::new(buckets),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            rules: Family::default(),
            reloads: Family::default(),
            generation: Gauge::default(),
            generation_alarm: Gauge::default(),
            degraded: Gauge::default(),
            denied: Family::default(),
            application: application(),
            unnamed: Family::default(),
            unnamed_names: Gauge::default(),
            preflights: Counter::default(),
            log_lines_dropped: dropped(),
            security_events: security_events(),
            events: Events::default(),
            edge: Edge::default(),
        }
    }
}

/// From nothing on, so that an alert sees the first.
fn dropped() -> Family<DroppedLabels, Counter> {
    let dropped = Family::default();
    for stream in [log::DECISIONS, log::SECURITY] {
        for reason in ["queue", "disk", "masking", "ended"] {
            let _ = dropped.get_or_create(&DroppedLabels { stream, reason });
        }
    }
    dropped
}

fn application() -> Family<CodeLabels, Counter> {
    let refusals = Family::default();
    for code in [
        "origin",
        "application_key",
        "proof_missing",
        "proof_invalid",
        "proof_time",
        "proof_replayed",
        "proofs_full",
        "proofs_of_client",
    ] {
        let _ = refusals.get_or_create(&CodeLabels { code });
    }
    refusals
}

fn security_events() -> Family<SecurityLabels, Counter> {
    let events = Family::default();
    for kind in SecurityKind::ALL {
        let kind = kind.as_str();
        let _ = events.get_or_create(&SecurityLabels { kind });
    }
    events
}
