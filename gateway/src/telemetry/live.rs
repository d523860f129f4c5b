//! What became of the events of records.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What became of an event for one class of equal subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventOutcome {
    /// It was told.
    Told,
    /// A rule or an operator kept it back.
    Denied,
    /// There was no verdict on it; they were told to fetch.
    Failed,
    /// It had come before.
    Repeated,
    /// A newer state had been told before.
    Overtaken,
    /// PocketBase does not show the record to them.
    Unseen,
    /// They were told that a record which they had is gone for them.
    Left,
    /// More came than could be judged in time; all of the line were told to fetch.
    Overrun,
}

/// Events of records, by what became of them.
#[derive(Clone, Debug)]
pub struct Events(Family<EventLabels, Counter>);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EventLabels {
    outcome: &'static str,
}

impl EventOutcome {
    const ALL: [Self; 8] = [
        Self::Told,
        Self::Denied,
        Self::Failed,
        Self::Repeated,
        Self::Overtaken,
        Self::Unseen,
        Self::Left,
        Self::Overrun,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Repeated => "repeated",
            Self::Overtaken => "overtaken",
            Self::Unseen => "unseen",
            Self::Left => "left",
            Self::Overrun => "overrun",
        }
    }
}

impl Events {
    /// Counts one more.
    pub fn count(&self, outcome: EventOutcome) {
        self.0.get_or_create(&labels(outcome)).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "events",
            "Events of records, by what became of them for each class of equal subscribers",
            self.0.clone(),
        );
    }
}

impl Default for Events {
    /// From nothing on, so that an alert sees the first.
    fn default() -> Self {
        let events = Family::default();
        for outcome in EventOutcome::ALL {
            let _ = events.get_or_create(&labels(outcome));
        }
        Self(events)
    }
}

fn labels(outcome: EventOutcome) -> EventLabels {
    let outcome = outcome.as_str();
    EventLabels { outcome }
}
