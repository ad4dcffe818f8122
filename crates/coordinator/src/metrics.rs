//! What is counted, as Prometheus reads it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::command::Verb;

/// Which command, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    command: &'static str,
    outcome: &'static str,
}

/// One word that tells series of a metric apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What became of a call of Envoy's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    outcome: &'static str,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was admitted.
    Admitted,
    /// It was denied.
    Denied,
    /// It asked for no admission, and was answered.
    Answered,
    /// It was refused as wrong, or could not be decided.
    Error,
    /// The back end was down, and it was allowed.
    DegradedAllow,
    /// The back end was down, and it was denied.
    DegradedDeny,
}

impl Outcome {
    const ALL: [Self; 6] =
        [Self::Admitted, Self::Denied, Self::Answered, Self::Error, Self::DegradedAllow, Self::DegradedDeny];

    const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Denied => "denied",
            Self::Answered => "answered",
            Self::Error => "error",
            Self::DegradedAllow => "degraded_allow",
            Self::DegradedDeny => "degraded_deny",
        }
    }
}

/// A rule of Envoy's, and what became of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: String,
    outcome: &'static str,
}

/// What became of a descriptor of Envoy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DescriptorOutcome {
    /// It is within its limit, or has none.
    Ok,
    /// It is over.
    OverLimit,
    /// It is over, but its rule only counts.
    Shadow,
    /// The back end was down, and it was allowed.
    DegradedAllow,
    /// The back end was down, and it was denied.
    DegradedDeny,
}

impl DescriptorOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::OverLimit => "over_limit",
            Self::Shadow => "shadow",
            Self::DegradedAllow => "degraded_allow",
            Self::DegradedDeny => "degraded_deny",
        }
    }
}

/// See the head of this file.
pub(crate) struct Metrics {
    registry: Registry,
    /// By command, then by outcome, in the order of both.
    requests: Vec<(Verb, Vec<(Outcome, Counter)>)>,
    refused: Family<Reason, Counter>,
    calls: Family<Called, Counter>,
    descriptors: Family<RuleLabels, Counter>,
    seconds: Histogram,
    waiting: Gauge,
    keys: Gauge,
    up: Gauge,
    connections: Gauge,
    watchers: Gauge,
    saved: Gauge,
    save_errors: Counter,
    totals: [AtomicU64; 3],
}

/// Something that is counted while it is there.
struct Counted(Gauge);

