//! What the calls of rules came to, as metrics: read from the tallies of the
//! generations at the moment of a scrape.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::rules::{Tallies, Told};

/// A second has so many.
const NANOS: f64 = 1e9;

/// The rules of the generation in force, and of the one before.
#[derive(Debug)]
pub(super) struct RuleCalls(pub(super) Vec<Tallies>);

/// What tells the calls of one rule apart.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    rule: String,
    generation: u64,
    /// `true`: its word does not count.
    shadow: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabels {
    #[prometheus(flatten)]
    of: Labels,
    /// `allowed`, `denied` or `faulted`.
    verdict: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FaultLabels {
    #[prometheus(flatten)]
    of: Labels,
    /// The fault's code.
    kind: &'static str,
}

impl Collector for RuleCalls {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), Error> {
        let told: Vec<(Labels, Told)> = self.told().collect();
        calls(&mut to, &told)?;
        faults(&mut to, &told)?;
        let mut host_calls = to.encode_descriptor(
            "rule_host_calls",
            "What rules asked of the gateway",
            None,
            MetricType::Counter,
        )?;
        for (of, told) in &told {
            counter(&mut host_calls, of, told.host_calls)?;
        }
        let mut skipped = to.encode_descriptor(
            "rule_shadow_skipped",
            "Calls in shadow left out for want of room",
            None,
            MetricType::Counter,
        )?;
        for (of, told) in told.iter().filter(|(of, _)| of.shadow == "true") {
            counter(&mut skipped, of, told.skipped)?;
        }
        let mut memory = to.encode_descriptor(
            "rule_memory_peak_bytes",
            "The most linear memory that a call had",
            None,
            MetricType::Gauge,
        )?;
        for (of, told) in &told {
            let bytes = i64::try_from(told.memory).unwrap_or(i64::MAX);
            memory.encode_family(of)?.encode_gauge(&bytes)?;
        }
        let mut times = to.encode_descriptor(
            "rule_call_seconds",
            "Calls of rules by the clock, all reveals of a reply as one; buckets from a microsecond",
            None,
            MetricType::Histogram,
        )?;
        for (of, told) in &told {
            histogram(times.encode_family(of)?, told)?;
        }
        Ok(())
    }
}

fn calls(to: &mut DescriptorEncoder<'_>, told: &[(Labels, Told)]) -> Result<(), Error> {
    let help = "Calls of rules, by their end";
    let mut calls = to.encode_descriptor("rule_calls", help, None, MetricType::Counter)?;
    for (of, told) in told {
        let faulted = told.faults.iter().map(|(_, count)| count).sum();
        for (verdict, count) in [
            ("allowed", told.allowed),
            ("denied", told.denied),
            ("faulted", faulted),
        ] {
            let of = of.clone();
            counter(&mut calls, &VerdictLabels { of, verdict }, count)?;
        }
    }
    Ok(())
}

fn faults(to: &mut DescriptorEncoder<'_>, told: &[(Labels, Told)]) -> Result<(), Error> {
    let help = "Calls of rules that ended without a verdict";
    let mut faults = to.encode_descriptor("rule_faults", help, None, MetricType::Counter)?;
    for (of, told) in told {
        for (kind, count) in &told.faults {
            let of = of.clone();
            counter(&mut faults, &FaultLabels { of, kind }, *count)?;
        }
    }
    Ok(())
}

impl RuleCalls {
    fn told(&self) -> impl Iterator<Item = (Labels, Told)> {
        self.0.iter().flat_map(|tallies| {
            tallies.rules.iter().map(|(rule, is_shadow, tally)| {
                let of = Labels {
                    rule: rule.clone(),
                    generation: tallies.generation,
                    shadow: if *is_shadow { "true" } else { "false" },
                };
                (of, tally.told())
            })
        })
    }
}

fn counter(
    encoder: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    count: u64,
) -> Result<(), Error> {
    let mut of = encoder.encode_family(labels)?;
    of.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

/// The histogram of one rule.
fn histogram(mut encoder: MetricEncoder<'_>, told: &Told) -> Result<(), Error> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds: a nanosecond more or less in a hundred days is no matter"
    )]
    let seconds = |nanos: u64| nanos as f64 / NANOS;
    let times = told.times.iter();
    let buckets: Vec<(f64, u64)> = times
        .map(|(bound, count)| (bound.map_or(f64::MAX, seconds), *count))
        .collect();
    let count = buckets.iter().map(|(_, count)| count).sum();
    encoder.encode_histogram::<NoLabelSet>(seconds(told.nanos), count, &buckets, None)
}
