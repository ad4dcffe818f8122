//! Counts for Prometheus.

mod leases;
mod outcome;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

pub(crate) use self::leases::{LeaseFetch, LeaseMetrics, LeaseSettlement};
pub(crate) use self::outcome::{DescriptorOutcome, Outcome};
use crate::clock;
use crate::command::Verb;
use crate::undecided::Cause;

/// The labels of `rl_requests`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    command: &'static str,
    outcome: &'static str,
}

/// The label of `rl_http_refused`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    reason: &'static str,
}

/// The label of `rl_envoy_calls`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabel {
    outcome: &'static str,
}

/// The labels of `rl_envoy_descriptors`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DescriptorLabels {
    rule: String,
    outcome: &'static str,
}

/// The label of `rl_policy_changes`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabel {
    change: &'static str,
}

/// The label of `rl_undecided`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

/// All counts of the program.
pub(crate) struct Metrics {
    registry: Registry,
    /// In the order of [`Verb::all`]; of each command the counters of its outcomes.
    requests: Vec<(Verb, Vec<(Outcome, Counter)>)>,
    undecided: Family<CauseLabel, Counter>,
    refused: Family<RefusedLabel, Counter>,
    calls: Family<CallLabel, Counter>,
    descriptors: Family<DescriptorLabels, Counter>,
    seconds: Histogram,
    waiting: Gauge,
    keys: Gauge,
    deleted: Counter,
    policy_changes: Family<ChangeLabel, Counter>,
    clock_step: Gauge,
    up: Gauge,
    connections: Gauge,
    watchers: Gauge,
    saved: Gauge,
    save_errors: Counter,
    reloads: Counter,
    reload_errors: Counter,
    pub(crate) leases: LeaseMetrics,
    /// Admitted, denied, and neither.
    totals: [AtomicU64; 3],
}

/// Counts one until it is dropped.
struct Counted(Gauge);

impl Counted {
    /// Counts one more. Also returns how many there were before.
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
    /// All counts are 0.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("rl");
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register("requests", "Requests, by command and outcome", requests.clone());
        let counters = |verb: Verb| {
            let counter = |outcome: Outcome| {
                let labels = RequestLabels { command: verb.name(), outcome: outcome.name() };
                (outcome, requests.get_or_create_owned(&labels))
            };
            let outcomes = Outcome::ALL.into_iter().filter(|outcome| outcome.is_of(verb.decides()));
            (verb, outcomes.map(counter).collect())
        };
        let requests = Verb::all().map(counters).collect();
        let undecided = added(&mut registry, "undecided", "Requests that could not be decided, by cause");
        for cause in Cause::ALL {
            Family::<CauseLabel, Counter>::get_or_create_owned(
                &undecided,
                &CauseLabel { cause: cause.name() },
            );
        }
        let histogram = || Histogram::new(exponential_buckets(0.000_1, 4.0, 10));
        let add = &mut registry;
        Self {
            requests,
            undecided,
            refused: added(
                add,
                "http_refused",
                "Requests that were refused before any limit was asked, by reason",
            ),
            calls: added(add, "envoy_calls", "Envoy's calls, by outcome"),
            descriptors: added(add, "envoy_descriptors", "Envoy's descriptors, by rule and outcome"),
            seconds: add_metric(
                add,
                "decision_seconds",
                "The time of decisions that did not wait",
                histogram(),
            ),
            waiting: added(add, "waiting", "Waiters"),
            keys: added(add, "keys", "Keys in memory"),
            deleted: added(add, "deleted_keys", "Keys that were deleted by DELETE /v1/keys"),
            policy_changes: added(add, "policy_changes", "Policies that callers have set or deleted"),
            clock_step: added(
                add,
                "clock_step_ms",
                "How far the system's clock is ahead of the clock of the limits in memory",
            ),
            up: added(add, "backend_up", "Whether the back end decides requests"),
            connections: added(add, "connections", "Open connections"),
            watchers: added(add, "watchers", "Streams of /v1/watch"),
            saved: added(add, "snapshot_timestamp_ms", "The time of the last snapshot, in ms since 1970"),
            save_errors: added(add, "snapshot_errors", "Snapshots that could not be written"),
            reloads: added(add, "reloads", "How often the configuration was read again"),
            reload_errors: added(
                add,
                "reload_errors",
                "How often the old configuration stayed in force because of a mistake in the new one",
            ),
            leases: LeaseMetrics::new(add),
            totals: Default::default(),
            registry,
        }
    }

    /// Counts a request.
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

    /// Counts a request that could not be decided.
    pub(crate) fn undecided(&self, cause: Cause) {
        self.undecided.get_or_create(&CauseLabel { cause: cause.name() }).inc();
    }

    /// Counts a request that was refused before any limit was asked.
    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&RefusedLabel { reason }).inc();
        let [.., errors] = &self.totals;
        errors.fetch_add(1, Relaxed);
    }

    /// Counts one of Envoy's calls.
    pub(crate) fn call(&self, outcome: &'static str) {
        self.calls.get_or_create(&CallLabel { outcome }).inc();
    }

    /// Counts one of Envoy's descriptors. The configuration bounds the number of rules.
    pub(crate) fn descriptor(&self, rule: &str, outcome: DescriptorOutcome) {
        let labels = DescriptorLabels { rule: escape(rule), outcome: outcome.name() };
        self.descriptors.get_or_create(&labels).inc();
    }

    /// Counts the time of a decision.
    pub(crate) fn took(&self, time: Duration) {
        self.seconds.observe(time.as_secs_f64());
    }

    /// How many requests were admitted, denied, and neither.
    pub(crate) fn totals(&self) -> [u64; 3] {
        self.totals.each_ref().map(|total| total.load(Relaxed))
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connection(&self) -> impl Drop + use<> {
        Counted::new(&self.connections).0
    }

    /// Counts a stream of `/v1/watch` until the guard is dropped; `None` if there are `max` already.
    pub(crate) fn watch(&self, max: i64) -> Option<impl Drop + use<>> {
        let (counted, before) = Counted::new(&self.watchers);
        (before < max).then_some(counted)
    }

    /// Counts a key that was deleted, if it was.
    pub(crate) fn deleted(&self, is_deleted: bool) {
        if is_deleted {
            self.deleted.inc();
        }
    }

    /// Counts a policy that was set, or deleted.
    pub(crate) fn policy_changed(&self, is_set: bool) {
        let change = if is_set { "set" } else { "deleted" };
        self.policy_changes.get_or_create(&ChangeLabel { change }).inc();
    }

    /// Counts a snapshot that was written, or could not be.
    pub(crate) fn saved(&self, is_written: bool) {
        if is_written {
            self.saved.set(i64::try_from(clock::unix_ms()).unwrap_or(i64::MAX));
        } else {
            self.save_errors.inc();
        }
    }

    /// Counts a configuration that was read again, or had a mistake.
    pub(crate) fn reloaded(&self, is_in_force: bool) {
        (if is_in_force { &self.reloads } else { &self.reload_errors }).inc();
    }

    /// All counts, as the text that Prometheus reads.
    pub(crate) fn text(&self, waiting: usize, keys: usize, up: bool) -> String {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.set(number(waiting));
        self.keys.set(number(keys));
        self.clock_step.set(clock::step_ms());
        self.up.set(i64::from(up));
        let mut text = String::new();
        let _ = encode(&mut text, &self.registry); // a String never fails
        text
    }
}

/// Adds a metric that starts at 0.
fn added<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    add_metric(registry, name, help, M::default())
}

fn add_metric<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// The value of a label. The library does not escape it.
fn escape(value: &str) -> String {
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