impl Counted {
    /// One more, and how many there were before.
    fn new(gauge: &Gauge) -> (Self, i64) {
        let before = gauge.inc();
        (Self(gauge.clone()), before)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Nothing is counted yet.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("rl");
        let requests = Family::<Labels, Counter>::default();
        registry.register("requests", "Requests, by command and what became of them", requests.clone());
        let counters = |verb: Verb| {
            let possible = |outcome: &Outcome| match outcome {
                Outcome::Admitted | Outcome::Denied => verb.decides(),
                Outcome::DegradedAllow => verb.decides(),
                Outcome::Answered => !verb.decides(),
                Outcome::Error | Outcome::DegradedDeny => true,
            };
            let counter = |outcome: Outcome| {
                let labels = Labels { command: verb.name(), outcome: outcome.name() };
                (outcome, requests.get_or_create_owned(&labels))
            };
            (verb, Outcome::ALL.into_iter().filter(possible).map(counter).collect())
        };
        let counters = Verb::ALL.into_iter().map(counters).collect();
        let refused = Family::<Reason, Counter>::default();
        registry.register(
            "http_refused",
            "Requests that no limit was asked about, by reason",
            refused.clone(),
        );
        let calls = Family::<Called, Counter>::default();
        registry.register("envoy_calls", "Calls of Envoy's, by what they were answered", calls.clone());
        let descriptors = Family::<RuleLabels, Counter>::default();
        let help = "Descriptors of Envoy's, by rule and what they were answered";
        registry.register("envoy_descriptors", help, descriptors.clone());
        let seconds = Histogram::new(exponential_buckets(0.000_1, 4.0, 10));
        registry.register("decision_seconds", "How long decisions took that did not wait", seconds.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let waiting = gauge("waiting", "Requests that wait for their turn");
        let keys = gauge("keys", "Keys in memory");
        let up = gauge("backend_up", "Whether the back end answers");
        let connections = gauge("connections", "Open connections");
        let watchers = gauge("watchers", "Streams of /v1/watch");
        let saved = gauge("snapshot_timestamp_ms", "When the last snapshot was written, in ms since 1970");
        let save_errors = Counter::default();
        registry.register("snapshot_errors", "Snapshots that could not be written", save_errors.clone());
        Self {
            registry,
            requests: counters,
            refused,
            calls,
            descriptors,
            seconds,
            waiting,
            keys,
            up,
            connections,
            watchers,
            saved,
            save_errors,
            totals: Default::default(),
        }
    }

    /// One more request.
    pub(crate) fn count(&self, verb: Verb, outcome: Outcome) {
        let of_verb = self.requests.iter().find(|(known, _)| *known == verb);
        let of_outcome = of_verb.and_then(|(_, all)| all.iter().find(|(known, _)| *known == outcome));
        if let Some((_, counter)) = of_outcome {
            counter.inc();
        }
        let [admitted, denied, errors] = &self.totals;
        match outcome {
            Outcome::Admitted => admitted.fetch_add(1, Relaxed),
            Outcome::Denied => denied.fetch_add(1, Relaxed),
            Outcome::Answered => 0,
            Outcome::Error | Outcome::DegradedAllow | Outcome::DegradedDeny => errors.fetch_add(1, Relaxed),
        };
    }

    /// One more that was refused before any limit was asked.
    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
        let [.., errors] = &self.totals;
        errors.fetch_add(1, Relaxed);
    }

    /// One more call of Envoy's was answered.
    pub(crate) fn call(&self, outcome: &'static str) {
        self.calls.get_or_create(&Called { outcome }).inc();
    }

    /// One more descriptor of Envoy's was answered; rules are those of the configuration.
    pub(crate) fn descriptor(&self, rule: &str, outcome: DescriptorOutcome) {
        self.descriptors.get_or_create(&RuleLabels { rule: label(rule), outcome: outcome.name() }).inc();
    }

    /// How long a decision took.
    pub(crate) fn took(&self, time: std::time::Duration) {
        self.seconds.observe(time.as_secs_f64());
    }

    /// How many were admitted, denied, and neither.
    pub(crate) fn totals(&self) -> [u64; 3] {
        self.totals.each_ref().map(|total| total.load(Relaxed))
    }

    /// One more connection, for as long as this is there.
    pub(crate) fn connection(&self) -> impl Drop + use<> {
        Counted::new(&self.connections).0
    }

    /// One more stream, for as long as this is there, if there are fewer than so many.
    pub(crate) fn watch(&self, most: i64) -> Option<impl Drop + use<>> {
        let (counted, before) = Counted::new(&self.watchers);
        (before < most).then_some(counted)
    }

    /// A snapshot was written, or could not be.
    pub(crate) fn saved(&self, done: bool) {
        if done {
            self.saved.set(signed(crate::clock::unix_ms()));
        } else {
            self.save_errors.inc();
        }
    }

    /// All of it as text.
    pub(crate) fn text(&self, waiting: usize, keys: usize, up: bool) -> String {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.set(number(waiting));
        self.keys.set(number(keys));
        self.up.set(i64::from(up));
        let mut text = String::new();
        let _ = encode(&mut text, &self.registry); // to memory
        text
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// The value of a label, which the library writes as it is.
fn label(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_may_be_called_anything() {
        let metrics = Metrics::new();
        metrics.descriptor("a \"b\" \\ c\nd", DescriptorOutcome::Ok);
        let text = metrics.text(0, 0, true);
        let line = r#"rl_envoy_descriptors_total{rule="a \"b\" \\ c\nd",outcome="ok"} 1"#;
        assert!(text.lines().any(|known| known == line), "{text}");
    }
}
